"""Relays of a simulated grid: who is attached to whom, and who looks for another one."""

import random

import attrs
from twisted.internet.interfaces import IDelayedCall

from reticulum.model import Address, Contact, NodeId
from reticulum.overlay.node import OverlayNode
from reticulum.testing.simulator.network import Network
from reticulum.testing.simulator.node_clock import NodeClock

WANTED = 2
LOOK_S = 5.0
"""Seconds between two looks at whether the relays are still there."""


@attrs.frozen
class _Relay:
    contact: Contact
    zone: str


class Relays:
    """
    Everybody who relays, and for whom.

    Args:
        network: Who is cut off from whom.
    """

    def __init__(self, network: Network) -> None:
        self._network = network
        self._relays: dict[NodeId, _Relay] = {}
        self._attached: dict[NodeId, set[NodeId]] = {}
        self._homes: dict[NodeId, Address] = {}

    def open(self, contact: Contact, zone: str) -> None:
        """Let a node relay."""
        self._relays[contact.node_id] = _Relay(contact, zone)

    def close(self, node_id: NodeId) -> None:
        """Let a node be gone, as a relay and as one that is attached."""
        self._relays.pop(node_id, None)
        self._attached.pop(node_id, None)
        for relay in list(self._attached):
            self.detach(relay, node_id)

    def attach(self, relay: NodeId, node: Contact) -> None:
        """Let a node hang on a relay."""
        self._homes[node.node_id] = node.address
        self._attached.setdefault(relay, set()).add(node.node_id)

    def detach(self, relay: NodeId, node_id: NodeId) -> None:
        """Let it hang there no more."""
        self._attached.get(relay, set()).discard(node_id)

    def has(self, relay: NodeId, node_id: NodeId) -> bool:
        """Whether a relay has a node right now, and they reach each other."""
        if node_id not in self._attached.get(relay, ()):
            return False
        return self.is_near(self._relays[relay].contact, self._homes[node_id])

    def clients(self, relay: NodeId) -> list[Contact]:
        """Whom a relay has right now, in the order of their ids."""
        known = self._relays.get(relay)
        if known is None:
            return []
        attached = sorted(one for one in self._attached.get(relay, ()) if self.has(relay, one))
        return [Contact(one, known.contact.address, via=relay) for one in attached]

    def home(self, node_id: NodeId) -> Address:
        """Where an attached node lives."""
        return self._homes[node_id]

    def is_near(self, relay: Contact, address: Address) -> bool:
        """Whether a relay is there, and reached from an address."""
        place, other = self._network.place(relay.address), self._network.place(address)
        return relay.node_id in self._relays and place.side == other.side

    def zone(self, relay: Contact) -> str:
        """Where a relay is; its own id if it has told no zone."""
        known = self._relays.get(relay.node_id)
        return known.zone if known is not None and known.zone else str(relay.node_id)


@attrs.frozen
class AttachedHere:
    """
    Whom one node relays for; an `Attached` of the overlay.

    Args:
        relays: Of the grid.
        own: Who.
    """

    _relays: Relays
    _own: NodeId

    def __contains__(self, node_id: NodeId) -> bool:
        return self._relays.has(self._own, node_id)


class Anchors:
    """
    Keeps one node that nobody can dial attached to two relays, in two zones if there are.

    Args:
        relays: Of the grid.
        contact: The node.
        random_: Its own.
    """

    def __init__(self, relays: Relays, contact: Contact, random_: random.Random) -> None:
        self._relays = relays
        self._contact = contact
        self._random = random_
        self._timer: IDelayedCall | None = None
        self.held: tuple[Contact, ...] = ()

    def start(self, overlay: OverlayNode, time: NodeClock) -> None:
        """Look for relays, and go on."""
        self.held = ()

        def look() -> None:
            self._look(overlay)
            self._timer = time.callLater(LOOK_S, look)

        look()

    def stop(self) -> None:
        """Let go of all."""
        if self._timer is not None and self._timer.active():
            self._timer.cancel()
        self.held = ()

    def _look(self, overlay: OverlayNode) -> None:
        kept = [relay for relay in self.held if self._is_there(relay)]
        others = [contact for contact in overlay.table.contacts() if contact not in kept]
        self._random.shuffle(others)
        while len(kept) < WANTED:
            zones = {self._relays.zone(relay) for relay in kept}
            usable = [contact for contact in others if self._is_there(contact)]
            usable.sort(key=lambda contact: self._relays.zone(contact) in zones)
            if not usable:
                break
            others.remove(usable[0])
            kept.append(usable[0])
        if tuple(kept) == self.held:
            return
        for relay in self.held:
            self._relays.detach(relay.node_id, self._contact.node_id)
        for relay in kept:
            self._relays.attach(relay.node_id, self._contact)
        self.held = tuple(kept)
        overlay.said_anew()

    def _is_there(self, relay: Contact) -> bool:
        return self._relays.is_near(relay, self._contact.address)
