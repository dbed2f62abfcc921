"""An opened file into a picture: what all nodes say about equal bytes is equal."""

import hashlib
from functools import lru_cache
from typing import BinaryIO

from reticulum.imaging.geometry import result_size
from reticulum.model import Original, Picture, Rendition, Spec

Opened = tuple[BinaryIO, int]
"""A file at its first byte, and its length."""


def is_original(original: Original, rendition: Rendition) -> bool:
    """Whether the picture asked for is the stored bytes."""
    return rendition.spec == "full" and rendition.format is original.facts.format


def picture_of(
    original: Original, rendition: Rendition, spec: Spec, opened: Opened, etag: str
) -> Picture:
    """What there is to say about *opened*."""
    body, length = opened
    return Picture(
        body=body,
        length=length,
        format=rendition.format,
        size=result_size(original.facts.size, spec),
        etag=etag,
        stored_at=original.stored_at,
    )


def etag_of(original: Original, rendition: Rendition, pipeline: str) -> str:
    """The ETag of a rendition made by *pipeline*, or of the stored bytes."""
    if is_original(original, rendition):
        return rendition.image_id.digest
    return _etag(rendition, pipeline)


@lru_cache(maxsize=4096)
def _etag(rendition: Rendition, pipeline: str) -> str:
    text = f"{rendition.image_id}/{rendition.spec}.{rendition.format}/{pipeline}"
    return hashlib.blake2b(text.encode(), digest_size=16).hexdigest()
