"""Writing that survives a power cut: files and folders flushed to the disk, in the right order."""

import contextlib
import os
import threading
from collections.abc import Callable
from pathlib import Path

Fsync = Callable[[int], None]


class Durable:
    """
    Makes folders and files that are still there after a power cut.

    Safe to use from several threads.

    Args:
        top: The folder that everything is below; it exists.
        fsync: Flushes an open file or folder.
        folder_mode: Of new folders, before the umask.
        file_mode: Of new files, before the umask.
    """

    def __init__(self, top: Path, *, fsync: Fsync, folder_mode: int, file_mode: int) -> None:
        self._top = top
        self._fsync = fsync
        self._folder_mode = folder_mode
        self._file_mode = file_mode
        self._known: set[Path] = set()
        self._guard = threading.Lock()

    def flush(self, folder: Path) -> None:
        """Make the names in *folder* durable."""
        fd = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            self._fsync(fd)
        finally:
            os.close(fd)

    def flush_file(self, path: Path) -> None:
        """Make the bytes in a file durable that somebody else has written."""
        fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        try:
            self._fsync(fd)
        finally:
            os.close(fd)

    def make_folder(self, folder: Path) -> None:
        """
        Make *folder*, below the top, and each missing parent; their names are durable.

        A folder that exists is not enough: another thread may have made it this moment and not
        flushed it yet, or a process that was killed. So each name is flushed at least once a
        run. Names are remembered for the two upper levels only, at most 600 of them.
        """
        if folder == self._top:
            return
        self.make_folder(folder.parent)
        try:
            folder.mkdir(mode=self._folder_mode)
        except FileExistsError:
            with self._guard:
                if folder in self._known:
                    return
        self.flush(folder.parent)
        if len(folder.relative_to(self._top).parts) <= 3:  # noqa: PLR2004 - originals/sha256/ab
            with self._guard:
                self._known.add(folder)

    def write(self, path: Path, content: bytes) -> None:
        """Make the file *path*, which must not exist, with its bytes on the disk."""
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
        with os.fdopen(os.open(path, flags, self._file_mode), "wb") as file:
            file.write(content)
            file.flush()
            self._fsync(file.fileno())

    def replace(self, path: Path, content: bytes) -> None:
        """Put a file at *path*: after a crash it is the old one or this one, whole."""
        draft = self.clear_draft(path)
        try:
            self.write(draft, content)
            draft.replace(path)
        finally:
            draft.unlink(missing_ok=True)
        self.flush(path.parent)

    def clear_draft(self, path: Path) -> Path:
        """Remove what a kill in the midst of `replace` has left; returns where that would be."""
        draft = path.with_name(f"{path.name}.new")
        draft.unlink(missing_ok=True)
        return draft

    def extend(self, path: Path, length: int, content: bytes, *, flush: bool = True) -> None:
        """
        Put bytes behind the first *length* ones of a file, in the place of all that follows.

        If that fails, what follows is cut off, as far as the disk lets us.

        Args:
            path: Of the file; it is made if *length* is 0 and it is not there.
            length: Bytes to leave as they are.
            content: What comes behind them.
            flush: Whether it has to be on the disk before this returns.
        """
        flags = os.O_WRONLY | os.O_CLOEXEC | (0 if length else os.O_CREAT)
        fd = os.open(path, flags, self._file_mode)
        try:
            os.ftruncate(fd, length)
            rest, offset = memoryview(content), length
            while rest:
                written = os.pwrite(fd, rest, offset)
                rest, offset = rest[written:], offset + written
            if flush:
                self._fsync(fd)
            if length == 0:
                self.flush(path.parent)
        except BaseException:
            with contextlib.suppress(OSError):
                os.ftruncate(fd, length)
                if length == 0:
                    path.unlink()
            raise
        finally:
            os.close(fd)

    def cut(self, path: Path, length: int) -> None:
        """Leave only the first *length* bytes of a file."""
        os.truncate(path, length)
        self.flush_file(path)
