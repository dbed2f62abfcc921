"""The cache of renditions on disk: bounded in bytes, the least recently used goes first."""

import contextlib
import os
import secrets
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO

import attrs

from reticulum.aio import InThread
from reticulum.model import ImageId, Rendition
from reticulum.storage import layout
from reticulum.storage.full_disk import full_disk_told
from reticulum.storage.pruning import Pruning

# A use is noted when the last note is older than this: one write a second for a busy file.
_NOTE_EVERY_NS = 1_000_000_000
# Without it the kernel would note our own reads as well, each with a write of its own.
_FLAGS = os.O_RDONLY | os.O_CLOEXEC | getattr(os, "O_NOATIME", 0)


@attrs.frozen(kw_only=True)
class CacheStatus:
    """
    How the cache is doing.

    Args:
        bytes: In it now.
        max_bytes: Its bound; 0 is off.
        hits: Renditions found since start.
        misses: Renditions not found since start.
        evicted: Renditions removed since start, to make room.
    """

    bytes: int
    max_bytes: int
    hits: int
    misses: int
    evicted: int


class RenditionsOnDisk:
    """
    Renditions below `DIR/renditions`; a `Renditions`.

    When a file was used last is its atime, which survives a restart; it is set here on a hit,
    and by the kernel when a web server in front serves the file (with `relatime`, the
    default, that is noted once a day). The mtime stays as *made* had it. There is no index.

    Call `prepare` once before use, then `count` in the background: until it is done,
    renditions are served but none are kept, because nobody knows whether they fit.

    Args:
        data: `DIR`, which exists.
        max_bytes: Bound, at least 0; 0 turns the cache off.
        stamp: Names what makes renditions; a cache with another stamp is emptied.
        now: Seconds since 1970, UTC.
        in_thread: Where work on the disk may block; best not that of the originals, because a
            walk through a large cache takes seconds.
    """

    def __init__(
        self,
        data: Path,
        *,
        max_bytes: int,
        stamp: str,
        now: Callable[[], float],
        in_thread: InThread,
    ) -> None:
        self._data = data
        self._top = data / layout.RENDITIONS
        self._stamp = stamp
        self._now = now
        self._in_thread = in_thread
        self._pruning = Pruning(self._top, max_bytes)
        self._hits = 0
        self._misses = 0

    def prepare(self) -> None:
        """Make the folders, and put out of the way what is of no use any more. Fast at any size."""
        self._top.mkdir(exist_ok=True)
        self._pruning.discard(self._stamp)
        (self._top / layout.SCRATCH).mkdir(exist_ok=True)

    async def count(self) -> None:
        """Delete what is of no use, count, and shrink to the bound; ends soon after `stop`."""
        await self._in_thread(self._pruning.settle)

    def stop(self) -> None:
        """Break off counting."""
        self._pruning.stop()

    async def resize(self, max_bytes: int) -> None:
        """Set another bound, at least 0, and shrink to it."""
        self._pruning.ledger.max_bytes = max_bytes
        await self._in_thread(self._pruning.shrink)

    def status(self) -> CacheStatus:
        """How the cache is doing."""
        return CacheStatus(
            bytes=self._pruning.ledger.total,
            max_bytes=self._pruning.ledger.max_bytes,
            hits=self._hits,
            misses=self._misses,
            evicted=self._pruning.evicted,
        )

    def open(self, rendition: Rendition) -> tuple[BinaryIO, int] | None:
        """Its bytes and their number, or None; see `Renditions`."""
        if self._pruning.ledger.max_bytes == 0:
            self._misses += 1
            return None
        path = f"{self._data}/{layout.rendition(rendition)}"
        try:
            fd = _open(path)
        except OSError:
            self._misses += 1
            return None
        self._hits += 1
        status = os.fstat(fd)
        now_ns = int(self._now() * 1e9)
        if status.st_atime_ns + _NOTE_EVERY_NS < now_ns:
            with contextlib.suppress(OSError):
                os.utime(fd, ns=(now_ns, status.st_mtime_ns))
        return os.fdopen(fd, "rb"), status.st_size

    def scratch(self, rendition: Rendition) -> Path:
        """
        A fresh path to render to; see `Renditions`.

        Raises:
            NoSpace: The disk is full.
        """
        folder = self._top / layout.SCRATCH
        with full_disk_told():
            folder.mkdir(parents=True, exist_ok=True)
        return folder / f"{secrets.token_hex(16)}.{rendition.format.value}"

    async def keep(self, rendition: Rendition, made: Path) -> None:
        """
        Take the file *made* into the cache; see `Renditions`.

        Its mtime is kept: set it before, for a `Last-Modified` that a web server in front can
        give. Whoever wants the bytes opens *made* before, because it may not be kept. It can
        take long when room has to be made: answer first, then keep.
        """
        target = self._data / layout.rendition(rendition)
        await self._in_thread(self._pruning.keep, made, target, int(self._now() * 1e9))

    async def remove(self, image_id: ImageId) -> None:
        """Forget every rendition of one image."""
        await self._in_thread(self._pruning.remove, self._data / layout.renditions_of(image_id))


def _open(path: str) -> int:
    try:
        return os.open(path, _FLAGS)
    except PermissionError:
        # O_NOATIME is for the file's owner only.
        return os.open(path, os.O_RDONLY | os.O_CLOEXEC)
