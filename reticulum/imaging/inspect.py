"""Finds out what an original is, and that it can be decoded to its last byte."""

from mmap import ACCESS_READ, mmap
from pathlib import Path

from reticulum.imaging.containers import jpeg
from reticulum.imaging.limits import Limits
from reticulum.imaging.opening import Opened, opened
from reticulum.imaging.steps import frames
from reticulum.model import Facts, Format


def inspect(source: Path, limits: Limits) -> Facts:
    """
    Sniff, check against the limits, then decode to the last byte.

    Raises:
        NotAnImage: Of no type we read.
        DamagedImage: Cannot be decoded, or ends too early.
        BeyondLimits: Too many pixels or frames, or out of memory.
    """
    with opened(source, limits) as found:
        _decode(found, source)
        return found.facts


def _decode(found: Opened, source: Path) -> None:
    image = found.image
    if found.facts.format is Format.JPG:
        with source.open("rb") as file, mmap(file.fileno(), 0, access=ACCESS_READ) as data:
            jpeg.check_whole(data)
        # an eighth of the pixels, every byte of the file
        image.draft(None, (max(1, image.width // 8), max(1, image.height // 8)))
        image.load()
        return
    for _ in frames.all_of(found):
        pass
