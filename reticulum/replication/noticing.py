"""Peers, watched: who answers is known to live, who does not is asked whether it does."""

from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import TypeVar

import attrs

from reticulum.errors import HolderFailed, HolderLied
from reticulum.interfaces import Peers, Sink
from reticulum.model import Contact, Holding, ImageId, NodeId, Original, Rendition, Tombstone

T = TypeVar("T")


@attrs.frozen(kw_only=True)
class NoticingPeers:
    """
    A `Peers` that tells what its answers say about the life of nodes.

    Args:
        peers: Asks.
        heard: Told of who answered.
        unheard: Told of who did not.
    """

    _peers: Peers
    _heard: Callable[[Contact], None]
    _unheard: Callable[[NodeId], None]

    async def facts(self, contact: Contact, image_id: ImageId) -> Original:
        """See `Peers.facts`."""
        return await self._notice(contact, self._peers.facts(contact, image_id))

    async def original(self, contact: Contact, image_id: ImageId, sink: Sink) -> Original:
        """See `Peers.original`."""
        return await self._notice(contact, self._peers.original(contact, image_id, sink))

    async def rendition(
        self, contact: Contact, rendition: Rendition, sink: Sink, *, only_here: bool = False
    ) -> tuple[Original, str]:
        """See `Peers.rendition`."""
        asking = self._peers.rendition(contact, rendition, sink, only_here=only_here)
        return await self._notice(contact, asking)

    async def have(
        self, contact: Contact, image_ids: Sequence[ImageId], *, verify: bool = False
    ) -> Sequence[Holding]:
        """See `Peers.have`."""
        return await self._notice(contact, self._peers.have(contact, image_ids, verify=verify))

    async def give(self, contact: Contact, original: Original, path: Path) -> bool:
        """See `Peers.give`."""
        return await self._notice(contact, self._peers.give(contact, original, path))

    async def bury(self, contact: Contact, tombstones: Sequence[Tombstone], depth: int) -> None:
        """See `Peers.bury`."""
        await self._notice(contact, self._peers.bury(contact, tombstones, depth))

    async def buried(
        self, contact: Contact, since: int, after: int
    ) -> tuple[Sequence[bytes], int | None]:
        """See `Peers.buried`."""
        return await self._notice(contact, self._peers.buried(contact, since, after))

    async def nudge(self, contact: Contact, image_id: ImageId) -> None:
        """See `Peers.nudge`."""
        await self._notice(contact, self._peers.nudge(contact, image_id))

    async def _notice(self, contact: Contact, asking: Awaitable[T]) -> T:
        try:
            answer = await asking
        except HolderLied:
            raise
        except HolderFailed:
            self._unheard(contact.node_id)
            raise
        self._heard(contact)
        return answer
