"""What each part asks of the parts below it; every Protocol belongs to its caller."""

from collections.abc import AsyncGenerator, Sequence
from pathlib import Path
from typing import Any, BinaryIO, Protocol

from reticulum.model import (
    Contact,
    Facts,
    Format,
    HashName,
    ImageId,
    Key,
    NodeId,
    Original,
    Picture,
    Rendition,
    Spec,
)


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


class Renderer(Protocol):
    """Looks into image files and makes renditions, in processes that can be killed."""

    async def inspect(self, source: Path) -> Facts:
        """
        Sniff, check against the limits, then decode to the last byte.

        Raises:
            NotAnImage: Of no type we read.
            DamagedImage: Cannot be decoded, or the decoder crashed.
            BeyondLimits: Too many pixels or frames, or more memory than a worker has.
            Busy: The queue is full.
            OutOfTime: The deadline passed.
            OSError: The file can't be read.
        """

    async def render(self, source: Path, spec: Spec, output: Format, target: Path) -> None:
        """
        Write one rendition of *source* to *target*.

        Raises:
            NotAnImage: Of no type we read.
            DamagedImage: Cannot be decoded, or the decoder crashed.
            BeyondLimits: Too large a source or result, or more memory than a worker has.
            Busy: The queue is full.
            OutOfTime: The deadline passed.
            NoSpace: The disk is full.
            OSError: *source* can't be read, or *target* is there already.
        """


class Part(Protocol):
    """Something a node starts and stops."""

    async def start(self) -> None:
        """
        Begin.

        Raises:
            ReticulumError: It can't; the node then stops what it has started.
        """

    async def stop(self) -> None:
        """End, leaving nothing running. Called only after `start` was."""


class Pictures(Protocol):
    """Finds or makes pictures, here or anywhere."""

    def at_hand(self, rendition: Rendition, spec: Spec) -> Picture | None:
        """Open one picture if that takes no waiting; None does not say that there is none."""

    async def __call__(self, rendition: Rendition, spec: Spec) -> Picture:
        """
        Open one picture; the caller closes its body.

        Raises:
            UnknownImage: There is no such image.
            BadSpec: The format is never written.
            DamagedImage, BeyondLimits, Busy, OutOfTime, NoSpace: It could not be had.
        """


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
        """Nodes that should hold the image, best first; none if nobody is known to."""


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
        self, contact: Contact, rendition: Rendition, sink: Sink
    ) -> tuple[Original, str]:
        """Write a rendition to *sink*; gives the facts of the original, and the ETag."""


class DhtConsole(Protocol):
    """
    The DHT as an operator looks at it; every answer is an object that JSON can hold.

    What it asks is bounded in time and in size; docs/reference tells every answer's fields.
    """

    async def ping(self, whom: str) -> dict[str, Any]:
        """
        Ask whether a node is there.

        Args:
            whom: Node id, `HOST:PORT` or `[IPV6]:PORT`.

        Returns:
            `answered`; if true also `id`, `address`, `rtt_s`, `role`, `software`, `seen`, else
            `reason`.

        Raises:
            BadRequest: *whom* is none of these.
        """

    async def table(self) -> dict[str, Any]:
        """The routing table: `id`, `contacts` (their number), `buckets`."""

    async def find(self, node_id: NodeId) -> dict[str, Any]:
        """Where a node is: `id`, `address` (null if it did not answer), `record` (or null)."""

    async def trace(self, key: Key) -> dict[str, Any]:
        """A whole lookup: `target`, `hops`, `closest`, `holders`, `ending`, `asked`, `took_s`."""

    async def holders(self, image_id: ImageId, *, verify: bool) -> dict[str, Any]:
        """
        Who holds an image: `id`, `key`, `holders`.

        Args:
            image_id: Of it.
            verify: Ask each holder itself; then each has `verified`: true, false, or null if it
                does not answer.
        """

    async def records(self) -> dict[str, Any]:
        """The records kept for others: `nodes`, `providers`."""

    def crawl(self) -> AsyncGenerator[dict[str, Any], None]:
        """
        Walk over all nodes.

        Yields:
            Objects with `event`: any number of `progress`, then one `done` with `nodes` and all
            else that was found. To close it ends the walk.
        """
