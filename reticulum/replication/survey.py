"""Looks around in the grid over the overlay, for `Landscape`."""

from collections.abc import Sequence

import attrs

from reticulum.model import Contact, Key, Member, Shelf
from reticulum.overlay.node import OverlayNode
from reticulum.overlay.records import Role


@attrs.frozen
class Survey:
    """
    A `reticulum.replication.landscape.Surveyor`.

    Args:
        overlay: Asks.
    """

    _overlay: OverlayNode

    async def closest(self, target: Key) -> Sequence[Contact]:
        """The up to 20 other nodes closest to *target* that answer, nearest first."""
        return await self._overlay.closest(target)

    async def describe(self, contact: Contact) -> Member | None:
        """What a node says about itself now; None if nothing sound comes."""
        record = await self._overlay.describe(contact)
        if record is None:
            return None
        # Nobody's lookups find a client: some would count on it, and others not know of it.
        is_server = record.role is Role.SERVER
        return Member(
            contact=contact,
            zone=record.zone,
            capacity=record.capacity,
            shelf=record.shelf if is_server else Shelf.CLOSED,
        )

    def neighbours(self) -> Sequence[Contact]:
        """Everybody in the routing table."""
        return self._overlay.table.contacts()
