"""A node at one relay: the anchor, the spares, and relays that do not behave."""

from typing import Any

import attrs
import pytest
from fake_pipes import SEEN, FakePipes, Pipe, greeting_of
from members import Who
from plain_connections import BEAT
from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.defer import TimeoutError as DeferredTimeoutError
from twisted.internet.error import ConnectError, ConnectionClosed
from twisted.internet.protocol import Factory, Protocol
from twisted.internet.task import Clock

from reticulum.model import Address, Contact
from reticulum.reach.relay.hello import Kind
from reticulum.reach.relay.mooring import ANSWER_S, MOST_SPARES, SPARES, Mooring
from reticulum.reach.relay.status import (
    ANCHOR_SILENT_S,
    ARE_YOU_THERE,
    GO,
    MORE_SPARES,
    SPARE_SILENT_S,
    Answer,
    Dialler,
    Status,
    write_go,
)

DIALLER = Dialler(Who().node_id, Address("198.51.100.9", 777))


class Stream(Protocol):
    """What listens on a stream; keeps what it hears."""

    def __init__(self) -> None:
        self.heard = b""
        self.is_lost = False

    def dataReceived(self, data: bytes) -> None:  # noqa: N802
        self.heard += data

    def connectionLost(self, reason: Any = None) -> None:  # noqa: N802
        self.is_lost = True


@attrs.define(eq=False)
class Inside(Factory):
    """Takes streams, unless it is closed."""

    noisy = False
    is_closed: bool = False
    streams: list[tuple[Any, Stream]] = attrs.field(factory=list)

    def buildProtocol(self, addr: Any) -> Any:  # noqa: N802
        if self.is_closed:
            return None
        self.streams.append((addr, Stream()))
        return self.streams[-1][1]


@attrs.define(eq=False)
class Shore:
    """A node, a relay, and time."""

    pipes: FakePipes = attrs.field(factory=FakePipes)
    clock: Clock = attrs.field(factory=Clock)
    inside: Inside = attrs.field(factory=Inside)
    lost: list[Mooring] = attrs.field(factory=list)
    relay: Contact = attrs.field(factory=lambda: Who().at(1))

    def mooring(self) -> Mooring:
        return Mooring(
            self.relay,
            greeting=greeting_of(Who()),
            pipes=self.pipes,  # type: ignore[arg-type]
            inside=self.inside,
            clock=self.clock,  # type: ignore[arg-type]
            lost=self.lost.append,
        )

    def attach(self) -> tuple[Mooring, Deferred[Answer]]:
        mooring = self.mooring()
        return mooring, Deferred.fromCoroutine(mooring.attach())

    async def attached(self) -> tuple[Mooring, Pipe, list[Pipe]]:
        """A node that is attached, its anchor and its spares."""
        mooring, attaching = self.attach()
        (anchor,) = self.pipes.welcome()
        assert Answer(Status.WELCOME, SEEN) == await attaching
        return mooring, anchor, self.pipes.welcome()

    def advance(self, seconds: float) -> None:
        for _ in range(int(seconds)):
            self.clock.advance(1)
            self.pipes.settle()

    def ends(self, mooring: Mooring) -> None:
        """Let go, and see that nothing is left."""
        mooring.let_go()
        self.pipes.settle()
        assert [] == self.pipes.alive
        assert [] == self.pipes.waiting
        assert [] == self.clock.getDelayedCalls()


async def test_attach() -> None:
    """An anchor first, then spares; each says hello to the very relay it is meant for."""
    shore = Shore()
    mooring, anchor, spares = await shore.attached()
    assert Kind.ANCHOR is anchor.hello.kind
    assert [Kind.SPARE] * SPARES == [spare.hello.kind for spare in spares]
    assert {shore.relay.node_id} == {pipe.hello.listener for pipe in (anchor, *spares)}
    assert SEEN == mooring.seen
    shore.ends(mooring)
    assert [] == shore.lost


async def test_refused() -> None:
    """Who is not welcome holds on to nothing."""
    shore = Shore()
    mooring, attaching = shore.attach()
    (anchor,) = shore.pipes.connect()
    anchor.answer(Status.FULL)
    assert Status.FULL is (await attaching).status
    shore.ends(mooring)
    assert [] == shore.lost


async def test_nobody_is_there() -> None:
    """A relay that can't be dialled is one that can't be dialled."""
    shore = Shore(FakePipes(is_off=True))
    mooring, attaching = shore.attach()
    with pytest.raises(ConnectError):
        await attaching
    shore.ends(mooring)


@pytest.mark.parametrize("is_there", [True, False])
async def test_relay_that_never_answers(is_there: bool) -> None:
    """A relay that is silent, at TCP or after it, is given up in time."""
    shore = Shore()
    mooring, attaching = shore.attach()
    if is_there:
        shore.pipes.connect()
    shore.clock.advance(ANSWER_S)
    with pytest.raises(DeferredTimeoutError):
        await attaching
    shore.ends(mooring)


@pytest.mark.parametrize("says", [b"\xff", b"\0\xff", b"\0\x05hello", b"HTTP/1.1 400 no\r\n"])
async def test_relay_that_answers_garbage(says: bytes) -> None:
    """Whoever is there is no relay."""
    shore = Shore()
    mooring, attaching = shore.attach()
    (anchor,) = shore.pipes.connect()
    anchor.hear(says)
    shore.pipes.settle()
    with pytest.raises(ConnectionClosed):
        await attaching
    shore.ends(mooring)


async def test_relay_that_trickles() -> None:
    """An answer that comes a byte a second comes too late."""
    shore = Shore()
    mooring, attaching = shore.attach()
    (anchor,) = shore.pipes.connect()
    for byte in b"\0\x1120":
        if not anchor.is_given_up:
            anchor.hear(bytes([byte]))
        shore.advance(2)
    with pytest.raises(DeferredTimeoutError):
        await attaching
    shore.ends(mooring)


async def test_cancelled() -> None:
    """Who gives up meanwhile leaves nothing behind, whether TCP is there or not."""
    for is_there in (False, True):
        shore = Shore()
        mooring, attaching = shore.attach()
        if is_there:
            shore.pipes.connect()
        attaching.cancel()
        with pytest.raises(CancelledError):
            await attaching
        shore.ends(mooring)


async def test_let_go_while_attaching() -> None:
    """A welcome that comes when the node wants it no more is none."""
    shore = Shore()
    mooring, attaching = shore.attach()
    (anchor,) = shore.pipes.connect()
    mooring.let_go()
    anchor.answer()
    with pytest.raises(ConnectionClosed):
        await attaching
    shore.ends(mooring)


async def test_keepalive() -> None:
    """The node says in time that it is there, and answers at once when it is asked."""
    shore = Shore()
    mooring, anchor, spares = await shore.attached()
    for _ in range(12):
        shore.advance(5)
        for pipe in (anchor, *spares):
            pipe.hear(BEAT)
    assert BEAT * 6 == anchor.said
    assert [BEAT * 4] * SPARES == [spare.said for spare in spares]
    anchor.hear(bytes([ARE_YOU_THERE]))
    assert BEAT * 7 == anchor.said
    shore.ends(mooring)


async def test_silent_relay() -> None:
    """A relay that says nothing any more is gone, and so is all that was there."""
    shore = Shore()
    mooring, _, _ = await shore.attached()
    shore.advance(ANCHOR_SILENT_S - 1)
    assert [] == shore.lost
    shore.advance(1)
    assert [mooring] == shore.lost
    shore.ends(mooring)


async def test_silent_spare() -> None:
    """A spare that is silent alone is replaced."""
    shore = Shore()
    mooring, anchor, spares = await shore.attached()
    for _ in range(int(SPARE_SILENT_S)):
        anchor.hear(BEAT)
        shore.advance(1)
    assert all(spare.is_lost for spare in spares)
    shore.advance(1)
    assert SPARES == len(shore.pipes.waiting)
    assert [] == shore.lost
    shore.ends(mooring)


async def test_anchor_is_lost() -> None:
    """Told once; spares go with it, and nothing is opened any more."""
    shore = Shore()
    mooring, anchor, _ = await shore.attached()
    anchor.lose()
    shore.pipes.settle()
    assert [mooring] == shore.lost
    shore.advance(5)
    assert [] == shore.pipes.waiting
    shore.ends(mooring)
    assert [mooring] == shore.lost


async def test_stream() -> None:
    """A spare becomes a stream that ends at the dialler; the next spare is opened at once."""
    shore = Shore()
    mooring, _, (spare, other) = await shore.attached()
    spare.hear(BEAT + write_go(DIALLER) + b"first")
    assert bytes([GO]) == spare.said
    ((seen_at, stream),) = shore.inside.streams
    assert ("198.51.100.9", 777) == (seen_at.host, seen_at.port)
    assert "198.51.100.9" == stream.transport.getPeer().host  # type: ignore[union-attr]
    spare.hear(b" second")
    assert b"first second" == stream.heard
    assert 1 == len(shore.pipes.waiting)
    assert 1 == mooring.streams

    # The stream is nobody's but its own: neither the keepalive nor the anchor ends it.
    mooring.let_go()
    shore.pipes.settle()
    assert not spare.is_given_up
    assert other.is_lost
    spare.hear(b" third")
    spare.lose()
    assert stream.is_lost
    assert b"first second third" == stream.heard
    assert [] == shore.clock.getDelayedCalls()


async def test_second_go() -> None:
    """A relay that says go twice says it to whoever listens on the stream."""
    shore = Shore()
    mooring, _, (spare, _) = await shore.attached()
    spare.hear(write_go(DIALLER))
    spare.hear(write_go(DIALLER))
    ((_, stream),) = shore.inside.streams
    assert write_go(DIALLER) == stream.heard
    assert 1 == mooring.streams
    spare.lose()
    shore.ends(mooring)


async def test_go_in_pieces() -> None:
    """A go that comes byte by byte is one."""
    shore = Shore()
    mooring, _, (spare, _) = await shore.attached()
    for byte in write_go(DIALLER):
        assert [] == shore.inside.streams
        spare.hear(bytes([byte]))
    assert 1 == len(shore.inside.streams)
    spare.lose()
    shore.ends(mooring)


async def test_no_room_inside() -> None:
    """If nobody wants the stream, the spare is closed without a go."""
    shore = Shore(inside=Inside(is_closed=True))
    mooring, _, (spare, _) = await shore.attached()
    spare.hear(write_go(DIALLER))
    assert spare.is_aborted
    assert b"" == spare.said
    shore.ends(mooring)


@pytest.mark.parametrize("says", [b"\x02", b"\x04", b"\x03" + bytes(20) + b"\xff", BEAT * 200])
async def test_spare_on_which_anything_else_is_said(says: bytes) -> None:
    """A relay that says what it may not loses that spare, a second before the next one comes."""
    shore = Shore()
    mooring, _, (spare, _) = await shore.attached()
    spare.hear(says)
    assert spare.is_aborted
    shore.pipes.settle()
    assert [] == shore.pipes.waiting
    shore.clock.advance(1)
    assert 1 == len(shore.pipes.waiting)
    shore.ends(mooring)


async def test_frames_before_the_welcome() -> None:
    """A go in place of an answer is a refusal."""
    shore = Shore()
    mooring, attaching = shore.attach()
    (anchor,) = shore.pipes.welcome()
    await attaching
    spare, _ = shore.pipes.connect()
    spare.hear(write_go(DIALLER))
    assert spare.is_aborted
    assert [] == shore.inside.streams
    anchor.hear(bytes([GO]))
    shore.pipes.settle()
    assert [mooring] == shore.lost
    shore.ends(mooring)


async def test_more_spares() -> None:
    """The relay may ask for more, up to a bound."""
    shore = Shore()
    mooring, anchor, spares = await shore.attached()
    anchor.hear(bytes([MORE_SPARES]))
    assert 1 == len(shore.pipes.waiting)
    anchor.hear(bytes([MORE_SPARES]) * 50)
    assert MOST_SPARES == len(shore.pipes.waiting) + len(spares)
    shore.ends(mooring)


async def test_relay_that_closes_every_spare() -> None:
    """Nobody is made to run at a relay that closes spares and asks for more."""
    shore = Shore()
    mooring, anchor, _ = await shore.attached()
    for second in range(10):
        for pipe in [*shore.pipes.welcome(), *shore.pipes.alive]:
            if pipe is not anchor:
                pipe.lose()
        for _ in range(50):
            anchor.hear(bytes([MORE_SPARES]))
        assert [] == shore.pipes.waiting
        shore.clock.advance(1)
        assert len(shore.pipes.attempts) <= 1 + SPARES * (second + 2)
    shore.ends(mooring)


async def test_relay_that_is_gone_for_spares() -> None:
    """If no spare can be opened, not even for a moment, it is tried again each second."""
    shore = Shore()
    mooring, attaching = shore.attach()
    shore.pipes.is_off = True
    (anchor,) = shore.pipes.welcome()
    await attaching
    for _ in range(5):
        anchor.hear(BEAT)
        shore.clock.advance(1)
    assert len(shore.pipes.attempts) <= 1 + 6 * SPARES
    shore.ends(mooring)


@pytest.mark.parametrize("status", [Status.TOO_MANY, Status.NOT_ATTACHED, Status.TAKEN])
async def test_refused_spares(status: Status) -> None:
    """A spare that is refused is closed, and tried again later."""
    shore = Shore()
    mooring, attaching = shore.attach()
    (anchor,) = shore.pipes.welcome()
    await attaching
    for spare in shore.pipes.connect():
        spare.answer(status)
        assert spare.is_aborted
    shore.pipes.settle()
    assert [] == shore.pipes.waiting
    shore.clock.advance(1)
    assert SPARES == len(shore.pipes.waiting)
    del anchor
    shore.ends(mooring)
