"""Who is asked for an image, and in which order."""

from typing import Any

import attrs
from overlay_strategies import private_key
from readers import IMAGE, ListedMembers, contact, member
from twisted.internet.task import Clock

from reticulum.model import Contact, Key, Member, NodeId
from reticulum.node.holders import FindByDht, PlacedHolders
from reticulum.node.promptness import Promptness
from reticulum.overlay.records import NodeRecord, Role
from reticulum.overlay.views import Described, Holder, Located
from reticulum.replication.placement import placement

OWN = member(9, zone="here")


@attrs.define
class Found:
    """A look-up that finds a list."""

    contacts: list[Contact] = attrs.field(factory=list)
    asked: list[frozenset[NodeId]] = attrs.field(factory=list)

    async def __call__(self, key: Key, without: frozenset[NodeId]) -> list[Contact]:
        self.asked.append(without)
        return self.contacts


@attrs.define
class Bench:
    """`PlacedHolders` over fakes."""

    holders: PlacedHolders
    members: ListedMembers
    find: Found
    promptness: Promptness
    clock: Clock


def bench(*members: Member, copies: int = 3, own: Member = OWN) -> Bench:
    clock, listed, find = Clock(), ListedMembers(list(members)), Found()
    promptness = Promptness(clock.seconds)
    holders = PlacedHolders(
        own=lambda: own,
        members=listed,
        copies=lambda: copies,
        promptness=promptness,
        find=find,
        now=clock.seconds,
    )
    return Bench(holders, listed, find, promptness, clock)


def behind(number: int, relay: int = 8) -> Contact:
    return attrs.evolve(contact(relay), node_id=contact(number).node_id, via=contact(relay).node_id)


def placed(members: Any, copies: int = 3) -> list[Contact]:
    order = placement(Key.of_image(IMAGE), members, copies)
    return [one.contact for one in order[:copies]]


async def test_by_placement_without_a_look_up() -> None:
    """Those who should hold it are asked, in placement order if nothing else is known."""
    members = [member(number) for number in range(1, 8)]
    here = bench(*members)
    assert placed(members) == list(await here.holders.holders(IMAGE))
    assert [] == here.find.asked


async def test_silent_ones_and_itself_are_left_out() -> None:
    """Nobody waits for a node that is known to be silent."""
    members = [member(1), member(2, silent_s=20.0), OWN]
    here = bench(*members)
    assert [contact(1)] == list(await here.holders.holders(IMAGE))


async def test_silent_ones_are_asked_last_when_they_may_be_the_only_holders() -> None:
    """One silent node of three is passed over; two may hold all copies of what was acknowledged."""
    members = [member(1), member(2), member(3, silent_s=20.0)]
    here = bench(*members)
    here.find.contacts = [contact(7)]
    assert [contact(7)] == list(await here.holders.others(IMAGE, frozenset()))

    members = [member(1), member(2, silent_s=20.0), member(3, silent_s=20.0)]
    here = bench(*members)
    here.find.contacts = [contact(7), contact(2)]
    asked = list(await here.holders.others(IMAGE, frozenset()))
    assert [contact(7), contact(2), contact(3)] == asked
    lacking = frozenset({contact(2).node_id})
    here.find.contacts = []
    assert [contact(3)] == list(await here.holders.others(IMAGE, lacking))


async def test_own_zone_first() -> None:
    """A holder next door is asked before one that answers faster far away."""
    members = [member(1, zone="far"), member(2, zone="here"), member(3, zone="farther")]
    here = bench(*members)
    here.promptness.ask(contact(1).node_id).answered()
    assert [contact(2), contact(1), contact(3)] == list(await here.holders.holders(IMAGE))


async def test_faster_first() -> None:
    """Within a zone, the usual response time decides, by whole doublings."""
    members = [member(number) for number in (1, 2, 3)]
    here = bench(*members)
    order = placed(members)
    here.promptness.ask(order[2].node_id).answered()
    assert [order[2], order[0], order[1]] == list(await here.holders.holders(IMAGE))
    slow = here.promptness.ask(order[0].node_id)
    here.clock.advance(0.155)
    slow.answered()
    assert [order[2], order[0], order[1]] == list(await here.holders.holders(IMAGE))


async def test_behind_a_relay_last() -> None:
    """After those that answer slower, but before those in other zones."""
    relayed = attrs.evolve(member(1, zone="here"), contact=behind(1))
    members = [relayed, member(2, zone="here"), member(3, zone="far")]
    here = bench(*members)
    here.promptness.ask(contact(1).node_id).answered()
    assert [contact(2), behind(1), contact(3)] == list(await here.holders.holders(IMAGE))


async def test_failed_one_last() -> None:
    """Who failed a moment ago is asked last."""
    members = [member(number) for number in (1, 2, 3)]
    here = bench(*members)
    order = placed(members)
    here.promptness.ask(order[0].node_id).failed()
    assert order[0] == (await here.holders.holders(IMAGE))[-1]


async def test_who_has_it_is_remembered() -> None:
    """Who turned out to have it is asked first for a minute, and looked up once."""
    here = bench(member(1), copies=1)
    here.find.contacts = [contact(5), contact(1)]
    without = frozenset({contact(1).node_id})
    assert [contact(5)] == list(await here.holders.others(IMAGE, without))
    assert [without] == here.find.asked
    here.holders.has(IMAGE, contact(5))
    here.clock.advance(59)
    assert [contact(5), contact(1)] == list(await here.holders.holders(IMAGE))
    here.clock.advance(2)
    assert [contact(1)] == list(await here.holders.holders(IMAGE))
    here.holders.has(IMAGE, contact(5))
    here.holders.forget(IMAGE)
    assert [contact(1)] == list(await here.holders.holders(IMAGE))


async def test_members_are_not_asked_each_time() -> None:
    """A page that asks for twenty sizes of one image works out once where it belongs."""
    here = bench(member(1))
    for _ in range(20):
        await here.holders.holders(IMAGE)
        await here.holders.turn(IMAGE)
    assert 1 == here.members.asked
    here.clock.advance(6)
    await here.holders.turn(IMAGE)
    assert 2 == here.members.asked


async def test_turn() -> None:
    """The first one that is not silent; every node says the same, and knows when it is itself."""
    members = [member(number) for number in range(1, 8)]
    order = placed(members)
    for own in members:
        turn = await bench(*members, own=own).holders.turn(IMAGE)
        assert turn == (None if own.contact == order[0] else order[0])
    silent = [
        attrs.evolve(one, silent_s=9.0) if one.contact == order[0] else one for one in members
    ]
    assert order[1] == await bench(*silent).holders.turn(IMAGE)
    all_silent = [attrs.evolve(one, silent_s=9.0) for one in members]
    assert None is await bench(*all_silent).holders.turn(IMAGE)


async def test_dht() -> None:
    """Those that answered for themselves come first; few of the rest are looked for."""
    looked_for: list[NodeId] = []

    class Dht:
        async def holders(self, key: Key, without: frozenset[NodeId] = frozenset()) -> list[Holder]:
            addresses = [None, contact(2).address, None, None, None]
            return [
                Holder(node_id=contact(number).node_id, address=address, record=None)
                for number, address in enumerate(addresses, start=1)
            ]

        async def find(self, node_id: NodeId) -> Located:
            looked_for.append(node_id)
            address = None if len(looked_for) == 2 else contact(node_id.digest[0]).address
            return Located(node_id=node_id, address=address, record=None)

        async def describe(self, contact_: Contact) -> None:
            raise AssertionError("nobody is behind a relay")

    found = await FindByDht(Dht())(Key.of_image(IMAGE), frozenset())
    assert [contact(2), contact(1), contact(4)] == list(found)
    assert 3 == len(looked_for)


async def test_behind_relays() -> None:
    """By way of the relay that has it, after those that are reached directly."""

    class Dht:
        async def holders(self, key: Key, without: frozenset[NodeId] = frozenset()) -> list[Holder]:
            found = [record(n).speaker for n in (1, 2)] + [contact(3).node_id]
            return [Holder(node_id=one, address=None, record=None) for one in found]

        async def find(self, node_id: NodeId) -> Located:
            known = {record(n).speaker: record(n) for n in (1, 2)}
            address = contact(3).address if node_id == contact(3).node_id else None
            return Located(node_id=node_id, address=address, record=known.get(node_id))

        async def describe(self, contact_: Contact) -> Described | None:
            if contact_.node_id == record(2).speaker:
                return None
            other = contact(9)
            way = Contact(contact_.node_id, other.address, via=other.node_id)
            return Described(way, record(1))

    def record(number: int) -> NodeRecord:
        relays = [contact(8), contact(9)]
        return NodeRecord.sign(
            private_key(number), addresses=[], role=Role.CLIENT, sequence=1, now=1, relays=relays
        )

    found = await FindByDht(Dht())(Key.of_image(IMAGE), frozenset())
    other = contact(9)
    way = Contact(record(1).speaker, other.address, via=other.node_id)
    assert [contact(3), way] == list(found)


async def test_the_lookup_goes_on_past_those_who_are_gone() -> None:
    """Records of nodes that are nowhere do not hide those that live."""
    asked: list[frozenset[NodeId]] = []

    class Dht:
        async def holders(self, key: Key, without: frozenset[NodeId] = frozenset()) -> list[Holder]:
            asked.append(without)
            gone = contact(1).node_id
            if gone not in without:
                return [Holder(node_id=gone, address=None, record=None)]
            return [Holder(node_id=contact(2).node_id, address=contact(2).address, record=None)]

        async def find(self, node_id: NodeId) -> Located:
            return Located(node_id=node_id, address=None, record=None)

        async def describe(self, contact_: Contact) -> None:
            raise AssertionError("nobody is behind a relay")

    assert [contact(2)] == list(await FindByDht(Dht())(Key.of_image(IMAGE), frozenset()))
    assert [frozenset(), frozenset({contact(1).node_id})] == asked
