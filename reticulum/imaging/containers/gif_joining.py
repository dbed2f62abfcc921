"""GIF: joins single pictures to an animation. GIF89a."""

import struct
from collections.abc import Iterable
from io import BytesIO
from typing import Final

import attrs

from reticulum.errors import DamagedImage
from reticulum.imaging.containers.gif import (
    EXTENSION,
    HAS_TABLE,
    IMAGE,
    INTERLACED,
    TRAILER,
    read_data,
    table_length,
)
from reticulum.imaging.containers.survey import take

_CLEAR: Final = 2


@attrs.frozen(kw_only=True)
class GifFrame:
    """
    One frame of an animation.

    Args:
        still: A GIF file of this one picture, as large as the screen.
        delay: In hundredths of a second, 0 to 65535.
        transparent: The palette index of what lets the background show.
    """

    still: bytes
    delay: int
    transparent: int


def join(frames: Iterable[GifFrame], plays: int) -> bytes:
    """
    Make an animation; each frame stands for itself and wipes the one before it.

    Args:
        frames: At least one.
        plays: How often the whole is shown; 0 = for ever.
    """
    made = BytesIO()
    for number, frame in enumerate(frames):
        screen, table, image = _parts(frame.still)
        if number == 0:
            made.write(b"GIF89a" + screen[6:10] + bytes(3))
            made.write(_looping(plays))
        flags = _CLEAR << 2 | 1
        made.write(struct.pack("<2sBBHBx", b"!\xf9", 4, flags, frame.delay, frame.transparent))
        made.write(image[:9] + bytes([HAS_TABLE | screen[10] & 7 | image[9] & INTERLACED]))
        made.write(table + image[10:])
    made.write(TRAILER)
    return made.getvalue()


def _looping(plays: int) -> bytes:
    """The NETSCAPE block, which counts repeats; without it a GIF plays once."""
    if plays == 1:
        return b""
    return b"!\xff\x0bNETSCAPE2.0\x03\x01" + struct.pack("<Hx", max(0, plays - 1))


def _parts(still: bytes) -> tuple[bytes, bytes, bytes]:
    """Screen descriptor, global table, and image block of a GIF with one picture."""
    file = BytesIO(still)
    screen = take(file, 13)
    table = take(file, table_length(screen[10]))
    while (block := take(file, 1)) == EXTENSION:
        take(file, 1)
        read_data(file)
    if block != IMAGE:
        raise DamagedImage("a GIF frame was not encoded")
    start = file.tell() - 1
    take(file, 10)
    read_data(file)
    return screen, table, still[start : file.tell()]
