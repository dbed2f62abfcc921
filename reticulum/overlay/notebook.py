"""A notebook in a file: replaced as a whole, so that a crash leaves the old one or the new one."""

import os
from pathlib import Path

from reticulum.aio import InThread

LONGEST_BYTES = 64_000_000


class NotebookFile:
    """
    One text in one file that only its owner reads.

    Args:
        path: Of the file; its folder exists by the time it is written.
        in_thread: Runs what blocks.
    """

    def __init__(self, path: Path, in_thread: InThread) -> None:
        self._path = path
        self._in_thread = in_thread

    async def read(self) -> str:
        """
        What was written last; empty if nothing was.

        Raises:
            OSError: It can't be read.
        """
        return await self._in_thread(_read, self._path)

    async def write(self, text: str) -> None:
        """
        Replace all of it, or nothing.

        Raises:
            OSError: It can't be written.
        """
        await self._in_thread(_write, self._path, text)


def _read(path: Path) -> str:
    try:
        with path.open("rb") as file:
            # What is no UTF-8 is no JSON either: whoever reads it says so.
            return file.read(LONGEST_BYTES).decode(errors="replace")
    except FileNotFoundError:
        return ""


def _write(path: Path, text: str) -> None:
    draft = path.with_name(f"{path.name}.new")
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(text.encode())
        file.flush()
        os.fsync(descriptor)
    draft.replace(path)
