"""Other nodes: what they are asked, and what they may ask."""

from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

from reticulum.interfaces.stores import Incoming
from reticulum.model import (
    Address,
    Contact,
    Holding,
    ImageId,
    NodeId,
    Original,
    Rendition,
    Tombstone,
)


class Sink(Protocol):
    """Where bytes go as they arrive."""

    def write(self, chunk: bytes, /) -> object:
        """
        Take the next bytes.

        Raises:
            NoSpace: The disk is full.
        """


class Holders(Protocol):
    """Knows who should have an image."""

    async def holders(self, image_id: ImageId) -> Sequence[Contact]:
        """Other nodes that should hold the image, best first; none if nobody is known to."""

    async def others(self, image_id: ImageId, without: frozenset[NodeId]) -> Sequence[Contact]:
        """
        Look up who else says that he holds the image.

        Args:
            image_id: Of it.
            without: Nodes that have turned out to have nothing.
        """

    def has(self, image_id: ImageId, contact: Contact) -> None:
        """Note that a node turned out to have the image."""

    def forget(self, image_id: ImageId) -> None:
        """Remember nothing about an image."""


MOST_ASKED = 1000
"""Images in one question to another node."""
MOST_BURIED = 500
"""Tombstones in one message to another node."""


class Peers(Protocol):
    """
    Asks one other node for something.

    Each of its methods ends in bounded time, and raises:
        UnknownImage: It does not hold the image.
        BadSpec, BeyondLimits: It cannot be made, by whomever.
        HolderFailed: It is dead, slow, busy, or not the node it should be.
        HolderLied: It answers what cannot be.
    """

    async def facts(self, contact: Contact, image_id: ImageId) -> Original:
        """Facts about an original that it holds."""

    async def original(self, contact: Contact, image_id: ImageId, sink: Sink) -> Original:
        """Write an original, as long as its facts say, to *sink*; nobody has looked at the hash."""

    async def rendition(
        self, contact: Contact, rendition: Rendition, sink: Sink, *, only_here: bool = False
    ) -> tuple[Original, str]:
        """
        Write a rendition to *sink*; gives the facts of the original, and the ETag.

        Args:
            contact: Whom to ask.
            rendition: What for.
            sink: Where its bytes go.
            only_here: The other one makes it itself; otherwise it may ask the one other holder
                whose turn it is, so that a rendition is made once in the grid.
        """

    async def have(
        self, contact: Contact, image_ids: Sequence[ImageId], *, verify: bool = False
    ) -> Sequence[Holding]:
        """
        Ask which of up to `MOST_ASKED` images it holds; answers in the same order.

        Args:
            contact: Whom to ask.
            image_ids: About which.
            verify: It hashes the bytes of those it has not hashed within a day.
        """

    async def give(self, contact: Contact, original: Original, path: Path) -> bool:
        """
        Hand over an original; returns once it is on the other one's disk.

        Args:
            contact: Who is to keep it.
            original: Facts about it.
            path: Its bytes; closed and untouched afterwards.

        Returns:
            Whether it was new there.

        Raises:
            NotTaken: It takes no images, or has no space.
            ImageDeleted: It knows that the image was deleted.
            OSError: *path* can't be read.
        """

    async def bury(self, contact: Contact, tombstones: Sequence[Tombstone], depth: int) -> None:
        """
        Tell of up to `MOST_BURIED` deletions; returns once they are on the other one's disk.

        Args:
            contact: Whom to tell.
            tombstones: The deletions.
            depth: It passes what is new to it on to nodes that share fewer than 160 and at least
                so many leading bits with it; 160 for nobody.
        """

    async def buried(
        self, contact: Contact, since: int, after: int
    ) -> tuple[Sequence[bytes], int | None]:
        """
        Ask for the deletions it has learned of.

        Args:
            contact: Whom to ask.
            since: From when on it learned of them, by its own clock; seconds since 1970.
            after: 0 at first, then what the last answer gave.

        Returns:
            Packed tombstones, at most `MOST_BURIED`, nobody has looked at them; and where to go
            on, None at the end.
        """

    async def nudge(self, contact: Contact, image_id: ImageId) -> None:
        """Tell a holder that an image seems to be short of copies."""


class Doorbell(Protocol):
    """What another node may ask for to be connected with this one without a relay."""

    async def invited(self, host: str, addresses: Sequence[Address]) -> Sequence[Address]:
        """
        Dial another node for some seconds, while it dials this one.

        Args:
            host: Where the other node is, as a third one sees it; no other host is dialled.
            addresses: Where it says that it can be dialled.

        Returns:
            Where this node can be.

        Raises:
            Busy: It does not do that, now or at all.
        """


class Custody(Protocol):
    """What other nodes may ask of this one as a keeper of images."""

    def begin(self, original: Original) -> Incoming:
        """
        Open a place for a copy that another node hands over.

        Raises:
            NotTaken: This node takes no images, or only its reserve of space is left.
            ImageDeleted: There is a tombstone for it that is not revoked.
            NoSpace: The disk is full.
        """

    async def take(self, incoming: Incoming, original: Original) -> bool:
        """
        Keep a copy whose bytes are all here; nothing of *incoming* stays outside the store.

        Args:
            incoming: Not sealed yet.
            original: What the other node tells about it.

        Returns:
            Whether it was new here.

        Raises:
            BadRequest: The bytes are not what *original* says.
            ImageDeleted, NoSpace: As for `begin`.
        """

    async def have(self, image_ids: Sequence[ImageId], *, verify: bool) -> Sequence[Holding]:
        """See `Peers.have`."""

    async def bury(self, packed: Sequence[bytes], depth: int) -> None:
        """
        Believe deletions, after a look at their signatures; see `Peers.bury`.

        Raises:
            BadRequest: One of them is no sound tombstone.
            NoSpace: The disk is full.
        """

    def buried(self, since: int, after: int) -> tuple[Sequence[bytes], int | None]:
        """See `Peers.buried`."""

    def nudged(self, image_id: ImageId) -> None:
        """Look after one image soon."""
