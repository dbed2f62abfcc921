"""GIF: counts, measures and takes apart the frames of a file. GIF89a."""

import struct
from collections.abc import Iterator
from typing import BinaryIO, Final

import attrs

from reticulum.errors import DamagedImage
from reticulum.imaging.containers.survey import Survey, take

IMAGE: Final = b","
EXTENSION: Final = b"!"
TRAILER: Final = b";"
HAS_TABLE: Final = 0x80
INTERLACED: Final = 0x40
CONTROL: Final = b"\xf9"


def survey(file: BinaryIO, max_frames: int) -> Survey:
    """
    Walk the blocks from the first byte to the trailer.

    Frames that reach beyond the screen count with their full reach, because decoders grow it.

    Raises:
        DamagedImage: The file ends before its trailer, or has no frame.
    """
    width, height, flags = struct.unpack("<6xHHBxx", take(file, 13))
    take(file, table_length(flags))
    frames = 0
    while (block := take(file, 1)) != TRAILER:
        if block == EXTENSION:
            take(file, 1)
        elif block == IMAGE:
            left, top, wide, high, flags = struct.unpack("<HHHHB", take(file, 9))
            width, height = max(width, left + wide), max(height, top + high)
            frames += 1
            if frames > max_frames:
                break
            take(file, table_length(flags))
            take(file, 1)
        else:
            raise DamagedImage("the GIF has a block of no known kind")
        _skip_data(file)
    if not frames:
        raise DamagedImage("the GIF has no frame")
    return Survey(width, height, frames)


@attrs.frozen(kw_only=True)
class GifPiece:
    """
    One frame of an animation, as a picture of its own.

    Args:
        still: A GIF file of the part of the screen that the frame covers.
        left: Where that part lies, in px.
        top: Likewise.
        delay_ms: How long the frame is shown.
        disposal: What becomes of the part afterwards: 2 = cleared, 3 = as it was before.
    """

    still: bytes
    left: int
    top: int
    delay_ms: int
    disposal: int


def pieces(file: BinaryIO) -> Iterator[GifPiece]:
    """
    The frames one by one, none composed.

    Raises:
        DamagedImage: The file ends before its trailer.
    """
    screen = take(file, 13)
    table_flags, table = screen[10], take(file, table_length(screen[10]))
    control = bytes(4)
    while (block := take(file, 1)) != TRAILER:
        if block == EXTENSION:
            kind, data = take(file, 1), read_data(file)
            if kind == CONTROL and len(data) >= 6:  # noqa: PLR2004 -- length, four fields, end
                control = data[1:5]
            continue
        left, top, wide, high, flags = struct.unpack("<HHHHB", take(file, 9))
        local = take(file, table_length(flags))
        code_size, packed = take(file, 1), read_data(file)
        own_flags, own = (flags, local) if flags & HAS_TABLE else (table_flags, table)
        still = (
            b"GIF89a"
            + struct.pack("<HHBxx", wide, high, own_flags & (HAS_TABLE | 7))
            + own
            + b"!\xf9\x04"
            + bytes([control[0] & 1, 0, 0, control[3], 0])
            + IMAGE
            + struct.pack("<HHHHB", 0, 0, wide, high, flags & INTERLACED)
            + code_size
            + packed
            + TRAILER
        )
        delay = int.from_bytes(control[1:3], "little")
        yield GifPiece(
            still=still, left=left, top=top, delay_ms=10 * delay, disposal=control[0] >> 2 & 7
        )
        control = bytes(4)


def table_length(flags: int) -> int:
    """Bytes of the colour table that follows a descriptor with these flags."""
    return 3 << (flags & 7) + 1 if flags & HAS_TABLE else 0


def read_data(file: BinaryIO) -> bytes:
    """A row of sub-blocks as it stands, with the empty one at its end."""
    blocks = [take(file, 1)]
    while length := blocks[-1][0]:
        blocks += [take(file, length), take(file, 1)]
    return b"".join(blocks)


def _skip_data(file: BinaryIO) -> None:
    while length := take(file, 1)[0]:
        take(file, length)
