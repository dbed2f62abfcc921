"""One node to a data directory."""

import os
import signal
from pathlib import Path

import pytest

from reticulum.errors import DataInUse
from reticulum.storage.lock import DataLock


def test_second_is_refused(tmp_path: Path) -> None:
    """The second node is told which process has the directory, and what to do."""
    first = DataLock(tmp_path)
    first.acquire()

    with pytest.raises(DataInUse, match=rf"{tmp_path}.*process {os.getpid()}.*--data"):
        DataLock(tmp_path).acquire()

    first.release()


def test_released_is_free(tmp_path: Path) -> None:
    """Once let go, the next node takes it; letting go twice is no error."""
    first = DataLock(tmp_path)
    first.acquire()
    first.acquire()
    first.release()
    first.release()

    second = DataLock(tmp_path)
    second.acquire()
    second.release()


def test_held_by_a_fork(tmp_path: Path) -> None:
    """A daemon holds on to the lock its parent took, and signs with its own pid."""
    ready, tell = os.pipe()
    parent = os.fork()
    if parent == 0:
        lock = DataLock(tmp_path)
        lock.acquire()
        if os.fork() == 0:
            lock.sign()
            os.write(tell, b"%d" % os.getpid())
            signal.pause()
        os._exit(0)
    os.waitpid(parent, 0)
    daemon = int(os.read(ready, 20))

    with pytest.raises(DataInUse, match=f"process {daemon}"):
        DataLock(tmp_path).acquire()

    os.kill(daemon, signal.SIGKILL)
    while (tmp_path / "lock").exists():
        try:
            lock = DataLock(tmp_path)
            lock.acquire()
        except DataInUse:
            continue
        lock.release()
        break
    os.close(ready)
    os.close(tell)
