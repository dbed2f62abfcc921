"""Finds out what an original is, and that it can be decoded to its last byte."""

from pathlib import Path

from reticulum.errors import DamagedImage
from reticulum.imaging.limits import Limits
from reticulum.imaging.opening import Opened, opened
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
        _decode(found)
        return found.facts


def _decode(found: Opened) -> None:
    image = found.image
    if found.facts.format is Format.JPG:
        # an eighth of the pixels, every byte of the file
        image.draft(None, (max(1, image.width // 8), max(1, image.height // 8)))
        image.load()
        return
    for number in range(getattr(image, "n_frames", 1) if found.facts.frames > 1 else 1):
        try:
            image.seek(number)
        except EOFError:
            raise DamagedImage(f"frame {number + 1} of the image is missing") from None
        image.load()
