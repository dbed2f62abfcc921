"""Cuts out and scales in one pass; transparent pixels do not bleed into visible ones."""

from typing import Final

from PIL import Image

from reticulum.imaging.steps.task import Task

_GAP: Final = 2.0
"""Reduce by whole numbers down to this many times the result, then filter: fast, and as sharp."""

_PREMULTIPLIED: Final = {"LA": "La", "RGBA": "RGBa"}


def crop_and_scale(image: Image.Image, task: Task) -> Image.Image:
    """The task's window of the picture, at the task's scaled size."""
    window = task.window
    box = (
        window.left,
        window.top,
        min(image.width, window.left + window.width),
        min(image.height, window.top + window.height),
    )
    size = (task.scaled.width, task.scaled.height)
    if size == (box[2] - box[0], box[3] - box[1]) and box[0].is_integer() and box[1].is_integer():
        if size == image.size:
            return image
        return image.crop((int(box[0]), int(box[1]), int(box[2]), int(box[3])))
    premultiplied = _PREMULTIPLIED.get(image.mode)
    if premultiplied is None:
        return image.resize(size, Image.Resampling.LANCZOS, box, _GAP)
    scaled = image.convert(premultiplied).resize(size, Image.Resampling.LANCZOS, box, _GAP)
    return scaled.convert(image.mode)
