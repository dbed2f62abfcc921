"""Ferries over real sockets on loopback: a node without UDP is a member, strangers get nothing."""

import itertools
import random
import socket
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import attrs
import pytest
from members import Who, settled
from plain_connections import Plain, until
from twisted.internet import reactor
from twisted.internet.endpoints import TCP4ClientEndpoint
from twisted.internet.protocol import Factory
from twisted.internet.task import deferLater

from reticulum.aio import Threads, deferred
from reticulum.assembly.ferrying import Ferrying, ferrying_of
from reticulum.model import Address, Contact, Key
from reticulum.overlay.entrance import Entrance
from reticulum.overlay.grid_keys import GridKeys, KeyRing
from reticulum.overlay.network import Network
from reticulum.overlay.node import OverlayNode
from reticulum.overlay.notebook import NotebookFile
from reticulum.overlay.records import Role
from reticulum.overlay.surroundings import Offer, Place, Send
from reticulum.reach.admission import Admission, Porch
from reticulum.reach.doorway import Doorway
from reticulum.reach.ferry.frames import STILL_HERE, Parcel, Reading, write_frame
from reticulum.reach.ferry.quay import UdpQuay
from reticulum.reach.pipes import DirectPipes
from reticulum.reach.relay.greeting import Greeting
from reticulum.reach.relay.hello import Kind
from reticulum.reach.relay.judge import Judge
from reticulum.reach.relay.status import Status
from reticulum.reach.sockets import family_of
from reticulum.reach.tls import NodeTls
from reticulum.settings.sections import ReachSettings

HOST = "127.0.0.1"
RING = KeyRing(GridKeys.of_secret(b"f" * 32))
OURS = RING.current.fingerprint
JOINED_S = 15
_NUMBERS = itertools.count()


def _now_ms() -> int:
    return time.time_ns() // 1_000_000


def greeting_of(who: Who) -> Greeting:
    return Greeting(
        private_key=who.key,
        key=lambda: RING.current.peer_http,
        boot=random.SystemRandom().randbytes(8),
        now_ms=_now_ms,
        rng=random.SystemRandom(),
    )


class Stock:
    """Images by their keys."""

    def __init__(self) -> None:
        self.here: dict[Key, int] = {}

    def holds(self, key: Key) -> bool:
        return key in self.here

    def keys(self) -> list[tuple[Key, int]]:
        return list(self.here.items())


class Deaf(Network):
    """In a network without UDP."""

    def send_straight(self, datagram: bytes, to: Address) -> None:
        pass


@attrs.define(kw_only=True)
class Node:
    """A node on a port of loopback, for UDP and for plain TCP."""

    who: Who
    network: Network
    stock: Stock
    ferrying: Ferrying
    door: Doorway
    port: int
    listening: Any
    settings: list[ReachSettings]

    @property
    def overlay(self) -> OverlayNode:
        return self.network.overlay

    @property
    def address(self) -> Address:
        return Address(HOST, self.port)

    @property
    def contact(self) -> Contact:
        return Contact(self.overlay.node_id, self.address)

    @property
    def entrance(self) -> Entrance:
        return Entrance(HOST, self.port)

    async def stop(self) -> None:
        """End, as a node does."""
        if self.listening is None:
            return
        await self.listening.stopListening()
        self.listening = None
        await self.ferrying.ferry.stop()
        self.ferrying.ferryman.hang_up()
        self.door.hang_up()
        await self.overlay.stop()
        self.network.stop()
        await self.network.closed()


Start = Callable[..., Any]


@asynccontextmanager
async def grid(folder: Path) -> AsyncIterator[Start]:
    """A function that starts nodes; all are stopped at the end, and nothing of them is left."""
    threads = Threads(reactor, most=2, name="notebooks")
    threads.start()
    nodes: list[Node] = []

    async def start(
        *entrances: Entrance, role: Role | None = Role.SERVER, network: type[Network] = Network
    ) -> Node:
        node = await _start(folder, threads, entrances, role, network)
        nodes.append(node)
        return node

    try:
        yield start
    finally:
        for node in reversed(nodes):
            await node.stop()
        threads.stop()
        for _ in range(3):
            await settled()


async def _start(
    folder: Path,
    threads: Threads,
    entrances: tuple[Entrance, ...],
    role: Role | None,
    network_class: type[Network],
) -> Node:
    who, stock, settings = Who(), Stock(), [ReachSettings()]
    port = _free_port()

    async def resolve(name: str) -> list[str]:
        return [name]

    def make(send: Send, knock: Send) -> OverlayNode:
        return OverlayNode(
            private_key=who.key,
            ring=RING,
            send=send,
            knock=knock,
            clock=reactor,
            wall_ms=_now_ms,
            rng=random.SystemRandom(),
            place=Place(port=port, entrances=entrances, role=role),
            offer=Offer,
            stock=stock,
            resolve=resolve,
            notebook=NotebookFile(folder / f"{next(_NUMBERS)}.json", threads),
            dial=lambda _contact, _nonce: None,
        )

    network = network_class(make)
    ferrying = ferrying_of(
        settings=lambda: settings[-1],
        network=network,
        greeting=greeting_of(who),
        pipes=DirectPipes(reactor=reactor),
        fingerprints=lambda: [OURS],
        hosts=lambda: [HOST],
        relays=list,
        host=HOST,
        port=port,
        reactor=reactor,
    )
    admission = Admission(
        Factory.forProtocol(Plain),
        own_id=network.overlay.node_id,
        keys=lambda: [RING.current.peer_http],
        clock=reactor,
    )
    door = Doorway(
        admission,
        Porch(admission, NodeTls(who.key)),
        judge=Judge(network.overlay.node_id),
        now_ms=_now_ms,
        received=ferrying.ferryman.receive,
        knocked=lambda *_: None,
    )
    await deferred(network.listen(port, HOST))
    listening = reactor.listenTCP(port, door, interface=HOST)
    await network.overlay.start()
    await ferrying.ferry.start()
    return Node(
        who=who,
        network=network,
        stock=stock,
        ferrying=ferrying,
        door=door,
        port=port,
        listening=listening,
        settings=settings,
    )


def _free_port() -> int:
    with socket.socket() as tcp, socket.socket(type=socket.SOCK_DGRAM) as udp:
        tcp.bind((HOST, 0))
        number: int = tcp.getsockname()[1]
        udp.bind((HOST, number))
        return number


async def patiently(is_so: Callable[[], Any], within_s: float = JOINED_S) -> float:
    """Wait for it; in seconds, how long it took."""
    began = time.monotonic()
    while not is_so():
        assert time.monotonic() - began < within_s
        await deferLater(reactor, 0.02)
    return time.monotonic() - began


async def test_a_node_without_udp_is_a_member(tmp_path: Path) -> None:
    """It joins, finds and is found, is no server, and goes on by another node if one is gone."""
    async with grid(tmp_path) as start:
        first = await start()
        second = await start(first.entrance)
        await second.overlay.joined()
        deaf = await start(first.entrance, role=None, network=Deaf)
        ferry = deaf.ferrying.ferry
        await patiently(lambda: deaf.overlay.is_in)
        assert first.address == ferry.by
        await patiently(lambda: len(deaf.overlay.table.contacts()) == 2)

        there = Key(b"t" * 20)
        second.stock.here[there] = 1
        second.overlay.announce(there)
        holders = await deaf.overlay.holders(there)
        assert [second.overlay.node_id] == [each.node_id for each in holders]
        # The ferryman itself is answered from within, and by its own name.
        assert first.contact == (await deaf.overlay.ping(first.contact)).contact
        standing = deaf.overlay.standing()
        assert (Role.CLIENT, None, 0) == (standing.role, standing.seen, standing.count.agreed)
        assert deaf.overlay.node_id not in [c.node_id for c in second.overlay.table.contacts()]
        view = first.ferrying.ferryman.view()
        assert (1, {}, {}) == (view.ferries, view.dropped, view.refused)
        assert view.datagrams_out > 5 < view.datagrams_in

        await first.stop()
        await patiently(lambda: ferry.by == second.address)
        assert second.contact == (await deaf.overlay.ping(second.contact)).contact
        assert 1 == second.ferrying.ferryman.view().ferries


async def test_the_network_lets_datagrams_through_again(tmp_path: Path) -> None:
    """The question that goes past the ferry is answered: from then on everything does."""
    async with grid(tmp_path) as start:
        first = await start()
        second = await start(first.entrance)
        await second.overlay.joined()
        deaf = await start(first.entrance, role=None, network=Deaf)
        ferry = deaf.ferrying.ferry
        await patiently(lambda: deaf.overlay.is_in)
        assert not await ferry._gets_through(first.address)
        deaf.network.send_straight = lambda datagram, to: Network.send_straight(
            deaf.network, datagram, to
        )
        ferry._ride.straight_at = 0.0  # as if three minutes were over
        await patiently(lambda: ferry.by is None)
        await patiently(lambda: deaf.overlay.standing().seen == deaf.address)
        await patiently(lambda: 0 == first.ferrying.ferryman.view().ferries)


@asynccontextmanager
async def aboard(node: Node, who: Who | None = None, behind: bytes = b"") -> AsyncIterator[Plain]:
    """A member's connection to a ferryman, who answers."""
    factory = Factory.forProtocol(Plain)
    factory.noisy = False
    plain: Any = await TCP4ClientEndpoint(reactor, HOST, node.port).connect(factory)
    plain.transport.write(greeting_of(who or Who()).hello(Kind.FERRY, None) + behind)
    await until(lambda: plain.answer or plain.is_lost)
    try:
        yield plain
    finally:
        if not plain.is_lost:
            plain.transport.abortConnection()
            await until(lambda: plain.is_lost)


async def answered_by(plain: Plain, count: int) -> list[Parcel | None]:
    """Wait for so many frames."""
    await until(lambda: len(Reading().take(plain.rest)) >= count)
    return Reading().take(plain.rest)


async def test_over_the_wire(tmp_path: Path) -> None:
    """A datagram leaves from a port of its own, an answer comes back with its address."""
    async with grid(tmp_path) as start:
        node = await start()
        with socket.socket(type=socket.SOCK_DGRAM) as udp:
            udp.bind((HOST, 0))
            udp.setblocking(False)
            to = Address(HOST, udp.getsockname()[1])
            async with aboard(node, behind=write_frame(Parcel(to, OURS + b"one"))) as plain:
                assert plain.is_welcome
                came: list[tuple[bytes, Any]] = []

                def receive() -> bool:
                    try:
                        came.append(udp.recvfrom(4096))
                    except BlockingIOError:
                        return False
                    return True

                await until(receive)
                ((datagram, from_),) = came
                assert OURS + b"one" == datagram
                assert node.port != from_[1]

                udp.sendto(b"a stranger's", from_)
                udp.sendto(OURS + bytes(1_493), from_)
                udp.sendto(OURS + b"two", from_)
                plain.transport.write(STILL_HERE)
                frames = await answered_by(plain, 2)
                assert {None, Parcel(to, OURS + b"two")} == set(frames)
                assert {"foreign": 2} == node.ferrying.ferryman.view().dropped

                plain.transport.write(b"\xff\xff")
                await until(lambda: plain.is_lost)
            await settled()
            with socket.socket(type=socket.SOCK_DGRAM) as again:
                again.bind((HOST, from_[1]))  # nobody has it any more
        assert 0 == node.ferrying.ferryman.view().ferries


@pytest.mark.parametrize("host", ["127.0.0.1", "::1"])
async def test_sockets_of_a_ferry(host: str) -> None:
    """Of both IP versions, as soon as one is needed; nothing goes out once they are closed."""
    came: list[tuple[bytes, Address]] = []
    opened: list[int] = []
    quay = UdpQuay(reactor, None, received=lambda *words: came.append(words), opened=opened.append)
    with socket.socket(family_of(host), socket.SOCK_DGRAM) as udp:
        try:
            udp.bind((host, 0))
        except OSError:
            pytest.skip("no IPv6 here")
        there = Address(host, udp.getsockname()[1])
        assert quay.send(b"question", there)
        assert quay.send(b"another", there)
        datagram, from_ = udp.recvfrom(100)
        assert (b"question", opened) == (datagram, [from_[1]])
        udp.sendto(b"answer", from_)
        await until(lambda: came)
        assert [(b"answer", there)] == came
        assert not quay.send(b"to everybody", Address("255.255.255.255", 9))
        quay.close()
        assert not quay.send(b"late", there)
    await settled()


def test_sockets_that_can_not_be_had() -> None:
    """Of another IP version than the node listens on; of an address that is not ours."""
    opened: list[int] = []
    for host, to in (("127.0.0.1", "::1"), ("192.0.2.1", "44.0.0.1")):
        quay = UdpQuay(reactor, host, received=lambda *_: None, opened=opened.append)
        assert not quay.send(b"question", Address(to, 9))
        assert not quay.send(b"question", Address(to, 9))
        quay.close()
    assert [] == opened


async def test_a_flood_from_a_member(tmp_path: Path) -> None:
    """Whoever sends as fast as he can is slowed down by not being read from, and others are not."""
    async with grid(tmp_path) as start:
        node = await start()
        far = Address(HOST, 9)
        async with aboard(node) as flood, aboard(node) as other:
            flood.transport.write(write_frame(Parcel(far, OURS + bytes(100))) * 50_000)
            await deferLater(reactor, 1.0)
            view = node.ferrying.ferryman.view()
            assert 400 <= view.datagrams_out <= 800
            assert 0 < view.dropped["too fast"] < 5_000
            other.transport.write(STILL_HERE)
            assert [None] == await answered_by(other, 1)


async def test_a_member_that_does_not_read(tmp_path: Path) -> None:
    """What is sent to him waits in bounded memory; the rest is lost and counted."""
    async with grid(tmp_path) as start:
        node = await start()
        with socket.socket(type=socket.SOCK_DGRAM) as udp:
            udp.bind((HOST, 0))
            to = Address(HOST, udp.getsockname()[1])
            async with aboard(node, behind=write_frame(Parcel(to, OURS))) as plain:
                plain.transport.pauseProducing()
                _, from_ = udp.recvfrom(4096)
                for _ in range(2_000):
                    udp.sendto(OURS + bytes(1_200), from_)
                    await deferLater(reactor, 0)
                view = node.ferrying.ferryman.view()
                assert view.datagrams_in < 1_000
                assert view.dropped["too fast"] > 500
                plain.transport.resumeProducing()


@pytest.mark.parametrize("why", ["setting", "role"])
async def test_who_does_not_relay(tmp_path: Path, why: str) -> None:
    """Neither a node whose operator does not want it, nor one that is itself a client."""
    async with grid(tmp_path) as start:
        node = await start(role=Role.CLIENT if why == "role" else Role.SERVER)
        if why == "setting":
            node.settings.append(ReachSettings(relay=False))
        async with aboard(node) as plain:
            assert Status.DOES_NOT_RELAY is plain.status


async def test_another_grid(tmp_path: Path) -> None:
    """Whoever does not know the secret is hung up on without a word."""
    async with grid(tmp_path) as start:
        node = await start()
        stranger = attrs.evolve(greeting_of(Who()), key=lambda: b"x" * 32)
        factory = Factory.forProtocol(Plain)
        factory.noisy = False
        plain: Any = await TCP4ClientEndpoint(reactor, HOST, node.port).connect(factory)
        plain.transport.write(stranger.hello(Kind.FERRY, None))
        await until(lambda: plain.is_lost)
        assert b"" == plain.heard
