"""The DHT as a running node sees it, asked by its control socket."""

from collections.abc import AsyncGenerator
from contextlib import aclosing
from urllib.parse import quote

import attrs

from reticulum.cli.json_lines import JsonLines, events
from reticulum.cli.node import JsonObject, Node
from reticulum.model import ImageId, Key, NodeId


@attrs.frozen
class RemoteConsole:
    """
    A `DhtConsole` at the other end of a control socket.

    Args:
        node: The connection; its reading of any path is all that is used.
    """

    _node: Node

    async def ping(self, whom: str) -> JsonObject:
        """Ask whether a node is there."""
        return await self._get(f"ping/{quote(whom, safe='')}")

    async def table(self) -> JsonObject:
        """The routing table."""
        return await self._get("table")

    async def find(self, node_id: NodeId) -> JsonObject:
        """Where a node is."""
        return await self._get(f"find/{node_id}")

    async def trace(self, key: Key) -> JsonObject:
        """A whole lookup."""
        return await self._get(f"trace/{key}")

    async def holders(self, image_id: ImageId, *, verify: bool) -> JsonObject:
        """Who holds an image."""
        return await self._get(f"holders/{image_id}{'?verify=1' if verify else ''}")

    async def records(self) -> JsonObject:
        """The records kept for others."""
        return await self._get("records")

    async def crawl(self) -> AsyncGenerator[JsonObject, None]:
        """Walk over all nodes."""
        async with aclosing(events(lambda take: self._node.picture("/v1/dht/crawl", take))) as told:
            async for event in told:
                yield event

    async def _get(self, what: str) -> JsonObject:
        lines = JsonLines()
        await self._node.picture(f"/v1/dht/{what}", lines.take)
        return lines.only()
