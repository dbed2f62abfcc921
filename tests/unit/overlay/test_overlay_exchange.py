"""Questions and answers when the wire loses, delays and bends them."""

from collections.abc import Iterator

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from twisted.internet.defer import Deferred
from unit.overlay.fake_grid import RING, Grid, Peer, address_of, key_of
from unit.overlay.lookup_network import contact, dice

from reticulum.errors import OutOfTime
from reticulum.model import Address, NodeId
from reticulum.overlay.messages import (
    Body,
    Dialling,
    DialMe,
    Envelope,
    Find,
    Found,
    Gone,
    Goodbye,
    Knock,
    Message,
    Ping,
    Pong,
    Store,
    Stored,
    Want,
    encode,
)
from reticulum.overlay.records import NodeRecord, ProviderRecord, Role
from reticulum.overlay.seal import Sealer


@pytest.fixture
def grid() -> Iterator[Grid]:
    grid = Grid()
    grid.grow(2)
    yield grid
    grid.stop()


def rtt_s(asker: Peer, other: Peer) -> float | None:
    views = (c for bucket in asker.node.table_view() for c in bucket.contacts)
    return next(v.rtt_s for v in views if v.contact == other.contact)


def test_a_lost_question_is_sent_again(grid: Grid) -> None:
    """Once, soon; it is done once; and nobody takes the time it took for a round trip."""
    asker, other = grid.peers
    before, served = rtt_s(asker, other), other.node.status().served
    carry, lost = grid.carry, []

    def lossy(datagram: bytes, from_: Address, to: Address) -> None:
        if from_ == asker.address and not lost:
            lost.append(datagram)
        else:
            carry(datagram, from_, to)

    grid.carry = lossy  # type: ignore[method-assign]
    answer = grid.run(asker.node.ping(other.contact))
    assert other.contact == answer.contact
    assert 1 == len(lost)
    assert served + 1 == other.node.status().served
    assert before == rtt_s(asker, other)


def test_a_peer_that_becomes_slow_is_given_time(grid: Grid) -> None:
    """Ten times slower from now on: after some questions none is sent twice any more."""
    asker, other = grid.peers
    carry = grid.carry
    grid.carry = lambda *what: grid.clock.callLater(0.25, carry, *what)  # type: ignore[method-assign,assignment]
    for _ in range(30):
        grid.run(asker.node.ping(other.contact))
    grid.sent.clear()
    grid.run(asker.node.ping(other.contact))
    assert (rtt_s(asker, other) or 0) > 0.5
    assert 2 == len(grid.sent)


def test_what_is_out_is_bounded(grid: Grid) -> None:
    """Five thousand questions to nobody: two thousand go out, and all are answered for."""
    asker = grid.peers[0]
    failures: list[object] = []
    for n in range(5000):
        asked = Deferred.fromCoroutine(asker.node.ping(address_of(50_000 + n)))
        asked.addErrback(lambda failure: failures.append(failure.trap(OutOfTime)))
    assert 2048 == asker.node.status().outstanding
    grid.pass_time(10)
    assert 5000 == len(failures)
    assert 0 == asker.node.status().outstanding


def test_an_answer_after_half_a_minute_changes_nothing(grid: Grid) -> None:
    """Nobody waits for it any more."""
    asker, other = grid.peers
    carry = grid.carry
    grid.carry = lambda *what: grid.clock.callLater(30, carry, *what)  # type: ignore[method-assign,assignment]
    with pytest.raises(OutOfTime):
        grid.run(asker.node.ping(other.contact))
    grid.carry = carry  # type: ignore[method-assign]
    grid.pass_time(120)
    assert other.contact == grid.run(asker.node.ping(other.contact)).contact


def _bodies() -> list[Body]:
    key = Ed25519PrivateKey.from_private_bytes(b"b" * 32)
    now = 1_800_001_000
    provider = ProviderRecord.sign(key, key=key_of("i"), sequence=1, now=now)
    record = NodeRecord.sign(
        key, addresses=[address_of(5)], role=Role.SERVER, sequence=1, now=now, zone="z"
    )
    seen = address_of(7)
    return [
        Ping(sequence=1, software="s", token=bytes(8), wants_record=True),
        Pong(seen=seen, sequence=1, software="s", token=bytes(8), record=record),
        Find(target=key_of("i"), want=Want.NODES | Want.HOLDERS | Want.RECORD, token=bytes(8)),
        Found(holds=True, providers=(provider,), closer=(contact(9),), record=record, seen=seen),
        Store(token=bytes(8), providers=(provider,), record=record),
        Stored(accepted=1, token=bytes(8)),
        Gone((contact(9).node_id,)),
        DialMe(nonce=bytes(8), port=1),
        Dialling(agreed=True),
        Knock(bytes(8)),
        Goodbye(),
    ]


@pytest.mark.parametrize("body", _bodies(), ids=lambda body: type(body).__name__)
def test_bent_messages_of_every_kind_raise_nothing(grid: Grid, body: Body) -> None:
    """Five hundred bent copies each, under ids of ever new questions and of real ones."""
    node, rng = grid.peers[0], dice(3)
    sealer = Sealer(RING, rng.randbytes(12))
    for number in range(500):
        out = node.node._parts.exchange._out
        if number % 10 == 0:
            Deferred.fromCoroutine(node.node.ping(address_of(99))).addErrback(lambda _: None)
        transaction = rng.choice([rng.randbytes(8), *out])
        envelope = Envelope(transaction, NodeId(rng.randbytes(20)), True)
        data = bytearray(encode(Message(envelope, body)).data)
        for _ in range(rng.randrange(4)):
            data[rng.randrange(31, len(data))] = rng.randrange(256)
        grid.clock.until(lambda: False, 0.05)
        node.node.received(sealer.seal(bytes(data), grid.wall_ms()), address_of(99))
    grid.pass_time(10)
    assert grid.peers[1].contact == grid.run(node.node.ping(grid.peers[1].contact)).contact
