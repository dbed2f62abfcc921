"""Whatever comes in, from strangers and from members: the node stays up, quiet and small."""

import random
import tracemalloc
from collections.abc import Callable, Iterator

import attrs
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from unit.overlay.fake_grid import RING, Grid, Peer, address_of, key_of
from unit.overlay.lookup_network import dice

from reticulum.errors import DatagramRefused, RecordFault, Refusal, WrongAnswer
from reticulum.model import Address, Contact, Key
from reticulum.overlay.grid_keys import GridKeys, KeyRing
from reticulum.overlay.messages import (
    Body,
    Dialling,
    DialMe,
    Envelope,
    Find,
    Found,
    Gone,
    Goodbye,
    Message,
    Ping,
    Pong,
    Store,
    Stored,
    Want,
    decode,
    encode,
    padding_for,
)
from reticulum.overlay.records import ProviderRecord
from reticulum.overlay.replay import Windows
from reticulum.overlay.seal import Sealer
from reticulum.overlay.unseal import Unsealer

FOREIGN = KeyRing(GridKeys.of_secret(b"f" * 32))
MINE = key_of("a member that does as it likes")
OTHERS = key_of("another member")


class Member:
    """Seals whatever it likes, and reads what it gets."""

    def __init__(self, grid: Grid, number: int = 200, node_id: Key = MINE) -> None:
        self.grid = grid
        self.address = address_of(number)
        self.node_id = node_id
        self.rng = dice(number)
        self.boot = self.rng.randbytes(12)
        self.sealer = Sealer(RING, self.boot)
        self.unsealer = Unsealer(
            RING, boot=self.boot, me=node_id.digest[:8], windows=Windows(grid.wall_ms())
        )
        self.got: list[Message] = []
        self.got_bytes = 0
        self.answer: Callable[[Message], Body | None] = lambda _message: None
        self.server = False
        grid.at[self.address] = self.received

    def received(self, datagram: bytes, from_: Address) -> None:
        self.got_bytes += len(datagram)
        try:
            message = decode(self.unsealer.unseal(datagram, self.grid.wall_ms()).body)
        except DatagramRefused:
            return  # for another id, which it has claimed somewhere
        self.got.append(message)
        body = self.answer(message)
        if body is not None:
            envelope = Envelope(message.envelope.transaction, self.node_id, self.server)
            self.throw(encode(Message(envelope, body)).data, from_)

    def throw(self, body: bytes, to: Address, *, off_ms: int = 0) -> bytes:
        datagram = self.sealer.seal(body, self.grid.wall_ms() + off_ms)
        self.grid.carry(datagram, self.address, to)
        return datagram

    def say(self, peer: Peer, body: Body, *, pad_to: int = 0) -> bytes:
        envelope = Envelope(self.rng.randbytes(8), self.node_id, self.server)
        packed = encode(Message(envelope, body), pad_to=pad_to).data
        recipient = peer.node.node_id.digest[:8]
        datagram = self.sealer.seal(packed, self.grid.wall_ms(), recipient)
        self.grid.carry(datagram, self.address, peer.address)
        return datagram

    def ask(self, peer: Peer, body: Body, *, pad_to: int = 0) -> Body | None:
        """Ask, and wait for the answer."""
        self.got.clear()
        self.say(peer, body, pad_to=pad_to)
        self.grid.pass_time(0.5)
        wanted = {Ping: Pong, Find: Found, Store: Stored}.get(type(body), object)
        return next((m.body for m in self.got if isinstance(m.body, wanted)), None)


@pytest.fixture
def grid() -> Iterator[Grid]:
    grid = Grid()
    grid.grow(3)
    yield grid
    grid.stop()


def refused(peer: Peer, reason: Refusal) -> int:
    return peer.node.status().refused.get(reason, 0)


@pytest.mark.parametrize("length", [0, 1, 7, 8, 40, 65, 1232, 4096, 65_507])
def test_random_bytes_get_silence(grid: Grid, length: int) -> None:
    """Of any length: not a byte back, and counted."""
    node, stranger = grid.peers[0], address_of(99)
    grid.sent.clear()
    node.node.received(grid.rng.randbytes(length), stranger)
    node.node.received(RING.current.fingerprint + grid.rng.randbytes(length), stranger)
    assert 2 == sum(node.node.status().refused.values())
    assert stranger not in {to for _, to, _ in grid.sent}


def test_another_grid_gets_silence(grid: Grid) -> None:
    """Sealed by the book with another secret."""
    sealed = Sealer(FOREIGN, b"b" * 12).seal(b"x" * 100, grid.wall_ms())
    grid.peers[0].node.received(sealed, address_of(99))
    assert 1 == refused(grid.peers[0], Refusal.FOREIGN)


def test_truncated_and_replayed_get_silence(grid: Grid) -> None:
    """Every beginning of a real datagram, and all of it once more."""
    member, node = Member(grid), grid.peers[0]
    datagram = member.say(node, Ping())
    grid.pass_time(1)
    assert 1 == sum(isinstance(message.body, Pong) for message in member.got)
    member.got.clear()
    for end in range(len(datagram)):
        node.node.received(datagram[:end], member.address)
    node.node.received(datagram, member.address)
    grid.pass_time(1)
    assert [] == [m for m in member.got if isinstance(m.body, Pong)]
    assert refused(node, Refusal.REPLAYED) >= 1
    assert len(datagram) + 1 == sum(node.node.status().refused.values())


def test_a_wrong_clock_is_told_as_that(grid: Grid) -> None:
    """An hour ahead: silence for it, its difference in the status of the others."""
    member, node = Member(grid), grid.peers[0]
    member.throw(b"x" * 80, node.address, off_ms=3_600_000)
    grid.pass_time(1)
    (clock,) = node.node.status().wrong_clocks
    assert (member.address, 3600) == (clock.address, round(clock.off_s))


@pytest.mark.parametrize("seed", range(3))
def test_nonsense_of_a_member_gets_silence(grid: Grid, seed: int) -> None:
    """Not a message, an unknown kind, missing and wrong fields, and 2,000 bent messages."""
    member, node, rng = Member(grid), grid.peers[0], dice(seed)
    envelope = Envelope(bytes(8), MINE, True)
    whole = encode(Message(envelope, Find(target=MINE))).data
    bent = [b"", b"x", whole[:31], whole[:31] + b"\x80", whole[:1] + b"\x63" + whole[2:]]
    for _ in range(2000):
        data = bytearray(whole)
        for _ in range(rng.randrange(1, 4)):
            data[rng.randrange(len(data))] = rng.randrange(256)
        bent.append(bytes(data[: rng.randrange(len(data) + 1)]))
    for body in bent:
        member.throw(body, node.address)
        grid.pass_time(0.01)
    grid.pass_time(1)
    assert node.node.status().nonsense > 1000
    assert all(isinstance(m.body, Found | Ping | Pong) for m in member.got)
    assert node.contact == grid.run(grid.peers[1].node.ping(node.contact)).contact


def test_a_flood_of_a_stranger_leaves_nothing_behind(grid: Grid) -> None:
    """10,000 datagrams from 10,000 addresses: no memory, no answer, no timer."""
    node = grid.peers[0]
    grid.pass_time(5)
    timers = len(grid.clock.getDelayedCalls())
    flood = [RING.current.fingerprint + grid.rng.randbytes(200) for _ in range(10_000)]
    addresses = [address_of(n) for n in range(10_000, 20_000)]
    tracemalloc.start()
    before = tracemalloc.get_traced_memory()[0]
    for datagram, address in zip(flood, addresses, strict=True):
        node.node.received(datagram, address)
    grown = tracemalloc.get_traced_memory()[0] - before
    tracemalloc.stop()
    assert 10_000 == sum(node.node.status().refused.values())
    assert grown < 100_000
    assert timers == len(grid.clock.getDelayedCalls())


def test_a_flood_of_a_member_is_held_down(grid: Grid) -> None:
    """10,000 questions in a second: some hundred answers, the rest dropped; others are served."""
    member, node = Member(grid), grid.peers[0]
    for _ in range(10_000):
        member.say(node, Ping())
        grid.pass_time(0.0001)
    grid.pass_time(1)
    status = node.node.status()
    assert status.dropped > 8000
    assert sum(isinstance(message.body, Pong) for message in member.got) < 1500
    assert node.contact == grid.run(grid.peers[1].node.ping(node.contact)).contact


def test_a_repeated_question_is_answered_alike_and_done_once(grid: Grid) -> None:
    """The retransmission gets the first answer's bytes."""
    member, node = Member(grid), grid.peers[0]
    packed = encode(Message(Envelope(b"t" * 8, MINE), Find(target=MINE))).data
    served = node.node.status().served
    for _ in range(3):
        member.throw(packed, node.address)
        grid.pass_time(0.3)
    answers = [m for m in member.got if isinstance(m.body, Found)]
    assert 3 == len(answers)
    assert [answers[0]] * 3 == answers
    assert served + 1 == node.node.status().served


def test_nobody_is_turned_on_an_address_that_is_not_theirs(grid: Grid) -> None:
    """Whoever has not proven its address gets at most three times what it sent."""
    grid.grow(12)
    member, node = Member(grid), grid.peers[0]
    for pad_to in (0, 100, 200, padding_for(0)):
        member.got_bytes = 0
        asked = len(member.say(node, Find(target=MINE), pad_to=pad_to))
        grid.pass_time(0.5)
        assert 0 < member.got_bytes <= 3 * asked
        member.rng.randbytes(8)


def test_a_store_needs_a_token_of_that_very_address(grid: Grid) -> None:
    """Without one, with a made-up one, or from elsewhere: refused, and nothing is kept."""
    member, node, thief = Member(grid), grid.peers[0], Member(grid, 201)
    pong = member.ask(node, Ping())
    assert isinstance(pong, Pong)
    for who, token in ((member, b"12345678"), (thief, pong.token)):
        stored = who.ask(node, Store(token=token, providers=(_record(grid),)))
        assert isinstance(stored, Stored)
        assert {RecordFault.NO_TOKEN: 1} == stored.refused
    assert _record(grid) not in node.node.records_view()
    stored = member.ask(node, Store(token=pong.token, providers=(_record(grid),)))
    assert isinstance(stored, Stored)
    assert 1 == stored.accepted
    found = member.ask(node, Find(target=key_of("image"), want=Want.HOLDERS, token=pong.token))
    assert isinstance(found, Found)
    assert (_record(grid),) == found.providers


def _record(grid: Grid, **changed: object) -> ProviderRecord:
    key = Ed25519PrivateKey.from_private_bytes(b"k" * 32)
    now = grid.wall_ms() // 100_000 * 100
    record = ProviderRecord.sign(key, key=key_of("image"), sequence=5, now=now)
    return attrs.evolve(record, **changed)


def test_made_up_records_are_not_kept(grid: Grid) -> None:
    """Bad signature, expired, not yet valid, living too long: each is told by its fault."""
    member, node = Member(grid), grid.peers[0]
    pong = member.ask(node, Ping())
    assert isinstance(pong, Pong)
    issued = _record(grid).issued
    cases = {
        RecordFault.BAD_SIGNATURE: _record(grid, size_class=9),
        RecordFault.EXPIRED: _record(grid, issued=issued - 90_000, expires=issued - 10_000),
        RecordFault.NOT_YET_VALID: _record(grid, issued=issued + 9000, expires=issued + 9999),
        RecordFault.TOO_LONG_LIVED: _record(grid, expires=issued + 10**6),
    }
    for fault, record in cases.items():
        stored = member.ask(node, Store(token=pong.token, providers=(record,)))
        assert isinstance(stored, Stored)
        assert {fault: 1} == stored.refused


def test_a_dial_back_goes_to_the_asker_only(grid: Grid) -> None:
    """Its own host, whatever port it names; and only so often."""
    member, node = Member(grid), grid.peers[0]
    pong = member.ask(node, Ping())
    assert isinstance(pong, Pong)
    grid.sent.clear()
    for n in range(30):
        member.say(node, DialMe(nonce=bytes([n] * 8), port=9999, token=pong.token))
        grid.pass_time(0.5)
    knocks = [to for from_, to, _ in grid.sent if from_ == node.address and to.port == 9999]
    assert {Address(member.address.host, 9999)} == set(knocks)
    assert len(knocks) <= 14


def test_nobody_is_dialled_whose_address_was_only_written_on_a_question(grid: Grid) -> None:
    """Without a token, or with that of another address, there is no dial-back, and it says so."""
    member, other, node = Member(grid), Member(grid, 201, OTHERS), grid.peers[0]
    pong = other.ask(node, Ping())
    assert isinstance(pong, Pong)
    grid.sent.clear()
    for token in (b"", pong.token, bytes(8)):
        answer = member.ask(node, DialMe(nonce=bytes(8), port=9999, token=token))
        assert isinstance(answer, Dialling)
        assert not answer.agreed
    assert [] == [to for _, to, _ in grid.sent if to.port == 9999]


def test_nobody_far_away_hears_of_addresses_in_the_network_here(grid: Grid) -> None:
    """All nodes here have private addresses: one with a public one is told of none of them."""
    near, far, node = Member(grid), Member(grid, 201, OTHERS), grid.peers[0]
    far.address = Address("44.0.0.9", 4160)
    grid.at[far.address] = far.received
    told = []
    for member in (near, far):
        found = member.ask(node, Find(target=OTHERS), pad_to=padding_for(0))
        assert isinstance(found, Found)
        told.append(found.closer)
    assert told[0]
    assert () == told[1]


def test_goodbye_and_down_hints_for_others_change_nothing(grid: Grid) -> None:
    """A goodbye in another's name is ignored; a hint is a ping, which the hinted one answers."""
    node, other = grid.peers[0], grid.peers[1]
    liar = Member(grid, node_id=other.node.node_id)
    liar.say(node, Goodbye())
    Member(grid, 202).say(node, Gone((other.node.node_id,)))
    grid.pass_time(5)
    assert other.contact in node.node.table.contacts()


def test_a_liar_does_not_take_the_place_of_another(grid: Grid) -> None:
    """It answers in the name of a node that is alive: the table keeps the real address."""
    node, victim = grid.peers[0], grid.peers[1]
    liar = Member(grid, node_id=victim.node.node_id)
    liar.server = True
    liar.answer = lambda message: Pong() if isinstance(message.body, Ping) else None
    liar.say(node, Ping())
    grid.run(node.node.ping(Contact(victim.node.node_id, liar.address)))
    grid.pass_time(30)
    assert victim.contact in node.node.table.contacts()


def test_an_answer_in_another_name_is_refused(grid: Grid) -> None:
    """Asked one node, another answers: no answer, no entry."""
    liar, node = Member(grid), grid.peers[0]
    liar.server = True

    def answer(message: Message) -> Body | None:
        liar.node_id = key_of("somebody else")
        return Pong() if isinstance(message.body, Ping) else Found()

    liar.answer = answer
    with pytest.raises(WrongAnswer):
        grid.run(node.node.ping(Contact(MINE, liar.address)))
    assert key_of("somebody else") not in {c.node_id for c in node.node.table.contacts()}


def test_made_up_neighbours_do_not_stop_a_lookup(grid: Grid) -> None:
    """A liar names 28 others close to the target each time: the lookup ends, with those alive."""
    grid.grow(8)
    liar, node = Member(grid), grid.peers[0]
    liar.server = True
    target = key_of("target")
    rng = random.Random(5)  # noqa: S311  (any will do)

    def neighbours() -> tuple[Contact, ...]:
        return tuple(
            Contact(Key(target.digest[:3] + rng.randbytes(17)), address_of(30_000 + n))
            for n in range(28)
        )

    def answer(message: Message) -> Body | None:
        if isinstance(message.body, Find):
            return Found(closer=neighbours())
        return Pong() if isinstance(message.body, Ping) else None

    liar.answer = answer
    liar.say(node, Ping())
    grid.pass_time(5)
    assert MINE in {c.node_id for c in node.node.table.contacts()}
    found = grid.run(node.node.closest(target))
    assert set(grid.closest(target, 20, node)) <= set(found)
    traced = grid.run(node.node.trace(target))
    made_up = [h for h in traced.hops if h.contact.node_id.digest[:3] == target.digest[:3]]
    assert {MINE} == {h.referrer.node_id for h in made_up if h.referrer is not None}
