"""Tells a format by a file's first bytes, never by its name."""

from typing import Final

from reticulum.model import Format

HEAD: Final = 32
"""How many bytes `sniff` wants to see."""

_AVIF_BRANDS: Final = {b"avif", b"avis", b"mif1", b"msf1"}


def sniff(head: bytes) -> Format | None:
    """The format of a file that begins with *head*, or None if it is none that we read."""
    for magics, found in _MAGIC:
        if head.startswith(magics):
            return found
    if head.startswith(b"RIFF") and head[8:12] == b"WEBP":
        return Format.WEBP
    if head[4:8] == b"ftyp" and head[8:12] in _AVIF_BRANDS:
        return Format.AVIF
    return None


_MAGIC: Final[tuple[tuple[tuple[bytes, ...], Format], ...]] = (
    ((b"\xff\xd8\xff",), Format.JPG),
    ((b"\x89PNG\r\n\x1a\n",), Format.PNG),
    ((b"GIF87a", b"GIF89a"), Format.GIF),
    ((b"II*\0", b"MM\0*", b"II+\0", b"MM\0+"), Format.TIF),
    ((b"BM",), Format.BMP),
)
