"""What is known about the way to one node."""

import enum

import attrs

from reticulum.model import NodeId
from reticulum.reach.held import Held

RELAY_AVOIDED_S = 30.0
"""After a relay did not lead to a node, others are tried first for so long."""
HELD_S = 30.0
"""A connection that nobody uses is closed after so long, before the other end does."""


class Road(enum.StrEnum):
    """Over what the last connection to a node went."""

    DIRECT = "direct"
    PUNCHED = "punched"
    RELAYED = "relayed"


@attrs.define
class Path:
    """
    The way to one node.

    Args:
        node_id: Whose.
        last: Over what the last connection went; None before the first one.
        relay: Through which relay, if through one.
        punched: Connections that were punched and are alive, taken or not.
        held: Those of them that nobody uses yet, and since when.
        is_punching: Whether one is being tried.
        punch_at: From when on one may be tried again; seconds.
        punches: How many have come about.
        failed_punches: How many have not.
        avoided: Relays that did not lead there, and until when they are tried last.
    """

    node_id: NodeId
    last: Road | None = None
    relay: NodeId | None = None
    punched: set[Held] = attrs.field(factory=set)
    held: dict[Held, float] = attrs.field(factory=dict)
    is_punching: bool = False
    punch_at: float = float("-inf")
    punches: int = 0
    failed_punches: int = 0
    avoided: dict[NodeId, float] = attrs.field(factory=dict)

    @property
    def road(self) -> Road | None:
        """Over what it goes now."""
        return Road.PUNCHED if self.punched else self.last

    def keep(self, held: Held, now: float) -> None:
        """Note a connection that was punched."""
        self.punched.add(held)
        self.held[held] = now
        self.punches += 1

    def drop(self, held: Held) -> None:
        """Note that it is gone."""
        self.punched.discard(held)
        self.held.pop(held, None)

    def take(self) -> Held | None:
        """One that nobody uses yet."""
        return self.held.popitem()[0] if self.held else None

    def expire(self, now: float) -> None:
        """Close what nobody has used for too long."""
        for held, since in list(self.held.items()):
            if now - since >= HELD_S:
                held.close()

    def went(self, road: Road, relay: NodeId | None = None) -> None:
        """Note a connection."""
        self.last, self.relay = road, relay
        if relay is not None:
            self.avoided.pop(relay, None)

    def avoid(self, relay: NodeId, now: float) -> None:
        """Note that a relay did not lead there."""
        self.avoided = {one: until for one, until in self.avoided.items() if until > now}
        self.avoided[relay] = now + RELAY_AVOIDED_S

    def avoids(self, relay: NodeId, now: float) -> bool:
        """Whether a relay did not lead there of late."""
        return self.avoided.get(relay, now) > now
