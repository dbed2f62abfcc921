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
    if _is_whole(box, size):
        left, top = int(box[0]), int(box[1])
        is_all = size == image.size
        return image if is_all else image.crop((left, top, left + size[0], top + size[1]))
    premultiplied = _PREMULTIPLIED.get(image.mode)
    if premultiplied is None:
        return image.resize(size, Image.Resampling.LANCZOS, box, _GAP)
    scaled = image.convert(premultiplied).resize(size, Image.Resampling.LANCZOS, box, _GAP)
    return scaled.convert(image.mode)


def _is_whole(box: tuple[float, float, float, float], size: tuple[int, int]) -> bool:
    """Whether the box covers whole pixels, as many as are wanted: then nothing is filtered."""
    left, top, right, bottom = box
    is_same = right - left == size[0] and bottom - top == size[1]
    return is_same and left.is_integer() and top.is_integer()
