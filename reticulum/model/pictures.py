"""What a picture can be: its size, its format, and how a rendition is to be made."""

import enum

import attrs
from attrs import validators as v


@attrs.frozen
class Size:
    """Width and height in px, each at least 1."""

    width: int = attrs.field(validator=v.ge(1))
    height: int = attrs.field(validator=v.ge(1))

    @property
    def pixels(self) -> int:
        """Area in px."""
        return self.width * self.height


class Format(enum.StrEnum):
    """
    An image file format; the value is its extension in URLs.

    `BMP` is read and never written.
    """

    JPG = "jpg"
    PNG = "png"
    WEBP = "webp"
    GIF = "gif"
    AVIF = "avif"
    TIF = "tif"
    BMP = "bmp"

    @property
    def content_type(self) -> str:
        """The registered media type."""
        return _CONTENT_TYPES[self]

    @property
    def has_alpha(self) -> bool:
        """Whether pixels can be transparent."""
        return self not in {Format.JPG, Format.BMP}

    @property
    def is_animated(self) -> bool:
        """Whether the format, as we write it, can hold moving pictures."""
        return self in {Format.PNG, Format.WEBP, Format.GIF, Format.AVIF}

    @property
    def has_quality(self) -> bool:
        """Whether `q` means anything: the format, as we write it, is lossy."""
        return self in {Format.JPG, Format.WEBP, Format.AVIF}


_CONTENT_TYPES = {
    Format.JPG: "image/jpeg",
    Format.PNG: "image/png",
    Format.WEBP: "image/webp",
    Format.GIF: "image/gif",
    Format.AVIF: "image/avif",
    Format.TIF: "image/tiff",
    Format.BMP: "image/bmp",
}


class Fit(enum.StrEnum):
    """How an image is made to meet a box of two sides."""

    INSIDE = "inside"
    COVER = "cover"
    PAD = "pad"
    STRETCH = "stretch"


class Compass(enum.StrEnum):
    """The part of an image, or of a canvas, that a crop or a padding holds on to."""

    CENTRE = "centre"
    NORTH = "north"
    NORTHEAST = "northeast"
    EAST = "east"
    SOUTHEAST = "southeast"
    SOUTH = "south"
    SOUTHWEST = "southwest"
    WEST = "west"
    NORTHWEST = "northwest"


@attrs.frozen
class FocalPoint:
    """The point a crop keeps near its middle: fractions of width and height, each 0 to 1."""

    x: float = attrs.field(validator=[v.ge(0), v.le(1)])
    y: float = attrs.field(validator=[v.ge(0), v.le(1)])


@attrs.frozen
class Entropy:
    """Gravity by content: the crop that keeps the most information."""


Gravity = Compass | FocalPoint | Entropy


@attrs.frozen(kw_only=True)
class Spec:
    """
    Which rendition of an image: the parsed form of a URL's spec.

    Args:
        width: Bound in px, or None for no bound.
        height: Bound in px, or None; both None is `full`.
        fit: How the box is met. `cover` with equal sides is what URLs write as `200s`.
        gravity: What a crop or a padding holds on to.
        quality: 1 to 100 for lossy formats, or None for the format's own default.
        enlarge: Whether a result may be larger than its source.
    """

    width: int | None = attrs.field(default=None, validator=v.optional(v.ge(1)))
    height: int | None = attrs.field(default=None, validator=v.optional(v.ge(1)))
    fit: Fit = Fit.INSIDE
    gravity: Gravity = Compass.CENTRE
    quality: int | None = attrs.field(default=None, validator=v.optional([v.ge(1), v.le(100)]))
    enlarge: bool = False

    @property
    def is_full(self) -> bool:
        """Whether the picture keeps its own size."""
        return self.width is None and self.height is None
