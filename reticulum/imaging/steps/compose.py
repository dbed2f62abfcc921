"""Composes the frames of a GIF, because Pillow loses what the first frame lets show."""

from collections.abc import Iterator
from io import BytesIO
from typing import BinaryIO, Final

from PIL import GifImagePlugin, Image

from reticulum.imaging.containers import gif

_CLEARED: Final = 2
_AS_BEFORE: Final = 3
_CLEAR: Final = (0, 0, 0, 0)


def composed(file: BinaryIO, size: tuple[int, int]) -> Iterator[tuple[Image.Image, int]]:
    """
    Every frame as it is shown, RGBA, and how long, in ms.

    Pillow decides by the first frame whether any may be clear, and shows the background's
    colour where browsers show none.

    Args:
        file: At its first byte.
        size: Of the screen; what frames reach beyond it is cut off.
    """
    screen = Image.new("RGBA", size, _CLEAR)
    for piece in gif.pieces(file):
        with GifImagePlugin.GifImageFile(BytesIO(piece.still)) as still:
            patch = still.convert("RGBA")
        before = screen.copy() if piece.disposal == _AS_BEFORE else None
        corner = (piece.left, piece.top)
        screen.paste(patch, corner, patch)
        yield screen.copy(), piece.delay_ms
        if before is not None:
            screen = before
        elif piece.disposal == _CLEARED:
            screen.paste(_CLEAR, (*corner, piece.left + patch.width, piece.top + patch.height))
