"""By turn: of the nodes that hold an image, one makes its renditions for all of them."""

from collections.abc import Awaitable, Callable
from typing import Any

import attrs
from twisted.internet.defer import Deferred

from reticulum.errors import HolderFailed, ReticulumError, UnknownImage
from reticulum.interfaces import Originals, Peers, Renditions
from reticulum.model import Contact, Format, ImageId, Original, Picture, Rendition, Spec
from reticulum.node.arrivals import Arrivals, Came
from reticulum.node.fetch import rendition_into
from reticulum.node.flight import Land, SingleFlight
from reticulum.node.hedging import Asking, Hedging, Tally
from reticulum.node.picture import is_original
from reticulum.node.race import first
from reticulum.node.retrieve import Retrieve

Turn = Callable[[ImageId], Awaitable[Contact | None]]
"""Says who makes the renditions of an image; None if that is this node."""


@attrs.define(kw_only=True)
class RetrieveByTurn:
    """
    A `Pictures` of what this node holds, for other nodes that do not, and for people.

    What is not cached is asked for at the node whose turn it is, which makes it itself: no
    question travels further. If that node is slow or fails, this one makes it, too; what comes
    first is served. A rendition that is being made here goes on then: others may wait for it.

    Args:
        here: Finds and makes what this node holds.
        turn: Whose turn it is.
        peers: Asks that node.
        hedging: Says when it is late.
        originals: What this node holds.
        renditions: The cache, for a place that a rendition can come to.
        arrivals: Takes what came.
        flight: Holds equal requests together; its own.
        is_deleted: Whether a tombstone stands for an image.
        seen: Told of every image that was asked for and is here; quick.
    """

    _here: Retrieve
    _turn: Turn
    _peers: Peers
    _hedging: Hedging
    _originals: Originals
    _renditions: Renditions
    _arrivals: Arrivals
    _flight: SingleFlight[Picture | None]
    _is_deleted: Callable[[ImageId], bool]
    _seen: Callable[[ImageId], None]
    fetched: int = attrs.field(default=0, init=False)

    @property
    def made(self) -> int:
        """Renditions made here."""
        return self._here.made

    def at_hand(self, rendition: Rendition, spec: Spec) -> Picture | None:
        """Open one picture if that takes no waiting; see `Pictures`."""
        return self._here.at_hand(rendition, spec)

    async def __call__(self, rendition: Rendition, spec: Spec) -> Picture:
        """Open one picture of an image that is here; see `Pictures`."""
        image_id = rendition.image_id
        if self._is_deleted(image_id):
            raise UnknownImage(f"there is no image {image_id} in this grid")
        original = await self._originals.find(image_id)
        picture = await self._get(original, rendition, spec)
        self._seen(image_id)
        return picture

    async def _get(self, original: Original, rendition: Rendition, spec: Spec) -> Picture:
        if is_original(original, rendition) or rendition.format is Format.BMP:
            return await self._here(rendition, spec)
        cached = self._arrivals.cached(original, rendition, spec)
        if cached is not None:
            return cached
        contact = await self._turn(rendition.image_id)
        if contact is None or self._hedging.promptness.is_shunned(contact.node_id):
            return await self._here(rendition, spec)
        shared = await self._flight.join(
            rendition, lambda land: self._race(contact, original, rendition, spec, land)
        )
        # It was made here, and is in the cache now, or on its way to it.
        return await self._here(rendition, spec) if shared is None else shared

    async def _race(
        self,
        contact: Contact,
        original: Original,
        rendition: Rendition,
        spec: Spec,
        land: Land[Picture | None],
    ) -> None:
        scratch = self._renditions.scratch(rendition)

        async def ask(contact: Contact, begun: Callable[[], None]) -> str:
            try:
                _, etag = await rendition_into(
                    scratch, self._peers, contact, rendition, begun=begun, only_here=True
                )
            except (HolderFailed, UnknownImage):
                raise
            except ReticulumError as error:
                # Whether it can be made at all, this node finds out by itself.
                raise HolderFailed(str(error)) from error
            if etag != self._arrivals.etag(original, rendition):
                raise HolderFailed("it is of another version, and makes other bytes")
            return etag

        asking = Asking(
            hedging=self._hedging,
            contact=contact,
            image_id=rendition.image_id,
            ask=ask,
            tally=Tally(),
        )
        own = _Own(self._here, rendition, spec)
        try:
            came = await first((asking, own), waste=lambda _: None)
            if came is None:
                raise own.error or RuntimeError("a race that nobody has won or lost")
            maker, etag = came
            if maker is None:
                land(lambda: None)
                return
            self.fetched += 1
            # With its facts as they are here: when it was stored differs from node to node.
            await self._arrivals.share(rendition, spec, Came(original, scratch, etag), land)
        finally:
            scratch.unlink(missing_ok=True)


@attrs.define(eq=False)
class _Own:
    """This node itself in the race; a `Runner`."""

    _here: Retrieve
    _rendition: Rendition
    _spec: Spec
    error: ReticulumError | None = None

    async def run(self) -> tuple[None, str] | None:
        """Make it; who waits opens it for himself."""
        try:
            picture = await self._here(self._rendition, self._spec)
        except ReticulumError as error:
            self.error = error
            return None
        picture.body.close()
        return None, picture.etag

    async def late(self) -> None:
        """Nobody comes after this one."""
        never: Deferred[Any] = Deferred()
        await never
