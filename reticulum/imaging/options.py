"""The options of the grammar: one table, one row an option."""

import re
from collections.abc import Callable, Mapping
from typing import Final

import attrs

from reticulum.model import Compass, Entropy, Fit, FocalPoint, Format, Gravity, Spec

DEFAULT_QUALITY: Final[Mapping[Format, int]] = {
    Format.JPG: 80,
    Format.WEBP: 80,
    Format.AVIF: 60,
}
"""What `q` is when nobody says; the three look alike at these."""

_FRACTION: Final = re.compile(r"[0-9]+(?:\.[0-9]{1,4})?")


@attrs.frozen
class Option:
    """
    One row of the grammar.

    Args:
        name: As URLs write it.
        field: Of `Spec`.
        wanted: What its values are, for people.
        read: Text to value; raises ValueError.
        write: The value as text for one output format, or None where it would say nothing.
    """

    name: str
    field: str
    wanted: str
    read: Callable[[str], object]
    write: Callable[[Spec, Format], str | None]


def is_square(spec: Spec) -> bool:
    """Whether the spec is what URLs write as `200s`."""
    return spec.fit is Fit.COVER and spec.width == spec.height


def _read_number(text: str) -> int:
    if re.fullmatch(r"[0-9]+", text) is None:
        raise ValueError(text)
    return int(text)


def _read_quality(text: str) -> int:
    number = _read_number(text)
    if not 1 <= number <= 100:  # noqa: PLR2004 -- the range that the grammar promises
        raise ValueError(text)
    return number


def _read_switch(text: str) -> bool:
    return bool(("0", "1").index(text))


def _read_fraction(text: str) -> float:
    if _FRACTION.fullmatch(text) is None or float(text) > 1:
        raise ValueError(text)
    return float(text)


def _read_gravity(text: str) -> Gravity:
    if text == "entropy":
        return Entropy()
    if "," not in text:
        return Compass(text)
    x, _, y = text.partition(",")
    point = FocalPoint(_read_fraction(x), _read_fraction(y))
    return Compass.CENTRE if point == FocalPoint(0.5, 0.5) else point


def _write_gravity(gravity: Gravity) -> str | None:
    match gravity:
        case Compass.CENTRE:
            return None
        case Compass():
            return gravity.value
        case FocalPoint(x, y):
            return f"{_short(x)},{_short(y)}"
        case Entropy():
            return "entropy"


def _short(fraction: float) -> str:
    return f"{fraction:.4f}".rstrip("0").rstrip(".")


def _write_fit(spec: Spec) -> str | None:
    return None if spec.fit is Fit.INSIDE or is_square(spec) else spec.fit.value


def _write_quality(spec: Spec, output: Format) -> str | None:
    if spec.quality is None or not output.has_quality:
        return None
    if spec.quality == DEFAULT_QUALITY[output] and not spec.is_full:
        return None
    return str(spec.quality)


OPTIONS: Final = (
    Option(
        "fit",
        "fit",
        "one of " + ", ".join(Fit),
        Fit,
        lambda spec, _: _write_fit(spec),
    ),
    Option(
        "gravity",
        "gravity",
        f"entropy, one of {', '.join(Compass)}, or a point such as 0.25,0.5 "
        "(each 0 to 1, at most 4 decimals)",
        _read_gravity,
        lambda spec, _: _write_gravity(spec.gravity),
    ),
    Option("q", "quality", "a whole number 1 to 100", _read_quality, _write_quality),
    Option(
        "enlarge",
        "enlarge",
        "0 or 1",
        _read_switch,
        lambda spec, _: "1" if spec.enlarge else None,
    ),
)
