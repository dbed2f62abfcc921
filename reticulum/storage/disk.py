"""Everything on disk as one part of the node: prepared at the start, left alone at the stop."""

from collections.abc import Callable, Coroutine
from typing import Any

import attrs
from twisted.internet.defer import Deferred

from reticulum.aio import Threads
from reticulum.storage.lock import DataLock
from reticulum.storage.originals import OriginalsOnDisk
from reticulum.storage.renditions import RenditionsOnDisk

Work = Coroutine[Deferred[Any], Any, None]


@attrs.frozen(kw_only=True)
class Disk:
    """
    Starts and stops what works on the data directory.

    Args:
        lock: Held already, since before the daemon forked.
        threads: Of the originals.
        cache_threads: Of the renditions.
        prepare: Reads what else is kept on disk. Blocks.
        in_background: Starts work that the start does not wait for, under a name for the log.
        settle: Waits until all such work has ended.
    """

    _lock: DataLock
    _threads: Threads
    _cache_threads: Threads
    _originals: OriginalsOnDisk
    _renditions: RenditionsOnDisk
    _prepare: Callable[[], None]
    _in_background: Callable[[str, Work], None]
    _settle: Callable[[], Coroutine[Deferred[Any], Any, None]]

    async def start(self) -> None:
        """Remove the debris of a killed process, then count what is here in the background."""
        self._lock.sign()
        self._threads.start()
        self._cache_threads.start()
        await self._threads(self._originals.prepare)
        await self._threads(self._renditions.prepare)
        await self._threads(self._prepare)
        self._in_background("originals.count", self._originals.count())
        self._in_background("cache.count", self._renditions.count())

    async def stop(self) -> None:
        """Wait for what is being written, then let another node in."""
        self._originals.stop()
        self._renditions.stop()
        await self._settle()
        self._threads.stop()
        self._cache_threads.stop()
        self._lock.release()
