"""Hypothesis strategies, one for each value of the project."""

from hypothesis import strategies as st

from reticulum.imaging.spec import MAX_SIDE
from reticulum.model import (
    Compass,
    Entropy,
    Fit,
    FocalPoint,
    Format,
    Gravity,
    HashName,
    ImageId,
    Size,
    Spec,
)

WRITTEN = [Format.JPG, Format.PNG, Format.WEBP, Format.GIF, Format.AVIF, Format.TIF]
"""The formats that renditions come in."""


def outputs() -> st.SearchStrategy[Format]:
    """Formats that renditions come in."""
    return st.sampled_from(WRITTEN)


def sizes(longest: int = MAX_SIDE) -> st.SearchStrategy[Size]:
    """Sizes with sides of 1 to *longest* px."""
    sides = st.integers(1, longest)
    return st.builds(Size, sides, sides)


def image_ids() -> st.SearchStrategy[ImageId]:
    """Image ids of both hashes."""
    return st.sampled_from(list(HashName)).flatmap(
        lambda name: st.binary(min_size=name.hex_digits // 2, max_size=name.hex_digits // 2).map(
            lambda digest: ImageId(name, digest.hex())
        )
    )


def focal_points() -> st.SearchStrategy[FocalPoint]:
    """Points with at most 4 decimals, but not the middle, which is written `centre`."""
    fractions = st.integers(0, 10_000).map(lambda number: number / 10_000)
    points = st.builds(FocalPoint, fractions, fractions)
    return points.filter(lambda point: point != FocalPoint(0.5, 0.5))


def gravities() -> st.SearchStrategy[Gravity]:
    """Every kind of gravity."""
    return st.one_of(st.sampled_from(Compass), focal_points(), st.just(Entropy()))


@st.composite
def specs(draw: st.DrawFn, longest: int = MAX_SIDE) -> Spec:
    """Specs that mean something: what `parse` can return."""
    sides = st.integers(1, longest)
    quality = draw(st.none() | st.integers(1, 100))
    shape = draw(st.sampled_from(["full", "width", "height", "box"]))
    if shape == "full":
        return Spec(quality=quality)
    enlarge = draw(st.booleans())
    if shape == "width":
        return Spec(width=draw(sides), quality=quality, enlarge=enlarge)
    if shape == "height":
        return Spec(height=draw(sides), quality=quality, enlarge=enlarge)
    fit = draw(st.sampled_from(Fit))
    gravity: Gravity = Compass.CENTRE
    if fit is Fit.COVER:
        gravity = draw(gravities())
    elif fit is Fit.PAD:
        gravity = draw(st.sampled_from(Compass))
    return Spec(
        width=draw(sides),
        height=draw(sides),
        fit=fit,
        gravity=gravity,
        quality=quality,
        enlarge=enlarge,
    )
