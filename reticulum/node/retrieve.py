"""Retrieve: an image id and a spec into an opened picture, made if it has to be."""

import hashlib
import os
from collections.abc import Callable
from functools import lru_cache
from pathlib import Path
from typing import BinaryIO

import attrs

from reticulum.errors import BadSpec
from reticulum.imaging.geometry import result_size
from reticulum.imaging.spec import canonical
from reticulum.interfaces import Originals, Renderer, Renditions
from reticulum.model import Format, ImageId, Original, Picture, Rendition, Spec
from reticulum.node.flight import Land, SingleFlight

Opened = tuple[BinaryIO, int]


@attrs.define(kw_only=True)
class Retrieve:
    """
    Find or make a picture.

    Args:
        originals: What can be made from.
        renditions: What has been made.
        renderer: Makes.
        flight: Holds equal requests together.
        check_size: Raises `BeyondLimits` if a result would be larger than this node makes.
        pipeline: Text that changes when the same spec gives other bytes.
    """

    _originals: Originals
    _renditions: Renditions
    _renderer: Renderer
    _flight: SingleFlight[Opened]
    _check_size: Callable[[Original, Spec, Format], None]
    _pipeline: str
    made: int = 0

    async def __call__(self, image_id: ImageId, spec: Spec, output: Format) -> Picture:
        """
        Open one picture; the caller closes its body.

        Raises:
            UnknownImage: No sound original is here.
            BadSpec: The format is never written.
            DamagedImage, BeyondLimits, Busy, OutOfTime, NoSpace: It could not be made.
        """
        original = await self._originals.find(image_id)
        text = canonical(spec, output)
        if text == "full" and output is original.facts.format:
            path = await self._originals.path(image_id)
            return _picture(original, output, _open(path), spec, image_id.digest)
        if output is Format.BMP:
            raise BadSpec("bmp is read and never written; ask for jpg, png, webp, gif, avif or tif")
        rendition = Rendition(image_id, text, output)
        opened = self._renditions.open(rendition)
        if opened is None:
            self._check_size(original, spec, output)
            opened = await self._flight.join(
                rendition, lambda land: self._make(original, rendition, spec, land)
            )
        return _picture(original, output, opened, spec, _etag(rendition, self._pipeline))

    async def _make(
        self, original: Original, rendition: Rendition, spec: Spec, land: Land[Opened]
    ) -> None:
        source = await self._originals.path(rendition.image_id)
        scratch = self._renditions.scratch(rendition)
        try:
            await self._renderer.render(source, spec, rendition.format, scratch)
            self.made += 1
            # A web server in front gives this as Last-Modified, as we do.
            os.utime(scratch, (original.stored_at, original.stored_at))
            # Every waiter opens the file now: from here on it may be moved, or dropped.
            land(lambda: _open(scratch))
            # Raises if the image was deleted meanwhile: then its rendition must not stay.
            await self._originals.find(rendition.image_id)
            await self._renditions.keep(rendition, scratch)
        finally:
            scratch.unlink(missing_ok=True)


def _open(path: Path) -> Opened:
    body = path.open("rb")
    return body, path.stat().st_size


def _picture(original: Original, output: Format, opened: Opened, spec: Spec, etag: str) -> Picture:
    body, length = opened
    return Picture(
        body=body,
        length=length,
        format=output,
        size=result_size(original.facts.size, spec),
        etag=etag,
        stored_at=original.stored_at,
    )


@lru_cache(maxsize=4096)
def _etag(rendition: Rendition, pipeline: str) -> str:
    text = f"{rendition.image_id}/{rendition.spec}.{rendition.format}/{pipeline}"
    return hashlib.blake2b(text.encode(), digest_size=16).hexdigest()
