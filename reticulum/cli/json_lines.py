"""Answers of a node that are objects of JSON, one a line, read as they come."""

import json
from collections.abc import AsyncGenerator, Callable, Coroutine
from typing import Any

from twisted.internet.defer import Deferred

from reticulum.cli.node import JsonObject, Unreachable
from reticulum.errors import ClientError

MOST_ANSWER_BYTES = 64_000_000
"""A crawl of 20,000 nodes is half of that."""

Take = Callable[[bytes], object]


async def events(
    read: Callable[[Take], Coroutine[Deferred[Any], Any, int]],
) -> AsyncGenerator[JsonObject, None]:
    """
    Events as a node tells them; closing this ends the request.

    Args:
        read: Makes the request and gives the answer in pieces to what it is called with.

    Raises:
        ClientError: The last one was `failed`, or there is no talking with the node.
    """
    lines = JsonLines()
    reading = Deferred.fromCoroutine(read(lines.take))
    reading.addBoth(lines.end)
    try:
        while (event := await lines.next()) is not None:
            if event.get("event") == "failed":
                raise ClientError(str(event.get("error")))
            yield event
    finally:
        reading.cancel()


class JsonLines:
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
