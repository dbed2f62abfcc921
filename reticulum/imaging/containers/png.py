"""PNG and APNG: checks every chunk, counts frames, joins single pictures to an animation."""

import struct
import zlib
from collections.abc import Iterable, Iterator
from io import BytesIO
from typing import BinaryIO, Final

import attrs

from reticulum.errors import DamagedImage
from reticulum.imaging.containers.survey import Survey, take

SIGNATURE: Final = b"\x89PNG\r\n\x1a\n"
_TEXTS: Final = {b"tEXt", b"zTXt", b"iTXt"}
_PIECE: Final = 1 << 20


def survey(file: BinaryIO, max_frames: int) -> Survey:
    """
    Walk the chunks from the first byte to IEND, checking each one's sum.

    Raises:
        DamagedImage: The file ends before IEND, a sum is wrong, or the frames announced are
            not the frames present.
    """
    take(file, len(SIGNATURE))
    size: tuple[int, int] | None = None
    announced, frames = 0, 0
    for kind, data in _chunks(file):
        if kind == b"IHDR":
            width, height = _numbers(data, 2)
            size = (width, height)
        elif kind == b"acTL" and not announced:
            announced = _numbers(data, 1)[0]
        elif kind == b"fcTL":
            frames += 1
            if frames > max_frames:
                break
    if size is None:
        raise DamagedImage("the PNG does not say its size")
    if not announced:
        return Survey(*size, 1)
    if frames != announced and frames <= max_frames:
        raise DamagedImage(f"the PNG announces {announced} frames and has {frames}")
    return Survey(*size, frames)


def without_texts(file: BinaryIO) -> BinaryIO:
    """The same picture with every comment left out: they may unpack to any length."""
    made = BytesIO()
    made.write(take(file, len(SIGNATURE)))
    while True:
        head = file.read(8)
        if len(head) < 8:  # noqa: PLR2004 -- length and kind
            break
        length, kind = struct.unpack(">I4s", head)
        body = file.read(length + 4)
        if kind not in _TEXTS:
            made.write(head + body)
        if kind == b"IEND":
            break
    made.seek(0)
    return made


@attrs.frozen(kw_only=True)
class PngFrame:
    """
    One frame of an animation.

    Args:
        still: A PNG file of this one picture; all frames are of one kind (depth and colour).
        delay_ms: 0 to 655350.
        offset: Where its upper left corner lies on the first frame, in px.
    """

    still: bytes
    delay_ms: int
    offset: tuple[int, int] = (0, 0)


def join(frames: Iterable[PngFrame], count: int, plays: int) -> bytes:
    """
    Make an animation; each frame replaces the part of the picture that it covers.

    Args:
        frames: The first one as large as the whole.
        count: How many there will be.
        plays: How often the whole is shown; 0 = for ever.

    Source: https://www.w3.org/TR/png-3/#apng-frame-based-animation
    """
    made = BytesIO()
    made.write(SIGNATURE)
    sequence = 0
    for number, frame in enumerate(frames):
        header, packed = _parts(frame.still)
        if number == 0:
            made.write(_chunk(b"IHDR", header))
            made.write(_chunk(b"acTL", struct.pack(">II", count, plays)))
        made.write(_chunk(b"fcTL", _control(sequence, header, frame)))
        sequence += 1
        if number == 0:
            made.write(_chunk(b"IDAT", packed))
        else:
            made.write(_chunk(b"fdAT", struct.pack(">I", sequence) + packed))
            sequence += 1
    made.write(_chunk(b"IEND", b""))
    return made.getvalue()


def _control(sequence: int, header: bytes, frame: PngFrame) -> bytes:
    delay, parts = frame.delay_ms, 1000
    if delay > 0xFFFF:  # noqa: PLR2004 -- a field of 16 bits
        delay, parts = min(0xFFFF, delay // 10), 100
    width, height = _numbers(header, 2)
    return struct.pack(">IIIIIHHBB", sequence, width, height, *frame.offset, delay, parts, 0, 0)


def _parts(still: bytes) -> tuple[bytes, bytes]:
    """IHDR and the packed pixels of a PNG with one picture."""
    file = BytesIO(still)
    take(file, len(SIGNATURE))
    header, packed = b"", []
    while True:
        length, kind = struct.unpack(">I4s", take(file, 8))
        data = take(file, length)
        take(file, 4)
        if kind == b"IHDR":
            header = data
        elif kind == b"IDAT":
            packed.append(data)
        elif kind == b"IEND":
            return header, b"".join(packed)


def _chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def _chunks(file: BinaryIO) -> Iterator[tuple[bytes, bytes]]:
    """Kind and first bytes of each chunk up to IEND; the rest is summed piece by piece."""
    while True:
        length, kind = struct.unpack(">I4s", take(file, 8))
        first = b""
        total = zlib.crc32(kind)
        while length:
            piece = take(file, min(length, _PIECE))
            first = first or piece[:32]
            total = zlib.crc32(piece, total)
            length -= len(piece)
        if struct.unpack(">I", take(file, 4))[0] != total:
            raise DamagedImage("a part of the PNG is not what its checksum says")
        if kind == b"IEND":
            return
        yield kind, first


def _numbers(data: bytes, count: int) -> tuple[int, ...]:
    if len(data) < 4 * count:
        raise DamagedImage("a chunk of the PNG is too short")
    return struct.unpack_from(f">{count}I", data)
