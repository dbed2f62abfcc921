"""A relay over real sockets on loopback: who may attach, who gets through, and who does not."""

import os
import struct
from typing import Any

import pytest
from members import GRID, OTHER_GRID, Who, settled
from plain_connections import BEAT, NOW_MS, Plain, Relaying, relaying, until
from twisted.internet.defer import Deferred
from twisted.internet.protocol import Factory
from twisted.logger import globalLogPublisher

from reticulum.errors import HolderFailed
from reticulum.model import Address, NodeId
from reticulum.reach.relay.hello import HELLO_BYTES, Kind, sign_hello
from reticulum.reach.relay.status import ARE_YOU_THERE, GO, MORE_SPARES, Status, read_go

SAID_GO = bytes([GO])
NOT_HERE = NodeId(b"w" * 20)


def go_on(spare: Plain) -> Any:
    """Who dials, by what the relay has said on a spare; None if it has said nothing."""
    read = read_go(spare.rest.lstrip(BEAT))
    return None if read is None else read[0]


async def joined(it: Relaying, node: Who, dialler: Who, spare: Plain) -> Plain:
    """A circuit through *spare*, both ends told."""
    circuit = await it.dial(it.hello(Kind.CIRCUIT, dialler, wanted=node.node_id))
    await until(lambda: go_on(spare))
    spare.transport.write(SAID_GO)
    await until(lambda: circuit.answer)
    assert Status.WELCOME is circuit.status
    return circuit


async def test_circuit() -> None:
    """Bytes go both ways, from right behind the hello on; each end is told of the other."""
    node, dialler = Who(), Who()
    async with relaying() as it:
        anchor, (spare,) = await it.attached(node)
        circuit = await it.dial(it.hello(Kind.CIRCUIT, dialler, wanted=node.node_id) + b"early")
        await until(lambda: go_on(spare))
        told = go_on(spare)
        assert (dialler.node_id, circuit.seen) == (told.node_id, told.address)
        assert b"" == circuit.heard

        heard = len(spare.heard)
        spare.transport.write(BEAT + SAID_GO + b"back")
        await until(lambda: circuit.rest)
        assert circuit.answer is not None
        assert anchor.seen == circuit.answer.address == it.relay.address_of(node.node_id)
        assert b"back" == circuit.rest
        assert b"early" == spare.heard[heard:]

        content = os.urandom(3_000_000)
        circuit.transport.write(content)
        spare.transport.write(content)
        await until(lambda: len(content) + 4 == len(circuit.rest))
        await until(lambda: heard + len(content) + 5 == len(spare.heard))
        assert content == circuit.rest[4:]
        assert content == spare.heard[heard + 5 :]
        view = it.relay.view()
        assert (1, 1, 0) == (view.circuits, view.circuits_total, view.waiting)
        assert 2 * len(content) + 9 == view.bytes_relayed


@pytest.mark.parametrize("closes", ["dialler", "node"])
async def test_one_end_closes(closes: str) -> None:
    """Whatever an end sent before it closed arrives, even though the other end still talks."""
    node = Who()
    content = os.urandom(2_000_000)
    async with relaying() as it:
        _, (spare,) = await it.attached(node)
        circuit = await joined(it, node, Who(), spare)
        first, second = (circuit, spare) if closes == "dialler" else (spare, circuit)
        heard = len(second.heard)
        first.transport.write(content)
        # To close over what the other one says would be to lose what it has not read yet.
        first.transport.loseWriteConnection()
        for _ in range(20):
            second.transport.write(b"still talking")
            await settled()

        await until(lambda: second.is_lost)
        assert content == second.heard[heard:]
        await until(lambda: 0 == it.relay.view().circuits)


async def test_end_that_does_not_read() -> None:
    """A flood into an end that does not read stops, in bounded memory, and is cut in the end."""
    node = Who()
    async with relaying() as it:
        _, (spare,) = await it.attached(node)
        circuit = await joined(it, node, Who(), spare)
        circuit.transport.pauseProducing()
        for _ in range(40):
            spare.transport.write(bytes(1_000_000))
        moved = -1
        while moved != it.relay.view().bytes_relayed:
            moved = it.relay.view().bytes_relayed
            for _ in range(20):
                await settled()
        assert moved < 30_000_000
        # What the kernel took is no more: nothing moves, and the relay gives up.
        await it.advance(121)
        assert 0 == it.relay.view().circuits
        assert {"trickles": 1} == it.relay.view().hung_up


async def test_keepalive() -> None:
    """Anchors and spares hear back what they say; who is silent for too long is let go."""
    node, silent = Who(), Who()
    async with relaying() as it:
        anchor, (spare,) = await it.attached(node)
        mute, _ = await it.attached(silent)
        await it.advance(24, anchor)
        assert not mute.is_lost
        await it.advance(3, anchor)
        await until(lambda: mute.is_lost)
        assert silent.node_id not in it.relay.attached
        assert node.node_id in it.relay.attached
        assert 1 == it.relay.view().spares
        await it.advance(15, anchor)
        await until(lambda: spare.is_lost)
        assert 0 == it.relay.view().spares
        assert [node.node_id, silent.node_id, silent.node_id] == it.changes


@pytest.mark.parametrize("kind", [Kind.ANCHOR, Kind.SPARE])
async def test_keepalive_right_behind_the_hello(kind: Kind) -> None:
    """A node may say that it is there before it is welcome."""
    node = Who()
    async with relaying() as it:
        if kind is Kind.SPARE:
            await it.attached(node)
        plain = await it.answered(kind, node, behind=BEAT)
        await until(lambda: BEAT == plain.rest)


async def test_no_spare_left() -> None:
    """Who comes while no spare is idle waits for one more, which the node is asked for."""
    node = Who()
    async with relaying() as it:
        anchor, _ = await it.attached(node, spares=0)
        circuit = await it.dial(it.hello(Kind.CIRCUIT, Who(), wanted=node.node_id))
        await until(lambda: bytes([MORE_SPARES]) == anchor.rest)
        assert b"" == circuit.heard
        spare = await it.answered(Kind.SPARE, node)
        await until(lambda: go_on(spare))
        spare.transport.write(SAID_GO)
        await until(lambda: circuit.answer)
        assert Status.WELCOME is circuit.status


async def test_no_spare_comes() -> None:
    """If the node opens none, the dialler is told so in time."""
    node = Who()
    async with relaying() as it:
        anchor, _ = await it.attached(node, spares=0)
        circuit = await it.dial(it.hello(Kind.CIRCUIT, Who(), wanted=node.node_id))
        await until(lambda: bytes([MORE_SPARES]) == anchor.rest)
        await it.advance(3)
        await until(lambda: circuit.is_lost)
        assert Status.NO_ANSWER is circuit.status


async def test_dead_spare() -> None:
    """A spare that does not answer costs three seconds, and the next one is taken."""
    node = Who()
    async with relaying() as it:
        _, (good, dead) = await it.attached(node, spares=2)
        circuit = await it.dial(it.hello(Kind.CIRCUIT, Who(), wanted=node.node_id))
        await until(lambda: go_on(dead))
        await it.advance(3)
        await until(lambda: go_on(good))
        assert dead.is_lost
        good.transport.write(SAID_GO)
        await until(lambda: circuit.answer)
        assert Status.WELCOME is circuit.status


async def test_all_spares_dead() -> None:
    """Two are tried, then the dialler is told."""
    node = Who()
    async with relaying() as it:
        _, spares = await it.attached(node, spares=3)
        circuit = await it.dial(it.hello(Kind.CIRCUIT, Who(), wanted=node.node_id))
        for spare in (spares[2], spares[1]):
            await until(lambda spare=spare: go_on(spare))
            await it.advance(3)
        await until(lambda: circuit.is_lost)
        assert Status.NO_ANSWER is circuit.status
        assert go_on(spares[0]) is None


@pytest.mark.parametrize("says", [b"\x02", b"GET / HTTP/1.1\r\n"])
async def test_spare_that_says_anything_else(says: bytes) -> None:
    """A spare that answers a go with something else is closed, and the next one is taken."""
    node = Who()
    async with relaying() as it:
        _, (good, odd) = await it.attached(node, spares=2)
        await it.dial(it.hello(Kind.CIRCUIT, Who(), wanted=node.node_id))
        await until(lambda: go_on(odd))
        odd.transport.write(says)
        await until(lambda: odd.is_lost)
        await until(lambda: go_on(good))


async def test_spare_breaks() -> None:
    """A spare that turns out to be broken costs nothing but itself."""
    node = Who()
    async with relaying() as it:
        _, (good, broken) = await it.attached(node, spares=2)
        circuit = await it.dial(it.hello(Kind.CIRCUIT, Who(), wanted=node.node_id))
        await until(lambda: go_on(broken))
        broken.transport.write(BEAT)
        await settled()
        broken.transport.abortConnection()
        await until(lambda: go_on(good))
        good.transport.write(SAID_GO)
        await until(lambda: circuit.answer)
        assert Status.WELCOME is circuit.status


async def test_node_breaks() -> None:
    """If all of a node breaks at once, its dialler hears that it is gone."""
    node = Who()
    async with relaying() as it:
        anchor, (spare,) = await it.attached(node)
        circuit = await it.dial(it.hello(Kind.CIRCUIT, Who(), wanted=node.node_id))
        await until(lambda: go_on(spare))
        anchor.transport.abortConnection()
        await until(lambda: node.node_id not in it.relay.attached)
        spare.transport.abortConnection()
        await until(lambda: circuit.answer)
        assert Status.NOT_ATTACHED is circuit.status


async def test_dialler_gives_up() -> None:
    """Nobody is kept waiting for a dialler who is gone, before or after the go."""
    node = Who()
    async with relaying() as it:
        anchor, (spare,) = await it.attached(node)
        first, second = [
            await it.dial(it.hello(Kind.CIRCUIT, Who(), wanted=node.node_id)) for _ in range(2)
        ]
        await until(lambda: go_on(spare) and anchor.rest)
        assert 2 == it.relay.view().waiting
        first.transport.loseConnection()
        second.transport.loseConnection()
        await until(lambda: 0 == it.relay.view().waiting)
        await until(lambda: spare.is_lost)


async def test_early_bytes_are_bounded() -> None:
    """Of a dialler who does not wait, so much is kept, and the rest is left to his kernel."""
    node = Who()
    content = os.urandom(8_000_000)
    async with relaying() as it:
        await it.attached(node, spares=0)
        circuit = await it.dial(it.hello(Kind.CIRCUIT, Who(), wanted=node.node_id) + content)
        await until(lambda: it.relay._passages._openings)
        (opening,) = it.relay._passages._openings
        await until(lambda: len(opening.data) >= it.limits.early_bytes)
        for _ in range(50):
            await settled()
        assert len(opening.data) < 3 * it.limits.early_bytes
        spare = await it.answered(Kind.SPARE, node)
        spare.transport.write(SAID_GO)
        await until(lambda: len(content) <= len(spare.heard))
        assert content == spare.heard[-len(content) :]
        assert Status.WELCOME is circuit.status


async def test_unknown_node() -> None:
    """Who wants a node that is not attached is told so, though he has begun his stream."""
    async with relaying() as it:
        circuit = await it.answered(Kind.CIRCUIT, Who(), behind=bytes(300_000), wanted=NOT_HERE)
        assert Status.NOT_ATTACHED is circuit.status
        await until(lambda: circuit.is_lost)
        assert {"not_attached": 1} == it.relay.view().refused


async def test_no_time_to_leave() -> None:
    """When too many are being told why not, the next is told, and closed at once."""
    async with relaying(leaving=0) as it:
        refused = await it.answered(Kind.CIRCUIT, Who(), wanted=NOT_HERE)
        assert Status.NOT_ATTACHED is refused.status
        assert 0 == len(it.relay._answers)


async def test_who_is_refused_and_stays() -> None:
    """Who was told why not, and does not close, is hung up on."""
    async with relaying() as it:
        refused = await it.dial(it.hello(Kind.CIRCUIT, Who(), wanted=NOT_HERE))
        refused.transport.pauseProducing()
        await until(lambda: 1 == len(it.relay._answers))
        await it.advance(1)
        assert 1 == len(it.relay._answers)
        await it.advance(2)
        assert 0 == len(it.relay._answers)


async def test_spare_without_an_anchor() -> None:
    """Spares are for attached nodes."""
    async with relaying() as it:
        assert Status.NOT_ATTACHED is (await it.answered(Kind.SPARE, Who())).status


async def test_spare_of_another_run() -> None:
    """Nor can another run with the same key offer spares."""
    node = Who()
    async with relaying() as it:
        await it.attached(node)
        assert Status.TAKEN is (await it.answered(Kind.SPARE, node, boot=b"o" * 8)).status


async def test_too_many_spares() -> None:
    """A node keeps so many idle connections, and no more."""
    node = Who()
    async with relaying() as it:
        await it.attached(node, spares=4)
        assert Status.TOO_MANY is (await it.answered(Kind.SPARE, node)).status
        assert 4 == it.relay.view().spares


async def test_relay_is_full() -> None:
    """So many nodes are served; those attached already may come again."""
    nodes = [Who(), Who()]
    async with relaying(nodes=2) as it:
        for node in nodes:
            await it.attached(node)
        assert Status.FULL is (await it.answered(Kind.ANCHOR, Who())).status
        assert (await it.answered(Kind.ANCHOR, nodes[0])).is_welcome
        assert 2 == it.relay.view().attached


async def test_host_is_full() -> None:
    """So many nodes of one address are served."""
    async with relaying(nodes_per_host=1) as it:
        await it.attached(Who())
        assert Status.FULL is (await it.answered(Kind.ANCHOR, Who())).status


async def test_own_key() -> None:
    """Another node with the relay's own key is not let in."""
    async with relaying() as it:
        assert Status.TAKEN is (await it.answered(Kind.ANCHOR, it.who)).status


async def test_anchor_anew() -> None:
    """A node that comes again in the same run takes its own place, with fresh spares."""
    node = Who()
    async with relaying() as it:
        old, (spare,) = await it.attached(node)
        new, _ = await it.attached(node, spares=0)
        await until(lambda: old.is_lost and spare.is_lost)
        assert new.seen == it.relay.address_of(node.node_id)
        assert (1, 0) == (it.relay.view().attached, it.relay.view().spares)


async def test_two_nodes_with_one_key() -> None:
    """Who is there and says so keeps the place; the log tells of it once an hour."""
    node = Who()
    told: list[dict[str, Any]] = []
    async with relaying() as it:
        anchor, (spare,) = await it.attached(node)
        globalLogPublisher.addObserver(told.append)
        try:
            for _ in range(3):
                heard = len(anchor.heard)
                other = await it.dial(it.hello(Kind.ANCHOR, node, boot=b"o" * 8))
                await until(lambda heard=heard: len(anchor.heard) > heard)
                assert ARE_YOU_THERE == anchor.heard[-1]
                assert b"" == other.heard
                anchor.transport.write(BEAT)
                await until(lambda other=other: other.answer)
                assert Status.TAKEN is other.status
        finally:
            globalLogPublisher.removeObserver(told.append)
        assert not anchor.is_lost
        assert not spare.is_lost
        assert anchor.seen == it.relay.address_of(node.node_id)
    conflicts = [event for event in told if "two_nodes" in str(event.get("log_format"))]
    assert [str(node.node_id)] == [event["node"] for event in conflicts]


async def test_new_run_of_a_node() -> None:
    """A node that was restarted gets its place when its old anchor does not answer in time."""
    node = Who()
    async with relaying() as it:
        old, _ = await it.attached(node)
        new = await it.dial(it.hello(Kind.ANCHOR, node, boot=b"o" * 8))
        await until(lambda: ARE_YOU_THERE == old.heard[-1])
        await it.advance(2)
        assert b"" == new.heard
        await it.advance(1)
        await until(lambda: new.answer)
        assert new.is_welcome
        await until(lambda: old.is_lost)
        assert (await it.answered(Kind.SPARE, node, boot=b"o" * 8)).is_welcome


async def test_contest_ends_with_the_old_anchor() -> None:
    """If the old anchor breaks meanwhile, the new one need not wait any longer."""
    node = Who()
    async with relaying() as it:
        old, _ = await it.attached(node)
        new = await it.dial(it.hello(Kind.ANCHOR, node, boot=b"o" * 8))
        await until(lambda: ARE_YOU_THERE == old.heard[-1])
        third = await it.answered(Kind.ANCHOR, node, boot=b"p" * 8)
        assert Status.TAKEN is third.status
        old.transport.abortConnection()
        await until(lambda: new.answer)
        assert new.is_welcome


async def test_contest_without_a_claimant() -> None:
    """A claimant who is gone claims nothing."""
    node = Who()
    async with relaying() as it:
        old, _ = await it.attached(node)
        new = await it.dial(it.hello(Kind.ANCHOR, node, boot=b"o" * 8))
        await until(lambda: ARE_YOU_THERE == old.heard[-1])
        new.transport.abortConnection()
        await until(lambda: not it.relay._harbour._contests)
        await it.advance(4)
        assert not old.is_lost


async def test_true_node_comes_again_in_a_contest() -> None:
    """The run that has the place may open a new anchor, which settles the contest."""
    node = Who()
    async with relaying() as it:
        old, _ = await it.attached(node)
        claimant = await it.dial(it.hello(Kind.ANCHOR, node, boot=b"o" * 8))
        await until(lambda: ARE_YOU_THERE == old.heard[-1])
        assert (await it.answered(Kind.ANCHOR, node)).is_welcome
        await until(lambda: claimant.answer)
        assert Status.TAKEN is claimant.status


@pytest.mark.parametrize("says", [b"\x02", b"\x01\x01\x00", b"\x01" * 100, b"\x16\x03\x01"])
async def test_anchor_that_says_anything_else(says: bytes) -> None:
    """An anchor on which something else is said, or too much, is closed."""
    node = Who()
    async with relaying() as it:
        anchor, (spare,) = await it.attached(node)
        anchor.transport.write(says)
        await until(lambda: anchor.is_lost and spare.is_lost)
        assert node.node_id not in it.relay.attached


async def test_anchor_that_never_stops() -> None:
    """Nor may the right thing be said all the time."""
    async with relaying() as it:
        anchor, _ = await it.attached(Who())
        for _ in range(200):
            anchor.transport.write(BEAT)
            await settled()
        await until(lambda: anchor.is_lost)


async def test_flood_of_circuits() -> None:
    """A member who opens one circuit after the other is stopped, and others are served."""
    node, greedy, modest = Who(), Who(), Who()
    told: list[dict[str, Any]] = []
    globalLogPublisher.addObserver(told.append)
    try:
        async with relaying() as it:
            anchor, _ = await it.attached(node, spares=0)
            statuses = []
            for _ in range(2_500):
                circuit = await it.dial(it.hello(Kind.CIRCUIT, greedy, wanted=node.node_id))
                if len(statuses) >= it.limits.circuits_per_dialler:
                    await until(lambda circuit=circuit: circuit.heard or circuit.is_lost)
                statuses.append(circuit)
            heard = [circuit.status for circuit in statuses]
            assert [None] * 32 == heard[:32]
            assert {Status.TOO_MANY, None} == set(heard[32:])
            assert all(circuit.is_lost for circuit in statuses[2_100:])
            assert 32 == it.relay.view().waiting
            # A judge who has heard too much of one member does not even look any more.
            assert 2_048 == heard.count(Status.TOO_MANY) + 32

            spare = await it.answered(Kind.SPARE, node)
            await until(lambda: go_on(spare))
            assert greedy.node_id == go_on(spare).node_id
            statuses[0].transport.abortConnection()
            await it.advance(10)
            assert 0 == it.relay.view().waiting
            spare = await it.answered(Kind.SPARE, node)
            await joined(it, node, modest, spare)
            del anchor
    finally:
        globalLogPublisher.removeObserver(told.append)
    refusals = [
        event
        for event in told
        if "relay.refused" in str(event.get("log_format")) and event["reason"] == "too_many"
    ]
    assert [str(greedy.node_id)] == [event["node"] for event in refusals]


async def test_openings_too_fast() -> None:
    """Who asks too fast is told so; a moment later he may ask again."""
    dialler = Who()
    async with relaying(opens_burst=3, opens_per_s=1) as it:
        asked = [await it.answered(Kind.CIRCUIT, dialler, wanted=NOT_HERE) for _ in range(5)]
        assert [Status.NOT_ATTACHED] * 3 + [Status.TOO_MANY] * 2 == [one.status for one in asked]
        it.clock.advance(1)
        again = await it.answered(Kind.CIRCUIT, dialler, wanted=NOT_HERE)
        assert Status.NOT_ATTACHED is again.status


@pytest.mark.parametrize(
    "limit, status",
    [
        ("circuits", Status.FULL),
        ("circuits_per_node", Status.FULL),
        ("circuits_per_dialler", Status.TOO_MANY),
    ],
)
async def test_too_many_circuits(limit: str, status: Status) -> None:
    """Each bound holds, and a circuit that ends makes room for the next."""
    node, dialler = Who(), Who()
    async with relaying(**{limit: 1}) as it:
        _, spares = await it.attached(node, spares=2)
        circuit = await joined(it, node, dialler, spares[1])
        refused = await it.answered(Kind.CIRCUIT, dialler, wanted=node.node_id)
        assert status is refused.status
        circuit.transport.loseConnection()
        await until(lambda: 0 == it.relay.view().circuits)
        await joined(it, node, dialler, spares[0])


async def test_trickle() -> None:
    """A circuit that hardly moves is cut, a slow one is not."""
    node = Who()
    async with relaying() as it:
        anchor, spares = await it.attached(node, spares=2)
        slow = await joined(it, node, Who(), spares[1])
        trickle = await joined(it, node, Who(), spares[0])
        for _ in range(61):
            slow.transport.write(bytes(30))
            trickle.transport.write(b".")
            await settled()
            await it.advance(1, anchor)
        await until(lambda: trickle.is_lost)
        assert spares[0].is_lost
        assert not slow.is_lost
        assert {"trickles": 1} == it.relay.view().hung_up


async def test_longest() -> None:
    """No circuit is for ever."""
    node = Who()
    async with relaying(longest_s=50) as it:
        anchor, (spare,) = await it.attached(node)
        circuit = await joined(it, node, Who(), spare)
        await it.advance(51, anchor)
        await until(lambda: circuit.is_lost)


async def test_rate() -> None:
    """A member gets so many bytes a second, after one second's worth at once."""
    node = Who()
    content = bytes(1_000_000)
    async with relaying(bytes_per_s=100_000) as it:
        _, (spare,) = await it.attached(node)
        circuit = await joined(it, node, Who(), spare)
        circuit.transport.write(content)
        moved = []
        for _ in range(5):
            before = -1
            while before != it.relay.view().bytes_relayed:
                before = it.relay.view().bytes_relayed
                for _ in range(10):
                    await settled()
            moved.append(before)
            for _ in range(10):
                it.clock.advance(0.1)
                await settled()
        for second, amount in enumerate(moved, 1):
            assert abs(amount - second * 100_000) < 10_000


async def test_rate_is_asked_for_anew() -> None:
    """A change of the setting changes what circuits get that are there."""
    node = Who()
    async with relaying(bytes_per_s=10_000) as it:
        _, (spare,) = await it.attached(node)
        circuit = await joined(it, node, Who(), spare)
        it.limits = type(it.limits)(bytes_per_s=100_000_000)
        await it.advance(1)
        circuit.transport.write(bytes(1_000_000))
        await it.advance(2)
        await until(lambda: len(spare.heard) > 1_000_000)


async def test_look() -> None:
    """Who asks where he is seen is told, and has the connection for a while."""
    async with relaying() as it:
        looks = [await it.answered(Kind.LOOK, Who()) for _ in range(2)]
        assert all(look.is_welcome for look in looks)
        looks[0].transport.loseConnection()
        await until(lambda: 1 == it.relay.view().looks)
        await it.advance(19)
        assert not looks[1].is_lost
        await it.advance(2)
        await until(lambda: looks[1].is_lost)
        assert 0 == it.relay.view().looks


@pytest.mark.parametrize(
    "limit, status", [("looks", Status.FULL), ("looks_per_node", Status.TOO_MANY)]
)
async def test_too_many_looks(limit: str, status: Status) -> None:
    """Looks are bounded, too."""
    who = Who()
    async with relaying(**{limit: 1}) as it:
        assert (await it.answered(Kind.LOOK, who)).is_welcome
        assert status is (await it.answered(Kind.LOOK, who)).status


async def test_knock() -> None:
    """A knock is passed on, answered with nothing, and heard once."""
    who, nonce = Who(), b"n" * 8
    async with relaying() as it:
        knock = it.hello(Kind.KNOCK, who, nonce=nonce)
        for _ in range(2):
            plain = await it.dial(knock)
            await until(lambda plain=plain: plain.is_lost)
            assert b"" == plain.heard
        assert [(nonce, who.node_id)] == it.knocks


@pytest.mark.parametrize("kind", [Kind.ANCHOR, Kind.SPARE, Kind.CIRCUIT, Kind.LOOK])
async def test_does_not_relay(kind: Kind) -> None:
    """A node that is not to relay, or can't, says so; a knock it hears all the same."""
    async with relaying() as it:
        it.is_open = False
        wanted = NOT_HERE if kind is Kind.CIRCUIT else None
        plain = await it.answered(kind, Who(), wanted=wanted)
        assert Status.DOES_NOT_RELAY is plain.status
        await it.dial(it.hello(Kind.KNOCK, Who()))
        await until(lambda: it.knocks)


async def test_relay_closes() -> None:
    """Who is attached is served for a minute more, then let go; circuits go on."""
    node, dialler = Who(), Who()
    async with relaying() as it:
        anchor, spares = await it.attached(node, spares=2)
        first = await joined(it, node, dialler, spares[1])
        it.is_open = False
        await it.advance(50, anchor, spares[0])
        second = await joined(it, node, dialler, spares[0])
        assert Status.DOES_NOT_RELAY is (await it.answered(Kind.ANCHOR, Who())).status
        first.transport.write(bytes(2_000))
        await settled()
        await it.advance(12, anchor)
        await until(lambda: anchor.is_lost)
        assert node.node_id not in it.relay.attached
        for circuit, spare in ((first, spares[1]), (second, spares[0])):
            heard = len(spare.heard)
            circuit.transport.write(b"still here")
            await until(lambda spare=spare, heard=heard: len(spare.heard) == heard + 10)


async def test_relay_flaps() -> None:
    """A relay that can't be dialled for a moment loses nobody."""
    node = Who()
    async with relaying() as it:
        anchor, _ = await it.attached(node)
        for _ in range(3):
            it.is_open = False
            await it.advance(40, anchor)
            it.is_open = True
            await it.advance(2, anchor)
        assert not anchor.is_lost


async def test_relay_stops_in_the_middle() -> None:
    """Everybody is hung up on at once, whatever they wait for, and nobody comes in any more."""
    node, dialler = Who(), Who()
    async with relaying() as it:
        anchor, spares = await it.attached(node, spares=2)
        circuit = await joined(it, node, dialler, spares[1])
        circuit.transport.write(bytes(1_000_000))
        called = await it.dial(it.hello(Kind.CIRCUIT, dialler, wanted=node.node_id))
        await until(lambda: go_on(spares[0]))
        waiting = await it.dial(it.hello(Kind.CIRCUIT, dialler, wanted=node.node_id))
        await until(lambda: anchor.rest)
        look = await it.answered(Kind.LOOK, dialler)
        claimant = await it.dial(it.hello(Kind.ANCHOR, node, boot=b"o" * 8))
        await until(lambda: ARE_YOU_THERE == anchor.heard[-1])

        it.relay.hang_up()
        everybody = [anchor, *spares, circuit, called, waiting, look, claimant]
        await until(lambda: all(one.is_lost for one in everybody))
        assert b"" == called.heard == waiting.heard == claimant.heard
        late = await it.answered(Kind.ANCHOR, Who())
        assert late.is_lost
        assert b"" == late.heard


async def test_node_leaves_while_somebody_waits() -> None:
    """Who waits for a node that is gone need not wait to the end."""
    node = Who()
    async with relaying() as it:
        anchor, _ = await it.attached(node, spares=0)
        circuit = await it.dial(it.hello(Kind.CIRCUIT, Who(), wanted=node.node_id))
        await until(lambda: anchor.rest)
        anchor.transport.loseConnection()
        await until(lambda: circuit.answer)
        assert Status.NOT_ATTACHED is circuit.status


def hello_to(listener: Any, now_ms: int) -> bytes:
    return sign_hello(
        Who().key,
        GRID,
        kind=Kind.LOOK,
        listener=listener.node_id,
        boot=b"b" * 8,
        now_ms=now_ms,
        nonce=b"n" * 8,
    )


BAD = {
    "another grid": lambda it: it.hello(Kind.LOOK, Who(), mac_key=OTHER_GRID),
    "another listener": lambda _: hello_to(Who(), NOW_MS),
    "another time": lambda it: hello_to(it.who, NOW_MS + 60_001),
    "noise": lambda _: b"\0" + os.urandom(HELLO_BYTES),
    "HTTP": lambda _: b"GET / HTTP/1.1\r\n\r\n",
}


@pytest.mark.parametrize("bad", BAD.values(), ids=BAD)
async def test_bad_hello(bad: Any) -> None:
    """Whoever is not to be believed hears nothing."""
    async with relaying() as it:
        plain = await it.dial(bad(it))
        await until(lambda: plain.is_lost)
        assert b"" == plain.heard


async def test_replayed_hello() -> None:
    """Who listened in on the way can't use what he heard."""
    async with relaying() as it:
        hello = it.hello(Kind.ANCHOR, Who())
        first = await it.dial(hello)
        await until(lambda: first.answer)
        again = await it.dial(hello)
        await until(lambda: again.is_lost)
        assert b"" == again.heard
        assert not first.is_lost


@pytest.mark.parametrize("says", [b"", b"\0", b"\0RH1" + bytes(192), b"\x16\x03\x01"])
async def test_silent_stranger(says: bytes) -> None:
    """Who says too little is hung up on in time."""
    async with relaying() as it:
        plain = await it.dial(says)
        admission = it.doorway.admission
        await until(lambda: it.doorway.callers or admission.strangers)
        await settled()
        it.clock.advance(9.9)
        await settled()
        assert not plain.is_lost
        it.clock.advance(0.2)
        await until(lambda: plain.is_lost)
        assert b"" == plain.heard


async def test_hello_byte_by_byte() -> None:
    """A hello may come in pieces."""
    async with relaying() as it:
        plain = await it.dial(b"")
        for byte in it.hello(Kind.LOOK, Who()):
            plain.transport.write(struct.pack("B", byte))
            await settled()
        await until(lambda: plain.is_welcome)


async def test_room_for_strangers() -> None:
    """Those who say nothing share one bound with those who begin TLS; each counts once."""
    async with relaying() as it:
        admission = it.doorway.admission
        admission.max_strangers_per_host = 4
        silent = [await it.dial(b"") for _ in range(2)]
        shaking = [await it.dial(b"\x16") for _ in range(2)]
        await until(lambda: 2 == len(it.doorway.callers) == len(admission.strangers))
        refused = [await it.dial(says) for says in (b"", b"\x16", it.hello(Kind.LOOK, Who()))]
        await until(lambda: all(one.is_lost for one in refused))
        assert not any(one.is_lost for one in silent + shaking)
        for one in silent + shaking:
            one.transport.abortConnection()
        await until(lambda: not it.doorway.callers and not admission.strangers)
        assert (await it.answered(Kind.LOOK, Who())).is_welcome


async def test_attached_nodes_are_no_strangers() -> None:
    """Connections that are kept take no stranger's room."""
    async with relaying() as it:
        it.doorway.admission.max_strangers = 1
        for _ in range(5):
            await it.attached(Who())
        assert 5 == it.relay.view().attached


def opened(it: Relaying, node: Who) -> tuple[Deferred[Any], list[Any]]:
    """A stream of the relay's own, on its way; and the addresses its protocol was built for."""
    built: list[Any] = []

    def build(address: Any) -> Plain:
        built.append(address)
        return Plain()

    factory = Factory()
    factory.buildProtocol = build  # type: ignore[method-assign]
    return it.relay.endpoint(node.node_id).connect(factory), built


@pytest.mark.parametrize("own", [None, Address("192.0.2.1", 4242)])
async def test_own_stream(own: Address | None) -> None:
    """The relay itself speaks with a node without a detour, as if it had dialled it."""
    node = Who()
    async with relaying() as it:
        it.own_address = own
        anchor, (spare,) = await it.attached(node)
        dialled, built = opened(it, node)
        await until(lambda: go_on(spare))
        told = go_on(spare)
        here = Address("127.0.0.1", it.port)
        assert (it.who.node_id, own or here) == (told.node_id, told.address)
        heard = len(spare.heard)
        spare.transport.write(SAID_GO + b"first")
        stream: Any = await dialled
        assert b"first" == stream.heard
        there = stream.transport.getPeer()
        assert [there] == built
        assert anchor.seen == Address(there.host, there.port)
        stream.transport.write(b"hello")
        await until(lambda: b"hello" == spare.heard[heard:])
        spare.transport.write(b" again")
        await until(lambda: b"first again" == stream.heard)
        stream.transport.loseConnection()
        await until(lambda: spare.is_lost and stream.is_lost)
        assert (0, 1) == (it.relay.view().circuits, it.relay.view().circuits_total)


async def test_own_stream_to_nobody() -> None:
    """A node that is not attached can't be reached this way."""
    async with relaying() as it:
        with pytest.raises(HolderFailed, match="not attached"):
            await opened(it, Who())[0]


async def test_own_stream_without_an_answer() -> None:
    """A node that opens no spare costs three seconds."""
    node = Who()
    async with relaying() as it:
        anchor, _ = await it.attached(node, spares=0)
        dialled, _ = opened(it, node)
        await until(lambda: bytes([MORE_SPARES]) == anchor.rest)
        await it.advance(3)
        with pytest.raises(HolderFailed, match="no answer"):
            await dialled


@pytest.mark.parametrize("spares", [0, 1])
async def test_own_stream_that_nobody_wants_any_more(spares: int) -> None:
    """Cancelling ends the wait, whatever for."""
    node = Who()
    async with relaying() as it:
        anchor, opened_spares = await it.attached(node, spares=spares)
        dialled, built = opened(it, node)
        dialled.addErrback(lambda _: None)
        await until(lambda: anchor.rest or all(go_on(one) for one in opened_spares))
        dialled.cancel()
        await until(lambda: all(one.is_lost for one in opened_spares))
        assert 0 == it.relay.view().waiting
        assert [] == built


async def test_own_stream_when_the_relay_stops() -> None:
    """Who waits for a stream is told."""
    node = Who()
    async with relaying() as it:
        anchor, _ = await it.attached(node, spares=0)
        dialled, _ = opened(it, node)
        await until(lambda: anchor.rest)
        it.relay.hang_up()
        with pytest.raises(HolderFailed, match="stopping"):
            await dialled


async def test_own_stream_that_nobody_takes() -> None:
    """A spare is not kept for a stream that turns out not to be wanted."""
    node = Who()
    async with relaying() as it:
        _, (spare,) = await it.attached(node)
        factory = Factory()
        factory.buildProtocol = lambda _: None  # type: ignore[method-assign]
        dialled = it.relay.endpoint(node.node_id).connect(factory)
        await until(lambda: go_on(spare))
        spare.transport.write(SAID_GO)
        with pytest.raises(HolderFailed, match="nobody wants"):
            await dialled
        await until(lambda: spare.is_lost)


async def test_too_many_own_streams() -> None:
    """This node does not wait for everybody at once, either."""
    node = Who()
    async with relaying(circuits=1) as it:
        await it.attached(node, spares=0)
        first, second = opened(it, node)[0], opened(it, node)[0]
        with pytest.raises(HolderFailed, match="too many"):
            await second
        first.addErrback(lambda _: None)
        first.cancel()
