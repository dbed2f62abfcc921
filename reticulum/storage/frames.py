"""Entries of append-only files: each says where it begins and ends, and whether it is whole."""

import mmap
import struct
import zlib
from collections.abc import Iterator

# No text, and not the same backwards: unlikely to turn up in what is written here.
_MAGIC = b"\x93Rj\xa6"
_HEAD = struct.Struct(">4sHI")
HEAD_BYTES = _HEAD.size
MOST_BYTES = 0xFFFF
"""The longest body of an entry."""


def frame(body: bytes) -> bytes:
    """
    One entry: magic number, length of the body (2 bytes), CRC-32 of that and the body, body.

    Args:
        body: Up to `MOST_BYTES`.
    """
    return _HEAD.pack(_MAGIC, len(body), _check(body)) + body


def body_at(content: bytes | mmap.mmap, offset: int) -> bytes | None:
    """The body of the entry that begins at *offset*, or None if none does that is whole."""
    start = offset + HEAD_BYTES
    if start > len(content):
        return None
    magic, length, check = _HEAD.unpack_from(content, offset)
    body = content[start : start + length]
    if magic != _MAGIC or len(body) != length or _check(body) != check:
        return None
    return body


def scan(content: bytes | mmap.mmap) -> Iterator[tuple[int, bytes]]:
    """Each whole entry with its offset; what is damaged between them is passed over."""
    offset = 0
    while offset >= 0:
        body = body_at(content, offset)
        if body is None:
            offset = content.find(_MAGIC, offset + 1)
        else:
            yield offset, body
            offset += HEAD_BYTES + len(body)


def _check(body: bytes) -> int:
    return zlib.crc32(body, len(body))
