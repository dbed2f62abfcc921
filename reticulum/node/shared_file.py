"""A file that several readers read from its start, even after it was moved or removed."""

import io
import os
from pathlib import Path
from typing import BinaryIO, Self, cast


class SharedFile:
    """
    A file held open.

    Args:
        descriptor: Open for reading; closed by `close`.
        length: Bytes in the file.
    """

    def __init__(self, descriptor: int, length: int) -> None:
        self._descriptor = descriptor
        self._length = length

    @classmethod
    def open(cls, path: Path) -> Self:
        """Hold the file at *path*."""
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        return cls(descriptor, os.fstat(descriptor).st_size)

    def reader(self) -> tuple[BinaryIO, int]:
        """One more reader, at the first byte, and the length; it outlives `close`."""
        return cast("BinaryIO", _Reader(os.dup(self._descriptor))), self._length

    def close(self) -> None:
        """Let go, as far as this holder is concerned."""
        os.close(self._descriptor)


class _Reader(io.RawIOBase):
    """
    Reads at a place of its own.

    Descriptors made by `dup` have one offset between them, so it is never used.
    """

    def __init__(self, descriptor: int) -> None:
        super().__init__()
        self._descriptor = descriptor
        self._at = 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def readinto(self, buffer: "bytearray | memoryview[int]") -> int:  # type: ignore[override]
        count = os.preadv(self._descriptor, [buffer], self._at)
        self._at += count
        return count

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        ends = {
            os.SEEK_SET: 0,
            os.SEEK_CUR: self._at,
            os.SEEK_END: os.fstat(self._descriptor).st_size,
        }
        self._at = ends[whence] + offset
        return self._at

    def close(self) -> None:
        if not self.closed:
            os.close(self._descriptor)
        super().close()
