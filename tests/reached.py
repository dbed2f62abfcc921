"""Nodes behind relays, and those who ask them: all of it real but the relays' clocks."""

from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from typing import Any

import attrs
from fake_pipes import greeting_of
from members import GRID, MOST_BYTES, Holder, Who, settled
from plain_connections import Relaying
from twisted.internet import reactor
from twisted.internet.interfaces import IProtocolFactory
from twisted.internet.protocol import Factory, Protocol

from reticulum.model import Address, Contact, NodeId
from reticulum.reach.dial import HttpPeers
from reticulum.reach.introduction import Introduction
from reticulum.reach.lanes import Bounds, Lanes
from reticulum.reach.path import Path
from reticulum.reach.paths import Passage, Paths, Shortcut
from reticulum.reach.pipes import DirectPipes
from reticulum.reach.relay.circuit import CircuitEndpoint
from reticulum.reach.relay.hello import HELLO_BYTES
from reticulum.reach.relay.mooring import SPARES, Mooring
from reticulum.reach.relay.status import Status
from reticulum.reach.tls import NodeTls

PIPES = DirectPipes(reactor=reactor)


def contact_of(relay: Relaying) -> Contact:
    return relay.who.at(relay.port)


def behind(node: Who, relay: Contact) -> Contact:
    """The contact of a node that is reached through *relay*."""
    return Contact(node.node_id, relay.address, via=relay.node_id)


def introduction_of(who: Who, deadline_s: float = 5.0) -> Introduction:
    return Introduction(
        own_id=who.node_id,
        tls=NodeTls(who.key),
        key=lambda: GRID,
        clock=reactor,
        deadline_s=deadline_s,
    )


@asynccontextmanager
async def attached(
    who: Who, inside: IProtocolFactory, *relays: Relaying
) -> AsyncIterator[list[Mooring]]:
    """Attach a node to relays, with its spares; *inside* listens on what comes through them."""
    moorings = [
        Mooring(
            contact_of(relay),
            greeting=greeting_of(who),
            pipes=PIPES,
            inside=inside,
            clock=reactor,
            lost=lambda _: None,
        )
        for relay in relays
    ]
    try:
        for mooring in moorings:
            assert Status.WELCOME is (await mooring.attach()).status
        for relay in relays:
            while relay.relay.view().spares < SPARES:
                await settled()
        yield moorings
    finally:
        for mooring in moorings:
            mooring.let_go()
        await settled()


@asynccontextmanager
async def holder_behind(holder: Holder, *relays: Relaying) -> AsyncIterator[Contact]:
    """Attach *holder*; gives its contact through the first of *relays*."""
    async with attached(holder.who, holder.porch, *relays):
        yield behind(holder.who, contact_of(relays[0]))


@attrs.define
class NoShortcut:
    """Keeps what was wanted."""

    seen: list[Address | None] = attrs.field(factory=list)

    def wanted(self, contact: Contact, path: Path, seen: Address | None) -> None:
        del contact, path
        self.seen.append(seen)


@attrs.define(eq=False, kw_only=True)
class Asking:
    """A node that asks others, wherever they are."""

    who: Who
    peers: HttpPeers
    paths: Paths
    shortcut: Any
    introduction: Introduction

    def path_to(self, contact: Contact) -> Path:
        return next(path for path in self.paths.all() if path.node_id == contact.node_id)


def circuit_to(who: Who) -> Callable[[Contact, NodeId], Passage]:
    """How *who* gets through relays."""
    greeting = greeting_of(who)

    def passage(via: Contact, wanted: NodeId) -> Passage:
        circuit = CircuitEndpoint(greeting, PIPES, via, wanted)
        return Passage(
            circuit,
            lambda: circuit.seen,
            lambda: circuit.refusal,
            lambda: circuit.is_crowded,
        )

    return passage


@asynccontextmanager
async def asking_by(
    *relays: Contact,
    who: Who | None = None,
    shortcut: Shortcut | None = None,
    passage: Callable[[Contact, NodeId], Passage] | None = None,
    clock: Any = reactor,
    bounds: Bounds | None = None,
) -> AsyncIterator[Asking]:
    """Run the part of a node that asks others; every node is behind *relays*."""
    who, shortcut = who or Who(), shortcut or NoShortcut()

    async def relays_of(node_id: NodeId) -> Sequence[Contact]:
        del node_id
        return relays

    introduction = introduction_of(who)
    paths = Paths(
        introduction=introduction,
        pipes=PIPES,
        passage=passage or circuit_to(who),
        relays_of=relays_of,
        shortcut=shortcut,
        crowded=lambda: peers.close_detours(),  # noqa: PLW0108  (comes later)
        clock=clock,
    )
    peers = HttpPeers(
        ways=paths,
        lanes=Lanes(reactor, bounds or Bounds()),
        clock=reactor,
        max_bytes=MOST_BYTES,
    )
    try:
        yield Asking(
            who=who, peers=peers, paths=paths, shortcut=shortcut, introduction=introduction
        )
    finally:
        await paths.stop()
        await peers.stop()
        await settled()


class BadRelay(Protocol):
    """Does what it likes once the hello is there; says what it is told first."""

    transport: Any

    def __init__(self, port: "BadPort") -> None:
        self.port = port
        self.heard = b""

    def connectionMade(self) -> None:  # noqa: N802
        self.port.open.add(self)

    def dataReceived(self, data: bytes) -> None:  # noqa: N802
        self.heard += data
        if len(self.heard) < HELLO_BYTES:
            return
        self.transport.write(self.port.says)
        inside = self.port.leads_to
        if inside is not None:
            stream: Any = inside.buildProtocol(self.transport.getPeer())
            self.transport.protocol = stream
            stream.makeConnection(self.transport)
            stream.dataReceived(self.heard[HELLO_BYTES:])

    def connectionLost(self, reason: Any = None) -> None:  # noqa: N802
        self.port.open.discard(self)


@attrs.define(eq=False)
class BadPort(Factory):
    """Listens as a relay that is none."""

    says: bytes = b""
    leads_to: Any = None
    open: set[BadRelay] = attrs.field(factory=set)
    noisy = False

    def buildProtocol(self, addr: Any) -> Any:  # noqa: N802
        del addr
        return BadRelay(self)


@asynccontextmanager
async def bad_relay(says: bytes, leads_to: Any = None) -> AsyncIterator[tuple[Contact, BadPort]]:
    """Run one that says *says* to every hello, and may lead to whoever is inside *leads_to*."""
    factory = BadPort(says, leads_to)
    port = reactor.listenTCP(0, factory, interface="127.0.0.1")
    try:
        yield Who().at(port.getHost().port), factory
    finally:
        await port.stopListening()
        for one in list(factory.open):
            one.transport.abortConnection()
        await settled()
