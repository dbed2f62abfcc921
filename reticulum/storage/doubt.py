"""What a node that was away for too long holds: in doubt until each image was checked."""

import contextlib
import os
import struct
import threading
from collections.abc import Iterable
from pathlib import Path

from twisted.logger import Logger

from reticulum.aio import InThread
from reticulum.errors import NoSpace
from reticulum.model import ImageId, Original
from reticulum.storage import layout
from reticulum.storage.durable import Durable, Fsync
from reticulum.storage.full_disk import full_disk_told
from reticulum.storage.journal import Journal
from reticulum.storage.packed_id import pack, pack_all, unpack_all

_log = Logger()

_BEFORE = struct.Struct(">d")
_MOST_IDS = 1000


class Doubt:
    """
    Doubts every original stored before a time, except those cleared; durable.

    In the journal `DIR/doubt` each entry is that time (8 bytes) and the images cleared (see
    `pack_all`); there is no file if nothing is in doubt. Call `prepare` once before use.

    Memory grows with the number of cleared images, some 150 bytes for each, until `end`.

    Args:
        data: `DIR`, which exists; nobody else writes there.
        in_thread: Where work on the disk may block.
        fsync: Flushes an open file or folder.
    """

    def __init__(self, data: Path, *, in_thread: InThread, fsync: Fsync = os.fsync) -> None:
        self._path = data / layout.DOUBT
        durable = Durable(data, fsync=fsync, folder_mode=0o700, file_mode=0o600)
        self._journal = Journal(self._path, durable)
        self._in_thread = in_thread
        self._before: float | None = None
        self._cleared: set[bytes] = set()
        self._writing = threading.Lock()

    def prepare(self) -> None:
        """Read what was in doubt when the process before this one ended. Blocks."""
        # No doubt began later than that. So if no entry is left that says when, all is doubted.
        latest = self._path.stat().st_mtime if self._path.exists() else None
        for _, entry in self._journal.load():
            try:
                (self._before,) = _BEFORE.unpack_from(entry)
                self._cleared.update(unpack_all(entry[_BEFORE.size :]))
            except (struct.error, ValueError) as error:
                _log.warn("doubt.damaged error={error}", error=error)
        if self._before is None and latest is not None:
            # On a full disk the file stays as it is, and means the same after the next start.
            with contextlib.suppress(NoSpace):
                self._begin(latest)

    @property
    def active(self) -> bool:
        """Whether anything may be in doubt."""
        return self._before is not None

    def is_doubtful(self, original: Original) -> bool:
        """Whether an original must not be served or counted as a copy yet. Quick."""
        return (
            self._before is not None
            and original.stored_at < self._before
            and pack(original.image_id) not in self._cleared
        )

    async def begin(self, before: float) -> None:
        """
        Doubt all that was stored before a time, also what was cleared of an earlier doubt.

        Args:
            before: Seconds since 1970.

        Raises:
            NoSpace: The disk is full; they are in doubt nevertheless, until the next restart.
        """
        self._before, self._cleared = before, set()
        await self._in_thread(self._begin, before)

    async def clear(self, image_ids: Iterable[ImageId]) -> None:
        """
        Doubt these no more.

        Raises:
            NoSpace: The disk is full; all of them stay in doubt.
        """
        if self.active:
            await self._in_thread(self._clear, list(image_ids))

    async def end(self) -> None:
        """Doubt nothing any more."""
        await self._in_thread(self._end)

    def _begin(self, before: float) -> None:
        with self._writing, full_disk_told():
            self._before, self._cleared = before, set()
            self._journal.replace([_BEFORE.pack(before)])

    def _clear(self, image_ids: list[ImageId]) -> None:
        with self._writing, full_disk_told():
            if self._before is None:
                return
            head = _BEFORE.pack(self._before)
            rows = range(0, len(image_ids), _MOST_IDS)
            self._journal.append(
                head + pack_all(image_ids[start : start + _MOST_IDS]) for start in rows
            )
            self._cleared.update(map(pack, image_ids))

    def _end(self) -> None:
        with self._writing:
            self._journal.remove()
            self._before, self._cleared = None, set()
