"""The terminal while a demo listens to single keys; as it was again afterwards."""

import os
import select
import termios
import tty
from collections.abc import Iterator
from contextlib import contextmanager, suppress

import attrs

from reticulum.cli.demo.keys import KeyDecoder

_CHUNK_BYTES = 1024
QUIT = "q"


@attrs.frozen
class Keyboard:
    """
    Keys as they are pressed, without Enter.

    Args:
        descriptor: Of the terminal.
    """

    _descriptor: int
    _decoder: KeyDecoder = attrs.field(factory=KeyDecoder)

    def pressed(self, within_s: float) -> list[str]:
        """Wait for keys; none if time is up. A terminal that is gone reads as `q`."""
        if not select.select([self._descriptor], [], [], within_s)[0]:
            return []
        try:
            data = os.read(self._descriptor, _CHUNK_BYTES)
        except OSError:
            data = b""
        return list(self._decoder.feed(data)) if data else [QUIT]


@contextmanager
def keyboard(descriptor: int) -> Iterator[Keyboard]:
    """Keys from a terminal: no Enter, no echo; Ctrl-C stays a signal."""
    before = termios.tcgetattr(descriptor)
    try:
        tty.setcbreak(descriptor)
        yield Keyboard(descriptor)
    finally:
        # A terminal that was closed needs nothing.
        with suppress(termios.error, OSError):
            termios.tcsetattr(descriptor, termios.TCSAFLUSH, before)
