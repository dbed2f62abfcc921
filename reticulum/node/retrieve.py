"""Retrieve: an image id and a spec into an opened picture, made if it has to be."""

import os
from collections.abc import Callable
from pathlib import Path

import attrs

from reticulum.errors import BadSpec
from reticulum.interfaces import Originals, Renderer, Renditions
from reticulum.model import Format, Original, Picture, Rendition, Spec
from reticulum.node.flight import Land, SingleFlight
from reticulum.node.picture import Opened, etag_of, is_original, picture_of
from reticulum.node.shared_file import SharedFile


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

    def at_hand(self, rendition: Rendition, spec: Spec) -> Picture | None:
        """
        Open one picture if that takes no waiting: it is cached, and its original is known.

        None says nothing about whether there is such a picture.
        """
        original = self._originals.known(rendition.image_id)
        if original is None or is_original(original, rendition):
            return None
        opened = self._renditions.open(rendition)
        return None if opened is None else self._picture(original, rendition, spec, opened)

    async def __call__(self, rendition: Rendition, spec: Spec) -> Picture:
        """
        Open one picture; the caller closes its body.

        Args:
            rendition: Which.
            spec: What the text in *rendition* says.

        Raises:
            UnknownImage: No sound original is here.
            BadSpec: The format is never written.
            DamagedImage, BeyondLimits, Busy, OutOfTime, NoSpace: It could not be made.
        """
        original = await self._originals.find(rendition.image_id)
        if is_original(original, rendition):
            stored = _open(await self._originals.path(rendition.image_id))
            return self._picture(original, rendition, spec, stored)
        if rendition.format is Format.BMP:
            raise BadSpec("bmp is read and never written; ask for jpg, png, webp, gif, avif or tif")
        opened = self._renditions.open(rendition)
        if opened is None:
            self._check_size(original, spec, rendition.format)
            opened = await self._flight.join(
                rendition, lambda land: self._make(original, rendition, spec, land)
            )
        return self._picture(original, rendition, spec, opened)

    def _picture(
        self, original: Original, rendition: Rendition, spec: Spec, opened: Opened
    ) -> Picture:
        etag = etag_of(original, rendition, self._pipeline)
        return picture_of(original, rendition, spec, opened, etag)

    async def _render(self, rendition: Rendition, spec: Spec, source: Path, target: Path) -> None:
        try:
            await self._renderer.render(source, spec, rendition.format, target)
        except OSError:
            # If it was deleted while it waited for a worker, that is no fault of ours.
            await self._originals.find(rendition.image_id)
            raise

    async def _make(
        self, original: Original, rendition: Rendition, spec: Spec, land: Land[Opened]
    ) -> None:
        source = await self._originals.path(rendition.image_id)
        scratch = self._renditions.scratch(rendition)
        try:
            await self._render(rendition, spec, source, scratch)
            self.made += 1
            # A web server in front gives this as Last-Modified, as we do.
            os.utime(scratch, (original.stored_at, original.stored_at))
            made = SharedFile.open(scratch)
            try:
                # Answer first: keeping it may have to wait until there is room.
                land(made.reader)
                # Raises if the image was deleted meanwhile: then its rendition must not stay.
                await self._originals.find(rendition.image_id)
                await self._renditions.keep(rendition, scratch)
            finally:
                made.close()
        finally:
            scratch.unlink(missing_ok=True)


def _open(path: Path) -> Opened:
    body = path.open("rb")
    return body, path.stat().st_size
