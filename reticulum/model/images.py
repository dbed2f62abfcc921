"""What is stored and served: originals, renditions, receipts."""

from typing import Any, BinaryIO

import attrs
from attrs import validators as v

from reticulum.model.copies import Spreading
from reticulum.model.ids import ImageId
from reticulum.model.pictures import Format, Size


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


def fields_of(original: Original) -> dict[str, Any]:
    """What is told of an original, to a disk or to another node, beside its id; fit for JSON."""
    facts = original.facts
    return {
        "format": facts.format.value,
        "width": facts.size.width,
        "height": facts.size.height,
        "frames": facts.frames,
        "bytes": original.length,
        "stored_at": original.stored_at,
    }


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
        copies: How far it has got in the grid.
    """

    original: Original
    is_new: bool
    copies: Spreading


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
