"""The lock that keeps a second node out of a data directory."""

import fcntl
import os
from pathlib import Path

from reticulum.errors import DataInUse
from reticulum.storage import layout


class DataLock:
    """
    A lock on `DIR/lock` that the operating system lets go of when the process ends, however.

    It belongs to the open file, not to the process: a daemon forked after `acquire` holds it
    on when its parent has gone. The file itself stays, because a removed one could be locked
    by two nodes, each under the same name.

    Args:
        data: `DIR`, which exists.
    """

    def __init__(self, data: Path) -> None:
        self._path = data / layout.LOCK
        self._fd: int | None = None

    def acquire(self) -> None:
        """
        Take the lock, or fail at once. Without effect if it is held already.

        Raises:
            DataInUse: Another node holds it; the text says which process.
        """
        if self._fd is not None:
            return
        fd = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            other = os.pread(fd, 20, 0).decode("ascii", "replace").strip() or "unknown"
            os.close(fd)
            raise DataInUse(
                f"the data directory {self._path.parent} is in use by another node, process "
                f"{other}: stop it, or choose another directory with --data"
            ) from None
        except BaseException:
            os.close(fd)
            raise
        self._fd = fd
        self.sign()

    def sign(self) -> None:
        """Write this process's number into the file: once more after daemonising."""
        if self._fd is not None:
            os.ftruncate(self._fd, 0)
            os.pwrite(self._fd, f"{os.getpid()}\n".encode(), 0)

    def release(self) -> None:
        """Let go, also for processes forked from this one."""
        if self._fd is not None:
            fcntl.flock(self._fd, fcntl.LOCK_UN)
            os.close(self._fd)
            self._fd = None
