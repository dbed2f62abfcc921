"""What an operator may ask."""

from collections.abc import AsyncGenerator
from typing import Any, Protocol

from reticulum.model import ImageId, Key, NodeId


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
        """
        Where a node is: `id`, `address`, `relay`, `record`.

        `address` is null if it did not answer; `relay` is `id` and `address` of the one that has
        it now, or null; so is `record` if nobody has one.
        """

    async def trace(self, key: Key) -> dict[str, Any]:
        """A whole lookup: `target`, `hops`, `closest`, `holders`, `ending`, `asked`, `took_s`."""

    async def holders(self, image_id: ImageId, *, verify: bool) -> dict[str, Any]:
        """
        Who holds an image: `id`, `key`, `holders`.

        Of a holder that is reached through a relay, `relay` is the id of that, and `address` the
        relay's.

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


class KeepingConsole(Protocol):
    """
    The keeping of images as an operator looks at it and steps in.

    Answers and events are objects that JSON can hold; docs/reference tells their fields. An
    iterator ends its work when it is closed.
    """

    async def health(self, image_id: ImageId, *, verify: bool) -> dict[str, Any]:
        """
        Who should have an image, and who has it.

        Args:
            image_id: Of it.
            verify: Whoever has it reads its bytes first.
        """

    def repair(self, image_id: ImageId) -> AsyncGenerator[dict[str, Any], None]:
        """
        Bring an image to where it belongs, now.

        Yields:
            Objects with `event`: any number of `progress`, then `done` with `before` and `after`,
            each of them as `health` answers.

        Raises:
            NoSpace: The disk of this node is full.
        """

    def verify(self, image_id: ImageId | None) -> AsyncGenerator[dict[str, Any], None]:
        """
        Read one image here, or all, get back what is damaged, compare with the other keepers.

        Yields:
            Objects with `event`: any number of `progress`; `restored`, `lost`, `short` and
            `absent`, each with an `id`; then one `done` with what was counted.

        Raises:
            Busy: Another one is under way.
        """

    def node(self) -> dict[str, Any]:
        """What this node keeps, and how far its drain is."""

    async def drain(self) -> dict[str, Any]:
        """Begin to hand on everything, also over a restart; returns what `node` does."""

    async def stay(self) -> dict[str, Any]:
        """End a drain; returns what `node` does."""
