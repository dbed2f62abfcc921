"""Joining, staying, leaving, coming back: whole nodes on a fake wire in virtual time."""

import json
from collections.abc import Iterator

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from twisted.internet.defer import Deferred, gatherResults
from unit.overlay.fake_grid import RING, FakeNotebook, Grid, Peer, address_of, key_of

from reticulum.errors import OutOfTime
from reticulum.model import Address, Key
from reticulum.overlay.entrance import Entrance
from reticulum.overlay.grid_keys import GridKeys
from reticulum.overlay.records import Role
from reticulum.overlay.trace import State


@pytest.fixture
def grid() -> Iterator[Grid]:
    grid = Grid()
    yield grid
    grid.stop()


def ids(peer: Peer) -> set[Key]:
    return {contact.node_id for contact in peer.node.table.contacts()}


def restarted(grid: Grid, peer: Peer, key: Ed25519PrivateKey) -> Peer:
    """The same node in a new process, with nothing but its key and its notebook."""
    grid.peers.remove(peer)
    again = grid.add(
        key=key, address=peer.address, notebook=FakeNotebook(peer.notebook.text), entrances=()
    )
    grid.start(again)
    return again


def test_a_node_comes_back_by_its_notebook(grid: Grid) -> None:
    """Its entrance is gone, its table and records are in the notebook: it is in again at once."""
    grid.grow(5)
    key = Ed25519PrivateKey.from_private_bytes(b"r" * 32)
    peer = grid.add(key=key)
    grid.start(peer)
    grid.pass_time(60)
    grid.peers[1].node.announce(key_of("image"), 10)
    grid.pass_time(10)
    kept = set(peer.node.records_view())
    grid.run(peer.node.stop())
    grid.kill(peer)
    assert kept
    assert 5 == len(json.loads(peer.notebook.text)["peers"])
    grid.kill(grid.peers[0])

    again = restarted(grid, peer, key)
    grid.run(again.node.joined(), 10)
    assert kept <= set(again.node.records_view())
    assert 4 == len(grid.run(again.node.closest(key_of("x"))))


@pytest.mark.parametrize(
    "text", ["{", "[]", "null", '{"version": 1}', '{"version": 9}', "\x00", "[" * 100_000]
)
def test_a_bad_notebook_is_ignored(grid: Grid, text: str) -> None:
    """The node begins anew, and joins by its entrance."""
    grid.grow(2)
    peer = grid.add(notebook=FakeNotebook(text))
    grid.start(peer)
    grid.run(peer.node.joined())


def test_knocks_for_ever(grid: Grid) -> None:
    """The first node comes an hour after the second; a name is resolved only then."""
    first = grid.add(entrances=())
    late = grid.add(entrances=[Entrance("node.example", 4160), Entrance("10.9.9.9", 4160)])
    grid.start(late)
    grid.pass_time(3600)
    assert not late.node.status().joined
    assert 50 < len(grid.sent) < 500
    grid.names["node.example"] = [first.address.host]
    grid.start(first)
    grid.run(late.node.joined(), 120)


@pytest.mark.parametrize("seed", range(6))
def test_those_who_come_at_the_same_moment_find_each_other(seed: int) -> None:
    """Eight through one door: ten seconds later each has all others in its table."""
    grid = Grid(seed)
    for _ in range(8):
        grid.start(grid.add())
    grid.pass_time(10)
    everybody = {peer.node.node_id for peer in grid.peers}
    assert [everybody - {peer.node.node_id} for peer in grid.peers] == list(map(ids, grid.peers))
    grid.stop()


@pytest.mark.parametrize("size", [2, 4, 8])
def test_a_whole_grid_that_was_off_finds_together(grid: Grid, size: int) -> None:
    """All come back at once, as clients, which are in nobody's table: they prove each other."""
    keys = [Ed25519PrivateKey.from_private_bytes(bytes([number + 65]) * 32) for number in range(8)]
    before = [grid.add(key=key) for key in keys[:size]]
    for peer in before:
        grid.start(peer)
    grid.pass_time(120)
    assert all(peer.node.is_server for peer in before)
    for peer in before:
        grid.run(peer.node.stop())
        grid.kill(peer)

    again = [restarted(grid, peer, key) for peer, key in zip(before, keys, strict=False)]
    grid.pass_time(30)
    assert all(ids(peer) for peer in again)
    grid.pass_time(150)
    assert all(peer.node.is_server for peer in again)


def test_a_client_is_in_no_table(grid: Grid) -> None:
    """It finds others, and is found by its record, but nobody is referred to it."""
    grid.grow(4)
    client = grid.add(role=Role.CLIENT)
    grid.start(client)
    grid.run(client.node.joined())
    client.node.announce(key_of("image"), 10)
    grid.pass_time(120)
    assert all(client.node.node_id not in ids(peer) for peer in grid.peers)
    (holder,) = grid.run(grid.peers[1].node.holders(key_of("image")))
    assert client.node.node_id == holder.node_id
    assert holder.record is not None
    assert holder.record.client
    located = grid.run(grid.peers[2].node.find(client.node.node_id))
    assert located.address is None
    assert located.record is not None
    assert (client.address,) == located.record.addresses


def test_a_node_that_cannot_be_reached_stays_a_client(grid: Grid) -> None:
    """Behind a NAT that lets nothing in but answers at the port they were asked from."""
    grid.grow(4)
    inside = grid.add()
    outside = Address(inside.address.host, 61_000)
    carry = grid.carry

    def translated(datagram: bytes, from_: Address, to: Address) -> None:
        if to != inside.address:
            carry(datagram, outside if from_ == inside.address else from_, to)

    grid.carry = translated  # type: ignore[method-assign]
    grid.start(inside)
    grid.at[outside] = grid.at.pop(inside.address)
    grid.run(inside.node.joined())
    grid.pass_time(600)
    assert Role.CLIENT is inside.node.status().role
    assert all(inside.node.node_id not in ids(peer) for peer in grid.peers)


def test_a_server_is_known_where_it_is_dialled(grid: Grid) -> None:
    """
    Its router passes 4161 on to it, and lets its own datagrams out from other ports, one for each
    peer: tables and lookups name 4161 alone.
    """
    grid.grow(4)
    inside = grid.add()
    host, mapped = inside.address.host, Address(inside.address.host, 4161)
    carry = grid.carry

    def alias(peer: Address) -> Address:
        # As the kernel does it, so that the answer to what came in at 4161 goes out there again.
        return Address(peer.host, peer.port + 20_000)

    def translated(datagram: bytes, from_: Address, to: Address) -> None:
        if from_ == inside.address:
            if to.port > 20_000:
                carry(datagram, mapped, Address(to.host, to.port - 20_000))
            else:
                carry(datagram, Address(host, 50_000 + int(to.host.rpartition(".")[2])), to)
        elif to == mapped:
            carry(datagram, alias(from_), inside.address)
        elif to.host == host and to.port >= 50_000:
            carry(datagram, from_, inside.address)
        elif to != inside.address:
            carry(datagram, from_, to)

    grid.carry = translated  # type: ignore[method-assign]
    grid.start(inside)
    inside.node.reached_at(4161)
    grid.run(inside.node.joined())
    grid.pass_time(120)
    assert inside.node.is_server
    for peer in grid.peers:
        if peer is not inside:
            (found,) = (c for c in peer.node.table.contacts() if c.node_id == inside.node.node_id)
            assert mapped == found.address
            assert mapped == grid.run(peer.node.find(inside.node.node_id)).address


def test_the_dead_leave_the_tables(grid: Grid) -> None:
    """Half of the nodes die: within minutes no table names them, lookups are right at once."""
    grid.grow(12)
    dead = grid.peers[6:]
    for peer in dead:
        grid.kill(peer)
    for peer in grid.peers[:6]:
        found = grid.run(peer.node.closest(key_of("x")))
        assert {c.node_id for c in found} == {
            p.node.node_id for p in grid.peers[:6] if p is not peer
        }
    grid.pass_time(3600)
    for peer in grid.peers[:6]:
        assert not ids(peer) & {p.node.node_id for p in dead}


def test_goodbye_is_heard_at_once(grid: Grid) -> None:
    """A node that stops is in no table a second later."""
    grid.grow(5)
    leaving = grid.peers.pop()
    grid.run(leaving.node.stop())
    grid.kill(leaving)
    grid.pass_time(1)
    assert all(leaving.node.node_id not in ids(peer) for peer in grid.peers)


def test_two_halves_find_together(grid: Grid) -> None:
    """Cut in two for hours and forgotten by each other: the entrance brings them together."""
    grid.grow(6)
    here, there = grid.peers[:3], grid.peers[3:]
    side = {p.address: p in here for p in grid.peers}
    carry = grid.carry
    grid.carry = lambda d, f, t: carry(d, f, t) if side[f] is side[t] else None  # type: ignore[method-assign,assignment]
    grid.pass_time(4 * 3600)
    assert not ids(here[0]) & {p.node.node_id for p in there}
    grid.carry = carry  # type: ignore[method-assign]
    grid.pass_time(3600)
    assert 5 == len(grid.run(here[1].node.closest(key_of("x"))))


def test_twins_are_noticed(grid: Grid) -> None:
    """A copied key on another machine: both of them, and others, say so."""
    grid.grow(4)
    key = Ed25519PrivateKey.from_private_bytes(b"t" * 32)
    one, other = grid.add(key=key), grid.add(key=key)
    grid.start(one)
    grid.pass_time(30)
    grid.start(other)
    grid.pass_time(1800)
    noticed = [p for p in grid.peers if p.node.status().twins]
    assert one.node.node_id == noticed[0].node.status().twins[0].node_id
    assert any(p not in (one, other) for p in noticed)
    assert any(twin.own for p in (one, other) for twin in p.node.status().twins)


def test_a_restart_is_no_twin(grid: Grid) -> None:
    """One boot after the other is what restarts are."""
    grid.grow(4)
    key = Ed25519PrivateKey.from_private_bytes(b"t" * 32)
    peer = grid.add(key=key)
    grid.start(peer)
    for _ in range(3):
        grid.pass_time(60)
        grid.run(peer.node.stop())
        grid.kill(peer)
        peer = restarted(grid, peer, key)
    grid.pass_time(600)
    assert [] == [p.node.status().twins for p in grid.peers if p.node.status().twins]


def test_equal_lookups_are_one(grid: Grid) -> None:
    """Ten at a time ask no more than one."""
    grid.grow(8)
    node = grid.peers[3].node

    async def together(count: int) -> None:
        await gatherResults([Deferred.fromCoroutine(node.closest(KEY)) for _ in range(count)])

    before = node.status().questions
    grid.run(together(10))
    assert node.status().questions - before <= 7


KEY = key_of("the same for all")


def test_trace_shows_the_dead_and_who_named_them(grid: Grid) -> None:
    """Every hop with its state and RTT, holders included."""
    grid.grow(8)
    holder, dead = grid.peers[2], grid.peers[5]
    holder.stock.here[KEY] = 3
    grid.kill(dead)
    traced = grid.run(grid.peers[7].node.trace(KEY))
    states = {hop.contact.node_id: hop.state for hop in traced.hops}
    assert State.DEAD is states[dead.node.node_id]
    assert {State.DEAD, State.ANSWERED} == set(states.values())
    (found,) = traced.holders
    assert (holder.node.node_id, holder.address) == (found.node_id, found.address)
    assert all(hop.rtt_s for hop in traced.hops if hop.state is State.ANSWERED)


def test_rotation_loses_nobody(grid: Grid) -> None:
    """Accept, use, forget, each everywhere: all still talk, and the old secret is out."""
    grid.grow(4)
    new = GridKeys.of_secret(b"n" * 32)
    both = RING.accept(new)
    for ring in (both, both.use(new.fingerprint)):
        for peer in grid.peers:
            peer.node.rekey(ring)
            assert 3 == len(grid.run(grid.peers[0].node.closest(key_of("x"))))
    for peer in grid.peers:
        peer.node.rekey(both.use(new.fingerprint).forget(RING.current.fingerprint))
    assert 3 == len(grid.run(grid.peers[0].node.closest(key_of("x"))))
    old = grid.add()
    grid.start(old)
    with pytest.raises(OutOfTime):
        grid.run(old.node.ping(grid.peers[0].contact))


def test_loss_is_made_good(grid: Grid) -> None:
    """One datagram in ten is lost: everybody is in, and every image is found."""
    grid.loss = 0.1
    grid.grow(12)
    grid.pass_time(120)
    for number, peer in enumerate(grid.peers):
        peer.node.announce(key_of(str(number)), 5)
    grid.pass_time(120)
    assert all(peer.node.status().joined for peer in grid.peers)
    for number, peer in enumerate(grid.peers[1:]):
        (holder,) = grid.run(peer.node.holders(key_of(str(number))))
        assert grid.peers[number].node.node_id == holder.node_id


def test_what_is_there_at_the_start_is_announced(grid: Grid) -> None:
    """Two hundred images of a node that comes: all found from elsewhere within minutes."""
    grid.grow(6)
    peer = grid.add()
    images = [key_of(f"image {n}") for n in range(200)]
    peer.stock.here.update(dict.fromkeys(images, 12))
    grid.start(peer)
    grid.pass_time(600)
    assert 0 == peer.node.status().behind_s
    peer.stock.here.clear()  # records alone
    for image in images[::20]:
        (holder,) = grid.run(grid.peers[1].node.holders(image))
        assert peer.node.node_id == holder.node_id


def test_one_seed_one_run() -> None:
    """The same datagrams, byte for byte, at the same times."""

    def run() -> list[object]:
        grid = Grid(seed=7, loss=0.05)
        grid.grow(5)
        grid.peers[1].node.announce(KEY, 1)
        grid.pass_time(100)
        grid.stop()
        return list(grid.sent)

    assert run() == run()


def test_stopping_half_way_leaves_nothing(grid: Grid) -> None:
    """In the middle of joining, with lookups waiting: they end, and no timer stays."""
    grid.grow(3)
    peer = grid.add(entrances=[Entrance(address_of(77).host, 1), Entrance("10.0.0.1", 4160)])
    grid.start(peer)
    grid.pass_time(0.1)
    grid.run(peer.node.stop())
    assert () == grid.run(peer.node.closest(KEY))
