"""Nodes behind NATs, attached to relays: found, described, followed, and in nobody's table."""

from collections.abc import Iterator

import attrs
import pytest
from unit.overlay.fake_grid import Grid, Peer, key_of

from reticulum.model import Contact, NodeId
from reticulum.overlay.keeping import FRESH_S
from reticulum.overlay.records import RENEW_RELAYED_S, Role
from reticulum.overlay.views import Described
from reticulum.overlay.whereabouts import LOOK_AGAIN_S


@pytest.fixture
def grid() -> Iterator[Grid]:
    grid = Grid()
    yield grid
    grid.stop()


def by_way_of(peer: Peer, relay: Peer) -> Contact:
    return Contact(peer.node.node_id, relay.address, via=relay.node.node_id)


def ids(contacts: tuple[Contact, ...]) -> list[NodeId]:
    return [contact.node_id for contact in contacts]


def in_order(peers: list[Peer], looker: Peer, target: NodeId) -> list[NodeId]:
    others = [peer.node.node_id for peer in peers if peer is not looker]
    return sorted(others, key=target.distance)


def described(grid: Grid, looker: Peer, contact: Contact) -> Contact | None:
    """How it is reached; None if it is not."""
    found = grid.run(looker.node.describe(contact))
    assert found is None or found.record.speaker == contact.node_id
    return None if found is None else found.contact


def asked(grid: Grid, looker: Peer, contact: Contact) -> int:
    """Questions that it took to find out."""
    before = looker.node.status().questions
    grid.run(looker.node.describe(contact))
    return looker.node.status().questions - before


def test_everybody_finds_the_same(grid: Grid) -> None:
    """Servers, relays, and relayed nodes among themselves: the closest, the nearest first."""
    grid.grow(5)
    behind = grid.grow_relayed(12, *grid.peers[1:3])
    for looker in grid.peers:
        for text in ("a", "b", "c"):
            target = key_of(text)
            around = grid.run(looker.node.around(target))
            assert in_order(behind, looker, target) == ids(around.relayed)
            assert around.closest == grid.run(looker.node.closest(target))


def test_many_behind_one_relay(grid: Grid) -> None:
    """More than one answer holds: the twenty closest are found, by everybody."""
    grid.grow(3)
    behind = grid.grow_relayed(50, grid.peers[1])
    for looker in [*grid.peers[:3], behind[0]]:
        target = key_of("x")
        around = grid.run(looker.node.around(target))
        assert in_order(behind, looker, target)[:20] == ids(around.relayed)[:20]


def test_they_are_in_no_table(grid: Grid) -> None:
    """However long they are there, whomever they ask, whatever they hold."""
    grid.grow(5)
    behind = grid.grow_relayed(4, *grid.peers[1:3])
    for peer in behind:
        peer.node.announce(key_of(str(peer.address)), 10)
    grid.pass_time(3600)
    hidden = {peer.node.node_id for peer in behind}
    for peer in grid.peers:
        grid.run(peer.node.around(key_of("x")))
        assert hidden.isdisjoint(ids(peer.node.table.contacts()))
        assert hidden.isdisjoint(ids(grid.run(peer.node.closest(key_of("x")))))
        assert all(contact.via is None for contact in peer.node.table.contacts())


def test_it_costs_nothing_where_there_are_none(grid: Grid) -> None:
    """To ask for them, too, is the same question: as many datagrams, as long."""

    def cost(look: object) -> list[int]:
        before = len(grid.sent)
        grid.run(look)  # type: ignore[arg-type]
        grid.pass_time(1)
        return sorted(len(datagram) for _, _, datagram in grid.sent[before:])

    grid.grow(8)
    looker, target = grid.peers[3], key_of("x")
    cost(looker.node.closest(target))
    assert cost(looker.node.closest(target)) == cost(looker.node.around(target))


def test_nor_does_it_cost_a_question_where_there_are_some(grid: Grid) -> None:
    """They are named in the answers that the lookup wants in any case."""
    grid.grow(5)
    grid.grow_relayed(12, *grid.peers[1:3])
    looker, target = grid.peers[3], key_of("x")
    before = looker.node.status().questions
    grid.run(looker.node.closest(target))
    alone = looker.node.status().questions - before
    grid.run(looker.node.around(target))
    assert 2 * alone == looker.node.status().questions - before


def test_described_by_its_relay(grid: Grid) -> None:
    """With what it says about itself, in one question, by each of its relays; also locally."""
    grid.grow(5)
    one, other, third = grid.peers[1:4]
    (peer,) = grid.grow_relayed(1, one, other)
    for relay in (one, other):
        found = grid.run(grid.peers[0].node.describe(by_way_of(peer, relay)))
        assert isinstance(found, Described)
        assert by_way_of(peer, relay) == found.contact
        assert (Role.CLIENT, 1000) == (found.record.role, found.record.capacity)
        assert 1 == asked(grid, grid.peers[0], by_way_of(peer, relay))
    assert by_way_of(peer, one) == described(grid, one, by_way_of(peer, one))
    assert 0 == asked(grid, one, by_way_of(peer, one))
    assert by_way_of(peer, one) == described(grid, third, by_way_of(peer, third))
    assert by_way_of(peer, one) == described(grid, grid.peers[0], peer.contact)


def test_a_client_without_relays_is_described_where_it_is(grid: Grid) -> None:
    """As ever."""
    grid.grow(3)
    client = grid.add(role=Role.CLIENT)
    grid.start(client)
    grid.run(client.node.joined())
    assert client.contact == described(grid, grid.peers[0], client.contact)
    assert not client.node.is_reachable
    assert grid.peers[0].node.is_reachable
    grid.attach(client, grid.peers[1])
    assert client.node.is_reachable


def test_a_dead_relay(grid: Grid) -> None:
    """The other one has it."""
    grid.grow(5)
    one, other = grid.peers[1:3]
    (peer,) = grid.grow_relayed(1, one, other)
    grid.kill(one)
    assert by_way_of(peer, other) == described(grid, grid.peers[0], by_way_of(peer, one))


def test_it_is_followed_to_other_relays(grid: Grid) -> None:
    """By its newest record, wherever that is; whoever has an old contact finds it again."""
    grid.grow(12)
    (peer,) = grid.grow_relayed(1, *grid.peers[1:3])
    old = by_way_of(peer, grid.peers[1])
    grid.attach(peer, *grid.peers[3:5])
    grid.pass_time(5)
    for looker in grid.peers[:12]:
        assert by_way_of(peer, grid.peers[3]) == described(grid, looker, old)
        (found,) = grid.run(looker.node.around(key_of("x"))).relayed
        assert by_way_of(peer, grid.peers[3]) == found


def test_whom_no_relay_has_is_gone(grid: Grid) -> None:
    """Said by its relays; the grid is searched for it now and then only."""
    grid.grow(5)
    (peer,) = grid.grow_relayed(1, *grid.peers[1:3])
    contact, looker = by_way_of(peer, grid.peers[1]), grid.peers[0]
    grid.kill(peer)
    for relay in grid.peers[1:3]:
        relay.attached.clear()
    assert None is described(grid, looker, contact)
    assert 2 == asked(grid, looker, contact)
    grid.pass_time(LOOK_AGAIN_S)
    assert 2 < asked(grid, looker, contact)

    grid.pass_time(FRESH_S)
    assert () == grid.run(looker.node.around(key_of("x"))).relayed
    assert None is described(grid, looker, contact)


def test_who_loses_its_relays_is_told_of_no_more(grid: Grid) -> None:
    """It says so itself."""
    grid.grow(5)
    (peer,) = grid.grow_relayed(1, *grid.peers[1:3])
    grid.attach(peer)
    grid.pass_time(5)
    assert () == grid.run(grid.peers[0].node.around(key_of("x"))).relayed


def test_it_says_every_few_minutes_that_it_is_there(grid: Grid) -> None:
    """Others keep naming it, and while it is busy announcing, too."""
    grid.grow(5)
    (peer,) = grid.grow_relayed(1, *grid.peers[1:3])
    for number in range(500):
        peer.node.announce(key_of(str(number)), 10)
    first = described_sequence(grid, peer)
    grid.pass_time(RENEW_RELAYED_S + 30)
    assert first < described_sequence(grid, peer)
    for _ in range(4):
        grid.pass_time(FRESH_S)
        assert 1 == len(grid.run(grid.peers[0].node.around(key_of("x"))).relayed)


def described_sequence(grid: Grid, peer: Peer) -> int:
    found = grid.run(grid.peers[0].node.describe(by_way_of(peer, grid.peers[1])))
    assert found is not None
    return found.record.sequence


def test_a_relay_has_the_newest_record(grid: Grid) -> None:
    """Also one that is far from it, in a grid in which eight others are nearer."""
    grid.grow(14)
    (probe,) = grid.grow_relayed(1, grid.peers[1])
    far = max(grid.peers[:14], key=lambda p: p.node.node_id.distance(probe.node.node_id))
    grid.attach(probe, far)
    grid.pass_time(5)
    for zone in ("attic", "cellar"):
        probe.said.append(attrs.evolve(probe.said[-1], zone=zone))
        probe.node.said_anew()
        grid.pass_time(5)
        record = next(r for r in far.node.records_view() if r.speaker == probe.node.node_id)
        assert zone == record.zone  # type: ignore[union-attr]
    assert 1 == asked(grid, grid.peers[2], by_way_of(probe, far))


def test_find(grid: Grid) -> None:
    """Where it is, in a way that can be used."""
    grid.grow(5)
    one, other = grid.peers[1:3]
    (peer,) = grid.grow_relayed(1, one, other)
    located = grid.run(grid.peers[0].node.find(peer.node.node_id))
    assert located.address is None
    assert (by_way_of(peer, one), by_way_of(peer, other)) == located.relays
    assert () == grid.run(grid.peers[0].node.find(one.node.node_id)).relays


def test_an_image_that_came_before_it_joined_is_announced(grid: Grid) -> None:
    """As soon as there is anybody to tell."""
    grid.grow(4)
    peer = grid.add(role=Role.CLIENT)
    grid.closed.add(peer.address)
    grid.kill(grid.peers[0])
    grid.start(peer)
    peer.node.announce(key_of("image"), 10)
    grid.pass_time(300)
    grid.at[grid.peers[0].address] = grid.peers[0].node.received
    grid.run(peer.node.joined(), 120)
    grid.pass_time(15)
    (holder,) = grid.run(grid.peers[2].node.holders(key_of("image")))
    assert peer.node.node_id == holder.node_id


def test_a_server_again_is_asked_directly(grid: Grid) -> None:
    """Whoever knows it behind a relay is told where it is now."""
    grid.grow(5)
    (peer,) = grid.grow_relayed(1, *grid.peers[1:3])
    old = by_way_of(peer, grid.peers[1])
    grid.closed.clear()
    grid.attach(peer)
    peer.node._parts.standing._role = Role.SERVER
    peer.node._parts.standing._changed()
    grid.pass_time(30)
    assert peer.contact == described(grid, grid.peers[0], old)
    assert () == grid.run(grid.peers[0].node.around(key_of("x"))).relayed
    assert peer.node.node_id in ids(grid.run(grid.peers[0].node.closest(key_of("x"))))
