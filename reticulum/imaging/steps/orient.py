"""Turns pictures upright, and windows from upright to as stored. EXIF 2.32, tag 0x0112."""

from typing import Final

from PIL import Image

from reticulum.imaging.geometry import Window
from reticulum.imaging.steps.task import Task
from reticulum.model import Size

_TURN: Final = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
_SWAPS_SIDES: Final = range(5, 9)
_FLIPS_X: Final = {2, 3, 7, 8}
_FLIPS_Y: Final = {3, 4, 6, 7}


def upright(image: Image.Image, task: Task) -> Image.Image:
    """The picture as it is to be displayed."""
    return turned(image, task.orientation)


def turned(image: Image.Image, orientation: int) -> Image.Image:
    """A picture stored with *orientation*, 1 to 8, as it is to be displayed."""
    turn = _TURN.get(orientation)
    return image if turn is None else image.transpose(turn)


def stored_size(size: Size, orientation: int) -> Size:
    """The sides as stored of a picture that is displayed as *size*, and the other way round."""
    return Size(size.height, size.width) if orientation in _SWAPS_SIDES else size


def stored_window(window: Window, displayed: Size, orientation: int) -> Window:
    """Where a window of the picture as displayed lies in the picture as stored."""
    stored = stored_size(displayed, orientation)
    left, top, width, height = window.left, window.top, window.width, window.height
    if orientation in _SWAPS_SIDES:
        left, top, width, height = top, left, height, width
    if orientation in _FLIPS_X:
        left = max(0.0, stored.width - left - width)
    if orientation in _FLIPS_Y:
        top = max(0.0, stored.height - top - height)
    return Window(left, top, width, height)
