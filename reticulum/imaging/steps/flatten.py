"""Puts white behind what is transparent, as far as the format cannot show it otherwise."""

from typing import Final

from PIL import Image

from reticulum.imaging.steps.task import Task
from reticulum.model import Format

_HALF: Final = 128


def onto_white(image: Image.Image, task: Task) -> Image.Image:
    """
    The picture without alpha, if its format has none.

    A GIF's pixels are either clear or opaque: from one half on they are opaque, with white
    shining through as it does in a JPEG. Where alpha is kept, the picture stays as it is.
    """
    if "A" not in image.getbands():
        return image
    if task.output is Format.GIF:
        flat = _flat(image)
        flat.putalpha(image.getchannel("A").point(lambda alpha: 255 * (alpha >= _HALF)))
        return flat
    return image if task.output.has_alpha else _flat(image)


def _flat(image: Image.Image) -> Image.Image:
    mode = image.mode[:-1]
    made = Image.new(mode, image.size, 255 if mode == "L" else (255, 255, 255))
    made.paste(image.convert(mode), mask=image.getchannel("A"))
    return made
