"""Retrieve from the grid: what is not here comes from a holder, and stays in the cache."""

import os
from pathlib import Path
from typing import Any

import attrs

from reticulum.errors import BadSpec, OutOfTime, UnknownImage
from reticulum.interfaces import Originals, Renditions
from reticulum.model import Format, ImageId, Original, Picture, Rendition, Spec
from reticulum.node.fetch import Fetch
from reticulum.node.flight import Land, SingleFlight
from reticulum.node.picture import Opened, etag_of, is_original, picture_of
from reticulum.node.recent import Recent
from reticulum.node.retrieve import Retrieve

# As a worker leaves a rendition: a web server in front reads the cache, see etc/nginx.conf.
_RENDITION_MODE = 0o644


@attrs.define(kw_only=True)
class RetrieveFromGrid:
    """
    A `Pictures` that looks here first, then asks holders for the rendition itself.

    Nothing that comes in this way makes this node a holder. Those who are asked use `Retrieve`
    alone, so that no question is ever passed on.

    Args:
        here: Finds and makes what this node holds.
        fetch: Asks holders.
        originals: What this node holds.
        renditions: The cache, for what came from holders as well.
        flight: Holds equal requests together.
        known: Facts about originals that others hold. How long they are believed is how long a
            deleted image may still be served from this node's cache.
        pipeline: Text that changes when the same spec gives other bytes.
    """

    _here: Retrieve
    _fetch: Fetch
    _originals: Originals
    _renditions: Renditions
    _flight: SingleFlight[Any]
    _known: Recent[ImageId, Original]
    _pipeline: str
    fetched: int = 0

    @property
    def made(self) -> int:
        """Renditions made here."""
        return self._here.made

    def at_hand(self, rendition: Rendition, spec: Spec) -> Picture | None:
        """Open one picture if that takes no waiting; see `Pictures`."""
        picture = self._here.at_hand(rendition, spec)
        if picture is not None or self._originals.known(rendition.image_id) is not None:
            return picture
        original = self._known.get(rendition.image_id)
        if original is None:
            return None
        opened = self._renditions.open(rendition)
        return None if opened is None else self._cached(original, rendition, spec, opened)

    async def __call__(self, rendition: Rendition, spec: Spec) -> Picture:
        """Open one picture, from wherever it is; see `Pictures`."""
        try:
            return await self._here(rendition, spec)
        except UnknownImage:
            opened = self._renditions.open(rendition)
        if opened is None:
            shared: Picture = await self._flight.join(
                rendition, lambda land: self._get(rendition, spec, land)
            )
            return shared
        try:
            original = await self._shared_facts(rendition.image_id)
        except BaseException:
            opened[0].close()
            raise
        return self._cached(original, rendition, spec, opened)

    async def facts(self, image_id: ImageId) -> Original:
        """
        Facts about one original, held here or elsewhere.

        Raises:
            UnknownImage: Nobody holds it.
            OutOfTime: Holders do not answer.
        """
        try:
            return await self._originals.find(image_id)
        except UnknownImage:
            return await self._shared_facts(image_id)

    def _cached(
        self, original: Original, rendition: Rendition, spec: Spec, opened: Opened
    ) -> Picture:
        etag = etag_of(original, rendition, self._pipeline)
        return picture_of(original, rendition, spec, opened, etag)

    async def _shared_facts(self, image_id: ImageId) -> Original:
        known = self._known.get(image_id)
        if known is not None:
            return known
        original: Original = await self._flight.join(
            image_id, lambda land: self._get_facts(image_id, land)
        )
        return original

    async def _get_facts(self, image_id: ImageId, land: Land[Original]) -> None:
        try:
            original = await self._fetch.facts(image_id)
        except OutOfTime:
            # Facts never change; that nobody answers does not say that the image was deleted.
            remembered = self._known.stale(image_id)
            if remembered is None:
                raise
            original = remembered
        except UnknownImage:
            self._known.forget(image_id)
            await self._renditions.remove(image_id)
            raise
        self._known.put(image_id, original)
        land(lambda: original)

    async def _get(self, rendition: Rendition, spec: Spec, land: Land[Picture]) -> None:
        if rendition.spec == "full" or rendition.format is Format.BMP:
            original = await self._shared_facts(rendition.image_id)
            if is_original(original, rendition):
                await self._get_original(rendition, spec, land)
                return
        if rendition.format is Format.BMP:
            raise BadSpec("bmp is read and never written; ask for jpg, png, webp, gif, avif or tif")
        await self._get_rendition(rendition, spec, land)

    async def _get_original(self, rendition: Rendition, spec: Spec, land: Land[Picture]) -> None:
        fetched = await self._fetch.original(rendition.image_id)
        try:
            fetched.path.chmod(_RENDITION_MODE)
            came = _Came(fetched.original, fetched.path, rendition.image_id.digest)
            await self._share(rendition, spec, came, land)
        finally:
            fetched.incoming.abandon()

    async def _get_rendition(self, rendition: Rendition, spec: Spec, land: Land[Picture]) -> None:
        scratch = self._renditions.scratch(rendition)
        try:
            original, etag = await self._fetch.rendition(rendition, scratch)
            await self._share(rendition, spec, _Came(original, scratch, etag), land)
        finally:
            scratch.unlink(missing_ok=True)

    async def _share(
        self, rendition: Rendition, spec: Spec, came: "_Came", land: Land[Picture]
    ) -> None:
        """Give every waiter the file that came, then keep it in the cache."""
        original, etag = came.original, came.etag
        self.fetched += 1
        self._known.put(rendition.image_id, original)
        # A web server in front gives this as Last-Modified, as we do.
        os.utime(came.path, (original.stored_at, original.stored_at))
        land(lambda: picture_of(original, rendition, spec, _open(came.path), etag))
        # A node of another version makes other bytes: good to serve, not to keep among ours.
        if etag == etag_of(original, rendition, self._pipeline):
            await self._renditions.keep(rendition, came.path)


@attrs.frozen
class _Came:
    """What a holder has sent: facts about the original, the file, its ETag."""

    original: Original
    path: Path
    etag: str


def _open(path: Path) -> Opened:
    body = path.open("rb")
    return body, path.stat().st_size
