"""How much room is left on the disk, and whether that is only the reserve."""

import os
from collections.abc import Callable
from pathlib import Path

_FRESH_S = 1.0
_RESERVE_SHARE = 0.05


class Room:
    """
    The file system that the data directory is on; asked once a second at most.

    Args:
        data: Data directory, which exists.
        reserve_bytes: To leave free, or 5 % of the disk if that is less; at least 0.
        monotonic: Seconds from anywhere, never going back.
        statvfs: Asks the operating system.
    """

    def __init__(
        self,
        data: Path,
        *,
        reserve_bytes: int,
        monotonic: Callable[[], float],
        statvfs: Callable[[Path], os.statvfs_result] = os.statvfs,
    ) -> None:
        self._data = data
        self._reserve_bytes = reserve_bytes
        self._monotonic = monotonic
        self._statvfs = statvfs
        self._known: tuple[float, int, int] | None = None

    def free(self) -> int:
        """Bytes that this process may still write."""
        return self._numbers()[0]

    def capacity(self) -> int:
        """Bytes on the disk in all."""
        return self._numbers()[1]

    def is_down_to_reserve(self) -> bool:
        """Whether copies of others must be refused, so that uploads and upkeep go on."""
        free, capacity = self._numbers()
        return free < min(self._reserve_bytes, int(capacity * _RESERVE_SHARE))

    def _numbers(self) -> tuple[int, int]:
        now = self._monotonic()
        if self._known is None or now - self._known[0] >= _FRESH_S:
            status = self._statvfs(self._data)
            free, capacity = status.f_bavail * status.f_frsize, status.f_blocks * status.f_frsize
            self._known = (now, free, capacity)
        return self._known[1:]
