"""Knocking over TCP at nodes that ask for it."""

from fake_pipes import FakePipes, greeting_of
from hypothesis import given
from hypothesis import strategies as st
from members import GRID, Who
from plain_connections import NOW_MS

from reticulum.model import Contact
from reticulum.reach.dial_back import MOST_AT_ONCE, DialBack
from reticulum.reach.relay.hello import HELLO_BYTES, Kind
from reticulum.reach.relay.judge import Judge


def dial_back(pipes: FakePipes) -> DialBack:
    return DialBack(greeting=greeting_of(Who()), pipes=pipes)  # type: ignore[arg-type]


@given(st.binary(min_size=8, max_size=8))
def test_knock(nonce: bytes) -> None:
    """The node that asked hears its nonce, in a hello meant for it, and nothing else."""
    pipes, node = FakePipes(), Who().at(4160)
    dial_back(pipes)(node, nonce)
    (attempt,) = pipes.attempts
    assert node == attempt.contact
    (pipe,) = pipes.connect()
    hello = Judge(node.node_id).judge(pipe.sent, [GRID], NOW_MS)
    assert hello is not None
    assert (Kind.KNOCK, nonce) == (hello.kind, hello.nonce)
    assert HELLO_BYTES == len(pipe.sent)
    assert pipe.is_closed
    pipe.lose()


def test_bounds() -> None:
    """So many at once, whoever asks; each one that is over makes room."""
    pipes = FakePipes()
    knock, node = dial_back(pipes), Who().at(4160)
    for _ in range(2 * MOST_AT_ONCE):
        knock(node, bytes(8))
    assert MOST_AT_ONCE == len(pipes.attempts)
    pipes.attempts[0].refuse()
    pipes.attempts[1].connect()
    for _ in range(MOST_AT_ONCE):
        knock(node, bytes(8))
    assert MOST_AT_ONCE + 2 == len(pipes.attempts)


def test_whoever_says_something_is_not_listened_to() -> None:
    """The other end may say what it likes."""
    pipes = FakePipes()
    dial_back(pipes)(Who().at(4160), bytes(8))
    (pipe,) = pipes.connect()
    pipe.protocol.dataReceived(b"well?")
    pipe.lose()
    assert HELLO_BYTES == len(pipe.sent)


async def test_stop() -> None:
    """What is under way is given up, and nothing begins any more."""
    pipes = FakePipes()
    knock, node = dial_back(pipes), Who().at(4160)
    await knock.start()
    knock(node, bytes(8))
    knock(Contact(node.node_id, node.address), bytes(8))
    await knock.stop()
    assert [True, True] == [attempt.is_cancelled for attempt in pipes.attempts]
    knock(node, bytes(8))
    assert 2 == len(pipes.attempts)
