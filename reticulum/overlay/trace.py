"""What a lookup saw: every peer with who named it, how far it is, and how it answered."""

from collections.abc import Iterable
from enum import Enum

import attrs

from reticulum.model import Contact


class State(Enum):
    """How far one peer has come in a lookup."""

    HEARD = "heard"
    """Named by someone, not asked yet."""
    WAITING = "waiting"
    """Asked; takes up a slot."""
    SLOW = "slow"
    """Asked, past its soft time-out; takes up no slot, an answer still counts."""
    ANSWERED = "answered"
    DEAD = "dead"
    """Silent until its hard time-out."""
    REFUSED = "refused"
    """Its answer was of no use: malformed, from another node id, or from a client."""

    @property
    def failed(self) -> bool:
        """Whether nothing is expected of the peer any more."""
        return self in (State.DEAD, State.REFUSED)


@attrs.frozen(kw_only=True)
class Hop:
    """
    One peer as a lookup saw it.

    Args:
        contact: The peer.
        referrer: Who named it first; None for those the lookup started with.
        depth: How many referrals away from the start; 0 for the start itself.
        distance_bits: Bits of the XOR distance to the target: 0 (the target itself) to 160.
        state: The latest.
        asked_at: When, in the seconds the lookup was fed with; None if it was not asked.
        rtt_s: From question to answer, with any retransmission in it; None without an answer.
    """

    contact: Contact
    referrer: Contact | None
    depth: int
    distance_bits: int
    state: State
    asked_at: float | None
    rtt_s: float | None


@attrs.frozen
class DownHint:
    """
    A dead referral, to be reported to who gave it (dht-rpc calls it so).

    Args:
        referrer: Answered, and named the dead one.
        dead: Did not answer until its hard time-out.
    """

    referrer: Contact
    dead: Contact


def route(trace: Iterable[Hop], contact: Contact) -> tuple[Hop, ...]:
    """
    How the lookup came to *contact*.

    Returns:
        Hops from one of the start to *contact* itself; empty if it is not in *trace*.
    """
    hops = {hop.contact: hop for hop in trace}
    way: list[Hop] = []
    at: Contact | None = contact
    while at is not None and at in hops and len(way) <= len(hops):
        way.append(hops[at])
        at = hops[at].referrer
    return tuple(reversed(way))
