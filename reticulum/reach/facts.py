"""Facts about an original as one node tells another: compact JSON, in a header or as a body."""

import json
from typing import Any, Final

from reticulum.model import Facts, Format, ImageId, Original, Size, fields_of

HEADER: Final = "x-reticulum-facts"
"""Of every answer with bytes, so that the asker can keep and serve them without decoding."""

# The end of the year 9999: no HTTP date is later (RFC 9110 section 5.6.7).
_LAST_SECOND: Final = 253_402_300_799
_LONGEST: Final = 1 << 48


def encode(original: Original) -> bytes:
    """Write *original* in ASCII, on one line; its id is known to whoever asked."""
    return json.dumps(fields_of(original), separators=(",", ":")).encode()


def decode(image_id: ImageId, content: bytes) -> Original | None:
    """Read what another node told about *image_id*; None if it cannot be."""
    try:
        fields: Any = json.loads(content)
        stored_at = fields["stored_at"]
        if not isinstance(stored_at, int | float) or not 0 <= stored_at <= _LAST_SECOND:
            return None
        return Original(
            image_id=image_id,
            facts=Facts(
                format=Format(fields["format"]),
                size=Size(_count(fields["width"]), _count(fields["height"])),
                frames=_count(fields["frames"]),
            ),
            length=_count(fields["bytes"]),
            stored_at=float(stored_at),
        )
    except (ValueError, TypeError, KeyError, RecursionError):
        return None


def _count(value: Any) -> int:
    if type(value) is not int or not 1 <= value <= _LONGEST:
        raise ValueError("no count")
    return value
