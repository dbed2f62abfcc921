"""GIF: counts and measures frames, and joins single pictures to an animation. GIF89a."""

import struct
from collections.abc import Iterable
from io import BytesIO
from typing import BinaryIO, Final

import attrs

from reticulum.errors import DamagedImage
from reticulum.imaging.containers.survey import Survey, take

_IMAGE: Final = b","
_EXTENSION: Final = b"!"
_TRAILER: Final = b";"
_HAS_TABLE: Final = 0x80
_KEEP: Final = 1
_CLEAR: Final = 2


def survey(file: BinaryIO, max_frames: int) -> Survey:
    """
    Walk the blocks from the first byte to the trailer.

    Frames that reach beyond the screen count with their full reach, because decoders grow it.

    Raises:
        DamagedImage: The file ends before its trailer, or has no frame.
    """
    width, height, flags = struct.unpack("<6xHHBxx", take(file, 13))
    _skip_table(file, flags)
    frames = 0
    while (block := take(file, 1)) != _TRAILER:
        if block == _EXTENSION:
            take(file, 1)
        elif block == _IMAGE:
            left, top, wide, high, flags = struct.unpack("<HHHHB", take(file, 9))
            width, height = max(width, left + wide), max(height, top + high)
            frames += 1
            if frames > max_frames:
                break
            _skip_table(file, flags)
            take(file, 1)
        else:
            raise DamagedImage("the GIF has a block of no known kind")
        _skip_data(file)
    if not frames:
        raise DamagedImage("the GIF has no frame")
    return Survey(width, height, frames)


@attrs.frozen(kw_only=True)
class GifFrame:
    """
    One frame of an animation.

    Args:
        still: A GIF file of this one picture, as large as the screen.
        delay: In hundredths of a second, 0 to 65535.
        transparent: The palette index that lets nothing show, or None.
    """

    still: bytes
    delay: int
    transparent: int | None


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
        has_clear = frame.transparent is not None
        flags = (_CLEAR if has_clear else _KEEP) << 2 | int(has_clear)
        made.write(struct.pack("<2sBBHBx", b"!\xf9", 4, flags, frame.delay, frame.transparent or 0))
        made.write(image[:9] + bytes([_HAS_TABLE | screen[10] & 7 | image[9] & 0x40]))
        made.write(table + image[10:])
    made.write(_TRAILER)
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
    table = take(file, _table_length(screen[10]))
    while (block := take(file, 1)) == _EXTENSION:
        take(file, 1)
        _skip_data(file)
    if block != _IMAGE:
        raise DamagedImage("a GIF frame was not encoded")
    start = file.tell() - 1
    take(file, 10)
    _skip_data(file)
    return screen, table, still[start : file.tell()]


def _table_length(flags: int) -> int:
    return 3 << (flags & 7) + 1 if flags & _HAS_TABLE else 0


def _skip_table(file: BinaryIO, flags: int) -> None:
    take(file, _table_length(flags))


def _skip_data(file: BinaryIO) -> None:
    while length := take(file, 1)[0]:
        take(file, length)
