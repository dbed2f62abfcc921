"""A grid of readers in one process on virtual time: real reading, peers that call each other."""

import hashlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import attrs
from readers import FACTS
from twisted.internet.defer import Deferred
from twisted.internet.task import Clock, deferLater

from reticulum.errors import HolderFailed
from reticulum.imaging.spec import canonical, parse
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
    Spec,
)
from reticulum.node.arrivals import Arrivals
from reticulum.node.by_turn import RetrieveByTurn
from reticulum.node.fetch import Fetch
from reticulum.node.flight import SingleFlight
from reticulum.node.hedging import Budget, Hedging
from reticulum.node.holders import PlacedHolders
from reticulum.node.nudges import Nudges
from reticulum.node.promptness import Promptness
from reticulum.node.recent import Recent
from reticulum.node.retrieve import Retrieve
from reticulum.node.retrieve_from_grid import RetrieveFromGrid
from reticulum.node.tasks import Tasks
from reticulum.replication.placement import placement
from reticulum.storage.memory import OriginalsInMemory, RenditionsInMemory

CONTENT = b"\xff\xd8\xff\xe0 an original"
IMAGE = ImageId(HashName.SHA256, hashlib.sha256(CONTENT).hexdigest())
COPIES = 3
HOP_S = 0.005
RENDER_S = 0.3
"""Longer than the 150 ms after which a node that was never asked is late."""


def rendition_of(text: str = "100w", image_id: ImageId = IMAGE) -> Rendition:
    return Rendition(image_id, canonical(parse(text), Format.JPG), Format.JPG)


@attrs.define
class Painter:
    """A renderer that takes its time."""

    clock: Clock
    made: int = 0
    error: Exception | None = None

    async def inspect(self, source: Path) -> Facts:
        return FACTS

    async def render(self, source: Path, spec: Spec, output: Format, target: Path) -> None:
        self.made += 1
        await deferLater(self.clock, RENDER_S)
        if self.error is not None:
            raise self.error
        target.write_bytes(source.read_bytes() + canonical(spec, output).encode())


@attrs.define(eq=False, kw_only=True)
class Reader:
    """One node."""

    member: Member
    painter: Painter
    originals: OriginalsInMemory
    renditions: RenditionsInMemory
    retrieve: Retrieve
    by_turn: RetrieveByTurn
    pictures: RetrieveFromGrid
    seen: list[ImageId]
    deleted: set[ImageId]
    state: str = "well"

    @property
    def node_id(self) -> NodeId:
        return self.member.node_id


@attrs.define
class Grid:
    """
    Some nodes; the first ones in placement order hold the image.

    Args:
        folder: For their files.
        size: How many there are.
        saved: Extra questions that each node may ask at the start.
        calls: Questions between nodes: who, what, only here.
        lookups: In the DHT.
    """

    folder: Path
    size: int
    saved: float = 0.0
    clock: Clock = attrs.field(factory=Clock)
    tasks: Tasks = attrs.field(factory=Tasks)
    nodes: dict[NodeId, Reader] = attrs.field(factory=dict)
    calls: list[tuple[NodeId, str, bool]] = attrs.field(factory=list)
    nudged: list[NodeId] = attrs.field(factory=list)
    lookups: int = 0

    @property
    def members(self) -> list[Member]:
        return [
            Member(
                contact=Contact(
                    NodeId(hashlib.sha1(b"%d" % number, usedforsecurity=False).digest()),
                    Address(f"10.0.0.{number + 1}", 4160),
                ),
                capacity=1_000,
            )
            for number in range(self.size)
        ]

    @property
    def order(self) -> list[Reader]:
        """Everybody in placement order."""
        order = placement(Key.of_image(IMAGE), self.members, COPIES)
        return [self.nodes[member.node_id] for member in order]

    @property
    def renders(self) -> int:
        return sum(node.painter.made for node in self.nodes.values())

    async def start(self, *, holders: int = COPIES) -> "Grid":
        for number, member in enumerate(self.members):
            self.nodes[member.node_id] = self._node(member, self.folder / str(number))
        for node in self.order[:holders]:
            await self.give(node)
        return self

    async def give(self, node: Reader) -> None:
        incoming = node.originals.begin(HashName.SHA256)
        incoming.write(CONTENT)
        await incoming.seal()
        await node.originals.keep(incoming, FACTS)

    def run(self, *works: Any, seconds: float = 20.0) -> list[Any]:
        """Go on until all of *works* are done; what they gave, or how they failed."""
        deferreds = [Deferred.fromCoroutine(work) for work in works]
        results: list[Any] = [None] * len(deferreds)
        for number, deferred in enumerate(deferreds):
            deferred.addBoth(lambda result, number=number: results.__setitem__(number, result))
        for _ in range(int(seconds / HOP_S)):
            if all(deferred.called for deferred in deferreds) and None not in results:
                break
            self.clock.advance(HOP_S)
        return results

    def read(self, node: Reader, text: str = "100w") -> bytes:
        """What a person gets of one node."""
        (content,) = self.run(self.reading(node, text))
        if not isinstance(content, bytes):
            content.raiseException()
        return bytes(content)

    async def reading(self, node: Reader, text: str = "100w") -> bytes:
        rendition, spec = rendition_of(text), parse(text)
        picture = node.pictures.at_hand(rendition, spec) or await node.pictures(rendition, spec)
        with picture.body:
            return picture.body.read()

    def end(self) -> None:
        """Nothing is under way any more, and no file is left over."""
        self.clock.advance(RENDER_S)
        self.tasks.cancel()
        assert [] == [call for call in self.clock.getDelayedCalls() if call.active()]

    def _node(self, member: Member, folder: Path) -> Reader:
        folder.mkdir()
        clock = self.clock
        originals = OriginalsInMemory(folder, now=lambda: 1_000.0)
        renditions = RenditionsInMemory(folder, max_bytes=100_000)
        painter = Painter(clock)
        seen: list[ImageId] = []
        deleted: set[ImageId] = set()
        promptness = Promptness(clock.seconds)
        peers: Any = CallingPeers(self)
        tasks = self.tasks
        holders = PlacedHolders(
            own=lambda: member,
            members=_Members(self),
            copies=lambda: COPIES,
            promptness=promptness,
            find=self._find,
            now=clock.seconds,
        )
        nudges = Nudges(
            own=member.node_id,
            placed=holders.lately,
            peers=peers,
            tasks=tasks,
            now=clock.seconds,
        )
        arrivals = Arrivals(renditions=renditions, is_deleted=deleted.__contains__, pipeline="x")
        retrieve = Retrieve(
            originals=originals,
            renditions=renditions,
            renderer=painter,
            flight=SingleFlight(tasks),
            check_size=lambda *_: None,
            pipeline="x",
        )
        by_turn = RetrieveByTurn(
            here=retrieve,
            turn=holders.turn,
            peers=peers,
            hedging=Hedging(promptness=promptness, budget=Budget(), clock=clock, silent_s=2.0),
            originals=originals,
            renditions=renditions,
            arrivals=arrivals,
            flight=SingleFlight(tasks),
            is_deleted=deleted.__contains__,
            seen=seen.append,
        )
        fetch = Fetch(
            holders=holders,
            peers=peers,
            originals=originals,
            missing=Recent(most=100, seconds=5, now=clock.seconds),
            hedging=Hedging(promptness=promptness, budget=Budget(self.saved), clock=clock),
            found=nudges.found,
        )
        pictures = RetrieveFromGrid(
            here=by_turn,
            fetch=fetch,
            originals=originals,
            renditions=renditions,
            arrivals=arrivals,
            flight=SingleFlight(tasks),
            known=Recent(most=100, seconds=300, now=clock.seconds),
            is_deleted=deleted.__contains__,
        )
        return Reader(
            member=member,
            painter=painter,
            originals=originals,
            renditions=renditions,
            retrieve=retrieve,
            by_turn=by_turn,
            pictures=pictures,
            seen=seen,
            deleted=deleted,
        )

    async def _find(self, key: Key, without: frozenset[NodeId]) -> Sequence[Contact]:
        self.lookups += 1
        return [
            node.member.contact
            for node in self.nodes.values()
            if node.originals.known(IMAGE) is not None
            and key == Key.of_image(IMAGE)
            and node.node_id not in without
        ]


@contextmanager
def ending(grid: Grid) -> Iterator[Grid]:
    """See that nothing is left when a test is over."""
    yield grid
    grid.end()


@attrs.define
class _Members:
    grid: Grid

    async def near(self, key: Key) -> Sequence[Member]:
        return self.grid.members

    def alive(self) -> Sequence[Member]:
        return self.grid.members

    def known(self) -> Sequence[Member]:
        return self.alive()


@attrs.define
class CallingPeers:
    """A `Peers` that calls the other node, a hop later."""

    grid: Grid

    async def facts(self, contact: Contact, image_id: ImageId) -> Original:
        node = await self._reach(contact, "facts", only_here=False)
        return await node.originals.find(image_id)

    async def original(self, contact: Contact, image_id: ImageId, sink: Any) -> Original:
        node = await self._reach(contact, "original", only_here=False)
        original = await node.originals.find(image_id)
        sink.write((await node.originals.path(image_id)).read_bytes())
        return original

    async def rendition(
        self, contact: Contact, rendition: Rendition, sink: Any, *, only_here: bool = False
    ) -> tuple[Original, str]:
        node = await self._reach(contact, "rendition", only_here=only_here)
        original = await node.originals.find(rendition.image_id)
        make = node.retrieve if only_here else node.by_turn
        picture = await make(rendition, parse(rendition.spec))
        with picture.body:
            sink.write(picture.body.read())
        return original, picture.etag

    async def nudge(self, contact: Contact, image_id: ImageId) -> None:
        self.grid.nudged.append(contact.node_id)

    async def _reach(self, contact: Contact, what: str, *, only_here: bool) -> Reader:
        self.grid.calls.append((contact.node_id, what, only_here))
        await deferLater(self.grid.clock, HOP_S)
        node = self.grid.nodes[contact.node_id]
        if node.state == "dead":
            raise HolderFailed("connection refused")
        if node.state == "mute":
            await Deferred()
        return node
