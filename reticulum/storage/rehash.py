"""A look at all the bytes of one file, in slices, so that whoever looks can take it slowly."""

import errno
import hashlib
import os
from pathlib import Path

from reticulum.model import ImageId
from reticulum.storage.soundness import Signature, signature

SLICE_BYTES = 8_000_000


class Rehash:
    """
    Hashes one original afresh: call `step`, which blocks, until it gives 0.

    The file is opened for each slice: no descriptor is left open by who stops halfway.

    Args:
        image_id: What its bytes should hash to.
        path: Of the file.
        slice_bytes: How much to read in one step, at least 1.
    """

    def __init__(self, image_id: ImageId, path: Path, slice_bytes: int = SLICE_BYTES) -> None:
        self.image_id = image_id
        self.path = path
        self._slice_bytes = slice_bytes
        self._hash = hashlib.new(image_id.hash_name.value, usedforsecurity=False)
        self._offset = 0
        self._signature: Signature | None = None

    def step(self) -> int:
        """
        Hash the next slice; returns its length in bytes, 0 at the end or if it can't go on.

        Raises:
            OSError: It can't be read, and that says nothing about its bytes.
        """
        try:
            with self.path.open("rb", buffering=0) as file:
                if self._offset == 0:
                    self._signature = signature(os.fstat(file.fileno()))
                # The disk is to be asked, not what memory still holds of the file.
                os.posix_fadvise(
                    file.fileno(), self._offset, self._slice_bytes, os.POSIX_FADV_DONTNEED
                )
                file.seek(self._offset)
                content = file.read(self._slice_bytes)
        except (FileNotFoundError, NotADirectoryError, IsADirectoryError):
            return 0
        except OSError as error:
            if error.errno == errno.EIO:
                return 0
            raise
        self._hash.update(content)
        self._offset += len(content)
        return len(content)

    def is_still_sound(self) -> bool:
        """Whether all bytes were seen, match, and the file is the one that was looked at."""
        try:
            seen = signature(self.path.stat())
        except OSError:
            return False
        return self._signature == seen and self._hash.hexdigest() == self.image_id.digest
