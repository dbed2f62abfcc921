"""The grammar of specs: text to `Spec` and back; the options are rows of `options`."""

import re
from collections.abc import Callable
from typing import Any, Final

from reticulum.errors import BadSpec
from reticulum.imaging.options import DEFAULT_QUALITY, OPTIONS, is_square
from reticulum.model import Compass, Fit, Format, Spec

MAX_SIDE: Final = 16_384
"""The longest side a spec may ask for, in px."""

MAX_TEXT: Final = 128
"""The longest text of a spec, in characters."""

_SIZE = re.compile(r"full|(?:([0-9]+)w)?(?:([0-9]+)h)?|(?P<h>[0-9]+)h(?P<w>[0-9]+)w|(?P<s>[0-9]+)s")
_SHOWN = 60
_BY_NAME: Final = {option.name: option for option in OPTIONS}


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
    options = [(option, option.write(spec, output)) for option in OPTIONS]
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
    if is_square(spec):
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


def _has_box(spec: Spec) -> bool:
    return spec.width is not None and spec.height is not None


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
