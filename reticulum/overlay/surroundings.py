"""What a node of the overlay is given by whoever runs it: sockets, files, images, names."""

from collections.abc import Awaitable, Callable, Iterable, Sequence
from typing import Protocol

import attrs
from attrs import validators as v

from reticulum.model import Address, Contact, Key, NodeId, Shelf
from reticulum.overlay.entrance import Entrance
from reticulum.overlay.records import Role
from reticulum.overlay.records.node import MOST_RELAYS

Send = Callable[[bytes, Address], None]
"""Sends one sealed datagram. Never raises: a datagram that can't be sent is lost."""

Dial = Callable[[Contact, bytes], None]
"""Dials a node back over TCP, and leaves the 8 bytes there. Never raises, ends in bounded time."""

Resolve = Callable[[str], Awaitable[Sequence[str]]]
"""
Finds the IP addresses of a host name, in canonical text, best first.

Awaits Deferreds only. Whatever it raises means that there is no answer now.
"""


class Stock(Protocol):
    """The images this node has, by their places in the key space."""

    def holds(self, key: Key) -> bool:
        """Whether an image with this key is here. Asked for every question of others: quick."""

    def keys(self) -> Iterable[tuple[Key, int]]:
        """
        Keys of all images here with their size classes, in any order.

        Read once, at the start, in small portions while others go on; what comes or goes is
        told with `OverlayNode.announce` and `withdraw`.
        """


class Attached(Protocol):
    """The nodes that this one relays for, right now."""

    def __contains__(self, node_id: NodeId, /) -> bool:
        """Whether a node is attached to this one. Asked for questions of others: quick."""


class Notebook(Protocol):
    """What the overlay remembers over a restart: one text, kept whole."""

    async def read(self) -> str:
        """
        What was written last; empty if nothing was.

        Raises:
            OSError: It can't be read.
        """

    async def write(self, text: str) -> None:
        """
        Replace all of it, or nothing.

        Raises:
            OSError: It can't be written.
        """


@attrs.frozen(kw_only=True)
class Offer:
    """
    What a node says about itself in its node record; may change while it runs.

    Args:
        zone: Name, at most 64 bytes, or empty.
        capacity: Bytes it offers to keep.
        free: Of these, unused.
        software: Name and version, at most 32 bytes.
        shelf: What it does for images of others.
        relays: Who passes bytes on to it, the one to use first first; empty for who is reached
            directly.
        relaying: Whether it passes bytes on to others.
    """

    zone: str = ""
    capacity: int = attrs.field(default=0, validator=v.ge(0))
    free: int = attrs.field(default=0, validator=v.ge(0))
    software: str = ""
    shelf: Shelf = Shelf.OPEN
    relays: tuple[Contact, ...] = attrs.field(default=(), validator=v.max_len(MOST_RELAYS))
    relaying: bool = False


@attrs.frozen(kw_only=True)
class Place:
    """
    Where a node stands and where it knocks.

    Args:
        port: Where it listens, as others see it.
        addresses: Where others reach it, best first, if that is known beforehand; what peers
            say they see is used otherwise.
        entrances: Where to knock when no remembered peer answers.
        role: None to find out: client first, server once it was dialled back.
    """

    port: int = attrs.field(validator=[v.ge(1), v.le(65_535)])
    addresses: tuple[Address, ...] = ()
    entrances: tuple[Entrance, ...] = ()
    role: Role | None = None
