"""The console on a fake node: parsed, asked, told in values that JSON can hold."""

import json
from collections.abc import Sequence
from typing import Any

import attrs
import pytest
from overlay_strategies import NOW, private_key
from twisted.internet.task import Clock

from reticulum.errors import BadRequest, OutOfTime
from reticulum.model import Address, Contact, ImageId, Key, NodeId
from reticulum.overlay.console import Console, Resident
from reticulum.overlay.crawl import Told
from reticulum.overlay.freshness import BucketView, ContactView
from reticulum.overlay.inquiry import Ending
from reticulum.overlay.records import NodeRecord, ProviderRecord, Role
from reticulum.overlay.surroundings import Offer
from reticulum.overlay.trace import Hop, State
from reticulum.overlay.views import Answer, Around, Described, Holder, Located, Traced

IMAGE = ImageId.parse("0" * 64)
KEY = Key.of_image(IMAGE)


def contact(number: int) -> Contact:
    return Contact(Key(bytes([number]) * 20), Address(f"10.0.0.{number}", 4160))


RECORD = NodeRecord.sign(
    private_key(1),
    addresses=[],
    role=Role.CLIENT,
    sequence=1,
    now=NOW,
    relays=[contact(1), contact(2)],
    zone="cellar",
    capacity=10,
    free=5,
)
BEHIND = Contact(RECORD.speaker, contact(1).address, via=contact(1).node_id)
GONE = Contact(contact(4).node_id, contact(1).address, via=contact(1).node_id)


@attrs.define
class Status:
    """As much of an `OverlayStatus` as a console reads."""

    role: Role = Role.SERVER
    seen: Address | None = None
    wrong_clocks: tuple[Any, ...] = ()
    twins: tuple[Any, ...] = ()


@attrs.define
class FakeOverlay:
    """Knows two nodes; the second is dead. A third one is behind the first, a fourth was."""

    node_id: NodeId = contact(9).node_id
    pinged: list[object] = attrs.field(factory=list)
    holders: tuple[Holder, ...] = (
        Holder(node_id=contact(1).node_id, address=None, record=None),
        Holder(node_id=contact(2).node_id, address=contact(2).address, record=None),
    )

    async def ping(self, to: Contact | Address) -> Answer:
        self.pinged.append(to)
        if to in (contact(2), contact(2).address):
            raise OutOfTime("silent")
        return Answer(contact=contact(1), rtt_s=0.01, server=True, software="s", seen=None)

    async def find(self, node_id: NodeId) -> Located:
        known = {each.node_id: each.address for each in (contact(1), contact(2))}
        record = {behind.node_id: RECORD for behind in (BEHIND, GONE)}.get(node_id)
        return Located(node_id=node_id, address=known.get(node_id), record=record)

    async def around(self, target: Key) -> Around:
        return Around(closest=(contact(1),), relayed=(GONE,))

    async def describe(self, contact_: Contact, *, search: bool = True) -> Described | None:
        return Described(BEHIND, RECORD) if contact_ == BEHIND else None

    async def ask_for_relayed(self, contact_: Contact) -> Sequence[Contact]:
        return (BEHIND, GONE)

    async def trace(self, target: Key) -> Traced:
        hop = Hop(
            contact=contact(1),
            referrer=None,
            depth=0,
            distance_bits=target.distance(contact(1).node_id).bit_length(),
            state=State.ANSWERED,
            asked_at=0.0,
            rtt_s=0.01,
        )
        return Traced(
            target=target,
            ending=Ending.CLOSEST,
            took_s=0.1,
            closest=(contact(1),),
            holders=self.holders,
            hops=(hop,),
        )

    async def ask(self, contact_: Contact, target: Key) -> Told:
        if contact_ == contact(2):
            raise OutOfTime("silent")
        return Told(
            closer=(contact(2),), holds=target == KEY, rtt_s=0.01, clock_off_s=0.0, boot=b"b"
        )

    def status(self) -> Status:
        return Status()

    def table_view(self) -> tuple[BucketView, ...]:
        view = ContactView(contact=contact(1), age_s=9, silent_s=1, failures=0, rtt_s=None)
        return (BucketView(low=Key(bytes(20)), depth=0, idle_s=3, contacts=(view,), waiting=1),)

    def records_view(self) -> tuple[()]:
        return ()


def console(*, resident: bool = True, holds: bool = False, **others: Any) -> Console:
    async def resolve(name: str) -> Sequence[str]:
        return ["10.0.0.2"] if name == "two.example" else []

    return Console(
        node=others.pop("node", None) or FakeOverlay(),
        resident=Resident(offer=lambda: Offer(zone="attic"), holds=lambda _: holds)
        if resident
        else None,
        resolve=resolve,
        clock=Clock(),
        now=lambda: 0.0,
        **others,
    )


@pytest.mark.parametrize(
    "whom,answered",
    [
        (str(contact(1).node_id), True),
        (str(contact(2).node_id), False),
        (str(contact(3).node_id), False),
        ("10.0.0.1:4160", True),
        ("two.example:4160", False),
    ],
)
async def test_ping_by_id_address_and_name(whom: str, answered: bool) -> None:
    """Silence is an answer with a reason."""
    told = await console().ping(whom)
    assert answered == told["answered"]
    assert answered or told["reason"]
    json.dumps(told)


@pytest.mark.parametrize("whom", ["", "nobody", "12", "nowhere.example:4160", "1.2.3.4:0"])
async def test_ping_of_nothing(whom: str) -> None:
    """What is no node is a bad request."""
    with pytest.raises(BadRequest):
        await console().ping(whom)


async def test_holders_with_and_without_asking_them() -> None:
    """Addresses are those of the lookup; a dead one is neither true nor false."""
    told = await console().holders(IMAGE, verify=False)
    assert {"id", "key", "holders"} == set(told)
    assert ["10.0.0.1:4160", "10.0.0.2:4160"] == [each["address"] for each in told["holders"]]
    asked = await console(holds=True).holders(IMAGE, verify=True)
    assert [("here", True), ("itself", True), ("itself", None)] == [
        (each["source"], each["verified"]) for each in asked["holders"]
    ]


def by_record(who: Contact) -> Holder:
    record = ProviderRecord.sign(private_key(1), key=KEY, sequence=1, now=NOW, client=True)
    return Holder(node_id=who.node_id, address=None, record=record)


async def test_holders_behind_relays() -> None:
    """The address is that of the relay that has it; one that none has is nowhere."""
    node = FakeOverlay(holders=(by_record(BEHIND), by_record(GONE)))
    asked: list[tuple[Contact, ImageId]] = []

    async def over_pipe(contact_: Contact, image_id: ImageId) -> bool:
        asked.append((contact_, image_id))
        return True

    told = (await console(node=node).holders(IMAGE, verify=False))["holders"]
    assert [("10.0.0.1:4160", str(BEHIND.via)), (None, None)] == [
        (each["address"], each["relay"]) for each in told
    ]
    told = (await console(node=node).holders(IMAGE, verify=True))["holders"]
    assert [None, None] == [each["verified"] for each in told]
    look = console(node=node, holds_over_pipe=over_pipe)
    told = (await look.holders(IMAGE, verify=True))["holders"]
    assert [True, None] == [each["verified"] for each in told]
    assert [(BEHIND, IMAGE)] == asked


async def test_find_and_ping_behind_a_relay() -> None:
    """It has no address of its own, but a relay that has it."""
    look = console()
    told = await look.find(BEHIND.node_id)
    assert told["address"] is None
    assert {"id": str(BEHIND.via), "address": "10.0.0.1:4160"} == told["relay"]
    assert 2 == len(told["record"]["relays"])
    assert None is (await look.find(contact(2).node_id))["relay"]
    told = await look.ping(str(BEHIND.node_id))
    assert not told["answered"]
    assert str(BEHIND.via) in told["reason"]


async def test_crawl_to_the_nodes_behind_relays() -> None:
    """What each says in its record, and by whom it is reached; the one that has it first."""
    events = [event async for event in console().crawl()]
    (told,) = [node for node in events[-1]["nodes"] if node["id"] == str(BEHIND.node_id)]
    assert (None, [], "client", "cellar", 10, 5, 1) == tuple(
        told[name]
        for name in (
            "address",
            "addresses",
            "role",
            "zone",
            "capacity_bytes",
            "free_bytes",
            "named_by",
        )
    )
    assert [contact(1), contact(2)] == [
        Contact(Key.parse(relay["id"]), Address.parse(relay["address"])) for relay in told["relays"]
    ]
    assert 1 == events[-1]["summary"]["relayed"]
    (gone,) = [each for each in events[-1]["silent"] if each["relay"] is not None]
    assert (str(GONE.node_id), "10.0.0.1:4160", 1) == (
        gone["id"],
        gone["address"],
        gone["named_by"],
    )


async def test_trace_table_find_records() -> None:
    """Each is an object that JSON can hold."""
    look = console()
    trace = await look.trace(KEY)
    assert [("answered", None, 0)] == [
        (hop["state"], hop["referrer"], hop["depth"]) for hop in trace["hops"]
    ]
    assert 1 == (await look.table())["contacts"]
    assert "10.0.0.2:4160" == (await look.find(contact(2).node_id))["address"]
    assert {"nodes": 0, "providers": 0} == (await look.records())["counts"]
    json.dumps([trace, await look.table(), await look.find(contact(3).node_id)])


@pytest.mark.parametrize("resident", [True, False])
async def test_crawl_tells_of_itself_only_if_it_stays(resident: bool) -> None:
    """The node that crawls is one of the grid's; a visitor is not."""
    events = [event async for event in console(resident=resident).crawl()]
    done = events[-1]
    assert "done" == done["event"]
    own = [str(contact(9).node_id)] if resident else []
    expected = {str(contact(1).node_id), str(BEHIND.node_id), *own}
    assert sorted(expected) == [node["id"] for node in done["nodes"]]
    assert ["dead", "dead"] == [each["state"] for each in done["silent"]]
    assert "complete" == done["summary"]["ending"]
    json.dumps(events)
