"""As many small distinct photographs as are wanted: crops of real ones, saved anew."""

import functools
import io
import random
from collections.abc import Sequence
from pathlib import Path

from PIL import Image

HALF = (1280, 800)
SIZE = (960, 600)


class Crops:
    """
    JPEG files of 960x600 px, each another part of a photograph of 2560x1600 at half its size.

    Args:
        photos: At least one, each of at least 2560x1600.
    """

    def __init__(self, photos: Sequence[Path]) -> None:
        self._photos = photos

    def __call__(self, number: int) -> bytes:
        """Make the photograph of that number: always the same bytes, and no other number's."""
        dice = random.Random(number)  # noqa: S311  (repeatable, not secret)
        photo = _half(self._photos[number % len(self._photos)])
        left, top = (dice.randint(0, photo.size[at] - SIZE[at]) for at in (0, 1))
        crop = photo.crop((left, top, left + SIZE[0], top + SIZE[1]))
        file = io.BytesIO()
        crop.save(file, "JPEG", quality=85, comment=b"%d" % number)
        return file.getvalue()


@functools.lru_cache(maxsize=64)
def _half(path: Path) -> Image.Image:
    with Image.open(path) as image:
        image.draft("RGB", HALF)
        return image.convert("RGB")
