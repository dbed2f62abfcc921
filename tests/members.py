"""Nodes that speak with each other over real TLS on loopback, honest ones and others."""

import hashlib
import socket
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import attrs
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from OpenSSL import SSL
from pictures import photo
from twisted.internet import reactor
from twisted.internet.protocol import Factory, Protocol
from twisted.internet.task import deferLater

from reticulum.assembly import Verbs, verbs_alone
from reticulum.errors import BadRequest, Busy
from reticulum.imaging.inline import InlineRenderer
from reticulum.interfaces import Doorbell, Incoming, Pictures
from reticulum.model import (
    Address,
    Contact,
    HashName,
    Holding,
    ImageId,
    NodeId,
    Original,
)
from reticulum.node.tasks import Tasks
from reticulum.reach import facts
from reticulum.reach.admission import Admission, Porch
from reticulum.reach.certificate import certificate_of, node_id_of
from reticulum.reach.dial import HttpPeers
from reticulum.reach.introduction import Introduction
from reticulum.reach.lanes import Bounds, Lanes
from reticulum.reach.pipes import DirectPipes
from reticulum.reach.proof import EXPORTER_BYTES, EXPORTER_LABEL, Session
from reticulum.reach.tls import NodeTls
from reticulum.reach.ways import StraightWays
from reticulum.storage.memory import IncomingInMemory, OriginalsInMemory, RenditionsInMemory
from reticulum.testing import here_on
from reticulum.web.peer_intake import PeerIntake
from reticulum.web.peer_listening import PeerListener
from reticulum.web.peering import Peering
from reticulum.web.site import NodeSite

GRID, OTHER_GRID = b"g" * 32, b"o" * 32
MOST_BYTES = 100_000_000
NOBODY = NodeId(b"\0" * 20)
PHOTO = photo(640, 400)
NO_ID = ImageId(HashName.SHA256, "00" * 32)


def image_id_of(content: bytes) -> ImageId:
    return ImageId(HashName.SHA256, hashlib.sha256(content).hexdigest())


PHOTO_ID = image_id_of(PHOTO)


@attrs.frozen
class Who:
    """A node's key, and what follows from it."""

    key: Ed25519PrivateKey = attrs.field(factory=Ed25519PrivateKey.generate)

    @property
    def node_id(self) -> NodeId:
        node_id = node_id_of(certificate_of(self.key))
        assert node_id is not None
        return node_id

    def at(self, port: int) -> Contact:
        return Contact(self.node_id, Address("127.0.0.1", port))


@attrs.define
class Kept:
    """
    Keeps copies in memory as long as they are what they should be; a `Custody`.

    Args:
        folder: For what is on its way in.
        refuses: What `begin` raises.
        refuses_late: What `take` and `bury` raise.
    """

    folder: Path
    refuses: Exception | None = None
    refuses_late: Exception | None = None
    held: dict[ImageId, Original] = attrs.field(factory=dict)
    incoming: list[IncomingInMemory] = attrs.field(factory=list)
    asked: list[Any] = attrs.field(factory=list)
    buries: list[Any] = attrs.field(factory=list)
    page: tuple[Sequence[bytes], int | None] = ((), None)
    nudges: list[ImageId] = attrs.field(factory=list)

    def begin(self, original: Original) -> IncomingInMemory:
        if self.refuses is not None:
            raise self.refuses
        self.incoming.append(IncomingInMemory(self.folder, original.image_id.hash_name))
        return self.incoming[-1]

    async def take(self, incoming: Incoming, original: Original) -> bool:
        try:
            await incoming.seal()
            if self.refuses_late is not None:
                raise self.refuses_late
            if incoming.image_id != original.image_id:
                raise BadRequest("the bytes have another hash")
        finally:
            incoming.abandon()
        is_new = original.image_id not in self.held
        self.held[original.image_id] = original
        return is_new

    async def have(self, image_ids: Sequence[ImageId], *, verify: bool) -> Sequence[Holding]:
        self.asked.append((list(image_ids), verify))
        there = Holding.VERIFIED if verify else Holding.HELD
        return [there if one in self.held else Holding.ABSENT for one in image_ids]

    async def bury(self, packed: Sequence[bytes], depth: int) -> None:
        if self.refuses_late is not None:
            raise self.refuses_late
        self.buries.append((list(packed), depth))

    def buried(self, since: int, after: int) -> tuple[Sequence[bytes], int | None]:
        self.asked.append((since, after))
        return self.page

    def nudged(self, image_id: ImageId) -> None:
        self.nudges.append(image_id)


@attrs.frozen(kw_only=True)
class Holder:
    """A node that others may ask; behind its porch, by whatever stream leads there."""

    who: Who
    porch: Porch
    contact: Contact
    verbs: Verbs
    site: NodeSite
    admission: Admission
    custody: Kept


def verbs_in(folder: Path) -> tuple[Verbs, Tasks]:
    folder.mkdir()
    tasks = Tasks()
    renditions = RenditionsInMemory(folder, max_bytes=10_000_000)
    verbs = verbs_alone(
        here=here_on(OriginalsInMemory(folder, now=lambda: 1_700_000_000.25), renditions),
        renditions=renditions,
        renderer=InlineRenderer(),
        tasks=tasks,
        hash_name=HashName.SHA256,
        max_output_pixels=50_000_000,
    )
    return verbs, tasks


async def settled() -> None:
    """Let what was closed find out."""
    for _ in range(5):
        await deferLater(reactor, 0)


@asynccontextmanager
async def holding(
    folder: Path,
    *contents: bytes,
    keys: tuple[bytes, ...] = (GRID,),
    clock: Any = reactor,
    custody: Kept | None = None,
    pictures: Pictures | None = None,
    who: Who | None = None,
    doorbell: Doorbell | None = None,
    **bounds: Any,
) -> AsyncIterator[Holder]:
    """Run a node that holds *contents*; *clock* is for what others send it."""
    who = who or Who()
    verbs, tasks = verbs_in(folder)
    for content in contents:
        incoming = verbs.upload.begin()
        incoming.write(content)
        await verbs.upload.finish(incoming)
    custody = custody or Kept(folder)
    peering = Peering(
        retrieve=verbs.retrieve,
        pictures_for_peers=pictures or verbs.retrieve,
        originals=verbs.originals,
        custody=custody,
        doorbell=doorbell or NoDoorbell(),
        unready=lambda: None,
    )
    site = NodeSite(
        public=peering,
        intake=PeerIntake(custody=custody, max_bytes=MOST_BYTES, most_open=8),
        clock=clock,
        idle_timeout_s=60,
        max_connections=500,
    )
    admission = Admission(site, own_id=who.node_id, keys=lambda: keys, clock=reactor, **bounds)
    porch = Porch(admission, NodeTls(who.key))
    listener = PeerListener(
        reactor=reactor,
        site=site,
        door=porch,
        hang_up=admission.hang_up,
        hosts=["127.0.0.1"],
        port=0,
    )
    await listener.start()
    try:
        yield Holder(
            who=who,
            porch=porch,
            contact=who.at(listener.port),
            verbs=verbs,
            site=site,
            admission=admission,
            custody=custody,
        )
    finally:
        await listener.stop()
        await tasks.settle()
        await settled()
        assert not admission.strangers
        assert not admission.nodes


@asynccontextmanager
async def asking(
    key: bytes = GRID,
    *,
    clock: Any = reactor,
    who: Who | None = None,
    max_bytes: int = 10_000_000,
    bounds: Bounds | None = None,
) -> AsyncIterator[HttpPeers]:
    """Run the part of a node that asks others."""
    who = who or Who()
    peers = HttpPeers(
        ways=StraightWays(
            pipes=DirectPipes(reactor=reactor),
            introduction=Introduction(
                own_id=who.node_id, tls=NodeTls(who.key), key=lambda: key, clock=reactor
            ),
        ),
        lanes=Lanes(reactor, bounds or Bounds()),
        clock=clock,
        max_bytes=max_bytes,
    )
    try:
        yield peers
    finally:
        await peers.stop()
        await settled()


class NoDoorbell:
    """Nobody is dialled."""

    async def invited(self, host: str, addresses: Sequence[Address]) -> Sequence[Address]:
        raise Busy(f"{host} at {addresses} is not dialled")


class Scripted(Protocol):
    """Answers each request with the bytes of a script, whatever was asked."""

    def __init__(self, script: "Script") -> None:
        self.script = script
        self.heard = b""

    def connectionMade(self) -> None:  # noqa: N802
        self.script.open.add(self)

    def dataReceived(self, data: bytes) -> None:  # noqa: N802
        self.heard += data
        while b"\r\n\r\n" in self.heard:
            head, _, self.heard = self.heard.partition(b"\r\n\r\n")
            self.script.asked.append(head.split(b" ")[1].decode())
            self.script.answer(self)

    def connectionLost(self, reason: Any = None) -> None:  # noqa: N802
        self.script.open.discard(self)


@attrs.define(eq=False)
class Script(Factory):
    """A member that does what it likes."""

    answer: Callable[[Any], None]
    asked: list[str] = attrs.field(factory=list)
    open: set[Any] = attrs.field(factory=set)
    connections: int = 0
    noisy = False

    def buildProtocol(self, addr: Any) -> Any:  # noqa: N802
        self.connections += 1
        return Scripted(self)


def answering(
    content: bytes, *headers: bytes, length: int | None = None, status: bytes = b"200 OK"
) -> bytes:
    shown = len(content) if length is None else length
    lines = [b"HTTP/1.1 " + status, b"content-length: %d" % shown, *headers]
    return b"\r\n".join(lines) + b"\r\n\r\n" + content


def telling(content: bytes, **changes: Any) -> bytes:
    """The header with true facts about PHOTO, as if it had the length of *content*."""
    fields = b'{"format":"jpg","width":640,"height":400,"frames":1,"bytes":%d,"stored_at":1}'
    return facts.HEADER.encode() + b": " + fields % changes.get("length", len(content))


@asynccontextmanager
async def acting(answer: Callable[[Any], None]) -> AsyncIterator[tuple[Contact, Script]]:
    """Run a member with the right key and the right secret that answers by a script."""
    who, script = Who(), Script(answer)
    admission = Admission(script, own_id=who.node_id, keys=lambda: [GRID], clock=reactor)  # type: ignore[arg-type]
    port = reactor.listenTCP(0, Porch(admission, NodeTls(who.key)), interface="127.0.0.1")
    try:
        yield who.at(port.getHost().port), script
    finally:
        await port.stopListening()
        for connection in list(script.open):
            connection.transport.abortConnection()
        await settled()


def heard_by(
    contact: Contact,
    context: SSL.Context,
    say: Callable[[SSL.Connection], bytes],
    most: int = 1 << 20,
) -> bytes:
    """Whatever a stranger hears of a node until it hangs up, or *most* bytes. Blocks."""
    heard = b""
    with socket.create_connection(("127.0.0.1", contact.address.port)) as plain:
        connection = SSL.Connection(context, plain)
        connection.set_connect_state()
        try:
            connection.do_handshake()
            connection.sendall(say(connection))
            while len(heard) < most:
                heard += connection.recv(65_536)
        except (SSL.Error, OSError):
            pass
    return heard


def member_context(who: Who) -> SSL.Context:
    return NodeTls(who.key)._context


def session_of(connection: SSL.Connection, who: Who, contact: Contact) -> Session:
    exported = connection.export_keying_material(EXPORTER_LABEL, EXPORTER_BYTES)
    return Session(exported=exported, dialler=who.node_id, listener=contact.node_id)
