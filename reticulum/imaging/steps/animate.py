"""Packs the frames of a moving picture into a file, holding as few of them as the format allows."""

from collections.abc import Callable, Iterable, Iterator
from io import BytesIO
from typing import Final

import attrs
from PIL import Image, ImageChops

from reticulum.imaging.containers import avif, gif_joining, png, webp
from reticulum.imaging.steps import encode as still
from reticulum.imaging.steps.reel import Reel
from reticulum.imaging.timing import in_units
from reticulum.model import Format


@attrs.frozen(kw_only=True)
class Shape:
    """
    What is known of a moving picture before its first frame is taken.

    Args:
        frames: How many there will be.
        plays: How often the whole is shown; 0 = for ever.
        has_alpha: Whether any of them may let something show through.
    """

    frames: int
    plays: int
    has_alpha: bool

    @property
    def mode(self) -> str:
        """The one mode that all frames are packed in."""
        return "RGBA" if self.has_alpha else "RGB"


Moving = Iterable[tuple[Image.Image, float]]
"""Frames, all of one size, each with its duration in ms."""


def encode(moving: Moving, shape: Shape, output: Format, quality: int) -> bytes:
    """
    A moving picture as a file, without any metadata.

    Args:
        moving: Taken one by one.
        shape: What is known before the first frame is taken.
        output: One that `is_animated`.
        quality: 1 to 100, for formats that have it.
    """
    return _PACKERS[output](moving, shape, quality)


def _gif(moving: Moving, shape: Shape, _quality: int) -> bytes:
    return gif_joining.join(_gif_frames(moving), shape.plays)


def _gif_frames(moving: Moving) -> Iterator[gif_joining.GifFrame]:
    for image, delay in _timed(moving, 10):
        file = still.packed(still.indexed_with_clear(image), Format.GIF, optimize=False)
        yield gif_joining.GifFrame(still=file, delay=min(delay, 0xFFFF), transparent=still.CLEAR)


def _png(moving: Moving, shape: Shape, _quality: int) -> bytes:
    return png.join(_png_frames(moving, shape.mode), shape.frames, shape.plays)


def _png_frames(moving: Moving, mode: str) -> Iterator[png.PngFrame]:
    before: Image.Image | None = None
    for image, delay in _timed(moving, 1):
        whole = image.convert(mode)
        corner, changed = _changes(before, whole)
        yield png.PngFrame(still=still.packed(changed, Format.PNG), delay_ms=delay, offset=corner)
        before = whole


def _changes(before: Image.Image | None, now: Image.Image) -> tuple[tuple[int, int], Image.Image]:
    """The part of a frame that differs from the one before, and its upper left corner."""
    if before is None:
        return (0, 0), now
    box = ImageChops.difference(before, now).getbbox(alpha_only=False)
    left, top, right, bottom = box or (0, 0, 1, 1)
    return (left, top), now.crop((left, top, right, bottom))


def _webp(moving: Moving, shape: Shape, quality: int) -> bytes:
    durations: list[int] = []
    file = BytesIO()
    Reel(_noting(moving, durations, shape.mode), shape.frames).save(
        file,
        "WEBP",
        save_all=True,
        duration=durations,
        loop=shape.plays,
        quality=quality,
        method=2,
        background=(0, 0, 0, 0),
    )
    return webp.with_alpha(file.getvalue()) if shape.has_alpha else file.getvalue()


def _avif(moving: Moving, shape: Shape, quality: int) -> bytes:
    durations: list[int] = []
    file = BytesIO()
    Reel(_noting(moving, durations, shape.mode), shape.frames).save(
        file,
        "AVIF",
        save_all=True,
        duration=durations,
        quality=quality,
        speed=8,
        max_threads=1,
    )
    return avif.with_plays(file.getvalue(), shape.plays)


def _noting(moving: Moving, durations: list[int], mode: str) -> Iterator[Image.Image]:
    """The frames; *durations* grows with each one, in step with the encoder that reads it."""
    for image, duration in _timed(moving, 1):
        durations.append(duration)
        yield image.convert(mode)


def _timed(moving: Moving, unit_ms: int) -> Iterator[tuple[Image.Image, int]]:
    """The frames with durations in whole units."""
    durations: list[float] = []
    units = in_units(_drain(durations), unit_ms)
    for image, duration in moving:
        durations.append(duration)
        yield image, next(units)


def _drain(durations: list[float]) -> Iterator[float]:
    while True:
        yield durations.pop(0)


_PACKERS: Final[dict[Format, Callable[[Moving, Shape, int], bytes]]] = {
    Format.GIF: _gif,
    Format.PNG: _png,
    Format.WEBP: _webp,
    Format.AVIF: _avif,
}
