"""How recently a contact of the routing table was heard, and what a silence does to it."""

from typing import Self

import attrs

from reticulum.model import Contact, Key

QUESTIONABLE_S = 15 * 60
"""Seconds of silence after which a contact is worth a ping (BEP 5, "Routing Table")."""
MOST_FAILURES = 3


@attrs.frozen(kw_only=True)
class Freshness:
    """
    When a contact answered, and how often it did not since.

    Args:
        first_seen: Its first answer, in seconds of the table's clock.
        last_seen: Its latest answer, likewise.
        failures: Questions it left unanswered since then.
    """

    first_seen: float
    last_seen: float
    failures: int = 0

    @classmethod
    def begin(cls, at: float) -> Self:
        """With its first answer."""
        return cls(first_seen=at, last_seen=at)

    def seen(self, at: float) -> Self:
        """Answer: all failures are forgiven."""
        return attrs.evolve(self, last_seen=at, failures=0)

    def failed(self) -> Self:
        """Leave a question unanswered."""
        return attrs.evolve(self, failures=self.failures + 1)

    @property
    def gone(self) -> bool:
        """Whether it failed so often that its place is free."""
        return self.failures >= MOST_FAILURES

    def questionable(self, at: float) -> bool:
        """Whether a ping would tell something: it failed, or was silent for long."""
        return self.failures > 0 or at - self.last_seen >= QUESTIONABLE_S


@attrs.frozen
class Saved:
    """
    A contact as it is kept over a restart.

    Args:
        contact: Answered before.
        last_seen: When, in seconds of the table's clock.
    """

    contact: Contact
    last_seen: float


@attrs.frozen(kw_only=True)
class ContactView:
    """
    A contact of the table for people to see.

    Args:
        contact: The node and its address.
        age_s: Seconds since it first answered.
        silent_s: Seconds since it last answered.
        failures: Questions unanswered since then.
        rtt_s: Smoothed round-trip time in seconds; None if it is not known.
    """

    contact: Contact
    age_s: float
    silent_s: float
    failures: int
    rtt_s: float | None


@attrs.frozen(kw_only=True)
class BucketView:
    """
    A bucket of the table for people to see.

    Args:
        low: The first key of its range.
        depth: Bits that all keys of its range share with *low*: 0 to 160.
        idle_s: Seconds since a lookup went into its range.
        contacts: Least recently seen first.
        waiting: How many are in its replacement cache.
    """

    low: Key
    depth: int
    idle_s: float
    contacts: tuple[ContactView, ...]
    waiting: int
