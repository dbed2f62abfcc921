"""A node whose datagrams go by way of another one: what it believes of itself, and what it does."""

import random
from collections.abc import Iterator
from typing import Any

import attrs
import pytest
from unit.overlay.fake_grid import FakeNotebook, Grid, Peer, key_of

from reticulum.model import LOOPBACK, PRIVATE, PUBLIC, Address, Contact, NodeId
from reticulum.overlay.entrance import Entrance
from reticulum.overlay.messages import Dialling, DialMe, Ping
from reticulum.overlay.network import Network
from reticulum.overlay.question import Reply
from reticulum.overlay.records import Role
from reticulum.overlay.standing import Standing
from reticulum.overlay.tally import Heard, Tally
from reticulum.overlay.vantage import Vantage

FAR = Address("44.0.0.1", 4160)


@pytest.fixture
def grid() -> Iterator[Grid]:
    grid = Grid()
    yield grid
    grid.stop()


def ferried(grid: Grid) -> Peer:
    """A node more, whose address is in truth that of its ferry."""
    peer = grid.add()
    grid.start(peer)
    peer.node.ferriage.began()
    grid.run(peer.node.joined())
    return peer


def is_server(peer: Peer) -> bool:
    return peer.node.is_server


def test_it_is_never_a_server(grid: Grid) -> None:
    """However often it is asked out of the blue at its ferry's port, and whatever it is told."""
    grid.grow(5)
    peer = ferried(grid)
    for other in grid.peers[:-1]:
        grid.run(other.node.ping(peer.address))
    grid.pass_time(600)
    standing = peer.node.standing()
    assert (Role.CLIENT, None, ()) == (standing.role, standing.seen, standing.seen_ports)
    assert (0, 0) == (standing.count.udp, standing.count.agreed)
    assert peer.node.is_in
    assert all(
        peer.node.node_id != contact.node_id
        for other in grid.peers
        for contact in other.node.table.contacts()
    )

    peer.node.ferriage.ended()
    grid.pass_time(60)
    assert is_server(peer)
    assert peer.address == peer.node.standing().seen


def test_a_server_that_is_carried_is_none(grid: Grid) -> None:
    """Its network lets no datagrams through any more: nobody is to be sent to it."""
    grid.grow(5)
    peer = grid.peers[3]
    assert is_server(peer)
    peer.node.ferriage.began()
    peer.node.ferriage.began()
    assert (False, None) == (is_server(peer), peer.node.status().seen)
    peer.node.ferriage.ended()
    peer.node.ferriage.ended()
    grid.pass_time(60)
    assert is_server(peer)


def asked_to_dial(grid: Grid, asker: Peer, peer: Peer) -> bool:
    """Whether *peer* agrees to dial *asker* back."""
    outcome: Any = None
    for _ in range(2):  # the first time it gives a token
        question = DialMe(nonce=bytes(8), port=asker.address.port, tcp=False)
        outcome = grid.run(_asking(asker, peer, question))
    assert isinstance(outcome, Reply)
    assert isinstance(outcome.body, Dialling)
    return outcome.body.agreed


async def _asking(asker: Peer, peer: Peer, question: Any) -> Any:
    exchange = asker.node._parts.exchange
    return await exchange.asking(peer.address, question, node_id=peer.node.node_id)


def test_it_dials_nobody_back(grid: Grid) -> None:
    """What a ferry says about where somebody asks would turn it on anybody."""
    grid.grow(3)
    peer = ferried(grid)
    assert not asked_to_dial(grid, grid.peers[0], peer)
    peer.node.ferriage.ended()
    assert asked_to_dial(grid, grid.peers[0], peer)


def test_doors(grid: Grid) -> None:
    """Neighbours, entrances, peers of earlier days: each address once, with who lives there."""
    grid.grow(4)
    notebook, first = FakeNotebook(), grid.peers[0]
    elsewhere = Entrance("44.7.7.7", 4160)
    peer = grid.add(
        notebook=notebook, entrances=[Entrance(str(first.address.host), 4160), elsewhere]
    )
    grid.start(peer)
    grid.run(peer.node.joined())
    grid.pass_time(30)
    doors = grid.run(peer.node.ferriage.doors())
    known = {each.address: each.node.node_id for each in grid.peers if each is not peer}
    assert {**known, Address("44.7.7.7", 4160): None} == dict(doors)
    assert Address("44.7.7.7", 4160) == doors[-1][0]

    grid.run(peer.node.stop())
    again = grid.add(notebook=notebook, entrances=[elsewhere])
    grid.run(again.node.start())
    doors = grid.run(again.node.ferriage.doors())
    assert (Address("44.7.7.7", 4160), None) == doors[0]
    assert known == dict(doors[1:])


def test_nobody_is_forgotten_between_two_ferries(grid: Grid) -> None:
    """While nothing is carried everybody seems silent, and leaves the table: they stay doors."""
    grid.grow(4)
    peer = ferried(grid)
    grid.pass_time(30)
    known = {contact.address for contact in peer.node.table.contacts()}
    assert 4 == len(known)
    peer.node.ferriage.broke()
    grid.kill(peer)
    for number in range(8):
        grid.run(peer.node.closest(key_of(str(number))))
    assert () == tuple(peer.node.table.contacts())
    doors = grid.run(peer.node.ferriage.doors())
    assert known == {address for address, _ in doors}
    assert all(node_id is not None for _, node_id in doors)

    grid.at[peer.address] = peer.node.received
    peer.node.ferriage.began()
    grid.pass_time(5)
    assert peer.node.is_in


def test_asking_past_the_ferry(grid: Grid) -> None:
    """The question goes out as it is told; silence marks nobody as gone."""
    grid.grow(3)
    peer, other = grid.peers[2], grid.peers[1]
    lost: list[Address] = []

    def straight(datagram: bytes, to: Address) -> None:
        grid.carry(datagram, peer.address, to)

    def nowhere(_datagram: bytes, to: Address) -> None:
        lost.append(to)

    assert grid.run(peer.node.ferriage.gets_through(other.address, straight))
    before = peer.node.table.contacts()
    assert not grid.run(peer.node.ferriage.gets_through(other.address, nowhere))
    assert 2 * [other.address] == lost
    assert before == peer.node.table.contacts()


def test_sockets_of_ferries_prove_nothing(grid: Grid) -> None:
    """A ferryman is asked by whom it carries, from its own machine: nobody has reached it."""
    grid.grow(1)
    peer = grid.peers[0]
    own = Address("127.0.0.1", 5555)
    peer.node.ferriage.carries_from([own])
    peer.node._parts.standing.asked_by(Contact(NodeId(b"a" * 20), own))
    assert 0 == peer.node.standing().count.udp
    peer.node._parts.standing.asked_by(Contact(NodeId(b"b" * 20), attrs.evolve(own, port=5556)))
    assert 1 == peer.node.standing().count.udp


def test_standing_of_a_ferried_node() -> None:
    """Knocks over UDP and TCP, both asked for: still no server, and nothing more is asked."""
    is_on = [False]
    standing = Standing(
        4160,
        random.Random(1),  # noqa: S311
        None,
        lambda: None,
        needs_tcp=True,
        is_ferried=lambda: is_on[0],
    )
    contact = Contact(NodeId(b"a" * 20), FAR)
    standing.sent_to(FAR)
    standing.met(contact)
    assert standing.check(0)
    assert standing.wanted
    questions = standing.dial_me(contact, 0)
    is_on[0] = True
    for dial_me in questions:
        standing.knocked(dial_me.nonce, tcp=dial_me.tcp)
    standing.asked_by(Contact(NodeId(b"b" * 20), attrs.evolve(FAR, port=1)))
    assert not standing.server
    assert not standing.wanted
    assert not standing.check(1000)


def test_voices_of_a_ferried_node() -> None:
    """They see its ferry."""
    is_on = [True]
    vantage = Vantage(is_ferried=lambda: is_on[0])
    vantage.heard(NodeId(bytes(20)), FAR)
    assert (None, ()) == (vantage.address, vantage.ports)
    is_on[0] = False
    vantage.heard(NodeId(bytes(20)), FAR)
    assert FAR == vantage.address


def test_the_farthest_count() -> None:
    """A neighbour that answers says nothing of the Internet."""
    tally = Tally()
    assert Heard() == tally.heard
    for host, reach in (("127.0.0.1", LOOPBACK), ("192.168.1.1", PRIVATE), ("44.0.0.1", PUBLIC)):
        address = Address(host, 4160)
        tally.asked(address)
        assert Heard(reach, 1, 0) == tally.heard
        tally.got_answer(address)
        tally.asked(address)
        assert Heard(reach, 2, 1) == tally.heard
    assert (6, 3) == (tally.questions, tally.answered)


@attrs.define
class Carrier:
    """Takes what goes far."""

    sent: list[tuple[bytes, Address]] = attrs.field(factory=list)

    def takes(self, to: Address) -> bool:
        return to == FAR

    def send(self, datagram: bytes, to: Address) -> None:
        self.sent.append((datagram, to))


def test_carrier(grid: Grid) -> None:
    """It is asked for each datagram, but for dial-backs and whatever is to go straight."""
    peer = grid.add()
    network, carrier = Network(lambda _send, _knock: peer.node), Carrier()
    network.send(b"before", FAR)
    network.carrier = carrier
    network.send(b"far", FAR)
    network.send(b"near", Address("192.168.1.1", 4160))
    network.send_straight(b"straight", FAR)
    network.send_elsewhere(b"knock", FAR)
    assert [(b"far", FAR)] == carrier.sent


def test_ping_is_still_one_question(grid: Grid) -> None:
    """Asked by another way, it is sent again by that way, and its answer counts like any other."""
    grid.grow(2)
    peer, other = grid.peers
    ways: list[Address] = []

    async def ask() -> Any:
        return await peer.node._parts.exchange.asking(
            other.address, Ping(), soft_s=0.5, hard_s=1.0, send=lambda _, to: ways.append(to)
        )

    assert not isinstance(grid.run(ask()), Reply)
    assert 2 * [other.address] == ways
