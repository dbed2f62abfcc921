"""Retrieve from the grid: what is not here comes from a holder, and stays in the cache."""

from collections.abc import Callable
from typing import Any, Protocol

import attrs

from reticulum.errors import BadSpec, OutOfTime, UnknownImage
from reticulum.interfaces import Originals, Pictures, Renditions
from reticulum.model import Format, ImageId, Original, Picture, Rendition, Spec
from reticulum.node.arrivals import Arrivals, Came
from reticulum.node.fetch import Fetch
from reticulum.node.flight import Land, SingleFlight
from reticulum.node.picture import is_original
from reticulum.node.recent import Recent

# As a worker leaves a rendition: a web server in front reads the cache, see etc/nginx.conf.
_RENDITION_MODE = 0o644


class PicturesHere(Pictures, Protocol):
    """Pictures of what this node holds."""

    @property
    def made(self) -> int:
        """Renditions made here."""


@attrs.define(kw_only=True)
class RetrieveFromGrid:
    """
    A `Pictures` that looks here first, then asks holders for the rendition itself.

    Nothing that comes in this way makes this node a holder. It is for people: other nodes are
    answered from what is here alone, and by the one whose turn it is.

    Args:
        here: Finds and makes what this node holds.
        fetch: Asks holders.
        originals: What this node holds.
        renditions: The cache, for what came from holders as well.
        arrivals: Takes what came.
        flight: Holds equal requests together.
        known: Facts about originals that others hold.
        is_deleted: Whether a tombstone stands for an image.
    """

    _here: PicturesHere
    _fetch: Fetch
    _originals: Originals
    _renditions: Renditions
    _arrivals: Arrivals
    _flight: SingleFlight[Any]
    _known: Recent[ImageId, Original]
    _is_deleted: Callable[[ImageId], bool]
    fetched: int = attrs.field(default=0, init=False)

    @property
    def made(self) -> int:
        """Renditions made here."""
        return self._here.made

    async def forget(self, image_id: ImageId) -> None:
        """Forget all that was made or remembered of an image, as after its deletion."""
        self._known.forget(image_id)
        self._fetch.forget(image_id)
        await self._renditions.remove(image_id)

    def at_hand(self, rendition: Rendition, spec: Spec) -> Picture | None:
        """Open one picture if that takes no waiting; see `Pictures`."""
        picture = self._here.at_hand(rendition, spec)
        if picture is not None or self._originals.known(rendition.image_id) is not None:
            return picture
        original = self._known.get(rendition.image_id)
        if original is None or self._is_deleted(rendition.image_id):
            return None
        return self._arrivals.cached(original, rendition, spec)

    async def __call__(self, rendition: Rendition, spec: Spec) -> Picture:
        """Open one picture, from wherever it is; see `Pictures`."""
        self._check(rendition.image_id)
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
        return self._arrivals.picture(original, rendition, spec, opened)

    async def facts(self, image_id: ImageId) -> Original:
        """
        Facts about one original, held here or elsewhere.

        Raises:
            UnknownImage: Nobody holds it.
            OutOfTime: Holders do not answer.
        """
        self._check(image_id)
        try:
            return await self._originals.find(image_id)
        except UnknownImage:
            return await self._shared_facts(image_id)

    def _check(self, image_id: ImageId) -> None:
        if self._is_deleted(image_id):
            raise UnknownImage(f"there is no image {image_id} in this grid")

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
            self._check(image_id)
        except OutOfTime:
            # Facts never change; that nobody answers does not say that the image was deleted.
            remembered = self._known.stale(image_id)
            if remembered is None:
                raise
            original = remembered
        except UnknownImage:
            await self.forget(image_id)
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
            came = Came(fetched.original, fetched.path, rendition.image_id.digest)
            await self._share(rendition, spec, came, land)
        finally:
            fetched.incoming.abandon()

    async def _get_rendition(self, rendition: Rendition, spec: Spec, land: Land[Picture]) -> None:
        scratch = self._renditions.scratch(rendition)
        try:
            original, etag = await self._fetch.rendition(rendition, scratch)
            await self._share(rendition, spec, Came(original, scratch, etag), land)
        finally:
            scratch.unlink(missing_ok=True)

    async def _share(
        self, rendition: Rendition, spec: Spec, came: Came, land: Land[Picture]
    ) -> None:
        """Give it to every waiter, and keep it, unless the image was deleted meanwhile."""
        self._check(rendition.image_id)
        self.fetched += 1
        self._known.put(rendition.image_id, came.original)
        await self._arrivals.share(rendition, spec, came, land)
        if self._is_deleted(rendition.image_id):
            self._known.forget(rendition.image_id)
