"""Whether the bytes in a file still match the id they are stored under."""

import errno
import hashlib
import os
from collections.abc import Callable
from pathlib import Path

from reticulum.model import ImageId
from reticulum.storage.memo import Memo

Signature = tuple[int, int, int, int]


def signature(status: os.stat_result) -> Signature:
    """What changes when somebody changes a file: size, mtime, inode, ctime."""
    return (status.st_size, status.st_mtime_ns, status.st_ino, status.st_ctime_ns)


class Soundness:
    """
    Hashes files, and remembers which were sound for as long as their signature stays.

    Args:
        most: How many to remember, at least 1.
        now: Seconds since 1970, UTC.
    """

    def __init__(self, most: int, now: Callable[[], float]) -> None:
        self._sound: Memo[ImageId, tuple[Signature, float]] = Memo(most)
        self._now = now

    def seen_at(self, image_id: ImageId, path: Path) -> float | None:
        """
        When the file was last seen to be sound; seconds since 1970. Costs one stat.

        None if that is not known, or the file does not look untouched since.
        """
        seen = self._sound.get(image_id)
        try:
            return seen[1] if seen is not None and seen[0] == signature(path.stat()) else None
        except OSError:
            return None

    def check(self, image_id: ImageId, path: Path) -> bool:
        """
        Whether the bytes match the id. Reads the whole file if that is not known: in a thread.

        Raises:
            OSError: It cannot be opened.
        """
        with path.open("rb") as file:
            before = signature(os.fstat(file.fileno()))
            seen = self._sound.get(image_id)
            if seen is not None and seen[0] == before:
                return True
            try:
                digest = hashlib.file_digest(
                    file,
                    lambda: hashlib.new(image_id.hash_name.value, usedforsecurity=False),
                ).hexdigest()
            except OSError as error:
                if error.errno == errno.EIO:
                    return False
                raise
        if digest != image_id.digest:
            return False
        # The signature from before: what was changed while reading is read again next time.
        self._sound.put(image_id, (before, self._now()))
        return True

    def trust(self, image_id: ImageId, path: Path) -> None:
        """Take a file for sound that we have just written and hashed ourselves."""
        self._sound.put(image_id, (signature(path.stat()), self._now()))

    def forget(self, image_id: ImageId) -> None:
        """Look at the bytes again next time."""
        self._sound.forget(image_id)
