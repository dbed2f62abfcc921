"""Whom this node knows, or relays for, of the nodes that are reached through relays."""

from collections.abc import Callable
from itertools import islice

from reticulum.model import Address, Contact, Key, NodeId
from reticulum.overlay.keeping import Keeping
from reticulum.overlay.records import NodeRecord
from reticulum.overlay.surroundings import Attached

MOST_TOLD = 20
"""Relayed nodes in one answer."""


class Relayed:
    """
    Names relayed nodes, each by way of one relay.

    Args:
        own: The id of this node.
        keeping: Their records.
        attached: Whom this node relays for.
        addresses: Where this node is, best first, as far as it knows.
    """

    def __init__(
        self,
        own: NodeId,
        *,
        keeping: Keeping,
        attached: Attached,
        addresses: Callable[[], tuple[Address, ...]],
    ) -> None:
        self._own = own
        self._keeping = keeping
        self._attached = attached
        self._addresses = addresses

    def __contains__(self, node_id: NodeId) -> bool:
        """Whether this node relays for *node_id* right now."""
        return node_id in self._attached

    def page(self, target: Key, offset: int) -> tuple[tuple[Contact, ...], int]:
        """
        Name the nodes closest to *target*.

        Args:
            target: The closest to it come first.
            offset: How many of them are left out.

        Returns:
            Up to `MOST_TOLD`, and how many more there may be.
        """
        passed = 0
        named: list[Contact] = []
        for record in self._keeping.relayed(target):
            passed += 1
            way = self.way(record)
            if way is not None:
                named.append(way)
            if len(named) == offset + MOST_TOLD:
                break
        return tuple(named[offset:]), max(self._keeping.relayed_count - passed, 0)

    def nearest(self, target: Key, most: int) -> tuple[Contact, ...]:
        """Name up to *most* nodes closest to *target*."""
        ways = (self.way(record) for record in self._keeping.relayed(target))
        return tuple(islice(filter(None, ways), most))

    def way(self, record: NodeRecord) -> Contact | None:
        """How to reach the node of *record*; None if it is this one, or there is no way."""
        ways = record.ways
        node_id = record.speaker
        if not ways or node_id == self._own:
            return None
        if node_id in self._attached:
            known = (way.address for way in ways if way.via == self._own)
            address = next(iter((*self._addresses(), *known)), None)
            if address is not None:
                return Contact(node_id, address, via=self._own)
        # Whoever says that it is attached here, and is not, is reached another way, or is gone.
        return next((way for way in ways if way.via != self._own), None)
