"""A node in memory, for the commands' own tests."""

import hashlib
import io
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import attrs

from reticulum.cli.node import JsonObject, Node, Refused
from reticulum.cli.output import Output
from reticulum.errors import ClientError
from reticulum.model import HashName, ImageId


@attrs.define
class FakeNode(Node):
    """
    Keeps bytes by id; refuses what does not begin with "image".

    Args:
        failures: Raised, by file name or path, instead of an answer.
        events: What was asked for, in order.
    """

    failures: dict[str, ClientError] = attrs.field(factory=dict)
    kept: dict[ImageId, bytes] = attrs.field(factory=dict)
    events: list[tuple[str, str]] = attrs.field(factory=list)
    content_type: str = "image/png"

    def keep(self, content: bytes, hash_name: HashName | None = None) -> ImageId:
        name = hash_name or HashName.SHA256
        image_id = ImageId(name, hashlib.new(name.value, content).hexdigest())
        self.kept[image_id] = content
        return image_id

    async def upload(
        self, path: Path, sent: Callable[[int], object], hash_name: HashName | None = None
    ) -> JsonObject:
        self.events.append(("upload", path.name))
        if path.name in self.failures:
            raise self.failures[path.name]
        content = path.read_bytes()
        sent(len(content))
        if not content.startswith(b"image"):
            raise Refused("the bytes are of no type this node reads", 415)
        return await self.facts(self.keep(content, hash_name))

    async def facts(self, image_id: ImageId) -> JsonObject:
        if image_id not in self.kept:
            raise Refused("no such image is here", 404)
        length = len(self.kept[image_id])
        return {"id": str(image_id), "content_type": self.content_type, "bytes": length}

    async def delete(self, image_id: ImageId) -> None:
        self.events.append(("delete", str(image_id)))
        await self.facts(image_id)
        del self.kept[image_id]

    async def picture(self, path: str, write: Callable[[bytes], object]) -> int:
        self.events.append(("picture", path))
        content = self.kept[ImageId.parse(path.split("/")[2])]
        write(content[:3])
        if path in self.failures:
            raise self.failures[path]
        write(content[3:])
        return len(content)

    async def status(self) -> JsonObject:
        return {"node": {"id": "ab", "uptime_s": 200.0}, "cache": {"max_bytes": 5_000_000_000}}


@attrs.define
class Written:
    """An `Output` whose two streams can be read."""

    as_json: bool = False
    out: io.StringIO = attrs.field(factory=io.StringIO)
    err: io.StringIO = attrs.field(factory=io.StringIO)

    @property
    def output(self) -> Output:
        return Output(self.out, self.err, self.as_json)

    @property
    def lines(self) -> list[str]:
        return self.out.getvalue().splitlines()

    @property
    def records(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.lines]

    @property
    def complaints(self) -> list[str]:
        return self.err.getvalue().splitlines()
