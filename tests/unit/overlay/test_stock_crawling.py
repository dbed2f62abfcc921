"""What kademlia 2.2.3 gets wrong in its lookups, and ours gets right on the same network."""

import asyncio
import selectors
import statistics
import sys
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import attrs
import pytest
from kademlia.crawling import NodeSpiderCrawl
from kademlia.node import Node
from unit.overlay.lookup_network import K, Network, closest, dice, random_key

from reticulum.model import Address, Contact, Key

RPC_TIMEOUT_S = 5.0
"""Of rpcudp 5.0.1; the package leaves no way to choose it."""


class _Virtual(selectors.DefaultSelector):
    """Instead of waiting, lets time pass."""

    now = 0.0

    def select(self, timeout: float | None = None) -> list[Any]:
        assert timeout is not None, "nothing would ever happen"
        self.now += max(0.0, timeout)
        return super().select(0)


class VirtualLoop(asyncio.SelectorEventLoop):
    def __init__(self) -> None:
        self.virtual = _Virtual()
        super().__init__(self.virtual)

    def time(self) -> float:
        return self.virtual.now


@attrs.frozen
class FakeProtocol:
    """Answers as the network does, in the package's words and in the loop's time."""

    network: Network

    async def call_find_node(self, asked: Node, target: Node) -> tuple[bool, Any]:
        answer = self.network.answer(_contact(asked), Key(target.id))
        if answer is None:
            await asyncio.sleep(RPC_TIMEOUT_S)
            return False, None
        low, high = self.network.delay_s
        await asyncio.sleep(sum(self.network.random_.uniform(low, high) for _ in range(2)))
        return True, [tuple(_node(c)) for c in answer[0][:K]]


def _contact(node: Node) -> Contact:
    return Contact(Key(node.id), Address(node.ip, node.port))


def _node(contact: Contact) -> Node:
    return Node(contact.node_id.digest, contact.address.host, contact.address.port)


def crawl(network: Network, own: Contact, target: Key) -> tuple[float, set[Contact]]:
    """The package's lookup: seconds it took, and nodes it found."""

    def run() -> tuple[float, set[Contact]]:
        loop = VirtualLoop()
        try:
            start = [_node(c) for c in closest(network.tables[own], target)]
            spider = NodeSpiderCrawl(FakeProtocol(network), Node(target.digest), start, K, 3)
            found = loop.run_until_complete(spider.find())
            return loop.time(), {_contact(n) for n in found}
        finally:
            loop.close()

    # In a thread of its own: in this one the reactor's loop is running.
    with ThreadPoolExecutor(1) as thread:
        return thread.submit(run).result()


def test_one_dead_peer_stalls_nothing() -> None:
    """The package waits five seconds for it in each round it is in; ours is done in under 1.5."""
    network = Network.grown(seed=4, nodes=100)
    own, target = next(iter(network.tables)), random_key(network.random_)
    network.dead.add(closest(network.tables[own], target)[0])

    took_s, _found = crawl(network, own, target)
    ours = network.look_up(own, target)

    assert took_s >= RPC_TIMEOUT_S
    assert ours.took_s < 1.5
    assert set(network.truth(target, own)) == set(ours.result.closest)


def test_no_dead_node_is_found(capsys: pytest.CaptureFixture[str]) -> None:
    """One in five dead: the package returns some of them as found, and takes ten times as long."""
    network, random_ = Network.grown(seed=4, nodes=300, dead=0.2), dice(1)
    alive = network.alive()
    stock_s, stock_dead, ours_s, ours_dead = [], 0, [], 0
    for _ in range(12):
        own, target = random_.choice(alive), random_key(random_)
        took_s, found = crawl(network, own, target)
        stock_s.append(took_s)
        stock_dead += len(found & network.dead)
        run = network.look_up(own, target)
        ours_s.append(run.took_s)
        ours_dead += len(network.dead.intersection(run.result.closest))
    stock, ours = statistics.median(stock_s), statistics.median(ours_s)
    with capsys.disabled():
        sys.stdout.write(
            f"\n    N=300 20% dead: package p50 {stock:.1f} s, {stock_dead / 12:.1f} dead found; "
            f"ours p50 {ours:.2f} s, {ours_dead} "
        )

    assert stock > 10 * ours
    assert stock_dead > 0
    assert 0 == ours_dead
