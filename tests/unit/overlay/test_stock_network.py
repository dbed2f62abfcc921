"""What kademlia 2.2.3 and rpcudp 5.0.1 get wrong on the wire, and our subclasses get right."""

import asyncio
from collections.abc import Iterator
from typing import Any

import attrs
import pytest
import pytest_twisted
import umsgpack
from kademlia.network import Server
from kademlia.node import Node
from kademlia.protocol import KademliaProtocol
from kademlia.storage import ForgetfulStorage
from kademlia.utils import digest
from unit.overlay.fake_grid import Grid, Peer, key_of

from reticulum.aio import deferred
from reticulum.model import Address
from reticulum.overlay.network import Network
from reticulum.overlay.protocol import SealedProtocol

OWN, OTHER = digest("own"), digest("other")
ELSEWHERE = ("10.0.0.9", 4160)


@attrs.define
class Sent:
    """A transport that keeps what is sent."""

    datagrams: list[tuple[bytes, tuple[str, int]]] = attrs.field(factory=list)

    def sendto(self, data: bytes, addr: tuple[str, int]) -> None:
        self.datagrams.append((data, addr))

    def is_closing(self) -> bool:
        return False

    def get_write_buffer_size(self) -> int:
        return 0


def stock() -> tuple[KademliaProtocol, Sent]:
    protocol = KademliaProtocol(Node(OWN), ForgetfulStorage(), 20)
    sent = Sent()
    protocol.connection_made(sent)
    return protocol, sent


@pytest.fixture
def peer() -> Iterator[Peer]:
    grid = Grid()
    grid.grow(2)
    yield grid.peers[0]
    grid.stop()


def ours(peer: Peer) -> tuple[SealedProtocol, Sent]:
    protocol = SealedProtocol(peer.node.node_id, peer.node.table, peer.node.received)
    sent = Sent()
    protocol.connection_made(sent)  # type: ignore[no-untyped-call]
    return protocol, sent


def test_a_typing_error_is_no_remote_call(peer: Peer) -> None:
    """The package has every attribute anybody thinks of; ours says that it is not there."""
    protocol, _ = stock()
    assert callable(protocol.pnig)
    with pytest.raises(AttributeError, match="pnig"):
        ours(peer)[0].pnig  # noqa: B018


@pytest_twisted.ensureDeferred
async def test_a_stranger_is_neither_answered_nor_entered(peer: Peer) -> None:
    """The package answers whoever asks and enters whatever id is claimed; ours does neither."""
    request = b"\0" + b"m" * 20 + umsgpack.packb(["ping", [OTHER]])
    protocol, sent = stock()
    await deferred(protocol._solve_datagram(request, ELSEWHERE))
    await deferred(asyncio.sleep(0))
    assert 1 == len(sent.datagrams)
    assert not protocol.router.is_new_node(Node(OTHER, *ELSEWHERE))
    for _, timer in protocol._outstanding.values():
        timer.cancel()

    protocol, sent = ours(peer)
    before = len(peer.node.table.contacts())
    protocol.datagram_received(request, ELSEWHERE)
    await deferred(asyncio.sleep(0))
    assert [] == sent.datagrams
    assert before == len(peer.node.table.contacts())


@pytest_twisted.ensureDeferred
async def test_an_answer_counts_only_from_whom_was_asked() -> None:
    """The package takes it from any address and any id; ours: `test_overlay_hostile`."""
    protocol, sent = stock()
    asked = protocol.call_ping(Node(OTHER, "10.0.0.1", 1))
    task = asyncio.ensure_future(asked)
    await deferred(asyncio.sleep(0))
    msg_id = sent.datagrams[0][0][1:21]
    somebody = digest("somebody else")
    protocol._accept_response(msg_id, somebody, ELSEWHERE)
    assert (True, somebody) == await deferred(task)  # type: ignore[arg-type]  # a task will do
    assert not protocol.router.is_new_node(Node(OTHER))


@pytest_twisted.ensureDeferred
async def test_a_newcomer_is_not_handed_the_wrong_keys() -> None:
    """The package hashes stored keys once more before it compares; ours hands nothing over."""
    protocol, _ = stock()
    stored: list[bytes] = []

    def store(_node: Node, key: bytes, _value: object) -> Any:
        stored.append(key)
        return asyncio.sleep(0)

    protocol.call_store = store
    keys = [digest(f"k{n}") for n in range(200)]
    for key in keys:
        protocol.storage[key] = b"v"
    for n in range(20):
        protocol.router.add_contact(Node(digest(f"n{n}"), "10.0.0.2", 1 + n))
    newcomer = Node(digest("newcomer"), *ELSEWHERE)
    due = set()
    for key in keys:
        near = protocol.router.find_neighbors(Node(key))
        if newcomer.distance_to(Node(key)) < near[-1].distance_to(Node(key)) and (
            Node(OWN).distance_to(Node(key)) < near[0].distance_to(Node(key))
        ):
            due.add(key)
    protocol.welcome_if_new(newcomer)
    await deferred(asyncio.sleep(0.01))
    assert set(stored) != due


@pytest_twisted.ensureDeferred
async def test_set_reports_no_success_that_was_none(peer: Peer) -> None:
    """The package's is True when every store failed; ours refuses to store values at all."""
    server = Server(node_id=OWN)
    server.protocol = protocol = stock()[0]
    server.protocol.router.add_contact(Node(OTHER, *ELSEWHERE))

    async def failed(*_: object) -> tuple[bool, None]:
        return False, None

    async def found(*_: object) -> tuple[bool, list[object]]:
        return True, []

    protocol.call_store, protocol.call_find_node = failed, found
    assert await deferred(server.set("key", "value")) is True

    network = Network(lambda _send, _knock: peer.node)
    with pytest.raises(NotImplementedError, match="announce an image"):
        await deferred(network.set("key", "value"))
    with pytest.raises(NotImplementedError, match="notebook"):
        network.save_state("state")


@pytest_twisted.ensureDeferred
async def test_stop_leaves_no_task(peer: Peer) -> None:
    """The package's lookup goes on after `stop`; ours has begun none of its own."""
    server = Server(node_id=OWN)
    before = asyncio.all_tasks()
    await deferred(server.listen(0, "127.0.0.1"))
    server.protocol.router.add_contact(Node(OTHER, "127.0.0.1", 9))
    server.refresh_loop.cancel()
    server.refresh_table()
    server.stop()
    left = asyncio.all_tasks() - before
    for task in left:
        task.cancel()
    await deferred(asyncio.sleep(0.01))

    network = Network(lambda _send, _knock: peer.node)
    before = asyncio.all_tasks()
    await deferred(network.listen(0, "127.0.0.1"))
    network.stop()
    await network.closed()
    assert left
    assert set() == asyncio.all_tasks() - before - {asyncio.current_task()}


def test_the_table_is_ours(peer: Peer) -> None:
    """Not the package's with its neighbours that are not the closest."""
    protocol, _ = ours(peer)
    assert protocol.router is peer.node.table
    near = protocol.router.find_neighbors(Node(key_of("x").digest))
    assert [c.node_id.digest for c in peer.node.table.contacts()] == sorted(n.id for n in near)


def test_addresses_nobody_can_answer_are_dropped(peer: Peer) -> None:
    """A scope that means something on one machine only, and port 0."""
    told: list[Address] = []
    protocol = SealedProtocol(
        peer.node.node_id, peer.node.table, lambda _datagram, from_: told.append(from_)
    )
    protocol.datagram_received(b"x", ("fe80::1%eth0", 4160, 0, 2))
    protocol.datagram_received(b"x", ("10.0.0.1", 0))
    protocol.datagram_received(b"x", ("::1", 4160, 0, 0))
    assert [Address("::1", 4160)] == told
