"""An original on its way in: a temporary file that is hashed while it is written."""

import hashlib
import os
import secrets
from pathlib import Path

from reticulum.aio import InThread
from reticulum.model import HashName, ImageId
from reticulum.storage.durable import Fsync
from reticulum.storage.full_disk import full_disk_told


class IncomingFile:
    """
    A file in the folder for incoming ones; an `Incoming`.

    Its name is random, so that nobody can lay a trap at it. Memory does not grow with it.

    Args:
        folder: Where to; it exists.
        hash_name: What the id is to be made with.
        mode: Of the file, before the umask; it stays when the file becomes an original.
        fsync: Flushes an open file.
        in_thread: Where flushing may block.

    Raises:
        NoSpace: The disk is full.
    """

    def __init__(
        self, folder: Path, hash_name: HashName, *, mode: int, fsync: Fsync, in_thread: InThread
    ) -> None:
        self.path = folder / secrets.token_hex(16)
        self._hash_name = hash_name
        self._hash = hashlib.new(hash_name.value, usedforsecurity=False)
        self._length = 0
        self._fsync = fsync
        self._in_thread = in_thread
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
        with full_disk_told():
            # None once somebody else has taken over closing it.
            self._fd: int | None = os.open(self.path, flags, mode)
        self._is_sealed = False

    @property
    def length(self) -> int:
        """Bytes written so far."""
        return self._length

    @property
    def image_id(self) -> ImageId:
        """Id of the bytes written so far."""
        return ImageId(self._hash_name, self._hash.hexdigest())

    @property
    def is_sealed(self) -> bool:
        """Whether every byte is on the disk and no more can be written."""
        return self._is_sealed

    def write(self, chunk: bytes) -> None:
        """
        Append.

        Raises:
            NoSpace: The disk is full; nothing is left behind after `abandon`.
            ValueError: It is sealed or abandoned.
        """
        if self._fd is None:
            raise ValueError("sealed or abandoned: nothing can be written any more")
        self._hash.update(chunk)
        rest = memoryview(chunk)
        with full_disk_told():
            while rest:
                rest = rest[os.write(self._fd, rest) :]
        self._length += len(chunk)

    async def seal(self) -> Path:
        """
        Flush everything to the disk and close.

        Raises:
            NoSpace: The disk is full.
            ValueError: It is sealed or abandoned.
        """
        if self._fd is None:
            raise ValueError("sealed or abandoned already")
        # From here on the thread owns the descriptor: were it closed by `abandon` meanwhile,
        # its number could be another file's by the time it is flushed.
        fd, self._fd = self._fd, None
        with full_disk_told():
            await self._in_thread(self._flush_and_close, fd)
        self._is_sealed = True
        return self.path

    def abandon(self) -> None:
        """Remove every trace. May be called at any time, more than once, and after `keep`."""
        self.path.unlink(missing_ok=True)
        if self._fd is not None:
            os.close(self._fd)
            self._fd = None

    def _flush_and_close(self, fd: int) -> None:
        try:
            self._fsync(fd)
        finally:
            os.close(fd)
