"""What every record has: who speaks, in which order, from when and for how long."""

from typing import Protocol

from reticulum.errors import BadRecord, RecordFault
from reticulum.model import NodeId

LIFETIME_S = 24 * 3600
RENEW_RELAYED_S = 300.0
"""Age at which a node that is reached through relays makes its node record anew: whoever keeps
that can't see whether the node is still there."""
MOST_SKEW_S = 600
"""How far two clocks of a grid may differ before records are refused for it."""
PUBLIC_BYTES = 32
SIGNATURE_BYTES = 64


class Statement(Protocol):
    """A record, as whoever checks it sees it."""

    @property
    def speaker(self) -> NodeId:
        """The node that the public key in the record belongs to."""

    @property
    def public_key(self) -> bytes:
        """Ed25519, 32 bytes."""

    @property
    def issued(self) -> int:
        """Whole seconds since 1970."""

    @property
    def expires(self) -> int:
        """Whole seconds since 1970, behind `issued`."""

    @property
    def sequence(self) -> int:
        """Of two records about the same thing the higher one holds."""

    @property
    def signed(self) -> bytes:
        """What the signature is over: a label of its own for each kind, then the record."""

    @property
    def signature(self) -> bytes:
        """Ed25519, 64 bytes."""

    @property
    def packed(self) -> bytes:
        """The record, canonical: equal bytes for equal records."""


def check_times(record: Statement, now: float) -> None:
    """
    Hold a record against the clock.

    Args:
        record: Any.
        now: Seconds since 1970.

    Raises:
        BadRecord: Expired, not yet valid, or meant to live too long.
    """
    if record.expires - record.issued > LIFETIME_S + MOST_SKEW_S:
        raise BadRecord(RecordFault.TOO_LONG_LIVED)
    if record.issued > now + MOST_SKEW_S:
        raise BadRecord(RecordFault.NOT_YET_VALID)
    if record.expires <= now:
        raise BadRecord(RecordFault.EXPIRED)


def next_sequence(previous: int, now: float) -> int:
    """
    Choose the number of a node's next records.

    It follows the clock in ms, so that a node that lost its number does not fall behind itself,
    and never goes back when the clock does.

    Args:
        previous: The last one that this node signed with; 0 for none.
        now: Seconds since 1970.
    """
    return max(previous + 1, int(now * 1000))
