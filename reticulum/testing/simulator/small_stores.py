"""Small things on the disk of a simulated node: twins of what a real one writes."""

from collections.abc import Awaitable, Callable, Iterable
from typing import Any

from reticulum.model import ImageId, Original

TERABYTE = 10**12
NOTHING = 0


class DoubtInMemory:
    """What is in doubt after a long absence; as `reticulum.storage.doubt.Doubt`."""

    def __init__(self) -> None:
        self._before: float | None = None
        self._cleared: set[ImageId] = set()

    @property
    def active(self) -> bool:
        """Whether anything may be in doubt."""
        return self._before is not None

    def is_doubtful(self, original: Original) -> bool:
        """Whether an original must not be served or counted as a copy yet."""
        return (
            self._before is not None
            and original.stored_at < self._before
            and original.image_id not in self._cleared
        )

    async def begin(self, before: float) -> None:
        """Doubt all that was stored before a time, in seconds since 1970."""
        self._before, self._cleared = before, set()

    async def clear(self, image_ids: Iterable[ImageId]) -> None:
        """Doubt some no more."""
        if self.active:
            self._cleared.update(image_ids)

    async def end(self) -> None:
        """Doubt nothing any more."""
        self._before, self._cleared = None, set()


class AttendanceInMemory:
    """
    When a node was last alive; as `reticulum.storage.attendance.Attendance`.

    Args:
        now: Seconds since 1970.
    """

    def __init__(self, now: Callable[[], float]) -> None:
        self._now = now
        self._last: float | None = None
        self._stamped: float | None = None

    def prepare(self) -> None:
        """Take what the process before this one wrote."""
        self._last = self._stamped

    def last(self) -> float | None:
        """When the process before this one was last alive; None if this is the first."""
        return self._last

    async def stamp(self) -> None:
        """Note that this node is alive."""
        self._stamped = self._now()

    def age(self, seconds: float) -> None:
        """Make the absence so much longer, without the time that would take."""
        if self._stamped is not None:
            self._stamped -= seconds


class UpkeepInMemory:
    """Where walks were; as `reticulum.storage.upkeep_file.UpkeepFile`."""

    def __init__(self) -> None:
        self.state: dict[str, Any] = {}

    async def read(self) -> dict[str, Any]:
        """What was written last."""
        return dict(self.state)

    async def write(self, state: dict[str, Any]) -> None:
        """Replace it."""
        self.state = dict(state)


class RoomInMemory:
    """Room on a disk that is full when it is told to be."""

    def __init__(self, capacity: int = TERABYTE) -> None:
        self._capacity = capacity
        self.is_full = False

    def free(self) -> int:
        """Bytes that may still be written."""
        return NOTHING if self.is_full else self._capacity

    def capacity(self) -> int:
        """Bytes in all."""
        return self._capacity

    def is_down_to_reserve(self) -> bool:
        """Whether copies of others must be refused."""
        return self.is_full


async def at_once() -> None:
    """Wait for nothing: a disk that takes no time."""


Slowness = Callable[[], Awaitable[None]]
"""Waits as long as the disk needs for one change."""
