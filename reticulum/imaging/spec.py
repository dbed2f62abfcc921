"""The grammar of specs, text to `Spec` and back: one table, one row an option."""

import re
from collections.abc import Callable, Mapping
from typing import Any, Final

import attrs

from reticulum.errors import BadSpec
from reticulum.model import Compass, Entropy, Fit, FocalPoint, Format, Gravity, Spec

MAX_SIDE: Final = 16_384
"""The longest side a spec may ask for, in px."""

MAX_TEXT: Final = 128
"""The longest text of a spec, in characters."""

DEFAULT_QUALITY: Final[Mapping[Format, int]] = {
    Format.JPG: 80,
    Format.WEBP: 80,
    Format.AVIF: 60,
}
"""What `q` is when nobody says; the three look alike at these."""

_SIZE = re.compile(r"full|(?:([0-9]+)w)?(?:([0-9]+)h)?|(?P<h>[0-9]+)h(?P<w>[0-9]+)w|(?P<s>[0-9]+)s")
_FRACTION = re.compile(r"[0-9]+(?:\.[0-9]{1,4})?")
_SHOWN = 60


def parse(text: str) -> Spec:
    """
    Read a spec as URLs write it: a size, then options, joined by commas.

    Args:
        text: Such as `300w200h,fit=cover,gravity=0.2,0.75,q=60`.

    Raises:
        BadSpec: Malformed, or options that have no meaning together. The text says which part.
    """
    if len(text) > MAX_TEXT:
        raise BadSpec(f"a spec has at most {MAX_TEXT} characters, this one has {len(text)}")
    size, *pieces = text.split(",")
    values = _read_size(size)
    is_square = size.endswith("s")
    given: set[str] = set()
    for name, value in _options(pieces):
        option = _BY_NAME.get(name)
        if option is None:
            known = ", ".join(_BY_NAME)
            raise BadSpec(f"unknown option {_shown(name)}: there are {known}")
        if name in given:
            raise BadSpec(f"option {name} is given twice")
        given.add(name)
        try:
            values[option.field] = option.read(value)
        except ValueError:
            raise BadSpec(f"{name}={_shown(value)}: wanted {option.wanted}") from None
    spec = Spec(**values)
    if is_square and spec.fit is not Fit.COVER:
        raise BadSpec(f"fit={spec.fit} cannot go with a square: {size[:6]} means fit=cover")
    for is_meant, reason in _MEANING:
        if not is_meant(spec):
            raise BadSpec(reason)
    return spec


def canonical(spec: Spec, output: Format) -> str:
    """
    Write a spec in the one form that is a cache key: options in the table's order, no defaults.

    The quality is left out where it says nothing: for formats without it, and when it is the
    format's own default. With `full` it always stays, because `full` alone means the stored
    bytes and `full` with a quality a picture encoded anew.

    Returns:
        At most `MAX_TEXT` characters; `parse` reads it back.
    """
    options = [(option, option.write(spec, output)) for option in _OPTIONS]
    words = [f"{option.name}={value}" for option, value in options if value is not None]
    return ",".join([_write_size(spec), *words])


def quality(spec: Spec, output: Format) -> int:
    """The quality to encode with, 1 to 100; for formats without quality it means nothing."""
    return spec.quality or DEFAULT_QUALITY.get(output, 100)


def _shown(text: str) -> str:
    """Input as it may stand in an error: quoted, escaped, and cut."""
    quoted = repr(text)
    return quoted if len(quoted) <= _SHOWN else f"{quoted[:_SHOWN]}..."


def _read_size(text: str) -> dict[str, Any]:
    match = _SIZE.fullmatch(text)
    if not text or match is None:
        raise BadSpec(
            f"size {_shown(text)}: wanted full, or whole numbers of pixels as in "
            "200w, 200h, 300w200h or 200s"
        )
    width = match[1] or match["w"] or match["s"]
    height = match[2] or match["h"] or match["s"]
    for side in (width, height):
        if side is not None and not 1 <= int(side) <= MAX_SIDE:
            raise BadSpec(f"size {_shown(text)}: a side is 1 to {MAX_SIDE} px")
    values: dict[str, Any] = {
        "width": int(width) if width else None,
        "height": int(height) if height else None,
    }
    if match["s"]:
        values["fit"] = Fit.COVER
    return values


def _write_size(spec: Spec) -> str:
    if spec.is_full:
        return "full"
    if _is_square(spec):
        return f"{spec.width}s"
    width = f"{spec.width}w" if spec.width else ""
    height = f"{spec.height}h" if spec.height else ""
    return width + height


def _options(pieces: list[str]) -> list[tuple[str, str]]:
    """Names and values; a piece without `=` belongs to the value before it, as in `0.5,0.5`."""
    options: list[tuple[str, str]] = []
    for piece in pieces:
        name, equals, value = piece.partition("=")
        if equals:
            options.append((name, value))
        elif options:
            name, value = options.pop()
            options.append((name, f"{value},{piece}"))
        else:
            raise BadSpec(f"{_shown(piece)} is no option: wanted name=value after the size")
    return options


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
    return None if spec.fit is Fit.INSIDE or _is_square(spec) else spec.fit.value


def _write_quality(spec: Spec, output: Format) -> str | None:
    if spec.quality is None or not output.has_quality:
        return None
    if spec.quality == DEFAULT_QUALITY[output] and not spec.is_full:
        return None
    return str(spec.quality)


def _is_square(spec: Spec) -> bool:
    return spec.fit is Fit.COVER and spec.width == spec.height


def _has_box(spec: Spec) -> bool:
    return spec.width is not None and spec.height is not None


@attrs.frozen
class _Option:
    """One row of the grammar: `write` answers None where the option would say nothing."""

    name: str
    field: str
    wanted: str
    read: Callable[[str], object]
    write: Callable[[Spec, Format], str | None]


_OPTIONS: Final = (
    _Option(
        "fit",
        "fit",
        "one of " + ", ".join(Fit),
        Fit,
        lambda spec, _: _write_fit(spec),
    ),
    _Option(
        "gravity",
        "gravity",
        f"entropy, one of {', '.join(Compass)}, or a point such as 0.25,0.5 "
        "(each 0 to 1, at most 4 decimals)",
        _read_gravity,
        lambda spec, _: _write_gravity(spec.gravity),
    ),
    _Option("q", "quality", "a whole number 1 to 100", _read_quality, _write_quality),
    _Option(
        "enlarge",
        "enlarge",
        "0 or 1",
        _read_switch,
        lambda spec, _: "1" if spec.enlarge else None,
    ),
)
_BY_NAME: Final = {option.name: option for option in _OPTIONS}

_MEANING: Final[tuple[tuple[Callable[[Spec], bool], str], ...]] = (
    (
        lambda spec: spec.fit is Fit.INSIDE or _has_box(spec),
        "fit needs a box: give both sides, as in 300w200h",
    ),
    (
        lambda spec: spec.gravity is Compass.CENTRE or spec.fit in {Fit.COVER, Fit.PAD},
        "gravity needs something to cut or to pad: fit=cover, fit=pad or a square such as 200s",
    ),
    (
        lambda spec: isinstance(spec.gravity, Compass) or spec.fit is Fit.COVER,
        "gravity by a point or by entropy needs a crop: fit=cover or a square such as 200s",
    ),
    (
        lambda spec: not (spec.enlarge and spec.is_full),
        "enlarge needs a size: full is never enlarged",
    ),
)
