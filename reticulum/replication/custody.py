"""What other nodes may ask of this one as a keeper of images."""

from collections.abc import Callable, Sequence

import attrs

from reticulum.errors import BadRequest, HolderLied, ImageDeleted, NotTaken, UnknownImage
from reticulum.interfaces import MOST_BURIED, Incoming
from reticulum.model import Holding, ImageId, Original, Shelf
from reticulum.replication.burial import Burial
from reticulum.replication.handover import check
from reticulum.replication.here import Here

VERIFIED_FOR_S = 24 * 3600.0


@attrs.define(kw_only=True)
class KeeperCustody:
    """
    A `Custody` over the copies on this node.

    Args:
        here: The copies.
        burial: Tombstones.
        shelf: Whether this node takes copies now.
        now: Seconds since 1970.
        damaged: Told of an image that turned out to be damaged.
        look_after: Told of an image that another node finds short of copies.
    """

    _here: Here
    _burial: Burial
    _shelf: Callable[[], Shelf]
    _now: Callable[[], float]
    _damaged: Callable[[ImageId], None]
    _look_after: Callable[[ImageId], None]

    def begin(self, original: Original) -> Incoming:
        """Open a place for a copy; see `Custody.begin`."""
        image_id = original.image_id
        if self._here.is_deleted(image_id):
            raise ImageDeleted(f"{image_id} was deleted")
        shelf = self._shelf()
        if shelf is Shelf.CLOSED:
            raise NotTaken("this node keeps no copies")
        if shelf is Shelf.FULL and self._here.originals.known(image_id) is None:
            raise NotTaken("only the reserve of space is left here")
        return self._here.originals.begin(image_id.hash_name)

    async def take(self, incoming: Incoming, original: Original) -> bool:
        """Keep a copy; see `Custody.take`."""
        try:
            await check(incoming, original)
            _, is_new = await self._here.keep(incoming, original.facts)
        except HolderLied as error:
            raise BadRequest(str(error)) from error
        except UnknownImage as error:
            raise ImageDeleted(str(error)) from error
        finally:
            incoming.abandon()
        return is_new

    async def have(self, image_ids: Sequence[ImageId], *, verify: bool) -> Sequence[Holding]:
        """What is here; see `Peers.have`."""
        return [await self._holding(image_id, verify=verify) for image_id in image_ids]

    async def bury(self, packed: Sequence[bytes], depth: int) -> None:
        """Believe deletions; see `Custody.bury`."""
        await self._burial.bury(packed, depth)

    def buried(self, since: int, after: int) -> tuple[Sequence[bytes], int | None]:
        """What was deleted; see `Peers.buried`."""
        tombstones, following = self._here.graveyard.since(since, after, MOST_BURIED)
        return [tombstone.packed for tombstone in tombstones], following

    def nudged(self, image_id: ImageId) -> None:
        """Look after one image soon; see `Custody.nudged`."""
        self._look_after(image_id)

    async def _holding(self, image_id: ImageId, *, verify: bool) -> Holding:
        holding = await self._here.holding(image_id)
        if not verify or holding is not Holding.HELD:
            return holding
        verified_at = self._here.originals.verified_at(image_id)
        if verified_at is not None and 0 <= self._now() - verified_at < VERIFIED_FOR_S:
            return Holding.VERIFIED
        if await self._here.check(image_id):
            return Holding.VERIFIED
        self._damaged(image_id)
        return Holding.ABSENT
