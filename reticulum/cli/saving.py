"""Bytes into a file that is there whole or not at all."""

import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from reticulum.errors import ClientError


@contextmanager
def saved(path: Path) -> Iterator[BinaryIO]:
    """
    A file to be written, which takes the place of *path* when the block ends well.

    It is written under another name in the same folder, and removed when the block raises. A
    *path* that is there and no regular file, such as /dev/null, is written to directly.

    Raises:
        ClientError: It can't be written.
    """
    # Where a link leads is replaced, not the link.
    whole = path.resolve()
    try:
        if _is_special(whole):
            with whole.open("wb") as file:
                yield file
            return
        draft = whole.with_name(f".{whole.name[:100]}.{os.getpid()}.part")
        try:
            with draft.open("xb") as file:
                yield file
            draft.replace(whole)
        finally:
            draft.unlink(missing_ok=True)
    except OSError as error:
        raise ClientError(f"can't write {path}: {error.strerror}") from None


def _is_special(path: Path) -> bool:
    try:
        return not stat.S_ISREG(path.stat().st_mode)
    except FileNotFoundError:
        return False
