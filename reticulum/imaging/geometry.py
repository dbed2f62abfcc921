"""What becomes of a picture's sides: the crop, the scaled size, the canvas, and where it lies."""

from typing import Final

import attrs
from attrs import validators as v

from reticulum.errors import BeyondLimits
from reticulum.model import Compass, Entropy, Fit, FocalPoint, Format, Size, Spec

_ANCHORS: Final = {
    Compass.CENTRE: (0.5, 0.5),
    Compass.NORTH: (0.5, 0.0),
    Compass.NORTHEAST: (1.0, 0.0),
    Compass.EAST: (1.0, 0.5),
    Compass.SOUTHEAST: (1.0, 1.0),
    Compass.SOUTH: (0.5, 1.0),
    Compass.SOUTHWEST: (0.0, 1.0),
    Compass.WEST: (0.0, 0.5),
    Compass.NORTHWEST: (0.0, 0.0),
}

MAX_SIDES: Final = {
    Format.JPG: 65_500,
    Format.WEBP: 16_383,
    Format.GIF: 65_535,
    Format.AVIF: 65_536,
}
"""The longest side a format can hold, in px, where there is such a bound. Source: libjpeg's
`JPEG_MAX_DIMENSION`, libwebp's `WEBP_MAX_DIMENSION`, GIF89a section 18, libaom."""


@attrs.frozen
class Window:
    """
    A part of a picture, in px from its upper left corner; fractions of a pixel are meant.

    Args:
        left: At least 0.
        top: At least 0.
        width: More than 0.
        height: More than 0.
    """

    left: float = attrs.field(validator=v.ge(0))
    top: float = attrs.field(validator=v.ge(0))
    width: float = attrs.field(validator=v.gt(0))
    height: float = attrs.field(validator=v.gt(0))


@attrs.frozen(kw_only=True)
class Plan:
    """
    The way from a source to a result: cut *crop* out, scale it to *scaled*, lay it on *canvas*.

    Args:
        crop: In px of the source as displayed.
        scaled: What the crop is scaled to.
        canvas: The result's size; larger than *scaled* only with `fit=pad`.
        offset: Where the scaled picture's upper left corner lies on the canvas, in px.
    """

    crop: Window
    scaled: Size
    canvas: Size
    offset: tuple[int, int] = (0, 0)


def plan(source: Size, spec: Spec, anchor: tuple[float, float] = (0.5, 0.5)) -> Plan:
    """
    Decide how *source* becomes what *spec* asks for.

    Args:
        source: As displayed.
        spec: What is asked for.
        anchor: For `gravity=entropy` only: where the crop lies in the room it has, 0 (left, top)
            to 1 (right, bottom). Whoever has seen the pixels chooses it.
    """
    whole = Window(0, 0, source.width, source.height)
    if spec.fit is Fit.COVER:
        return _cover(source, spec, anchor)
    if spec.fit is Fit.STRETCH:
        scaled = _stretched(source, spec)
        return Plan(crop=whole, scaled=scaled, canvas=scaled)
    scaled = _inside(source, spec)
    if spec.fit is Fit.PAD:
        canvas = Size(*_box(spec))
        x, y = _ANCHORS[spec.gravity] if isinstance(spec.gravity, Compass) else (0.5, 0.5)
        offset = (
            _half_up(x * (canvas.width - scaled.width)),
            _half_up(y * (canvas.height - scaled.height)),
        )
        return Plan(crop=whole, scaled=scaled, canvas=canvas, offset=offset)
    return Plan(crop=whole, scaled=scaled, canvas=scaled)


def result_size(source: Size, spec: Spec) -> Size:
    """The size of the rendition, in px: exactly what rendering gives."""
    return plan(source, spec).canvas


def check_result(size: Size, output: Format, max_pixels: int) -> None:
    """
    Refuse a result that is too large to make.

    `BeyondLimits` and not `BadSpec`: the same spec is sound for other pictures and other nodes.

    Raises:
        BeyondLimits: More pixels than *max_pixels*, or a side longer than the format can hold.
    """
    shown = f"a result of {size.width}x{size.height}"
    if size.pixels > max_pixels:
        raise BeyondLimits(
            f"{shown} has {size.pixels} pixels, this node makes at most {max_pixels}"
        )
    longest = MAX_SIDES.get(output)
    if longest is not None and max(size.width, size.height) > longest:
        raise BeyondLimits(f"{shown}: {output} holds sides of at most {longest} px")


def _inside(source: Size, spec: Spec) -> Size:
    """The largest size of the source's proportions within the sides that are given."""
    width, height = source.width, source.height
    by_width = spec.width if spec.width is not None else None
    by_height = spec.height if spec.height is not None else None
    if by_width is None and by_height is None:
        return source
    is_width_tighter = by_height is None or (
        by_width is not None and by_width * height <= by_height * width
    )
    if is_width_tighter and by_width is not None:
        if by_width >= width and not spec.enlarge:
            return source
        return Size(by_width, _ratio(height, by_width, width))
    assert by_height is not None  # noqa: S101 -- one of the two is given
    if by_height >= height and not spec.enlarge:
        return source
    return Size(_ratio(width, by_height, height), by_height)


def _stretched(source: Size, spec: Spec) -> Size:
    width, height = _box(spec)
    if spec.enlarge:
        return Size(width, height)
    return Size(min(width, source.width), min(height, source.height))


def _cover(source: Size, spec: Spec, anchor: tuple[float, float]) -> Plan:
    box = Size(*_box(spec))
    result = box if spec.enlarge else _largest_within(source, box)
    if result == box:
        # the crop has the box's proportions exactly: fractions of pixels, no distortion
        is_wide = source.width * box.height >= box.width * source.height
        width = source.height * box.width / box.height if is_wide else float(source.width)
        height = float(source.height) if is_wide else source.width * box.height / box.width
    else:
        width, height = float(result.width), float(result.height)
    left, top = _corner(source, (width, height), spec, anchor)
    if (width, height) == (result.width, result.height):
        # nothing to scale, so pixels stay the pixels they are
        left, top = _half_up(left), _half_up(top)
    return Plan(crop=Window(left, top, width, height), scaled=result, canvas=result)


def _largest_within(source: Size, box: Size) -> Size:
    """The largest size of the box's proportions that is no larger than the box or the source."""
    if box.width <= source.width and box.height <= source.height:
        return box
    if source.width * box.height <= source.height * box.width:
        return Size(source.width, _ratio(box.height, source.width, box.width))
    return Size(_ratio(box.width, source.height, box.height), source.height)


def _corner(
    source: Size, crop: tuple[float, float], spec: Spec, anchor: tuple[float, float]
) -> tuple[float, float]:
    room = (source.width - crop[0], source.height - crop[1])
    match spec.gravity:
        case FocalPoint(x, y):
            wanted = (x * source.width - crop[0] / 2, y * source.height - crop[1] / 2)
        case Entropy():
            wanted = (anchor[0] * room[0], anchor[1] * room[1])
        case compass:
            x, y = _ANCHORS[compass]
            wanted = (x * room[0], y * room[1])
    return _clamp(wanted[0], room[0]), _clamp(wanted[1], room[1])


def _clamp(wanted: float, room: float) -> float:
    return max(0.0, min(wanted, room))


def _box(spec: Spec) -> tuple[int, int]:
    if spec.width is None or spec.height is None:
        raise ValueError(f"fit={spec.fit} without both sides")
    return spec.width, spec.height


def _ratio(side: int, numerator: int, denominator: int) -> int:
    """Multiply by a fraction, round half up, stay at least 1; in whole numbers, so exactly."""
    return max(1, (2 * side * numerator + denominator) // (2 * denominator))


def _half_up(value: float) -> int:
    return int(value + 0.5)
