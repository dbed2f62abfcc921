"""A full disk, told in the words of this project."""

import errno
from collections.abc import Iterator
from contextlib import contextmanager

from reticulum.errors import NoSpace

_FULL = frozenset({errno.ENOSPC, errno.EDQUOT})


def is_full(error: OSError) -> bool:
    """Whether *error* says that the disk, or this user's share of it, is full."""
    return error.errno in _FULL


@contextmanager
def full_disk_told() -> Iterator[None]:
    """
    Turn the operating system's "no space" into ours; other errors pass as they are.

    Raises:
        NoSpace: The disk, or this user's share of it, is full.
    """
    try:
        yield
    except OSError as error:
        if is_full(error):
            raise NoSpace("the disk of this node is full; nothing was stored") from error
        raise
