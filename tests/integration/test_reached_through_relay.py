"""Images of nodes that nobody can dial: real TLS and HTTP through real relays, and bad ones."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
from members import (
    GRID,
    PHOTO,
    PHOTO_ID,
    Script,
    Who,
    answering,
    holding,
    image_id_of,
    settled,
    telling,
)
from pictures import photo
from plain_connections import Relaying, relaying, until
from reached import asking_by, attached, bad_relay, behind, contact_of, holder_behind
from twisted.internet import reactor
from twisted.internet.defer import Deferred, gatherResults
from twisted.internet.protocol import Factory
from twisted.internet.task import Clock

from reticulum.errors import BrokenOff, HolderFailed, UnknownImage
from reticulum.model import Address, Contact
from reticulum.reach.admission import Admission, Porch
from reticulum.reach.lanes import Bounds
from reticulum.reach.path import Road
from reticulum.reach.paths import RELAY_S, Passage
from reticulum.reach.relay.status import Answer, Status, write_answer
from reticulum.reach.tls import NodeTls

LARGE = photo(2000, 1500)


async def test_asked_through_a_relay(tmp_path: Path) -> None:
    """Images, facts and refusals come through a relay as they come straight, and at once."""
    async with (
        relaying() as relay,
        holding(tmp_path / "holder", PHOTO, LARGE) as holder,
        holder_behind(holder, relay) as contact,
        asking_by(who=Who()) as asking,
    ):
        for content in (PHOTO, LARGE):
            image_id, sink = image_id_of(content), BytesIO()
            original = await asking.peers.original(contact, image_id, sink)
            assert content == sink.getvalue()
            assert original == await asking.peers.facts(contact, image_id)
        with pytest.raises(UnknownImage):
            await asking.peers.facts(contact, image_id_of(b"none"))
        path = asking.path_to(contact)
        assert (Road.RELAYED, relay.who.node_id) == (path.road, path.relay)
        # One circuit for all of it; and it is known where the relay sees the node.
        assert 1 == relay.relay.view().circuits_total
        assert [relay.relay.address_of(contact.node_id)] == asking.shortcut.seen


async def test_many_at_once(tmp_path: Path) -> None:
    """More requests than there are spares are answered, all of them."""
    async with (
        relaying() as relay,
        holding(tmp_path / "holder", PHOTO) as holder,
        holder_behind(holder, relay) as contact,
        asking_by(who=Who(), bounds=Bounds(per_node=12)) as asking,
    ):
        asked = [Deferred.fromCoroutine(asking.peers.facts(contact, PHOTO_ID)) for _ in range(30)]
        facts = await gatherResults(asked)
        assert 30 == len(facts)
        assert 1 == len(set(facts))
        assert relay.relay.view().circuits_total <= 12


@asynccontextmanager
async def scripted_behind(script: Script, *relays: Relaying) -> AsyncIterator[Contact]:
    """A member behind relays that answers by a script."""
    who = Who()
    admission = Admission(script, own_id=who.node_id, keys=lambda: [GRID], clock=reactor)  # type: ignore[arg-type]
    async with attached(who, Porch(admission, NodeTls(who.key)), *relays):
        yield behind(who, contact_of(relays[0]))
        for connection in list(script.open):
            connection.transport.abortConnection()


async def test_relay_dies_in_the_middle_of_an_answer() -> None:
    """What was begun breaks off, and is said to have; the next try goes by the other relay."""
    whole = answering(LARGE, telling(LARGE))
    half = len(whole) // 2

    def answer(connection: Any) -> None:
        is_first = 1 == len(connection.script.asked)
        connection.transport.write(whole[:half] if is_first else whole)

    async with (
        relaying() as first,
        relaying() as second,
        scripted_behind(Script(answer), first, second) as contact,
        asking_by(contact_of(first), contact_of(second)) as asking,
    ):
        sink = BytesIO()
        asked = Deferred.fromCoroutine(asking.peers.original(contact, image_id_of(LARGE), sink))
        await until(lambda: len(sink.getvalue()) > half // 2)
        first.relay.hang_up()
        with pytest.raises(BrokenOff):
            await asked
        assert LARGE.startswith(sink.getvalue())

        sink = BytesIO()
        await asking.peers.original(contact, image_id_of(LARGE), sink)
        assert LARGE == sink.getvalue()
        path = asking.path_to(contact)
        assert (Road.RELAYED, second.who.node_id) == (path.road, path.relay)
        assert 1 == second.relay.view().circuits_total


async def test_dead_relay(tmp_path: Path) -> None:
    """A relay at whose address nobody is costs nothing but the next one."""
    dead = Contact(Who().node_id, Address("127.0.0.1", 1))
    async with (
        relaying() as relay,
        holding(tmp_path / "holder", PHOTO) as holder,
        holder_behind(holder, relay),
        asking_by(dead, contact_of(relay)) as asking,
    ):
        contact = behind(holder.who, dead)
        assert PHOTO_ID == (await asking.peers.facts(contact, PHOTO_ID)).image_id
        assert relay.who.node_id == asking.path_to(contact).relay


async def test_the_relay_itself_asks(tmp_path: Path) -> None:
    """A relay asks a node attached to it without a circuit: that is straight already."""
    async with (
        relaying() as relay,
        holding(tmp_path / "holder", PHOTO, LARGE) as holder,
        holder_behind(holder, relay) as contact,
        asking_by(
            who=relay.who,
            passage=lambda _, wanted: Passage(relay.relay.endpoint(wanted), lambda: None),
        ) as asking,
    ):
        sink = BytesIO()
        await asking.peers.original(contact, image_id_of(LARGE), sink)
        assert LARGE == sink.getvalue()
        assert 0 == relay.relay.view().circuits
        with pytest.raises(HolderFailed, match="it is not attached here"):
            await asking.peers.facts(behind(Who(), contact_of(relay)), PHOTO_ID)


@pytest.mark.parametrize(
    "limits,is_open,says",
    [
        ({}, True, "the node is not attached to it"),
        ({}, False, "it does not relay"),
        ({"opens_burst": 0}, True, "it takes no more of ours now"),
    ],
)
async def test_refused(limits: dict[str, Any], is_open: bool, says: str) -> None:
    """Why a relay does not lead there is told in words, with its id."""
    async with relaying(**limits) as relay, asking_by(who=Who()) as asking:
        relay.is_open = is_open
        contact = behind(Who(), contact_of(relay))
        with pytest.raises(HolderFailed) as failed:
            await asking.peers.facts(contact, PHOTO_ID)
        assert (
            f"node {contact.node_id}: no relay leads to it: relay {relay.who.node_id}: {says}"
        ) == str(failed.value)


async def test_full_relay(tmp_path: Path) -> None:
    """The same for one that has too much to do."""
    async with (
        relaying(circuits=0) as relay,
        holding(tmp_path / "holder", PHOTO) as holder,
        holder_behind(holder, relay) as contact,
        asking_by(who=Who()) as asking,
    ):
        with pytest.raises(HolderFailed, match="it has as many circuits as it may"):
            await asking.peers.facts(contact, PHOTO_ID)


async def test_node_does_not_answer_its_relay() -> None:
    """A node whose spares are dead is told of by its relay, or given up in time."""
    clock, node = Clock(), Who()
    async with relaying() as relay, asking_by(who=Who(), clock=clock) as asking:
        await relay.attached(node, spares=2)
        asked = Deferred.fromCoroutine(
            asking.peers.facts(behind(node, contact_of(relay)), PHOTO_ID)
        )
        await until(lambda: relay.relay.view().waiting)
        await relay.advance(6)
        with pytest.raises(HolderFailed, match="the node did not answer it in time"):
            await asked
        asked = Deferred.fromCoroutine(
            asking.peers.facts(behind(node, contact_of(relay)), PHOTO_ID)
        )
        await until(lambda: relay.relay.view().waiting)
        clock.advance(RELAY_S)
        with pytest.raises(HolderFailed, match="no answer in 3 s"):
            await asked


WELCOME = write_answer(Answer(Status.WELCOME, Address("44.1.1.1", 7)))


@pytest.mark.parametrize(
    "says,told",
    [
        (b"", "no answer in 3 s"),
        (WELCOME[:5], "no answer in 3 s"),
        (WELCOME, "no answer in 3 s"),
        (b"\xff", "it answers what cannot be"),
        (b"\0\xff", "it answers what cannot be"),
        (b"HTTP/1.1 400 no\r\n\r\n", "it answers what cannot be"),
        (b"\x03" + bytes(20), "it answers TAKEN"),
        (WELCOME + bytes(400), "no introduction"),
        (WELCOME + WELCOME, "no introduction"),
        (WELCOME + b"\x16\x03\x03\x40\x00" + bytes(10), "no answer in 3 s"),
    ],
)
async def test_bad_relay(says: bytes, told: str, tmp_path: Path) -> None:
    """Whatever a relay says instead of leading to the node, the next one is tried in time."""
    clock = Clock()
    async with (
        bad_relay(says) as (bad, port),
        relaying() as good,
        holding(tmp_path / "holder", PHOTO) as holder,
        holder_behind(holder, good),
        asking_by(bad, contact_of(good), clock=clock) as asking,
    ):
        contact = behind(holder.who, bad)
        asked = Deferred.fromCoroutine(asking.peers.facts(contact, PHOTO_ID))
        await until(lambda: port.open or asked.called)
        if told.startswith("no answer"):
            await settled()
            clock.advance(RELAY_S)
        assert PHOTO_ID == (await asked).image_id
        await until(lambda: not port.open)

    async with bad_relay(says) as (bad, port), asking_by(who=Who(), clock=clock) as asking:
        asked = Deferred.fromCoroutine(asking.peers.facts(behind(Who(), bad), PHOTO_ID))
        await until(lambda: port.open or asked.called)
        if told.startswith("no answer"):
            await settled()
            clock.advance(RELAY_S)
        with pytest.raises(HolderFailed, match=f"relay {bad.node_id}: .*{told}"):
            await asked


async def test_relay_that_leads_elsewhere(tmp_path: Path) -> None:
    """
    Nobody but the wanted node can answer, whatever a relay claims: another member of the grid who
    is put in its place is not even asked.
    """
    async with (
        holding(tmp_path / "other", PHOTO) as other,
        holding(tmp_path / "holder", PHOTO) as holder,
        bad_relay(WELCOME, other.porch) as (liar, _),
        relaying() as good,
        holder_behind(holder, good),
        asking_by(who=Who()) as asking,
    ):
        contact = behind(holder.who, liar)
        with pytest.raises(HolderFailed, match="no introduction"):
            await asking.peers.facts(contact, PHOTO_ID)
        await settled()
        assert 0 == len(other.admission.nodes)

        # The same relay may lead to that other one, who is then the one who answers.
        honest = behind(other.who, liar)
        assert PHOTO_ID == (await asking.peers.facts(honest, PHOTO_ID)).image_id
        assert 1 == len(other.admission.nodes)


async def test_bytes_are_not_the_relays_to_change(tmp_path: Path) -> None:
    """A relay that changes a byte on the way breaks the stream, and no false byte arrives."""

    class Meddler(Factory):
        noisy = False

        def __init__(self, porch: Porch) -> None:
            self.porch = porch

        def buildProtocol(self, addr: Any) -> Any:  # noqa: N802
            inside: Any = self.porch.buildProtocol(addr)
            true = inside.dataReceived
            came = [0]

            def changed(data: bytes) -> None:
                came[0] += 1
                true(data if came[0] < 4 else bytes([data[0] ^ 1]) + data[1:])

            inside.dataReceived = changed
            return inside

    async with (
        holding(tmp_path / "holder", PHOTO) as holder,
        bad_relay(WELCOME, Meddler(holder.porch)) as (meddler, _),
        asking_by(who=Who()) as asking,
    ):
        contact, failures = behind(holder.who, meddler), 0
        for _ in range(4):
            try:
                assert PHOTO_ID == (await asking.peers.facts(contact, PHOTO_ID)).image_id
            except HolderFailed:
                failures += 1
        assert failures


@pytest.mark.parametrize("end", ["listener", "dialler"])
async def test_connections_of_an_address_that_is_gone(tmp_path: Path, end: str) -> None:
    """They are aborted at once, and no other; the next question goes by a new one."""
    folder = tmp_path / "holder"
    async with holding(folder, PHOTO) as holder, asking_by(who=Who()) as asking:
        side = holder.admission if end == "listener" else asking.introduction
        await asking.peers.facts(holder.contact, PHOTO_ID)
        (connection,) = holder.admission.members
        side.leave({"10.9.9.9"})
        await settled()
        assert {connection} == holder.admission.members
        side.leave({"127.0.0.1"})
        await until(lambda: not holder.admission.members)
        await asking.peers.facts(holder.contact, PHOTO_ID)
        assert connection not in holder.admission.members
