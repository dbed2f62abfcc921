"""The kademlia package as installed, unchanged, on the simulator's network and in virtual time."""

import asyncio
import logging
import random
import selectors
import types
from collections.abc import Callable, Coroutine
from functools import partial
from typing import Any

import kademlia.routing
import kademlia.storage
from kademlia.crawling import NodeSpiderCrawl
from kademlia.network import Server
from kademlia.node import Node

from reticulum.model import Address, Contact, NodeId
from reticulum.testing.simulator.clock import HeapClock
from reticulum.testing.simulator.delays import Delays
from reticulum.testing.simulator.measuring import Measured, Numbers
from reticulum.testing.simulator.network import Network, Place

PORT = 4160
K = 20


class Jump(selectors.SelectSelector):
    """Waits for nothing: it moves the virtual clock to when the loop wants to be woken."""

    def __init__(self, clock: HeapClock) -> None:
        super().__init__()
        self._clock = clock

    def select(self, timeout: float | None = None) -> list[Any]:
        """Let *timeout* seconds pass; None would be for ever."""
        if timeout is None:
            raise RuntimeError("nothing is left to happen")
        # At least as far as the loop needs to see its next timer as due.
        self._clock.advance(timeout)
        return []


class VirtualLoop(asyncio.SelectorEventLoop):
    """An asyncio loop on a virtual clock."""

    def __init__(self, clock: HeapClock) -> None:
        self._virtual = clock
        super().__init__(Jump(clock))

    def time(self) -> float:
        """Seconds of the virtual clock."""
        return self._virtual.seconds()


class LoopTimers(HeapClock):
    """The network's clock: its timers are the loop's, so that there is one order of events."""

    loop: asyncio.AbstractEventLoop

    def callLater(  # noqa: N802  (Twisted's name)
        self,
        delay: float,
        callable: Callable[..., object],  # noqa: A002  (Twisted's name)
        *args: Any,
        **kw: Any,
    ) -> Any:
        """Make a call in *delay* seconds."""
        return self.loop.call_later(delay, partial(callable, *args, **kw))


class Transport:
    """What rpcudp sends with."""

    def __init__(self, network: Network, place: Place) -> None:
        self._network = network
        self._place = place

    def sendto(self, datagram: bytes, to: tuple[str, int]) -> None:
        """Send."""
        if self._place.receive is not None:
            self._network.send(self._place, datagram, Address(*to))

    def close(self) -> None:
        """Leave."""
        self._network.leave(self._place.address)


class SimulatedServer(Server):  # type: ignore[misc]  # the package has no types
    """The package's server with a transport of ours; nothing else is different."""

    def open(self, network: Network, address: Address) -> None:
        """As `listen`, on the simulator's network."""
        self.address = address
        self.protocol = self._create_protocol()
        place = network.listen(
            address,
            lambda data, sender: self.protocol.datagram_received(data, (sender.host, sender.port)),
        )
        self.transport = Transport(network, place)
        self.place = place
        self.protocol.connection_made(self.transport)
        self.refresh_table()

    @property
    def contact(self) -> Contact:
        """Who and where it is."""
        return Contact(NodeId(self.node.id), self.address)


class StockGrid:
    """
    Servers of the package, joined through one of them.

    Args:
        nodes: How many.
        seed: Of delays, ids, choices.
    """

    def __init__(self, nodes: int, seed: int) -> None:
        logging.getLogger("rpcudp").setLevel(logging.CRITICAL)
        logging.getLogger("kademlia").setLevel(logging.CRITICAL)
        self.random = random.Random(seed)  # noqa: S311  (to be repeatable)
        random.seed(seed)  # the package draws from there
        self.clock = LoopTimers()
        self.clock.loop = self.loop = VirtualLoop(self.clock)
        delays = Delays(seed=self.random.getrandbits(64))
        self.network = Network(self.clock, random.Random(seed + 1), delays)  # noqa: S311
        own_time = types.SimpleNamespace(monotonic=self.clock.seconds)
        kademlia.routing.time = kademlia.storage.time = own_time
        self.servers: list[SimulatedServer] = []
        self.dead: set[Contact] = set()
        asyncio.set_event_loop(self.loop)
        self._run(self._grow(nodes))

    def close(self) -> None:
        """Drop everything."""
        for server in self.servers:
            server.stop()
        for task in asyncio.all_tasks(self.loop):
            task.cancel()
        self._run(asyncio.sleep(0))
        self.loop.close()
        asyncio.set_event_loop(None)

    def kill_share(self, share: float) -> None:
        """Silence so many of them, never the first one."""
        for server in self.random.sample(self.servers[1:], round(share * len(self.servers))):
            self.network.leave(server.address)
            server.refresh_loop.cancel()
            self.dead.add(server.contact)

    def look_up_many(self, lookups: int) -> Numbers:
        """Let live servers chosen at random look for random keys, one after the other."""
        return Numbers.of([self._run(self._look_up()) for _ in range(lookups)])

    def _run(self, work: Coroutine[Any, Any, Any]) -> Any:
        return self.loop.run_until_complete(work)

    async def _grow(self, nodes: int) -> None:
        joining = []
        for number in range(1, nodes + 1):
            server = SimulatedServer(node_id=self.random.randbytes(20))
            host = f"10.{number >> 16}.{number >> 8 & 255}.{number & 255}"
            server.open(self.network, Address(host, PORT))
            self.servers.append(server)
            if number > 1:
                first = self.servers[0].address
                joining.append(asyncio.ensure_future(server.bootstrap([(first.host, first.port)])))
            await asyncio.sleep(0.1)
        await asyncio.gather(*joining)
        await asyncio.sleep(60)

    async def _look_up(self) -> Measured:
        server = self.random.choice([s for s in self.servers if s.contact not in self.dead])
        target = Node(self.random.randbytes(20))
        traffic = server.place.traffic
        begun, before = self.clock.seconds(), traffic.sent + traffic.received
        nearest = server.protocol.router.find_neighbors(target)
        spider = NodeSpiderCrawl(server.protocol, target, nearest, server.ksize, server.alpha)
        found = {Contact(NodeId(n.id), Address(n.ip, n.port)) for n in await spider.find()}
        alive = [s.contact for s in self.servers if s is not server and s.contact not in self.dead]
        key = NodeId(target.id)
        truth = sorted(alive, key=lambda contact: key.distance(contact.node_id))[:K]
        return Measured(
            took_s=self.clock.seconds() - begun,
            recall=len(found.intersection(truth)) / len(truth),
            dead=len(found & self.dead),
            messages=traffic.sent + traffic.received - before,
        )
