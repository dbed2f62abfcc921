"""When this node was last alive, so that after a long absence it doubts what it holds."""

import math
import os
from collections.abc import Callable
from pathlib import Path

from twisted.logger import Logger

from reticulum.aio import InThread
from reticulum.storage import layout
from reticulum.storage.durable import Fsync
from reticulum.storage.small_file import SmallFile

_log = Logger()


class Attendance:
    """
    The file `DIR/attendance`: seconds since 1970 as text, one line.

    Call `prepare` once before use, and `stamp` every minute or so.

    Args:
        data: `DIR`, which exists; nobody else writes there.
        now: Seconds since 1970, UTC.
        in_thread: Where work on the disk may block.
        fsync: Flushes an open file or folder.
    """

    def __init__(
        self,
        data: Path,
        *,
        now: Callable[[], float],
        in_thread: InThread,
        fsync: Fsync = os.fsync,
    ) -> None:
        self._path = data / layout.ATTENDANCE
        self._file = SmallFile(self._path, most=100, fsync=fsync)
        self._now = now
        self._in_thread = in_thread
        self._last: float | None = None

    def prepare(self) -> None:
        """Read when the process before this one was last alive. Blocks."""
        content = self._file.read()
        if content is None:
            return
        try:
            self._last = float(content)
        except ValueError:
            self._last = math.nan
        if not math.isfinite(self._last):
            # Not None: a node that takes this for its first start would doubt nothing.
            self._last = self._path.stat().st_mtime
            _log.warn(
                "attendance.damaged content={content} using={last}",
                content=content,
                last=self._last,
            )

    def last(self) -> float | None:
        """
        When the process before this one was last alive; None if this is the first start.

        Seconds since 1970, as the clock was then: it can be ahead of now.
        """
        return self._last

    async def stamp(self) -> None:
        """
        Note, durably, that this node is alive.

        Raises:
            NoSpace: The disk is full; the last stamp stands.
        """
        await self._in_thread(self._file.write, f"{self._now():.3f}\n".encode())
