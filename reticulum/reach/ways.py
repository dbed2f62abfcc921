"""Ways: how to get to a node. Straight to its address, here; every other one is in `paths`."""

from typing import Protocol

import attrs
from twisted.internet.interfaces import IStreamClientEndpoint

from reticulum.model import Contact
from reticulum.reach.introduction import Introduction
from reticulum.reach.pipes import DirectPipes


@attrs.frozen
class Way:
    """
    How to connect to one node.

    Args:
        endpoint: Gives connections on which the node has proved to be who is wanted.
        is_straight: Whether nobody is in between.
    """

    endpoint: IStreamClientEndpoint
    is_straight: bool


class Ways(Protocol):
    """Finds the best way to a node; nothing above it knows which."""

    def to(self, contact: Contact, straight_users: int) -> Way:
        """
        The best way now.

        Args:
            contact: Whom.
            straight_users: How many requests of ours are on straight connections to it.
        """


@attrs.frozen(kw_only=True)
class StraightWays:
    """
    A `Ways` that knows addresses only.

    Args:
        pipes: How bytes get to an address.
        introduction: How the two ends get to trust each other.
    """

    _pipes: DirectPipes
    _introduction: Introduction

    def to(self, contact: Contact, straight_users: int) -> Way:
        """See `Ways`."""
        del straight_users
        pipe = self._pipes.to(contact)
        return Way(self._introduction.through(pipe, contact.node_id), is_straight=True)
