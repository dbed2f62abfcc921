"""Signals that end a demo: noted, and acted on where nothing is left half-done."""

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

import attrs

_ENDING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


@attrs.define
class Ending:
    """
    Whether the demo was told to end.

    Args:
        is_wanted: A signal came.
    """

    is_wanted: bool = False

    def check(self) -> None:
        """
        Go on, or not.

        Raises:
            KeyboardInterrupt: A signal came.
        """
        if self.is_wanted:
            raise KeyboardInterrupt

    def note(self, number: int, frame: FrameType | None) -> None:
        """Handle a signal."""
        del number, frame
        self.is_wanted = True


@contextmanager
def ending() -> Iterator[Ending]:
    """
    Note Ctrl-C, SIGTERM and SIGHUP as long as the block runs.

    They interrupt nothing: a second one while nodes are being stopped must not leave any behind.
    """
    noted = Ending()
    before = {number: signal.signal(number, noted.note) for number in _ENDING}
    try:
        yield noted
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
