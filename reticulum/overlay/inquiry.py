"""What a lookup is asked for, what it asks in turn, and what it finds."""

from collections.abc import Mapping
from enum import Enum
from typing import Generic, TypeVar

import attrs
from attrs import validators as v

from reticulum.model import Contact, NodeId
from reticulum.overlay.messages.bodies import Page

R = TypeVar("R")

MOST_NAMED = 28
"""Contacts in one answer: 1,064 bytes of IPv6, which fit in one datagram with the rest."""


class Want(Enum):
    """What a lookup is for."""

    NODES = "nodes"
    """The k nodes closest to the target."""
    EVERYBODY = "everybody"
    """These, and whom they know of the nodes near the target that are reached through relays."""
    NODE = "node"
    """The one node whose id is the target."""
    HOLDERS = "holders"
    """Holders of the image whose key is the target."""


class Ending(Enum):
    """Why a lookup ended."""

    CLOSEST = "closest"
    """The k closest have answered: there is nothing more to learn."""
    FOUND = "found"
    """The node that was looked for has answered."""
    ENOUGH = "enough"
    """Enough holders, or some and the beta closest know no other."""
    OUT_OF_TIME = "out of time"
    TOO_MANY = "too many"
    """As many peers were asked as one lookup may."""
    STOPPED = "stopped"
    """The caller has what it needs."""


@attrs.frozen(kw_only=True)
class Limits:
    """
    How wide and how long a lookup goes.

    Args:
        k: Closest nodes that have to answer (paper, section 2.2: 20).
        alpha: Slots: questions out at a time, slow ones not counted.
        beta: Closest nodes that settle a read once a holder is known.
        enough: Holders that end a read at once.
        most_asked: Peers asked at most.
        most_named: Contacts, and holders, read of one answer; the rest is ignored. More than
            k: with one in five just dead, 20 named are 16 alive, and the last four of the k
            closest are never heard of (measured: recall 0.977 with 20, 0.9997 with 28).
        most_pages: Further pages of long lists of holders, read while holders are wanting.
        deadline_s: Seconds from the beginning to the end at the latest.
    """

    k: int = attrs.field(default=20, validator=v.ge(1))
    alpha: int = attrs.field(default=10, validator=v.ge(1))
    beta: int = attrs.field(default=3, validator=v.ge(1))
    enough: int = attrs.field(default=3, validator=v.ge(1))
    most_asked: int = attrs.field(default=256, validator=v.ge(1))
    most_named: int = attrs.field(default=MOST_NAMED, validator=v.ge(1))
    most_pages: int = attrs.field(default=20, validator=v.ge(0))
    deadline_s: float = attrs.field(default=10.0, validator=v.gt(0))


@attrs.frozen
class Ask:
    """
    A question to send now.

    Silent for `soft_s`, the peer is sent the same question once more, under the same message
    id; silent for `hard_s`, it is given up. A lookup asks no contact twice, but for further
    pages.

    Args:
        contact: Whom.
        soft_s: Seconds until `Lookup.slow`.
        hard_s: Seconds until `Lookup.timed_out`.
        page: Of holders alone, for `Lookup.read`; None for the whole question.
    """

    contact: Contact
    soft_s: float
    hard_s: float
    page: Page | None = None


@attrs.frozen(kw_only=True)
class Result(Generic[R]):
    """
    What a lookup found.

    Args:
        closest: Nodes that answered, nearest first, at most k; the node that looks is not
            among them.
        found: The node whose id is the target, if it answered.
        holders: What was said about each holder, by its node id, first heard first.
        ending: Why it ended.
        asked: How many peers were asked.
    """

    closest: tuple[Contact, ...]
    found: Contact | None
    holders: Mapping[NodeId, R]
    ending: Ending
    asked: int
