"""Connections that are ready before anybody asks for them."""

from typing import Any

import pytest
from fake_pipes import Pipe
from twisted.internet.protocol import Factory, Protocol, connectionDone

from reticulum.errors import HolderFailed
from reticulum.reach.held import Held, HeldEndpoint


class User(Protocol):
    """Uses it; keeps what it hears."""

    transport: Any

    def __init__(self) -> None:
        self.heard = b""
        self.is_lost = False

    def dataReceived(self, data: bytes) -> None:  # noqa: N802
        self.heard += data

    def connectionLost(self, reason: Any = connectionDone) -> None:  # noqa: N802
        self.is_lost = True


def users() -> Factory:
    return Factory.forProtocol(User)


def holding() -> tuple[Held, Pipe, list[Held]]:
    lost: list[Held] = []
    held = Held(lost.append)
    return held, Pipe(held), lost


async def test_taken() -> None:
    """Whoever takes it speaks with the other end as if nothing had been in between."""
    held, pipe, lost = holding()
    user: Any = await HeldEndpoint(held).connect(users())
    assert held.is_taken
    pipe.hear(b"from there")
    user.transport.write(b"from here")
    assert (b"from there", b"from here") == (user.heard, pipe.sent)
    assert [] == lost
    pipe.lose()
    assert user.is_lost
    assert [held] == lost


@pytest.mark.parametrize("way", ["loseConnection", "abortConnection", "stopProducing"])
async def test_closed_by_its_user(way: str) -> None:
    """Nobody counts on it from the moment on at which it is closed, and that is told once."""
    held, pipe, lost = holding()
    user: Any = await HeldEndpoint(held).connect(users())
    getattr(user.transport, way)()
    assert pipe.is_given_up
    assert [held] == lost
    pipe.lose()
    assert [held] == lost
    assert user.is_lost


async def test_lost_meanwhile() -> None:
    """What is gone can't be taken."""
    held, pipe, lost = holding()
    pipe.lose()
    assert [held] == lost
    with pytest.raises(HolderFailed, match="gone"):
        await HeldEndpoint(held).connect(users())
    held.close()
    assert not pipe.is_given_up


async def test_closed() -> None:
    """Closing tells, and closes."""
    held, pipe, lost = holding()
    held.close()
    assert pipe.is_aborted
    assert [held] == lost
    pipe.lose()
    assert [held] == lost


async def test_who_speaks_unasked() -> None:
    """Nobody has asked yet: whoever speaks first is not who should be there."""
    held, pipe, lost = holding()
    pipe.hear(b"hello?")
    assert pipe.is_aborted
    assert [held] == lost
    pipe.lose()


async def test_nobody_wants_it() -> None:
    """If it is for nobody, it is closed."""

    class Nobody(Factory):
        def buildProtocol(self, addr: Any) -> None:  # type: ignore[override]  # noqa: N802
            return None

    held, pipe, lost = holding()
    with pytest.raises(HolderFailed, match="nobody wants"):
        await HeldEndpoint(held).connect(Nobody())
    assert pipe.is_aborted
    assert [held] == lost
    pipe.lose()
