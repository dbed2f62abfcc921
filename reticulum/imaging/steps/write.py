"""Writes a finished file: all of it, or nothing."""

import errno
from pathlib import Path
from typing import Final

from reticulum.errors import BeyondLimits, NoSpace

_FULL: Final = {errno.ENOSPC, errno.EDQUOT}


def exclusively(target: Path, data: bytes) -> None:
    """
    Create *target* with *data* in it.

    Raises:
        NoSpace: The disk is full; nothing is left behind.
        BeyondLimits: Longer than this process may write; nothing is left behind.
        FileExistsError: *target* is there already, and stays as it is.
    """
    try:
        with target.open("xb") as file:
            file.write(data)
    except FileExistsError:
        raise
    except OSError as error:  # opening takes space, too, and closing writes what is left
        target.unlink(missing_ok=True)
        if error.errno in _FULL:
            raise NoSpace("the disk of this node is full") from error
        if error.errno == errno.EFBIG:
            raise BeyondLimits("the result is longer than this node makes") from error
        raise
