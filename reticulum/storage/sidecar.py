"""The sidecar's content: what an original is, as JSON, and back."""

import json
from typing import Any

from reticulum.model import Facts, Format, ImageId, Original, Size, fields_of

_VERSION = 1


def encode(original: Original) -> bytes:
    """Write a sidecar: one JSON object on one line."""
    return json.dumps({"version": _VERSION, **fields_of(original)}).encode() + b"\n"


def decode(image_id: ImageId, content: bytes) -> Original | None:
    """
    Read a sidecar.

    Returns:
        The original it speaks of, or None if it is damaged or of another version: everything
        in it can be found again by looking into the original.
    """
    try:
        fields: Any = json.loads(content)
        if fields["version"] != _VERSION:
            return None
        return Original(
            image_id=image_id,
            facts=Facts(
                format=Format(fields["format"]),
                size=Size(int(fields["width"]), int(fields["height"])),
                frames=int(fields["frames"]),
            ),
            length=int(fields["bytes"]),
            stored_at=float(fields["stored_at"]),
        )
    except (ValueError, TypeError, KeyError):
        return None
