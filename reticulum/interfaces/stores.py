"""Where a node keeps things: originals, renditions, tombstones, debts."""

from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import BinaryIO, Protocol

from reticulum.model import Facts, HashName, ImageId, NodeId, Original, Rendition, Tombstone

Pause = Callable[[int], Awaitable[object]]
"""Told how many bytes were read just now, it ends when more may be read."""


class Incoming(Protocol):
    """An original on its way in: bytes go to disk and through the hash as they come."""

    @property
    def length(self) -> int:
        """Bytes written so far."""

    @property
    def image_id(self) -> ImageId:
        """The hash of the bytes; only once sealed."""

    def write(self, chunk: bytes) -> None:
        """
        Append.

        Raises:
            NoSpace: The disk is full; nothing is left behind after `abandon`.
        """

    async def seal(self) -> Path:
        """
        Flush everything to the disk and close.

        Returns:
            The file, still temporary, for whoever wants to look into it.

        Raises:
            NoSpace: The disk is full.
        """

    def abandon(self) -> None:
        """Remove every trace. May be called at any time, more than once, and after `keep`."""


class Originals(Protocol):
    """Images as they were uploaded, safe against a power cut once `keep` has returned."""

    def begin(self, hash_name: HashName) -> Incoming:
        """
        Open a place for a new original.

        Raises:
            NoSpace: The disk is full.
        """

    async def keep(self, incoming: Incoming, facts: Facts) -> tuple[Original, bool]:
        """
        Make a sealed original permanent, under the hash of its bytes.

        An original that is here already and sound stays as it is; a damaged one is replaced.

        Returns:
            The original, and whether it is new here.

        Raises:
            NoSpace: The disk is full; nothing is acknowledged.
        """

    def known(self, image_id: ImageId) -> Original | None:
        """Facts about one original if they are at hand; None does not say that it is not here."""

    async def find(self, image_id: ImageId) -> Original:
        """
        Facts about one original.

        Raises:
            UnknownImage: It is not here.
        """

    async def path(self, image_id: ImageId) -> Path:
        """
        The file, after its bytes were seen to match the id.

        The check is remembered for as long as the file's size, time and inode stay the same.

        Raises:
            UnknownImage: It is not here, or it was damaged and is now in quarantine.
        """

    async def verify(self, image_id: ImageId, pause: Pause | None = None) -> bool:
        """
        Hash the bytes now, whatever is remembered of them.

        Args:
            image_id: Of the original.
            pause: Waited for after every 8 MB or less, so that who checks much can go slowly.

        Returns:
            Whether they match; what does not is in quarantine then. False also if it is not here.
        """

    def verified_at(self, image_id: ImageId) -> float | None:
        """
        When this process last hashed or wrote the bytes, and they matched; seconds since 1970.

        None if that is not known (any more), or the file has changed since. Quick.
        """

    async def set_aside(self, image_id: ImageId, reason: str) -> bool:
        """
        Move an original into quarantine, whatever its bytes; it is not here any more then.

        Args:
            image_id: Of the original.
            reason: For the log, with the image as its subject, such as "is in doubt".

        Returns:
            Whether it was here.

        Raises:
            NoSpace: The disk is full; it stays where it is.
        """

    async def remove(self, image_id: ImageId) -> bool:
        """Delete for good. Returns whether it was here."""

    async def page(self, after: ImageId | None, limit: int) -> list[Original]:
        """Up to *limit* originals in the order of their ids, the first one behind *after*."""


class Renditions(Protocol):
    """A cache of renditions, bounded in bytes; what is in it can always be made again."""

    def open(self, rendition: Rendition) -> tuple[BinaryIO, int] | None:
        """Its bytes from the first on and their number, or None. Counts as a use."""

    def scratch(self, rendition: Rendition) -> Path:
        """
        A fresh path to render to, on the same file system; its folder exists.

        Raises:
            NoSpace: The disk is full.
        """

    async def keep(self, rendition: Rendition, made: Path) -> None:
        """
        Take the file *made* into the cache, making room first; *made* is gone afterwards.

        A full disk, or a file larger than the whole cache, only means that it is not kept.
        """

    async def remove(self, image_id: ImageId) -> None:
        """Forget every rendition of one image."""


class Graveyard(Protocol):
    """Tombstones, safe against a power cut once `keep` has returned."""

    async def keep(self, tombstones: Sequence[Tombstone]) -> Sequence[Tombstone]:
        """
        Keep those with a higher sequence than what is known of their image; returns these.

        Raises:
            NoSpace: The disk is full; none of them is kept.
        """

    def get(self, image_id: ImageId) -> Tombstone | None:
        """The last one of an image, revoked ones too, if it has not expired. Quick."""

    def since(self, learned: int, after: int, most: int) -> tuple[Sequence[Tombstone], int | None]:
        """
        Tombstones in the order in which they were learned.

        Args:
            learned: Leave out those learned before this; seconds since 1970.
            after: 0 at first, then what the last call gave.
            most: How many.

        Returns:
            Tombstones, and where to go on, None at the end.
        """

    async def expire(self) -> int:
        """Forget what has expired; returns how many that were."""


class Hints(Protocol):
    """
    Copies that are owed: which node is still to get which image. Durable once `add` has returned.

    Bounded: the oldest ones are forgotten first, as census and repair find what is short anyway.
    """

    async def add(self, node_id: NodeId, image_ids: Sequence[ImageId]) -> None:
        """
        Note that a node is to get images.

        Raises:
            NoSpace: The disk is full; they are remembered until the next restart.
        """

    async def done(self, node_id: NodeId, image_ids: Sequence[ImageId]) -> None:
        """Forget debts that were paid, or that nobody owes any more."""

    def of(self, node_id: NodeId, most: int) -> Sequence[ImageId]:
        """Up to *most* images that a node is to get, the oldest debts first."""

    def creditors(self) -> Sequence[NodeId]:
        """Nodes that are owed something."""

    def owed(self, image_id: ImageId) -> bool:
        """Whether anybody is owed an image."""

    def __len__(self) -> int:
        """Debts."""
