"""The values that the rest of the project passes around: frozen, checked at birth, free of I/O."""

import enum
import re
from typing import BinaryIO, Self

import attrs
from attrs import validators as v

from reticulum.errors import BadImageId


class HashName(enum.StrEnum):
    """A hash function that image ids are made with; the value is its name in `hashlib`."""

    SHA256 = "sha256"
    SHA1 = "sha1"

    @property
    def hex_digits(self) -> int:
        """Length of a digest as hexadecimal text."""
        return 64 if self is HashName.SHA256 else 40


_IMAGE_ID = re.compile(r"(?:(sha256)-([0-9a-f]{64})|(sha1)-([0-9a-f]{40}))")
_BARE = re.compile(r"[0-9a-f]{64}|[0-9a-f]{40}")


@attrs.frozen(order=True)
class ImageId:
    """
    Hash of an original's bytes, with the hash's name in front.

    Args:
        hash_name: Which hash.
        digest: Lower-case hexadecimal, as long as the hash says.
    """

    hash_name: HashName
    digest: str = attrs.field(validator=v.matches_re(r"[0-9a-f]{40}(?:[0-9a-f]{24})?"))

    @digest.validator
    def _length(self, _attribute: object, digest: str) -> None:
        if len(digest) != self.hash_name.hex_digits:
            raise ValueError(f"a {self.hash_name} digest has {self.hash_name.hex_digits} digits")

    @classmethod
    def parse(cls, text: str) -> Self:
        """
        Read an id as people and URLs write it.

        Accepts the canonical form and, as thraxil/reticulum and Apomixis have it, 40 or 64
        bare hexadecimal digits; capitals are read as small letters.

        Raises:
            BadImageId: The text is neither.
        """
        lower = text.lower()
        if match := _IMAGE_ID.fullmatch(lower):
            name, digest = match[1] or match[3], match[2] or match[4]
            return cls(HashName(name), digest)
        if _BARE.fullmatch(lower):
            return cls(next(name for name in HashName if name.hex_digits == len(lower)), lower)
        raise BadImageId(
            f"{text[:80]!r} is not an image id: wanted sha256- and 64 hexadecimal digits, "
            "sha1- and 40 of them, or the bare digits"
        )

    def __str__(self) -> str:
        return f"{self.hash_name}-{self.digest}"


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


@attrs.frozen(kw_only=True)
class Facts:
    """
    What an original turned out to be when its bytes were decoded.

    Args:
        format: Sniffed from the bytes.
        size: As displayed: EXIF orientation applied.
        frames: 1 for a still picture.
    """

    format: Format
    size: Size
    frames: int = attrs.field(validator=v.ge(1))


@attrs.frozen(kw_only=True)
class Original:
    """
    An image as it was uploaded and is kept.

    Args:
        image_id: Hash of the bytes.
        facts: What the bytes are.
        length: How many bytes.
        stored_at: When they were acknowledged; seconds since 1970, UTC.
    """

    image_id: ImageId
    facts: Facts
    length: int = attrs.field(validator=v.ge(1))
    stored_at: float


@attrs.frozen
class Rendition:
    """
    The key of a rendition: what a cache may file it under.

    Args:
        image_id: Of the original.
        spec: Canonical text of the spec, for one spec always the same.
        format: Of the result.
    """

    image_id: ImageId
    spec: str = attrs.field(validator=v.matches_re(r"[0-9a-z][0-9a-z,=.]{0,127}"))
    format: Format


@attrs.frozen(kw_only=True)
class Receipt:
    """
    The answer to an upload.

    Args:
        original: What was stored.
        is_new: False if it was here already.
        wanted: Copies the grid means to keep.
        stored: Copies confirmed to be on disk.
    """

    original: Original
    is_new: bool
    wanted: int
    stored: int


@attrs.frozen(kw_only=True)
class Picture:
    """
    An image opened for one reader, who closes `body`.

    Args:
        body: At its first byte.
        length: Bytes in `body`.
        format: Of the bytes.
        size: As displayed, in px.
        etag: Opaque text, without quotes: equal for equal bytes.
        stored_at: When the original was acknowledged; seconds since 1970, UTC.
    """

    body: BinaryIO
    length: int
    format: Format
    size: Size
    etag: str
    stored_at: float
