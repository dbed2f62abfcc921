"""The dialler's end of a circuit, with relays that do what they like."""

from typing import Any

import attrs
import pytest
from fake_pipes import SEEN, FakePipes, Pipe, greeting_of
from hypothesis import given
from hypothesis import strategies as st
from members import Who
from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.error import ConnectError, ConnectionDone
from twisted.internet.protocol import Factory, Protocol
from twisted.python.failure import Failure

from reticulum.model import NodeId
from reticulum.reach.relay.circuit import CircuitEndpoint, CircuitRefused
from reticulum.reach.relay.hello import Kind
from reticulum.reach.relay.status import Answer, Status, write_answer

WANTED = NodeId(b"w" * 20)
WELCOME = write_answer(Answer(Status.WELCOME, SEEN))


class Stream(Protocol):
    """Speaks first, as TLS does, and keeps what it hears."""

    transport: Any

    def __init__(self) -> None:
        self.heard = b""
        self.lost: list[Failure] = []

    def connectionMade(self) -> None:  # noqa: N802
        self.transport.write(b"first words")

    def dataReceived(self, data: bytes) -> None:  # noqa: N802
        self.heard += data

    def connectionLost(self, reason: Any = None) -> None:  # noqa: N802
        self.lost.append(reason)


@attrs.define(eq=False)
class Opened:
    """A circuit that was asked for."""

    endpoint: CircuitEndpoint
    pipe: Pipe
    stream: Stream


def endpoint_of(pipes: FakePipes) -> CircuitEndpoint:
    return CircuitEndpoint(greeting_of(Who()), pipes, Who().at(1), WANTED)  # type: ignore[arg-type]


def dialled() -> Opened:
    pipes = FakePipes()
    endpoint = endpoint_of(pipes)
    connecting = endpoint.connect(Factory.forProtocol(Stream))
    (pipe,) = pipes.connect()
    return Opened(endpoint, pipe, connecting.result)  # type: ignore[arg-type]


def test_hello() -> None:
    """The relay is told who is wanted, and gets the first words right behind it."""
    opened = dialled()
    hello = opened.pipe.hello
    assert (Kind.CIRCUIT, WANTED) == (hello.kind, hello.wanted)
    assert b"first words" == opened.pipe.said
    assert opened.endpoint.seen is None


@given(st.integers(1, len(WELCOME) - 1), st.binary(max_size=300))
def test_welcome_in_pieces(cut: int, content: bytes) -> None:
    """However the answer is cut, all that comes behind it is the stream's, and nothing else is."""
    opened = dialled()
    opened.pipe.hear(WELCOME[:cut])
    assert b"" == opened.stream.heard
    opened.pipe.hear(WELCOME[cut:] + content)
    opened.pipe.hear(b"more")
    assert content + b"more" == opened.stream.heard
    assert SEEN == opened.endpoint.seen
    opened.pipe.lose()
    assert 1 == len(opened.stream.lost)


@pytest.mark.parametrize(
    "status,why",
    [
        (Status.FULL, "it has as many circuits as it may"),
        (Status.DOES_NOT_RELAY, "it does not relay"),
        (Status.TAKEN, "it answers TAKEN"),
        (Status.NOT_ATTACHED, "the node is not attached to it"),
        (Status.TOO_MANY, "it takes no more of ours now"),
        (Status.NO_ANSWER, "the node did not answer it in time"),
    ],
)
def test_refused(status: Status, why: str) -> None:
    """A refusal ends the stream, and is told in words."""
    opened = dialled()
    opened.pipe.answer(status, b"and this is no answer")
    assert opened.pipe.is_aborted
    opened.pipe.lose()
    (reason,) = opened.stream.lost
    assert reason.check(CircuitRefused)
    assert why == opened.endpoint.refusal
    assert (status is Status.TOO_MANY) is opened.endpoint.is_crowded
    assert why in str(reason.value)
    assert b"" == opened.stream.heard


@given(st.binary(min_size=1, max_size=400))
def test_anything(answer: bytes) -> None:
    """Whatever a relay answers, it is a welcome, a refusal, or not all of it yet."""
    opened = dialled()
    opened.pipe.hear(answer)
    if opened.pipe.is_aborted:
        assert opened.endpoint.refusal
        assert opened.endpoint.seen is None
    elif opened.endpoint.seen is None:
        # Nobody makes us keep more than an answer has.
        assert len(answer) <= 82
    else:
        assert answer.startswith(write_answer(Answer(Status.WELCOME, opened.endpoint.seen)))
    opened.pipe.lose()
    assert 1 == len(opened.stream.lost)


def test_relay_that_closes_without_a_word() -> None:
    """The stream is lost, as any other."""
    opened = dialled()
    opened.pipe.lose()
    (reason,) = opened.stream.lost
    assert reason.check(ConnectionDone)
    assert "" == opened.endpoint.refusal


async def test_no_relay_is_there() -> None:
    """Nobody is there: that is what is told."""
    with pytest.raises(ConnectError):
        await endpoint_of(FakePipes(is_off=True)).connect(Factory.forProtocol(Stream))


async def test_cancelled() -> None:
    """Who gives up while TCP connects hears that he has."""
    pipes = FakePipes()
    connecting: Deferred[Any] = endpoint_of(pipes).connect(Factory.forProtocol(Stream))
    connecting.cancel()
    with pytest.raises(CancelledError):
        await connecting
    assert pipes.attempts[0].is_cancelled


async def test_nobody_wants_the_stream() -> None:
    """If nobody speaks on it, the connection is closed."""

    class Nobody(Factory):
        def buildProtocol(self, addr: Any) -> None:  # type: ignore[override]  # noqa: N802
            return None

    pipes = FakePipes()
    connecting = endpoint_of(pipes).connect(Nobody())
    (pipe,) = pipes.connect()
    assert pipe.is_aborted
    pipe.lose()
    with pytest.raises(OSError, match="nobody wants"):
        await connecting
