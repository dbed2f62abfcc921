"""JPEG: finds out whether a file reaches its end-of-image marker. ITU-T T.81, annex B."""

import re
import struct
from mmap import mmap
from typing import Final

from reticulum.errors import DamagedImage

_END: Final = 0xD9
_MARKER: Final = re.compile(rb"\xff[\x01-\xcf\xd8-\xfe]")
"""A marker among packed pixels: neither a stuffed zero nor a restart."""


def check_whole(data: bytes | mmap) -> None:
    """
    Walk the segments and scans of the first picture in a file.

    Pillow is content with a file that lacks its last bytes, depending on where its buffer ends.

    Raises:
        DamagedImage: There is no end-of-image marker where one should be.
    """
    at = 2
    while (marker := _MARKER.search(data, at)) is not None:
        kind = marker[0][1]
        at = marker.end()
        if kind == _END:
            return
        if at + 2 > len(data):
            break
        at += struct.unpack_from(">H", data, at)[0]
    raise DamagedImage("the image is truncated: it has no end")
