"""Originals on disk, safe against a power cut once they are acknowledged."""

import os
import threading
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import TypeVar

from reticulum.aio import InThread
from reticulum.errors import (
    BeyondLimits,
    DamagedImage,
    ImageInDoubt,
    NotAnImage,
    UnknownImage,
)
from reticulum.interfaces import Incoming, Pause
from reticulum.model import Facts, HashName, ImageId, Original
from reticulum.storage import layout, listing
from reticulum.storage.census import Census, Stock
from reticulum.storage.durable import Durable, Fsync
from reticulum.storage.incoming import IncomingFile
from reticulum.storage.locks import Locks
from reticulum.storage.memo import Memo
from reticulum.storage.quarantine import Quarantine
from reticulum.storage.rehash import Rehash
from reticulum.storage.shelves import RottenOriginal, Shelves, unknown
from reticulum.storage.sidecars import Sidecars
from reticulum.storage.soundness import Soundness

# Originals are for this node and its group alone: a web server in front serves renditions,
# and what an image's metadata tells (where it was taken) is not for every user of a machine.
_FILE_MODE = 0o640
_FOLDER_MODE = 0o750

T = TypeVar("T")


class OriginalsOnDisk:
    """
    Originals below `DIR/originals`; an `Originals`.

    Call `prepare` once before use, and `count` in the background. Nothing but files: no
    database to ask whether an image is here, and a file copied into its place by hand is served.

    Args:
        data: `DIR`, which exists; nobody else writes there (see `storage.lock`).
        inspect: Looks into a file that has no sidecar.
        now: Seconds since 1970, UTC.
        in_thread: Where work on the disk may block.
        fsync: Flushes an open file or folder.
        most_known: How many originals to remember facts and soundness of.
        is_doubtful: Whether an original that lies here must pass for not being here; see
            `storage.doubt`. `page` and `walk` tell of it nevertheless.
    """

    def __init__(
        self,
        data: Path,
        *,
        inspect: Callable[[Path], Awaitable[Facts]],
        now: Callable[[], float],
        in_thread: InThread,
        fsync: Fsync = os.fsync,
        most_known: int = 10_000,
        is_doubtful: Callable[[Original], bool] = lambda _original: False,
    ) -> None:
        self._data = data
        self._inspect = inspect
        self._in_thread = in_thread
        self._fsync = fsync
        self._is_doubtful = is_doubtful
        self.damaged: Callable[[ImageId], None] = lambda _image_id: None
        """Told of each that is found damaged by the way; whoever asked `verify` knows by that."""
        self._stop = threading.Event()
        self._known: Memo[ImageId, Original] = Memo(most_known)
        self._soundness = Soundness(most_known, now)
        locks = Locks()
        self._census = Census(data, locks)
        self._durable = Durable(data, fsync=fsync, folder_mode=_FOLDER_MODE, file_mode=_FILE_MODE)
        self._shelves = Shelves(
            data=data,
            now=now,
            durable=self._durable,
            sidecars=Sidecars(data, self._durable),
            locks=locks,
            known=self._known,
            soundness=self._soundness,
            census=self._census,
            quarantine=Quarantine(data, now),
        )

    def prepare(self) -> None:
        """Make the folders, and remove what a killed process left half-written. Blocks."""
        incoming = self._data / layout.INCOMING
        incoming.mkdir(mode=0o700, exist_ok=True)
        for path in incoming.iterdir():
            path.unlink()
        self._durable.make_folder(self._data / layout.ORIGINALS)

    async def count(self) -> None:
        """Count everything, in a thread; returns when done, or soon after `stop`."""
        await self._in_thread(self._census.walk, self._stop)

    def stop(self) -> None:
        """Break off counting."""
        self._stop.set()

    @property
    def stock(self) -> Stock:
        """How many originals are here, as far as counted."""
        return self._census.stock

    def begin(self, hash_name: HashName) -> IncomingFile:
        """Open a place for a new original; see `Originals`."""
        return IncomingFile(
            self._data / layout.INCOMING,
            hash_name,
            mode=_FILE_MODE,
            fsync=self._fsync,
            in_thread=self._in_thread,
        )

    async def keep(self, incoming: Incoming, facts: Facts) -> tuple[Original, bool]:
        """
        Make a sealed original permanent; see `Originals`.

        If the caller is cancelled, the file is nevertheless kept, or no trace of it is left.

        Raises:
            NoSpace: The disk is full; nothing is acknowledged.
            ValueError: It is not one of `begin`, sealed.
        """
        if not isinstance(incoming, IncomingFile) or not incoming.is_sealed:
            raise ValueError("only what was begun here and is sealed can be kept")
        return await self._in_thread(
            self._shelves.keep, incoming.path, incoming.image_id, incoming.length, facts
        )

    def known(self, image_id: ImageId) -> Original | None:
        """
        Facts about one original if they are remembered; see `Originals`.

        Costs one stat: a file that vanished or changed its length is noticed.
        """
        known = self._remembered(image_id)
        return None if known is None or self._is_doubtful(known) else known

    async def find(self, image_id: ImageId) -> Original:
        """Facts about one original, read from its sidecar the first time; see `Originals`."""
        original = await self._find(image_id)
        if self._is_doubtful(original):
            raise ImageInDoubt(str(unknown(image_id)))
        return original

    async def _find(self, image_id: ImageId) -> Original:
        if known := self._remembered(image_id):
            return known
        loaded = await self._telling(image_id, self._shelves.load)
        return loaded or await self._look(image_id)

    def _remembered(self, image_id: ImageId) -> Original | None:
        known = self._known.get(image_id)
        if known is not None and self._length(image_id) == known.length:
            return known
        return None

    async def path(self, image_id: ImageId) -> Path:
        """The file, after its bytes were seen to match the id; see `Originals`."""
        path = self._data / layout.original(image_id)
        if self._soundness.seen_at(image_id, path) is not None:
            return path
        return await self._telling(image_id, self._shelves.verify)

    async def verify(self, image_id: ImageId, pause: Pause | None = None) -> bool:
        """Hash the bytes now, in slices of 8 MB; see `Originals`."""
        rehash = Rehash(image_id, self._data / layout.original(image_id))
        while length := await self._in_thread(rehash.step):
            if pause is not None:
                await pause(length)
        return await self._in_thread(self._shelves.judge, rehash)

    def verified_at(self, image_id: ImageId) -> float | None:
        """When the bytes were last seen to match; see `Originals`. Costs one stat."""
        return self._soundness.seen_at(image_id, self._data / layout.original(image_id))

    async def set_aside(self, image_id: ImageId, reason: str) -> bool:
        """Move an original into quarantine; see `Originals`."""
        return await self._in_thread(self._shelves.set_aside, image_id, reason)

    async def remove(self, image_id: ImageId) -> bool:
        """Delete for good; see `Originals`."""
        return await self._in_thread(self._shelves.remove, image_id)

    def walk(self) -> Iterator[tuple[ImageId, int]]:
        """
        Every original with its length in bytes, in the order of their ids.

        Reads a folder at a time as it is gone through: take it in small portions.
        """
        for image_id in listing.images_after(self._data, None):
            length = self._length(image_id)
            if length is not None:
                yield image_id, length

    async def page(self, after: ImageId | None, limit: int) -> list[Original]:
        """
        Up to *limit* originals in the order of their ids; see `Originals`.

        Damaged ones are passed over; a page is short only when there are no more.
        """
        page: list[Original] = []
        while len(page) < limit:
            wanted = limit - len(page)
            rows = await self._in_thread(self._shelves.page, after, wanted)
            for image_id, read in rows:
                original = read or await self._find_if_sound(image_id)
                if original is not None:
                    page.append(original)
            if len(rows) < wanted:
                break
            after = rows[-1][0]
        return page

    async def _find_if_sound(self, image_id: ImageId) -> Original | None:
        try:
            return await self._find(image_id)
        except UnknownImage:
            return None

    async def _telling(self, image_id: ImageId, step: Callable[[ImageId], T]) -> T:
        try:
            return await self._in_thread(step, image_id)
        except RottenOriginal:
            self.damaged(image_id)
            raise

    async def _look(self, image_id: ImageId) -> Original:
        try:
            facts = await self._inspect(self._data / layout.original(image_id))
        except (NotAnImage, DamagedImage, BeyondLimits) as error:
            raise unknown(image_id) from error
        return await self._in_thread(self._shelves.describe, image_id, facts)

    def _length(self, image_id: ImageId) -> int | None:
        try:
            # Every cached hit comes by here, and building a Path costs more than the stat.
            return os.stat(f"{self._data}/{layout.original(image_id)}").st_size  # noqa: PTH116
        except OSError:
            return None
