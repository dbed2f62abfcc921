"""AVIF: reads and sets how often a sequence is played. ISO/IEC 14496-12, 8.2.2, 8.3.2, 8.6.6."""

import struct
from collections.abc import Iterator
from typing import Final

_FOR_EVER: Final = 0xFFFF_FFFF_FFFF_FFFF
_FOLDERS: Final = {b"moov", b"trak", b"edts"}
_LONG: Final = 1
"""The version of a box whose times have 64 bits: what libavif writes."""

_DURATION_AT: Final = {b"mvhd": 24, b"tkhd": 28}
"""Where the duration stands in a long box, from its version on."""


def plays(data: bytes) -> int:
    """How often the sequence in a file is shown; 0 = for ever, also when it does not say."""
    boxes = {kind: at for kind, at in _boxes(data, 0, len(data)) if data[at] == _LONG}
    if b"elst" not in boxes or b"tkhd" not in boxes:
        return 0
    at = boxes[b"elst"]
    is_repeating = data[at + 3] & 1
    segment = _long(data, at + 8)
    whole = _long(data, boxes[b"tkhd"] + _DURATION_AT[b"tkhd"])
    if not is_repeating:
        return 1
    if whole == _FOR_EVER or not segment:
        return 0
    return -(-whole // segment)


def with_plays(data: bytes, count: int) -> bytes:
    """
    The same file, played *count* times; 0 = for ever, which is what Pillow writes.

    Pillow's encoder takes no number of repeats.
    """
    if not count:
        return data
    made = bytearray(data)
    boxes = list(_boxes(data, 0, len(data)))
    segments = [_long(data, at + 8) for kind, at in boxes if kind == b"elst" and data[at] == _LONG]
    if not segments:
        return data
    for kind, at in boxes:
        if kind in _DURATION_AT and data[at] == _LONG:
            struct.pack_into(">Q", made, at + _DURATION_AT[kind], segments[0] * count)
    return bytes(made)


def _boxes(data: bytes, start: int, end: int) -> Iterator[tuple[bytes, int]]:
    """Kind and first byte of the body of every box, and of those in the folders we know."""
    while start + 8 <= end:
        length, kind = struct.unpack_from(">I4s", data, start)
        body = start + 8
        if length == 1 and body + 8 <= end:
            length = _long(data, body)
            body += 8
        stop = end if length == 0 else min(end, start + length)
        if stop <= body:
            return
        if kind in _FOLDERS:
            yield from _boxes(data, body, stop)
        elif stop - body >= 36 or kind == b"elst":  # noqa: PLR2004 -- as far as we look into any
            yield kind, body
        start = stop


def _long(data: bytes, at: int) -> int:
    found: int = struct.unpack_from(">Q", data, at)[0] if at + 8 <= len(data) else 0
    return found
