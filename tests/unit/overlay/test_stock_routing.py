"""What kademlia 2.2.3 gets wrong in its routing table, and ours gets right on the same input."""

import asyncio
from collections.abc import Iterator

import attrs
import pytest
from kademlia.node import Node
from kademlia.protocol import KademliaProtocol
from kademlia.routing import KBucket, RoutingTable
from kademlia.storage import ForgetfulStorage
from unit.overlay.lookup_network import closest, contact, dice

from reticulum.model import Contact, Key
from reticulum.overlay.bucket import Bucket
from reticulum.overlay.table import Table

OWN = contact(0)
HALF = 2**159
CROWD = [HALF + (n << 152) for n in (1, 2, 4, 3)]
"""Four nodes in the half where the own id is not; the first three share just five bits."""


@attrs.define
class Silent:
    """A protocol whose pings are never answered."""

    loop: asyncio.AbstractEventLoop

    def call_ping(self, _node: Node) -> "asyncio.Future[None]":
        return self.loop.create_future()


def node(contact_: Contact) -> Node:
    return Node(contact_.node_id.digest, contact_.address.host, contact_.address.port)


@pytest.fixture
def stock() -> Iterator[RoutingTable]:
    """The package's table with buckets of three."""
    loop = asyncio.new_event_loop()
    yield RoutingTable(Silent(loop), 3, node(OWN))
    loop.close()


@pytest.fixture
def ours() -> Table:
    return Table(OWN.node_id, clock=lambda: 0.0, k=3)


def fill(stock: RoutingTable, ours: Table, *numbers: int) -> None:
    for number in numbers:
        stock.add_contact(node(contact(number)))
        ours.answered(contact(number))


def number(of: Node) -> int:
    return int.from_bytes(of.id)


def contents(stock: RoutingTable) -> list[int]:
    return sorted(number(n) for bucket in stock.buckets for n in bucket.get_nodes())


def test_neighbours_are_the_closest() -> None:
    """The package's are not, most of the time."""
    loop, random_ = asyncio.new_event_loop(), dice(1)
    stock = RoutingTable(Silent(loop), 20, node(OWN))
    ours = Table(OWN.node_id, clock=lambda: 0.0)
    fill(stock, ours, *(random_.getrandbits(160) for _ in range(300)))
    loop.close()
    there = [contact(n) for n in contents(stock)]
    right = {"stock": 0, "ours": 0}
    for _ in range(50):
        target = Key(random_.randbytes(20))
        theirs = stock.find_neighbors(Node(target.digest))
        right["stock"] += [node(c).id for c in closest(there, target)] == [n.id for n in theirs]
        right["ours"] += closest(ours.contacts(), target) == ours.closest(target)

    assert right["stock"] <= 10
    assert 50 == right["ours"]


def test_target_is_its_own_neighbour(stock: RoutingTable, ours: Table) -> None:
    """The package never tells where the very node is that was asked for."""
    fill(stock, ours, 1, 2)
    target = node(contact(2))

    assert [1] == [number(n) for n in stock.find_neighbors(target)]
    assert [2, 1] == [number(n) for n in ours.find_neighbors(target)]
    assert [1] == [number(n) for n in ours.find_neighbors(target, exclude=target)]


def test_depth_is_that_of_the_range() -> None:
    """The package measures how alike the nodes are that happen to be there."""
    theirs, ours = KBucket(0, 2**160, 3), Bucket(0, 2**160 - 1, 3, 0.0)
    theirs.add_node(node(contact(1)))
    theirs.add_node(node(contact(2)))

    assert 158 == theirs.depth()
    assert 0 == ours.depth()
    assert [1, 1] == [half.depth() for half in ours.split()]


def test_bucket_splits_by_the_depth_of_its_range(stock: RoutingTable, ours: Table) -> None:
    """Three nodes that share five bits in a range of one bit: the package splits no more."""
    elsewhere = HALF + (1 << 158)
    fill(stock, ours, 1, 2, 3, *CROWD[:3], elsewhere)

    assert elsewhere not in contents(stock)
    assert elsewhere in contents(ours)


def test_last_key_of_a_range_is_in_it(stock: RoutingTable, ours: Table) -> None:
    """The package seeks it in the next bucket: a node entered before the split is new again."""
    fill(stock, ours, HALF, 1, 2, 3)

    assert stock.is_new_node(node(contact(HALF)))
    assert not ours.is_new_node(node(contact(HALF)))


def test_nobody_is_entered_unchecked(stock: RoutingTable, ours: Table) -> None:
    """The package enters whoever says so."""
    stock.add_contact(node(contact(1)))
    ours.add_contact(node(contact(1)))

    assert [1] == contents(stock)
    assert [] == contents(ours)


def test_one_lost_datagram_evicts_nobody(stock: RoutingTable, ours: Table) -> None:
    """The package drops the contact of years at its first silence."""
    fill(stock, ours, 1)
    stock.remove_contact(node(contact(1)))
    ours.remove_contact(node(contact(1)))

    assert [] == contents(stock)
    assert [1] == contents(ours)


def test_candidate_is_not_promoted_unchecked(stock: RoutingTable, ours: Table) -> None:
    """The package takes the newest it heard of, dead or made up."""
    fill(stock, ours, 1, 2, 3, *CROWD[:3])
    made_up = contact(CROWD[3])
    for table in (stock, ours):
        table.add_contact(node(made_up))
        for _ in range(3):
            table.remove_contact(node(contact(CROWD[0])))

    assert made_up.node_id.number in contents(stock)
    assert made_up.node_id.number not in contents(ours)


def test_candidate_is_not_new_for_ever(stock: RoutingTable, ours: Table) -> None:
    """In the package each of its datagrams has the whole store searched once more."""
    fill(stock, ours, 1, 2, 3, *CROWD)

    assert stock.is_new_node(node(contact(CROWD[3])))
    assert not ours.is_new_node(node(contact(CROWD[3])))


def test_question_of_another_freshens_no_bucket(monkeypatch: pytest.MonkeyPatch) -> None:
    """In the package who is asked often never refreshes."""
    now = [0.0]
    monkeypatch.setattr("kademlia.routing.time.monotonic", lambda: now[0])
    stock = RoutingTable(None, 3, node(OWN))
    ours = Table(OWN.node_id, clock=lambda: now[0], k=3)
    now[0] = 4000.0
    for table in (stock, ours):
        table.find_neighbors(node(contact(1)))

    assert [] == stock.lonely_buckets()
    assert ours.buckets == ours.lonely_buckets()


def test_node_with_a_new_id_is_replaced(ours: Table) -> None:
    """The package welcomes the id it asked for, whoever answers."""
    protocol = KademliaProtocol(node(OWN), ForgetfulStorage(), 3)
    old, new = contact(1), Contact(contact(9).node_id, contact(1).address)
    protocol.handle_call_response((True, new.node_id.digest), node(old))
    ours.answered(old)
    ours.replaced(old, new)

    assert [1] == contents(protocol.router)
    assert [9] == contents(ours)
