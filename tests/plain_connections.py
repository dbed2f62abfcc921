"""Plain connections to a relay: a fake transport, and a client that says what a test tells it."""

import itertools
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import attrs
from members import GRID, Who, settled
from twisted.internet import reactor
from twisted.internet.address import IPv4Address
from twisted.internet.endpoints import TCP4ClientEndpoint
from twisted.internet.protocol import Factory, Protocol, connectionDone
from twisted.internet.task import Clock, deferLater

from reticulum.model import Address, NodeId
from reticulum.reach.admission import Admission, Porch
from reticulum.reach.doorway import Doorway
from reticulum.reach.relay.hello import Kind, sign_hello
from reticulum.reach.relay.judge import Judge
from reticulum.reach.relay.limits import Limits
from reticulum.reach.relay.service import Relay
from reticulum.reach.relay.status import STILL_HERE, Answer, Status, read_answer, write_answer
from reticulum.reach.tls import NodeTls

NOW_MS = 1_800_000_000_000
BEAT = bytes([STILL_HERE])
_NONCES = itertools.count(1)


class Wire:
    """A transport that does nothing by itself; `lose` is for the test to say."""

    def __init__(self, host: str = "127.0.0.1", port: int = 1) -> None:
        self.sent = b""
        self.is_reading = True
        self.is_aborted = False
        self.is_half_closed = False
        self.producer: Any = None
        self.protocol: Any = None
        self.bufferSize = 0
        self._peer = IPv4Address("TCP", host, port)

    def getPeer(self) -> IPv4Address:  # noqa: N802
        return self._peer

    getHost = getPeer  # noqa: N815

    def write(self, data: bytes) -> None:
        self.sent += data

    def setTcpNoDelay(self, enabled: bool) -> None:  # noqa: N802
        assert enabled

    def registerProducer(self, producer: Any, streaming: bool) -> None:  # noqa: N802
        assert streaming
        self.producer = producer

    def unregisterProducer(self) -> None:  # noqa: N802
        self.producer = None

    def pauseProducing(self) -> None:  # noqa: N802
        self.is_reading = False

    def resumeProducing(self) -> None:  # noqa: N802
        self.is_reading = True

    def loseWriteConnection(self) -> None:  # noqa: N802
        self.is_half_closed = True

    def abortConnection(self) -> None:  # noqa: N802
        self.is_aborted = True

    def lose(self) -> None:
        """The connection is gone."""
        self.protocol.connectionLost(connectionDone)


class Plain(Protocol):
    """Says nothing by itself, and keeps what it hears."""

    transport: Any

    def __init__(self) -> None:
        self.heard = b""
        self.is_lost = False

    def dataReceived(self, data: bytes) -> None:  # noqa: N802
        self.heard += data

    def connectionLost(self, reason: Any = connectionDone) -> None:  # noqa: N802
        self.is_lost = True

    @property
    def answer(self) -> Answer | None:
        """What the listener answered first."""
        read = read_answer(self.heard)
        return None if read is None else read[0]

    @property
    def status(self) -> Status | None:
        return None if self.answer is None else self.answer.status

    @property
    def rest(self) -> bytes:
        """What came behind the answer."""
        read = read_answer(self.heard)
        return b"" if read is None else read[1]

    @property
    def seen(self) -> Address:
        """Where the other end sees this one."""
        host = self.transport.getHost()
        return Address(host.host, host.port)

    @property
    def is_welcome(self) -> bool:
        """Whether the answer is a welcome that names our own address."""
        return self.heard.startswith(write_answer(Answer(Status.WELCOME, self.seen)))


async def until(is_so: Callable[[], Any]) -> None:
    """Wait for something that happens on real sockets."""
    for _ in range(5_000):
        if is_so():
            return
        await deferLater(reactor, 0.001)
    raise AssertionError("it does not happen")


@attrs.define(kw_only=True)
class Relaying:
    """A node that relays, on a port of loopback; its clock stands until a test moves it."""

    who: Who
    port: int
    clock: Clock
    relay: Relay
    doorway: Doorway
    limits: Limits
    is_open: bool = True
    own_address: Address | None = None
    changes: list[NodeId] = attrs.field(factory=list)
    knocks: list[tuple[bytes, NodeId]] = attrs.field(factory=list)
    clients: list[Plain] = attrs.field(factory=list)

    def hello(
        self,
        kind: Kind,
        who: Who,
        *,
        wanted: NodeId | None = None,
        boot: bytes = b"b" * 8,
        mac_key: bytes = GRID,
        nonce: bytes | None = None,
    ) -> bytes:
        return sign_hello(
            who.key,
            mac_key,
            kind=kind,
            listener=self.who.node_id,
            wanted=wanted,
            boot=boot,
            now_ms=NOW_MS,
            nonce=nonce or next(_NONCES).to_bytes(8),
        )

    async def dial(self, first: bytes) -> Plain:
        """Connect, and say *first*."""
        factory = Factory.forProtocol(Plain)
        factory.noisy = False
        endpoint = TCP4ClientEndpoint(reactor, "127.0.0.1", self.port)
        plain: Any = await endpoint.connect(factory)
        self.clients.append(plain)
        plain.transport.write(first)
        return plain

    async def answered(self, kind: Kind, who: Who, behind: bytes = b"", **more: Any) -> Plain:
        """Connect, say hello and *behind*, and wait for what comes of it."""
        plain = await self.dial(self.hello(kind, who, **more) + behind)
        await until(lambda: plain.answer or plain.is_lost)
        return plain

    async def attached(
        self, who: Who, *, spares: int = 1, **more: Any
    ) -> tuple[Plain, list[Plain]]:
        """A node with its anchor and its spares."""
        anchor = await self.answered(Kind.ANCHOR, who, **more)
        assert anchor.is_welcome
        opened = [await self.answered(Kind.SPARE, who, **more) for _ in range(spares)]
        assert all(spare.is_welcome for spare in opened)
        return anchor, opened

    async def advance(self, seconds: float, *talking: Plain) -> None:
        """Let time pass, a second at a time; *talking* say meanwhile that they are there."""
        for _ in range(int(seconds)):
            for plain in [one for one in talking if not one.is_lost]:
                heard = len(plain.heard)
                plain.transport.write(BEAT)
                await until(
                    lambda plain=plain, heard=heard: len(plain.heard) > heard or plain.is_lost
                )
            self.clock.advance(1)
            await settled()


@asynccontextmanager
async def relaying(**limits: Any) -> AsyncIterator[Relaying]:
    """Run a node that relays."""
    who, clock = Who(), Clock()
    changes: list[NodeId] = []
    inside = Factory.forProtocol(Plain)
    inside.noisy = False
    admission = Admission(inside, own_id=who.node_id, keys=lambda: [GRID], clock=clock)  # type: ignore[arg-type]
    relay = Relay(
        own_id=who.node_id,
        own_address=lambda: it.own_address,
        clock=clock,  # type: ignore[arg-type]
        limits=lambda: it.limits,
        is_open=lambda: it.is_open,
        changed=changes.append,
    )
    doorway = Doorway(
        admission,
        Porch(admission, NodeTls(who.key)),
        judge=Judge(who.node_id),
        now_ms=lambda: NOW_MS,
        received=relay.receive,
        knocked=lambda nonce, sender: it.knocks.append((nonce, sender)),
    )
    port = reactor.listenTCP(0, doorway, interface="127.0.0.1")
    it = Relaying(
        who=who,
        port=port.getHost().port,
        clock=clock,
        relay=relay,
        doorway=doorway,
        limits=Limits(**limits),
        changes=changes,
    )
    try:
        yield it
    finally:
        await port.stopListening()
        relay.hang_up()
        doorway.hang_up()
        admission.hang_up()
        for plain in it.clients:
            plain.transport.abortConnection()
        await until(lambda: all(plain.is_lost for plain in it.clients))
        await settled()
        assert not doorway.callers
        assert not doorway.hosts
        assert not admission.strangers
        view = relay.view()
        left = (view.attached, view.spares, view.circuits, view.waiting, view.looks)
        assert (0, 0, 0, 0, 0) == left
        assert [] == clock.getDelayedCalls()
