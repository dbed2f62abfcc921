"""The role of a node: what makes it a server, what makes it a client again, and how it asks."""

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reticulum.model import Address, Contact, NodeId, reach_of
from reticulum.overlay.records import Role
from reticulum.overlay.standing import RECHECK_S, Standing
from reticulum.overlay.vantage import Vantage


def peer(number: int, host: str = "44.0.0.1") -> Contact:
    return Contact(NodeId(bytes([number]) * 20), Address(host, 4000 + number))


class Node:
    """A standing whose peers do as they are told."""

    def __init__(self, *, needs_tcp: bool = True) -> None:
        self.roles: list[Role] = []
        self.standing = Standing(
            4160,
            random.Random(1),  # noqa: S311
            None,
            lambda: self.roles.append(self.standing.role),
            needs_tcp=needs_tcp,
        )
        self.now = 0.0

    def met(self, *contacts: Contact) -> None:
        for contact in contacts:
            self.standing.sent_to(contact.address)
            self.standing.met(contact)

    def ask(self, contact: Contact, *, udp: bool, tcp: bool) -> None:
        """One peer is asked, agrees, and its knocks come or do not."""
        assert self.standing.check(self.now)
        for dial_me in self.standing.dial_me(contact, self.now):
            self.standing.agreed(dial_me.nonce, self.now)
            if tcp if dial_me.tcp else udp:
                self.standing.knocked(dial_me.nonce, tcp=dial_me.tcp)

    def wait(self, seconds: float) -> None:
        self.now += seconds
        self.standing.check(self.now)


@pytest.mark.parametrize("udp,tcp,is_server", [(1, 1, 1), (1, 0, 0), (0, 1, 0), (0, 0, 0)])
def test_three_peers_have_to_reach_it_both_ways(udp: int, tcp: int, is_server: int) -> None:
    """A NAT that lets datagrams in, and no connection, makes no server."""
    node = Node()
    peers = [peer(number) for number in range(4)]
    node.met(*peers)
    for contact in peers[:3]:
        assert not node.standing.server
        node.ask(contact, udp=bool(udp), tcp=bool(tcp))
    node.wait(10)
    assert bool(is_server) is node.standing.server
    assert node.standing.has_verdict


def decline(node: Node, contact: Contact) -> None:
    """One peer is asked, and says that it does not dial back."""
    for dial_me in node.standing.dial_me(contact, node.now):
        node.standing.declined(dial_me.nonce)


def test_nobody_waits_for_those_who_do_not_dial_back() -> None:
    """
    In a small grid all have to agree, but for those that can't dial back: as a node whose own
    datagrams make a detour.
    """
    node = Node()
    node.met(*(peer(number) for number in range(3)))
    for number in range(2):
        node.ask(peer(number), udp=True, tcp=True)
    assert not node.standing.server
    decline(node, peer(2))
    assert node.standing.server
    assert (2, 2) == (node.standing.count.peers, node.standing.count.agreed)


def test_who_declines_first_may_try_later() -> None:
    """A peer that did not try is asked again with the others, and counts when it has tried."""
    node = Node()
    node.met(peer(1), peer(2))
    node.wait(0)
    decline(node, peer(1))
    decline(node, peer(2))
    assert not node.standing.server
    assert 0 == node.standing.count.peers
    node.wait(61)
    node.ask(peer(1), udp=True, tcp=False)
    node.wait(10)
    assert not node.standing.server
    assert (1, 1) == (node.standing.count.peers, node.standing.count.refused)


def test_who_has_tried_does_not_abstain() -> None:
    """Whoever has dialled in vain by one way can't take that back by declining the other."""
    node = Node()
    node.met(peer(1), peer(2))
    node.ask(peer(2), udp=True, tcp=True)
    over_udp, over_tcp = node.standing.dial_me(peer(1), node.now)
    node.standing.agreed(over_udp.nonce, node.now)
    node.wait(10)
    node.standing.declined(over_tcp.nonce)
    node.standing.declined(over_tcp.nonce)
    node.standing.declined(bytes(8))
    assert not node.standing.server
    assert (2, 1) == (node.standing.count.peers, node.standing.count.refused)


def test_a_knock_has_to_come_the_way_it_was_asked_for() -> None:
    """A nonce for TCP that comes in a datagram proves nothing, and does not use it up."""
    node = Node()
    node.met(peer(1))
    node.standing.check(0)
    for dial_me in node.standing.dial_me(peer(1), 0):
        node.standing.knocked(dial_me.nonce, tcp=not dial_me.tcp)
        node.standing.knocked(bytes(8), tcp=dial_me.tcp)
    assert not node.standing.server
    assert 0 == node.standing.count.udp + node.standing.count.tcp


def test_neighbours_in_the_same_house_do_not_make_it_public() -> None:
    """Three of the LAN reach it; as long as it knows anybody on the Internet, that one counts."""
    node = Node()
    node.met(peer(9))
    for number in range(4):
        node.met(peer(number, "192.168.1.7"))
        node.ask(peer(number, "192.168.1.7"), udp=True, tcp=True)
    assert not node.standing.server
    node.ask(peer(9), udp=True, tcp=True)
    assert node.standing.server


def test_a_server_that_is_reached_no_more_is_a_client() -> None:
    """An hour later its peers try again, and nothing arrives."""
    node = Node()
    peers = [peer(number) for number in range(4)]
    node.met(*peers)
    for contact in peers:
        if not node.standing.server:
            node.ask(contact, udp=True, tcp=True)
    node.wait(1)
    assert not node.standing.wanted
    node.wait(RECHECK_S + 1)
    assert node.standing.server
    for contact in peers:
        node.ask(contact, udp=True, tcp=False)
    node.wait(10)
    assert [Role.SERVER, Role.CLIENT] == node.roles


def test_a_lost_datagram_makes_no_client() -> None:
    """One of four peers fails at the hourly check: it stays a server."""
    node = Node()
    peers = [peer(number) for number in range(4)]
    node.met(*peers)
    for contact in peers[:3]:
        node.ask(contact, udp=True, tcp=True)
    node.wait(1)
    node.wait(RECHECK_S + 1)
    for number, contact in enumerate(peers):
        node.ask(contact, udp=number > 0, tcp=True)
    node.wait(10)
    assert node.standing.server
    assert not node.standing.wanted


def test_a_node_that_cannot_be_reached_asks_less_and_less_often() -> None:
    """In a day it asks some fifty times, not every minute: each costs a peer a vain connection."""
    node = Node()
    node.met(*(peer(number) for number in range(3)))
    asked = 0
    while node.now < 86_400:
        if node.standing.check(node.now):
            for number in range(3):
                questions = node.standing.dial_me(peer(number), node.now)
                asked += len(questions)
                for dial_me in questions:
                    node.standing.agreed(dial_me.nonce, node.now)
        node.now += 10
    assert 3 * 2 * 24 <= asked <= 3 * 2 * 40


def test_another_network_begins_anew() -> None:
    """A laptop is carried elsewhere: a client at once, and the checks begin."""
    node = Node()
    node.met(peer(1))
    node.ask(peer(1), udp=True, tcp=True)
    assert node.standing.server
    node.standing.network_changed()
    assert not node.standing.server
    assert node.standing.wanted
    assert 0 == node.standing.count.peers


def test_memory_is_bounded() -> None:
    """However many peers there are."""
    node = Node()
    for number in range(5000):
        contact = Contact(NodeId(number.to_bytes(20)), Address("44.0.0.1", 1 + number))
        node.met(contact)
        node.standing.dial_me(contact, 0)
    assert node.standing.count.peers <= 64


@pytest.mark.parametrize(
    "host,reach",
    [("127.0.0.1", 0), ("::1", 0), ("10.1.2.3", 1), ("192.168.0.1", 1), ("100.64.0.1", 1),
     ("169.254.1.1", 1), ("fd00::1", 1), ("fe80::1", 1), ("44.1.2.3", 2), ("2600::1", 2)],
)  # fmt: skip
def test_how_far_addresses_carry(host: str, reach: int) -> None:
    """This machine, somebody's network, anywhere."""
    assert reach == reach_of(host)


@given(st.ip_addresses())
def test_every_address_carries_somewhere(address: object) -> None:
    """No address of outside is an error."""
    assert reach_of(str(address)) in {0, 1, 2}


def test_the_own_address_is_what_those_far_away_see() -> None:
    """However many neighbours see another one; and to hear of it is not to have moved."""
    moved: list[int] = []
    vantage = Vantage(lambda: moved.append(1))
    for number in range(9):
        vantage.heard(peer(number).node_id, Address("192.168.1.4", 4160))
    vantage.heard(peer(20).node_id, Address("44.9.9.9", 60_000))
    vantage.heard(peer(21).node_id, Address("44.9.9.9", 60_001))
    assert vantage.address is not None
    assert "44.9.9.9" == vantage.address.host
    assert {60_000, 60_001} == set(vantage.ports)
    assert [] == moved
    for number in (20, 21):
        vantage.heard(peer(number).node_id, Address("44.8.8.8", 60_000))
    assert [1] == moved
