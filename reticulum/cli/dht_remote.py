"""The DHT as a running node sees it, asked by its control socket."""

import json
from collections.abc import AsyncGenerator
from typing import Any
from urllib.parse import quote

import attrs
from twisted.internet.defer import Deferred

from reticulum.cli.node import JsonObject, Node, Unreachable
from reticulum.errors import ClientError
from reticulum.model import ImageId, Key, NodeId

MOST_ANSWER_BYTES = 64_000_000
"""A crawl of 20,000 nodes is half of that."""


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
        lines = _Lines()
        reading = Deferred.fromCoroutine(self._node.picture("/v1/dht/crawl", lines.take))
        reading.addBoth(lines.end)
        try:
            while (event := await lines.next()) is not None:
                if event.get("event") == "failed":
                    raise ClientError(str(event.get("error")))
                yield event
        finally:
            reading.cancel()

    async def _get(self, what: str) -> JsonObject:
        lines = _Lines()
        await self._node.picture(f"/v1/dht/{what}", lines.take)
        return lines.only()


class _Lines:
    """Objects of JSON, one a line, as they come in pieces."""

    def __init__(self) -> None:
        self._rest = b""
        self._length = 0
        self._objects: list[JsonObject] = []
        self._ended: Any = None
        self._is_ended = False
        self._waiter: Deferred[None] | None = None

    def take(self, piece: bytes) -> None:
        """One more piece; raises `Unreachable` at what no node says."""
        self._length += len(piece)
        if self._length > MOST_ANSWER_BYTES:
            raise Unreachable("the node's answer does not end")
        *lines, self._rest = (self._rest + piece).split(b"\n")
        self._objects += map(_object, lines)
        self._wake()

    def end(self, result: object) -> None:
        """The last piece was there; *result* is a failure if there should have been more."""
        self._is_ended = True
        self._ended = result
        self._wake()

    async def next(self) -> JsonObject | None:
        """The next object, as soon as it is there; None at the end."""
        while not self._objects and not self._is_ended:
            self._waiter = Deferred()
            await self._waiter
        if self._objects:
            return self._objects.pop(0)
        raise_exception = getattr(self._ended, "raiseException", None)
        if raise_exception is not None:
            raise_exception()
        return None

    def only(self) -> JsonObject:
        """The one object that the whole answer is."""
        objects = [*self._objects, *([_object(self._rest)] if self._rest else [])]
        if len(objects) != 1:
            raise Unreachable("what answers at the control socket is no Reticulum node")
        return objects[0]

    def _wake(self) -> None:
        waiter, self._waiter = self._waiter, None
        if waiter is not None and not waiter.called:
            waiter.callback(None)


def _object(line: bytes) -> JsonObject:
    try:
        value = json.loads(line)
    except ValueError:
        value = None
    if not isinstance(value, dict):
        raise Unreachable("what answers at the control socket is no Reticulum node")
    return value
