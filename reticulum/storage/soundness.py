"""Whether the bytes in a file still match the id they are stored under."""

import errno
import hashlib
import os
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
    """

    def __init__(self, most: int) -> None:
        self._sound: Memo[ImageId, Signature] = Memo(most)

    def is_known(self, image_id: ImageId, path: Path) -> bool:
        """Whether the file was seen to be sound and looks untouched since. Costs one stat."""
        try:
            return self._sound.get(image_id) == signature(path.stat())
        except OSError:
            return False

    def check(self, image_id: ImageId, path: Path) -> bool:
        """
        Whether the bytes match the id. Reads the whole file if that is not known: in a thread.

        Raises:
            OSError: It cannot be opened.
        """
        with path.open("rb") as file:
            before = signature(os.fstat(file.fileno()))
            if self._sound.get(image_id) == before:
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
        self._sound.put(image_id, before)
        return True

    def trust(self, image_id: ImageId, path: Path) -> None:
        """Take a file for sound that we have just written and hashed ourselves."""
        self._sound.put(image_id, signature(path.stat()))

    def forget(self, image_id: ImageId) -> None:
        """Look at the bytes again next time."""
        self._sound.forget(image_id)
