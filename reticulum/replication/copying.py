"""What the verbs of a node ask of the grid: to copy what came, to delete what has to go."""

from collections.abc import Awaitable, Callable, Sequence

import attrs

from reticulum.errors import UnknownImage
from reticulum.model import Contact, Holding, ImageId, Key, NodeId, Original, Spreading, Write
from reticulum.replication.burial import Burial
from reticulum.replication.here import Here
from reticulum.replication.spread import Spread
from reticulum.replication.tending import Tending

Find = Callable[[Key, frozenset[NodeId]], Awaitable[Sequence[Contact]]]
"""Looks up who says that he holds the image with a key, without some."""


@attrs.frozen(kw_only=True)
class GridCopying:
    """
    A `Copying` for a node of a grid.

    Args:
        here: The copies on this node.
        spread: Copies.
        tending: Knows who has what.
        burial: Deletes.
        find: Looks up who else has an image.
    """

    _here: Here
    _spread: Spread
    _tending: Tending
    _burial: Burial
    _find: Find

    async def welcome(self, image_id: ImageId) -> None:
        """Let an image be kept; see `Copying.welcome`."""
        if self._here.is_deleted(image_id):
            await self._burial.revoke(image_id)

    async def spread(self, original: Original, write: Write, *, is_new: bool) -> Spreading:
        """Copy it; see `Copying.spread`."""
        spread = self._spread if is_new else self._spread.again
        return await spread(original.image_id, write)

    async def delete(self, image_id: ImageId) -> None:
        """Delete it; see `Copying.delete`."""
        if self._here.is_deleted(image_id) or not await self._is_anywhere(image_id):
            await self._here.erase(image_id)
            raise UnknownImage(f"there is no image {image_id} in this grid")
        await self._burial.delete(image_id)

    async def _is_anywhere(self, image_id: ImageId) -> bool:
        """Whether somebody has it, or may have it: a silent node is told when it is back."""
        if await self._here.holding(image_id) is Holding.HELD:
            return True
        health = await self._tending.health(image_id)
        if health.deleted:
            return False
        if any(copy.has or copy.holding is None for copy in health.copies):
            return True
        return bool(await self._find(Key.of_image(image_id), frozenset()))


@attrs.frozen(kw_only=True)
class LoneCopying:
    """
    A `Copying` for a node that is in no grid, such as a small one in a test: one copy is all.

    Args:
        here: The copies on this node.
    """

    _here: Here

    async def welcome(self, image_id: ImageId) -> None:
        """Nothing was ever deleted for others."""

    async def spread(self, original: Original, write: Write, *, is_new: bool) -> Spreading:
        """One copy is here."""
        del original, write, is_new
        return Spreading(wanted=1, stored=1, needed=1)

    async def delete(self, image_id: ImageId) -> None:
        """Remove it; see `Copying.delete`."""
        if not await self._here.erase(image_id):
            raise UnknownImage(f"no image {image_id} is here")
