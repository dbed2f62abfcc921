"""What a container's blocks say, and reading them without trusting a length."""

from typing import BinaryIO

import attrs

from reticulum.errors import DamagedImage


@attrs.frozen
class Survey:
    """
    What the blocks of a file add up to.

    Args:
        width: Of the largest area that any frame covers, in px.
        height: Likewise.
        frames: As many as there are, or one more than the bound the survey was given.
    """

    width: int
    height: int
    frames: int


def take(file: BinaryIO, count: int) -> bytes:
    """
    Read exactly *count* bytes.

    Raises:
        DamagedImage: The file ends before.
    """
    data = file.read(count)
    if len(data) != count:
        raise DamagedImage("the image is truncated: it ends in the middle of a block")
    return data
