"""An append-only file that a kill, a power cut or a flipped bit costs no more than it must."""

import contextlib
import mmap
import os
from collections.abc import Iterable, Iterator, Sequence
from itertools import accumulate
from pathlib import Path

from twisted.logger import Logger

from reticulum.storage.durable import Durable
from reticulum.storage.frames import HEAD_BYTES, body_at, frame, scan

_log = Logger()


class Journal:
    """
    Entries of up to 65,535 bytes in a file, which is made with the first one.

    Everything here blocks; one thread at a time, except for `read`. Go through `load` to its
    end before anything else if the file may be there already.

    Args:
        path: Of the file; its folder exists.
        durable: Writes it.
    """

    def __init__(self, path: Path, durable: Durable) -> None:
        self._path = path
        self._durable = durable
        self._length = 0

    @property
    def length(self) -> int:
        """Bytes in the file, as far as they are ours."""
        return self._length

    def load(self) -> Iterator[tuple[int, bytes]]:
        """
        Every whole entry with its offset, in the order in which they were written.

        An entry cut short at the end, by a kill, is cut off; a damaged one elsewhere is passed
        over. One line in the log tells how many bytes were lost.
        """
        self._durable.clear_draft(self._path)
        size = self._path.stat().st_size if self._path.exists() else 0
        end = sound = 0
        if size:
            with (
                self._path.open("rb") as file,
                mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content,
            ):
                for offset, body in scan(content):
                    end = offset + HEAD_BYTES + len(body)
                    sound += HEAD_BYTES + len(body)
                    yield offset, body
        if end > sound:
            _log.warn(
                "journal.damaged file={file} lost_bytes={lost}", file=self._path, lost=end - sound
            )
        if size > end:
            _log.warn("journal.torn file={file} cut_bytes={cut}", file=self._path, cut=size - end)
            self._durable.cut(self._path, end)
        self._length = end

    def append(self, bodies: Iterable[bytes], *, flush: bool = True) -> Sequence[int]:
        """
        Add entries, all or none; durable unless *flush* is false.

        Returns:
            Their offsets.

        Raises:
            OSError: They can't be written; the file is as it was.
        """
        entries = [frame(body) for body in bodies]
        *offsets, length = accumulate(map(len, entries), initial=self._length)
        self._durable.extend(self._path, self._length, b"".join(entries), flush=flush)
        self._length = length
        return offsets

    def take_back(self, length: int) -> None:
        """Leave only the first *length* bytes, which is where an entry ended."""
        self._length = length
        # If the disk refuses, the next entry is written over what should be gone.
        with contextlib.suppress(OSError):
            self._durable.cut(self._path, length)

    def replace(self, bodies: Iterable[bytes]) -> None:
        """
        Put other entries in the place of all: after a crash it is the old ones or these.

        Raises:
            OSError: They can't be written; the file is as it was.
        """
        content = b"".join(map(frame, bodies))
        self._durable.replace(self._path, content)
        self._length = len(content)

    def flush(self) -> None:
        """Make durable what was appended without a flush."""
        self._durable.flush_file(self._path)

    def remove(self) -> None:
        """Delete the file, if it is there; durable."""
        self._path.unlink(missing_ok=True)
        self._durable.flush(self._path.parent)
        self._length = 0

    def read(self, places: Sequence[tuple[int, int]]) -> Sequence[bytes | None]:
        """
        Bodies of entries.

        Args:
            places: Where each begins, and the length of its body; in bytes.

        Returns:
            Bodies in the same order; None for one that is not (or no longer) there, or damaged.
        """
        try:
            fd = os.open(self._path, os.O_RDONLY | os.O_CLOEXEC)
        except OSError:
            return [None] * len(places)
        try:
            return [_read(fd, offset, length) for offset, length in places]
        finally:
            os.close(fd)


def _read(fd: int, offset: int, length: int) -> bytes | None:
    try:
        return body_at(os.pread(fd, HEAD_BYTES + length, offset), 0)
    except OSError:
        return None
