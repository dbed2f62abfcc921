"""A grid of whole overlay nodes on a wire that is a heap, in virtual time; one seed, one run."""

import hashlib
import heapq
import itertools
from collections.abc import Awaitable, Callable, Iterable, Sequence
from typing import Any, TypeVar

import attrs
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorTime
from unit.overlay.lookup_network import dice
from zope.interface import implementer

from reticulum.model import Address, Contact, Key, NodeId
from reticulum.overlay.entrance import Entrance
from reticulum.overlay.grid_keys import GridKeys, KeyRing
from reticulum.overlay.node import OverlayNode
from reticulum.overlay.records import Role
from reticulum.overlay.surroundings import Offer, Place

T = TypeVar("T")
RING = KeyRing(GridKeys.of_secret(b"s" * 32))
WALL_MS = 1_800_000_000_000


class Call:
    def __init__(self, at: float, work: Callable[[], Any]) -> None:
        self.at, self.work, self.gone = at, work, False

    def active(self) -> bool:
        return not self.gone

    def cancel(self) -> None:
        assert not self.gone
        self.gone = True

    def getTime(self) -> float:  # noqa: N802  (Twisted's)
        return self.at


@implementer(IReactorTime)
class HeapClock:
    def __init__(self) -> None:
        self._now = 1000.0
        self._heap: list[tuple[float, int, Call]] = []
        self._count = itertools.count()

    def seconds(self) -> float:
        return self._now

    def callLater(self, delay: float, work: Callable[..., Any], *args: Any, **kw: Any) -> Call:  # noqa: N802  (Twisted's)
        assert delay >= 0
        call = Call(self._now + delay, lambda: work(*args, **kw))
        heapq.heappush(self._heap, (call.at, next(self._count), call))
        return call

    def getDelayedCalls(self) -> Sequence[Call]:  # noqa: N802  (Twisted's)
        return [call for _, _, call in self._heap if not call.gone]

    def step(self) -> None:
        at, _, call = heapq.heappop(self._heap)
        if not call.gone:
            self._now = max(self._now, at)
            call.gone = True
            call.work()

    def until(self, done: Callable[[], bool], longest_s: float) -> None:
        end = self._now + longest_s
        while not done():
            if not self._heap or self._heap[0][0] > end:
                self._now = end
                return
            self.step()


@attrs.define
class FakeStock:
    here: dict[Key, int] = attrs.field(factory=dict)

    def holds(self, key: Key) -> bool:
        return key in self.here

    def keys(self) -> Iterable[tuple[Key, int]]:
        return list(self.here.items())


@attrs.define
class FakeNotebook:
    text: str = ""
    writes: int = 0

    async def read(self) -> str:
        return self.text

    async def write(self, text: str) -> None:
        self.text = text
        self.writes += 1


def key_of(text: str) -> Key:
    return Key(hashlib.sha256(text.encode()).digest()[:20])


def address_of(number: int) -> Address:
    return Address(f"10.{number >> 16 & 255}.{number >> 8 & 255}.{number & 255}", 4160)


@attrs.define
class Peer:
    """One node with its surroundings."""

    node: OverlayNode
    address: Address
    stock: FakeStock
    notebook: FakeNotebook
    attached: set[NodeId]
    said: list[Offer]

    @property
    def contact(self) -> Contact:
        return Contact(self.node.node_id, self.address)


class Grid:
    """
    A wire, and who is on it.

    Args:
        seed: Of everything random.
        loss: Part of the datagrams that is lost.
    """

    def __init__(self, seed: int = 1, loss: float = 0.0) -> None:
        self.clock = HeapClock()
        self.rng = dice(seed)
        self.loss = loss
        self.peers: list[Peer] = []
        self.at: dict[Address, Callable[[bytes, Address], None]] = {}
        self.sent: list[tuple[Address, Address, bytes]] = []
        self.closed: set[Address] = set()
        self.talks: set[tuple[Address, Address]] = set()
        self.numbers = itertools.count(1)
        self.names: dict[str, list[str]] = {}

    def wall_ms(self) -> int:
        return WALL_MS + int(self.clock.seconds() * 1000)

    def carry(self, datagram: bytes, from_: Address, to: Address) -> None:
        self.sent.append((from_, to, datagram))
        self.talks.add((from_, to))
        if self.rng.random() < self.loss:
            return
        if to in self.closed and (to, from_) not in self.talks:
            return

        def arrive() -> None:
            if to in self.at:
                self.at[to](datagram, from_)

        self.clock.callLater(self.rng.uniform(0.02, 0.08), arrive)

    def add(
        self,
        *,
        entrances: Sequence[Entrance] | None = None,
        key: Ed25519PrivateKey | None = None,
        ring: KeyRing = RING,
        address: Address | None = None,
        skew_ms: int = 0,
        notebook: FakeNotebook | None = None,
        **place: Any,
    ) -> Peer:
        """A node more, not started; it knocks at the first one unless told otherwise."""
        number = next(self.numbers)
        address = address or address_of(number)
        if entrances is None:
            entrances = [Entrance(p.address.host, p.address.port) for p in self.peers[:1]]
        stock, notebook = FakeStock(), notebook or FakeNotebook()
        attached: set[NodeId] = set()
        said = [Offer(zone="z", capacity=1000, free=500, software="reticulum test")]

        async def resolve(name: str) -> Sequence[str]:
            return self.names[name]

        node = OverlayNode(
            private_key=key or Ed25519PrivateKey.from_private_bytes(self.rng.randbytes(32)),
            ring=ring,
            send=lambda datagram, to: self.carry(datagram, address, to),
            clock=self.clock,
            wall_ms=lambda: self.wall_ms() + skew_ms,
            rng=dice(self.rng.getrandbits(64)),
            place=Place(port=address.port, entrances=tuple(entrances), **place),
            offer=lambda: said[-1],
            stock=stock,
            resolve=resolve,
            notebook=notebook,
            attached=attached,
        )
        peer = Peer(node, address, stock, notebook, attached, said)
        self.peers.append(peer)
        return peer

    def start(self, peer: Peer) -> None:
        self.at[peer.address] = peer.node.received
        self.run(peer.node.start())

    def grow_relayed(self, count: int, *relays: Peer) -> list[Peer]:
        """So many more behind NATs, each attached to all of *relays*."""
        new = [self.add(role=Role.CLIENT) for _ in range(count)]
        for peer in new:
            self.closed.add(peer.address)
            self.start(peer)
            self.run(peer.node.joined())
            self.attach(peer, *relays)
        self.pass_time(10)
        return new

    def attach(self, peer: Peer, *relays: Peer) -> None:
        """Let *relays* pass bytes on to a node, and nobody else."""
        for other in self.peers:
            other.attached.discard(peer.node.node_id)
        for relay in relays:
            relay.attached.add(peer.node.node_id)
        ways = tuple(relay.contact for relay in relays)
        peer.said.append(attrs.evolve(peer.said[-1], relays=ways))
        peer.node.said_anew()

    def kill(self, peer: Peer) -> None:
        """Unplug it."""
        self.at.pop(peer.address, None)

    def grow(self, count: int) -> None:
        """So many more, started one after the other."""
        for _ in range(count):
            self.start(self.add())
            self.pass_time(1)
        self.pass_time(60)

    def pass_time(self, seconds: float) -> None:
        self.clock.until(lambda: False, seconds)

    def run(self, work: Awaitable[T], longest_s: float = 60.0) -> T:
        """Let time pass until *work* is done."""
        results: list[Any] = []
        deferred = Deferred.fromCoroutine(work)  # type: ignore[arg-type]  # coroutines all
        deferred.addBoth(results.append)
        self.clock.until(lambda: bool(results), longest_s)
        assert results, "still waiting"
        if hasattr(results[0], "raiseException"):
            results[0].raiseException()
        return results[0]  # type: ignore[no-any-return]  # of *work*

    def stop(self) -> None:
        """Stop every node; nothing of them may be left on the clock."""
        for peer in self.peers:
            self.run(peer.node.stop())
        self.at.clear()
        self.pass_time(1)
        assert [] == self.clock.getDelayedCalls()

    def servers(self) -> list[Peer]:
        return [peer for peer in self.peers if peer.node.status().role == 1]

    def closest(self, target: Key, count: int, without: Peer | None = None) -> list[Contact]:
        contacts = [p.contact for p in self.peers if p is not without and p.address in self.at]
        return sorted(contacts, key=lambda c: c.node_id.distance(target))[:count]
