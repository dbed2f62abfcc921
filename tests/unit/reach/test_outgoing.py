"""A body on its way out."""

from io import BytesIO
from typing import Any

import attrs
import pytest
from twisted.internet.defer import CancelledError

from reticulum.reach.outgoing import Outgoing

CONTENT = bytes(range(256)) * 1_024  # four chunks


@attrs.define
class Wire:
    """Has room for so many chunks, then asks to wait."""

    outgoing: Any
    room: int = 1_000
    heard: bytes = b""

    def write(self, chunk: bytes) -> None:
        self.heard += chunk
        self.room -= 1
        if self.room <= 0:
            self.outgoing.pauseProducing()


def test_all_of_it_and_no_more() -> None:
    """As many bytes are sent as were announced, though the file has more."""
    outgoing = Outgoing(BytesIO(CONTENT + b"more"), len(CONTENT))
    wire = Wire(outgoing)
    sent = outgoing.startProducing(wire)  # type: ignore[arg-type]
    assert sent.called
    assert CONTENT == wire.heard


def test_waits_for_room() -> None:
    """Not a chunk is read while there is no room for it."""
    file = BytesIO(CONTENT)
    outgoing = Outgoing(file, len(CONTENT))
    wire = Wire(outgoing, room=1)
    sent = outgoing.startProducing(wire)  # type: ignore[arg-type]
    for chunks in range(1, 5):
        assert 65_536 * chunks == file.tell() == len(wire.heard)
        assert not sent.called
        outgoing.resumeProducing()
    assert sent.called
    assert CONTENT == wire.heard


def test_short_file() -> None:
    """A file that ends too early is an error, not a request that never ends."""
    outgoing = Outgoing(BytesIO(b"abc"), 5)
    sent = outgoing.startProducing(Wire(outgoing))  # type: ignore[arg-type]
    failed: list[Any] = []
    sent.addErrback(failed.append)
    assert "the file ends 2 bytes too early" == str(failed[0].value)


@pytest.mark.parametrize("end", ["cancel", "stop"])
def test_ends_early(end: str) -> None:
    """Cancelled or stopped, it reads no more, even when the file is closed and room is told of."""
    file = BytesIO(CONTENT)
    outgoing = Outgoing(file, len(CONTENT))
    wire = Wire(outgoing, room=1)
    sent = outgoing.startProducing(wire)  # type: ignore[arg-type]
    ended: list[Any] = []
    sent.addBoth(ended.append)
    if end == "cancel":
        sent.cancel()
        assert [True] == [bool(one.check(CancelledError)) for one in ended]
    else:
        outgoing.stopProducing()
        assert [] == ended
    file.close()
    outgoing.resumeProducing()
    assert 65_536 == len(wire.heard)
