"""A small file that is replaced as a whole, so that a crash leaves the old one or the new one."""

import os
import threading
from pathlib import Path

from reticulum.storage.durable import Durable, Fsync
from reticulum.storage.full_disk import full_disk_told


class SmallFile:
    """
    Everything here blocks; safe to use from several threads.

    Args:
        path: Of the file; its folder exists.
        most: Bytes in it.
        fsync: Flushes an open file or folder.
    """

    def __init__(self, path: Path, *, most: int, fsync: Fsync = os.fsync) -> None:
        self._path = path
        self._most = most
        self._durable = Durable(path.parent, fsync=fsync, folder_mode=0o700, file_mode=0o600)
        self._writing = threading.Lock()

    def read(self) -> bytes | None:
        """What was written last, no more than *most* bytes of it; None if nothing was."""
        try:
            with self._path.open("rb") as file:
                return file.read(self._most)
        except FileNotFoundError:
            return None

    def write(self, content: bytes) -> None:
        """
        Replace all of it, durably, or nothing.

        Raises:
            NoSpace: The disk is full.
            ValueError: It is too long.
        """
        if len(content) > self._most:
            raise ValueError(f"{self._path.name} holds {self._most} bytes, not {len(content)}")
        with self._writing, full_disk_told():
            self._durable.replace(self._path, content)
