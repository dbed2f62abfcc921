"""The copies on this node: one way in and one way out, with everybody told who has to know."""

from collections.abc import Awaitable, Callable

import attrs

from reticulum.errors import ImageInDoubt, UnknownImage
from reticulum.interfaces import Graveyard, Incoming, Originals
from reticulum.model import Facts, Holding, ImageId, Original


async def _was_never_in_doubt(image_id: ImageId) -> None:
    """For nodes in no grid: nothing there can be deleted behind their backs."""


@attrs.frozen(kw_only=True)
class Here:
    """
    Originals of this node as replication changes them.

    Args:
        originals: The store.
        graveyard: Tombstones.
        came: Told of every image that is new here.
        went: Told of every image that is here no more.
        forget: Forgets what was made or remembered of an image that is deleted.
        believe: Told of an image whose bytes came again: whatever doubt there was is over, durably.
    """

    originals: Originals
    graveyard: Graveyard
    _came: Callable[[Original], None]
    _went: Callable[[ImageId], None]
    _forget: Callable[[ImageId], Awaitable[None]]
    _believe: Callable[[ImageId], Awaitable[None]] = _was_never_in_doubt

    def is_deleted(self, image_id: ImageId) -> bool:
        """Whether a tombstone stands."""
        tombstone = self.graveyard.get(image_id)
        return tombstone is not None and not tombstone.revoked

    async def holding(self, image_id: ImageId) -> Holding:
        """What this node can say of one image without reading its bytes."""
        if self.is_deleted(image_id):
            return Holding.DELETED
        try:
            await self.originals.find(image_id)
        except ImageInDoubt:
            return Holding.DOUBTED
        except UnknownImage:
            return Holding.ABSENT
        return Holding.HELD

    async def keep(self, incoming: Incoming, facts: Facts) -> tuple[Original, bool]:
        """
        Keep what was sealed; see `Originals.keep`.

        Raises:
            NoSpace: The disk is full.
            UnknownImage: It was deleted while it was on its way.
        """
        original, is_new = await self.originals.keep(incoming, facts)
        if self.is_deleted(original.image_id):
            await self.erase(original.image_id)
            raise UnknownImage(f"{original.image_id} was deleted just now")
        if is_new:
            self._came(original)
        else:
            # Somebody will count on this copy: it must not be set aside for want of another.
            await self._believe(original.image_id)
        return original, is_new

    async def drop(self, image_id: ImageId) -> bool:
        """Let go of a copy that others keep; what was made of it may be served on."""
        was_here = await self.originals.remove(image_id)
        self._went(image_id)
        return was_here

    async def erase(self, image_id: ImageId) -> bool:
        """Remove a deleted image with all that was made of it; returns whether it was here."""
        was_here = await self.drop(image_id)
        await self._forget(image_id)
        return was_here

    async def set_aside(self, image_id: ImageId, reason: str) -> None:
        """Put a copy into quarantine that must not be served."""
        await self.originals.set_aside(image_id, reason)
        self._went(image_id)
        await self._forget(image_id)

    async def check(self, image_id: ImageId) -> bool:
        """Hash the bytes now; whether they are here and sound. Damaged ones are in quarantine."""
        is_sound = await self.originals.verify(image_id)
        if not is_sound:
            self._went(image_id)
        return is_sound
