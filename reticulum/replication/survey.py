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
        """Nodes closest to *target*, of each kind; see `Surveyor.closest`."""
        around = await self._overlay.around(target)
        return (*around.closest, *around.relayed)

    async def describe(self, contact: Contact) -> Member | None:
        """What a node says about itself now; None if nothing sound comes."""
        described = await self._overlay.describe(contact)
        if described is None:
            return None
        record, contact = described.record, described.contact
        # Nobody finds a client without a relay: some would count on it, and others not know of it.
        is_found = record.role is Role.SERVER or contact.via is not None
        return Member(
            contact=contact,
            zone=record.zone,
            capacity=record.capacity,
            shelf=record.shelf if is_found else Shelf.CLOSED,
        )

    def neighbours(self) -> Sequence[Contact]:
        """Everybody in the routing table."""
        return self._overlay.table.contacts()
