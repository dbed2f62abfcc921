"""Asking a relay where it sees a port."""

import pytest
from fake_pipes import SEEN, Pipe, greeting_of
from hypothesis import given
from hypothesis import strategies as st
from members import Who
from twisted.internet.error import ConnectionDone

from reticulum.reach.relay.hello import Kind
from reticulum.reach.relay.look import Look
from reticulum.reach.relay.status import Status


def looking() -> tuple[Look, Pipe]:
    look = Look(greeting_of(Who()), Who().at(1))
    return look, Pipe(look.factory.buildProtocol(None))


async def test_seen() -> None:
    """The address is told, and the connection is kept until it is closed from here."""
    look, pipe = looking()
    assert Kind.LOOK is pipe.hello.kind
    pipe.answer()
    assert SEEN == await look.seen
    assert not pipe.is_aborted
    look.close()
    assert pipe.is_aborted
    pipe.lose()


@pytest.mark.parametrize("status", [Status.FULL, Status.DOES_NOT_RELAY, Status.TOO_MANY])
async def test_refused(status: Status) -> None:
    """A relay that does not say it, says it to nobody."""
    look, pipe = looking()
    pipe.answer(status)
    assert pipe.is_aborted
    pipe.lose()
    with pytest.raises(ConnectionDone):
        await look.seen


@given(st.lists(st.binary(min_size=1, max_size=300), min_size=1, max_size=4))
async def test_anything(pieces: list[bytes]) -> None:
    """Whatever is answered, in bounded memory: an address, or none."""
    look, pipe = looking()
    for piece in pieces:
        if not pipe.is_aborted:
            pipe.hear(piece)
    pipe.lose()
    if look.seen.called and not pipe.is_aborted:
        look.seen.addErrback(lambda failure: failure.trap(ConnectionDone) and None)
    else:
        with pytest.raises(ConnectionDone):
            await look.seen


@pytest.mark.parametrize("is_first", [True, False])
async def test_closed(is_first: bool) -> None:
    """Once it is closed, a connection is closed that comes too late, and nobody is told of it."""
    look = Look(greeting_of(Who()), Who().at(1))
    if is_first:
        look.close()
    pipe = Pipe(look.factory.buildProtocol(None))
    if not is_first:
        look.close()
    assert pipe.is_aborted
    pipe.lose()
    assert not look.seen.called
