"""WebP: reads the canvas and counts the frames by the RIFF chunks. RFC 9649."""

import struct
from io import SEEK_CUR, SEEK_END
from typing import BinaryIO, Final

from reticulum.errors import DamagedImage
from reticulum.imaging.containers.survey import Survey, take

_ALPHA: Final = 0x10
_HEAD: Final = 10
_LOSSLESS_HEAD: Final = 5


def survey(file: BinaryIO, max_frames: int) -> Survey:
    """
    Walk the chunks from the first byte to the end that the header names.

    Raises:
        DamagedImage: The file is shorter than it says, or names no size.
    """
    length = struct.unpack("<4xI4x", take(file, 12))[0]
    here = file.tell()
    end = 8 + length
    if file.seek(0, SEEK_END) < end:
        raise DamagedImage("the image is truncated: it is shorter than its header says")
    file.seek(here)
    size: tuple[int, int] | None = None
    frames = 0
    while file.tell() + 8 <= end and frames <= max_frames:
        kind, length = struct.unpack("<4sI", take(file, 8))
        length += length % 2
        head = take(file, min(length, _HEAD))
        file.seek(length - len(head), SEEK_CUR)
        frames += kind == b"ANMF"
        size = size or _size(kind, head)
    if size is None:
        raise DamagedImage("the WebP does not say its size")
    return Survey(*size, max(1, frames))


def with_alpha(data: bytes) -> bytes:
    """
    The same animation, marked as one that lets something show.

    libwebp leaves the mark out when each frame is opaque in its own rectangle, though the
    rectangle is smaller than the canvas; readers then show black around it.
    """
    if data[12:16] != b"VP8X":
        return data
    return data[:20] + bytes([data[20] | _ALPHA]) + data[21:]


def _size(kind: bytes, head: bytes) -> tuple[int, int] | None:
    if kind == b"VP8X" and len(head) == _HEAD:
        return (
            int.from_bytes(head[4:7], "little") + 1,
            int.from_bytes(head[7:10], "little") + 1,
        )
    if kind == b"VP8 " and len(head) == _HEAD:
        width, height = struct.unpack("<HH", head[6:10])
        return width & 0x3FFF, height & 0x3FFF
    if kind == b"VP8L" and len(head) >= _LOSSLESS_HEAD:
        bits = int.from_bytes(head[1:5], "little")
        return (bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1
    return None
