"""The blocking half of the originals on disk: each method is one step, run in a thread."""

import contextlib
import itertools
from collections.abc import Callable
from pathlib import Path

import attrs

from reticulum.errors import NoSpace, UnknownImage
from reticulum.model import Facts, ImageId, Original
from reticulum.storage import layout, listing
from reticulum.storage.census import Census
from reticulum.storage.durable import Durable
from reticulum.storage.full_disk import full_disk_told
from reticulum.storage.locks import Locks
from reticulum.storage.memo import Memo
from reticulum.storage.quarantine import Quarantine
from reticulum.storage.rehash import Rehash
from reticulum.storage.sidecars import Sidecars
from reticulum.storage.soundness import Soundness


class RottenOriginal(UnknownImage):
    """It was here, damaged, and has just been put into quarantine."""


def unknown(image_id: ImageId) -> UnknownImage:
    """The error for an image that is not here."""
    return UnknownImage(f"there is no image {image_id} here")


@attrs.frozen(kw_only=True)
class Shelves:
    """
    Originals and sidecars below *data*; safe to use from several threads.

    Each change happens as a whole under the image's lock, including what is remembered of it,
    because whoever asked for it may be cancelled while the thread goes on.
    """

    data: Path
    now: Callable[[], float]
    durable: Durable
    sidecars: Sidecars
    locks: Locks
    known: Memo[ImageId, Original]
    soundness: Soundness
    census: Census
    quarantine: Quarantine

    def load(self, image_id: ImageId) -> Original | None:
        """
        Read what the sidecar says.

        Returns:
            The original, or None if the bytes are sound but no sidecar says what they are.

        Raises:
            UnknownImage: It is not here, or it was damaged and is now in quarantine.
        """
        with self.locks.of(image_id):
            if original := self.sidecars.read(image_id):
                self.known.put(image_id, original)
                return original
            self._require_sound(image_id)
            return None

    def describe(self, image_id: ImageId, facts: Facts) -> Original:
        """
        Write a missing sidecar. A full disk is no reason not to serve what is here.

        Raises:
            UnknownImage: It is not here any more.
        """
        with self.locks.of(image_id):
            try:
                status = self._path(image_id).stat()
            except FileNotFoundError:
                raise unknown(image_id) from None
            original = Original(
                image_id=image_id, facts=facts, length=status.st_size, stored_at=status.st_mtime
            )
            with contextlib.suppress(NoSpace):
                self.sidecars.write(original)
            self.known.put(image_id, original)
            return original

    def verify(self, image_id: ImageId) -> Path:
        """
        Hash the bytes, unless that was done since they changed.

        Raises:
            UnknownImage: It is not here, or it was damaged and is now in quarantine.
        """
        with self.locks.of(image_id):
            return self._require_sound(image_id)

    def judge(self, rehash: Rehash) -> bool:
        """
        Act on what a look at all the bytes gave; whether they are sound.

        What looks damaged, or was replaced in mid-look, is read once more under the lock: no
        original goes into quarantine because somebody put a new file in its place meanwhile.
        """
        with self.locks.of(rehash.image_id):
            self.soundness.forget(rehash.image_id)
            if rehash.is_still_sound():
                self.soundness.trust(rehash.image_id, rehash.path)
                return True
            try:
                self._require_sound(rehash.image_id)
            except UnknownImage:
                return False
            return True

    def set_aside(self, image_id: ImageId, reason: str) -> bool:
        """
        Move an original into quarantine, whatever its bytes; see `Originals.set_aside`.

        Raises:
            NoSpace: The disk is full; it stays where it is.
        """
        path = self._path(image_id)
        with self.locks.of(image_id), full_disk_told():
            self._forget(image_id)
            try:
                length = path.stat().st_size
            except (FileNotFoundError, NotADirectoryError):
                return False
            if not self.quarantine.take(image_id, reason):
                raise NoSpace("the disk of this node is full; nothing was moved to quarantine")
            self.census.change(image_id, originals=-1, length=-length)
            # Both names: after a power cut it must be neither back nor lost.
            self.durable.flush(self.quarantine.folder)
            self.durable.flush(path.parent)
            return True

    def keep(
        self, made: Path, image_id: ImageId, length: int, facts: Facts
    ) -> tuple[Original, bool]:
        """
        Rename the flushed file *made* into its place; see `Originals.keep`.

        Raises:
            NoSpace: The disk is full; no trace is left.
        """
        with self.locks.of(image_id), full_disk_told():
            try:
                if self._is_here(image_id, length):
                    return self._confirm(image_id, length, facts), False
                original = Original(
                    image_id=image_id, facts=facts, length=length, stored_at=self.now()
                )
                self._place(made, original)
                return original, True
            finally:
                made.unlink(missing_ok=True)

    def remove(self, image_id: ImageId) -> bool:
        """Delete the original, then its sidecar. Returns whether it was here."""
        path = self._path(image_id)
        with self.locks.of(image_id):
            self._forget(image_id)
            try:
                length = path.stat().st_size
                path.unlink()
            except FileNotFoundError:
                return False
            self.census.change(image_id, originals=-1, length=-length)
            self.sidecars.remove(image_id)
            self.durable.flush(path.parent)
            return True

    def page(self, after: ImageId | None, limit: int) -> list[tuple[ImageId, Original | None]]:
        """Up to *limit* ids behind *after*; None for those that need `load` and a look inside."""
        ids = itertools.islice(listing.images_after(self.data, after), limit)
        return [(image_id, self.sidecars.read(image_id)) for image_id in ids]

    def _path(self, image_id: ImageId) -> Path:
        return self.data / layout.original(image_id)

    def _forget(self, image_id: ImageId) -> None:
        self.known.forget(image_id)
        self.soundness.forget(image_id)

    def _require_sound(self, image_id: ImageId) -> Path:
        path = self._path(image_id)
        try:
            if self.soundness.check(image_id, path):
                return path
            length = path.stat().st_size
        except (FileNotFoundError, NotADirectoryError, IsADirectoryError):
            self._forget(image_id)
            raise unknown(image_id) from None
        self._forget(image_id)
        if self.quarantine.take(image_id):
            self.census.change(image_id, originals=-1, length=-length)
        raise RottenOriginal(f"the stored bytes of {image_id} no longer match its id")

    def _is_here(self, image_id: ImageId, length: int) -> bool:
        path = self._path(image_id)
        try:
            return path.stat().st_size == length and self.soundness.check(image_id, path)
        except FileNotFoundError:
            return False

    def _confirm(self, image_id: ImageId, length: int, facts: Facts) -> Original:
        path = self._path(image_id)
        original = self.sidecars.read(image_id)
        if original is None:
            stored_at = path.stat().st_mtime
            original = Original(image_id=image_id, facts=facts, length=length, stored_at=stored_at)
            with contextlib.suppress(NoSpace):
                self.sidecars.write(original)
        # Whoever put it here may have been killed before flushing, and we are to acknowledge it.
        self.durable.flush_file(path)
        self.durable.make_folder(path.parent)
        self.durable.flush(path.parent)
        self.known.put(image_id, original)
        return original

    def _place(self, made: Path, original: Original) -> None:
        path = self._path(original.image_id)
        self._forget(original.image_id)
        try:
            replaced = path.stat().st_size
        except FileNotFoundError:
            replaced = None
        try:
            self.sidecars.write(original)
            made.rename(path)
            self.durable.flush(path.parent)
        except BaseException:
            if not made.exists():
                path.unlink(missing_ok=True)
            if not path.exists():
                self.sidecars.remove(original.image_id)
            raise
        self.soundness.trust(original.image_id, path)
        self.known.put(original.image_id, original)
        self.census.change(
            original.image_id,
            originals=1 if replaced is None else 0,
            length=original.length - (replaced or 0),
        )
