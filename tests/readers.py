"""Fakes for reading from other nodes: holders that answer when the test says so."""

from collections.abc import Sequence
from typing import Any

import attrs
from twisted.internet.defer import Deferred

from reticulum.model import (
    Address,
    Contact,
    Facts,
    Format,
    HashName,
    ImageId,
    Key,
    Member,
    NodeId,
    Original,
    Rendition,
    Size,
)

IMAGE = ImageId(HashName.SHA256, "ab" * 32)
FACTS = Facts(format=Format.JPG, size=Size(400, 200), frames=1)
ORIGINAL = Original(image_id=IMAGE, facts=FACTS, length=6, stored_at=1_000.0)
RENDITION = Rendition(IMAGE, "100w", Format.JPG)
JPEG = b"\xff\xd8\xff\xe0 of a kind"
ETAG = "ab" * 16


def contact(number: int) -> Contact:
    """The one of 254 nodes with this number."""
    return Contact(NodeId(bytes([number]) * 20), Address(f"10.0.0.{number}", 4160))


def member(number: int, zone: str = "", **fields: Any) -> Member:
    return Member(contact=contact(number), zone=zone, capacity=1_000, **fields)


@attrs.define(eq=False)
class Asked:
    """One question; the test answers it."""

    contact: Contact
    sink: Any
    only_here: bool
    answer: Deferred[Any] = attrs.field(factory=Deferred)
    was_cancelled: bool = False

    def give(self, content: bytes = JPEG, etag: str = ETAG) -> None:
        self.sink.write(content)
        self.answer.callback((ORIGINAL, etag))


@attrs.define
class SlowPeers:
    """A `Peers` whose answers come when the test gives them, or at once from *script*."""

    asked: list[Asked] = attrs.field(factory=list)
    nudged: list[tuple[Contact, ImageId]] = attrs.field(factory=list)
    script: dict[NodeId, Exception] = attrs.field(factory=dict)

    async def facts(self, contact: Contact, image_id: ImageId) -> Any:
        return (await self._ask(contact, None, only_here=False))[0]

    async def original(self, contact: Contact, image_id: ImageId, sink: Any) -> Any:
        return (await self._ask(contact, sink, only_here=False))[0]

    async def rendition(
        self, contact: Contact, rendition: Rendition, sink: Any, *, only_here: bool = False
    ) -> Any:
        return await self._ask(contact, sink, only_here=only_here)

    async def nudge(self, contact: Contact, image_id: ImageId) -> None:
        self.nudged.append((contact, image_id))

    async def _ask(self, contact: Contact, sink: Any, *, only_here: bool) -> Any:
        asked = Asked(contact, sink, only_here)
        self.asked.append(asked)
        if contact.node_id in self.script:
            raise self.script[contact.node_id]

        def cancelled(_: Any) -> None:
            asked.was_cancelled = True

        asked.answer._canceller = cancelled  # type: ignore[attr-defined]
        return await asked.answer

    @property
    def whom(self) -> list[Contact]:
        return [asked.contact for asked in self.asked]


@attrs.define
class ListedHolders:
    """A `Holders` that is two lists."""

    first: Sequence[Contact]
    more: Sequence[Contact] = ()
    looked_up: list[frozenset[NodeId]] = attrs.field(factory=list)
    known: list[Contact] = attrs.field(factory=list)
    forgotten: list[ImageId] = attrs.field(factory=list)

    async def holders(self, image_id: ImageId) -> Sequence[Contact]:
        return self.first

    async def others(self, image_id: ImageId, without: frozenset[NodeId]) -> Sequence[Contact]:
        self.looked_up.append(without)
        return [one for one in self.more if one.node_id not in without]

    def has(self, image_id: ImageId, contact: Contact) -> None:
        self.known.append(contact)

    def forget(self, image_id: ImageId) -> None:
        self.forgotten.append(image_id)


@attrs.define
class ListedMembers:
    """A `Members` that is a list."""

    members: list[Member]
    asked: int = 0

    async def near(self, key: Key) -> Sequence[Member]:
        self.asked += 1
        return self.members

    def alive(self) -> Sequence[Member]:
        return [one for one in self.members if not one.silent_s]

    def known(self) -> Sequence[Member]:
        return self.alive()


def never(*_: Any) -> bool:
    return False


def ignored(*_: Any) -> None:
    return None
