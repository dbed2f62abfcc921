"""The keeping of images as a running node does it, asked by its control socket."""

from collections.abc import AsyncGenerator

import attrs

from reticulum.cli.json_lines import JsonLines, events
from reticulum.cli.node import JsonObject, Node
from reticulum.model import ImageId


@attrs.frozen
class RemoteKeeping:
    """
    A `KeepingConsole` at the other end of a control socket.

    Args:
        node: The connection.
    """

    _node: Node

    async def health(self, image_id: ImageId, *, verify: bool) -> JsonObject:
        """Who should have an image, and who has it."""
        return await self._get(f"health/{image_id}{'?verify=1' if verify else ''}")

    def repair(self, image_id: ImageId) -> AsyncGenerator[JsonObject, None]:
        """Bring an image to where it belongs."""
        return self._events(f"repair/{image_id}")

    def verify(self, image_id: ImageId | None) -> AsyncGenerator[JsonObject, None]:
        """Read and compare."""
        return self._events("verify" if image_id is None else f"verify/{image_id}")

    async def node(self) -> JsonObject:
        """What the node keeps, and how far its drain is."""
        return await self._get("node")

    async def nat(self) -> JsonObject:
        """How the node is reached."""
        lines = JsonLines()
        await self._node.picture("/v1/dht/nat", lines.take)
        return lines.only()

    async def drain(self) -> JsonObject:
        """Begin to hand on everything."""
        return await self._act("drain")

    async def stay(self) -> JsonObject:
        """End a drain."""
        return await self._act("stay")

    def _events(self, what: str) -> AsyncGenerator[JsonObject, None]:
        return events(lambda take: self._node.act(f"/v1/keeping/{what}", take))

    async def _get(self, what: str) -> JsonObject:
        lines = JsonLines()
        await self._node.picture(f"/v1/keeping/{what}", lines.take)
        return lines.only()

    async def _act(self, what: str) -> JsonObject:
        lines = JsonLines()
        await self._node.act(f"/v1/keeping/{what}", lines.take)
        return lines.only()
