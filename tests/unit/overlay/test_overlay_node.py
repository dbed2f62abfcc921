from collections.abc import Iterator

import pytest
from overlay_strategies import private_key
from unit.overlay.fake_grid import Grid, Peer, key_of

from reticulum.model import Key, NodeId
from reticulum.overlay.records import ProviderRecord


@pytest.fixture
def grid() -> Iterator[Grid]:
    grid = Grid()
    yield grid
    grid.stop()


def test_two_nodes_find_each_other(grid: Grid) -> None:
    """One invite is enough: both become servers, each is in the other's table."""
    a, z = grid.add(), grid.add()
    grid.start(a)
    grid.start(z)
    grid.run(z.node.joined())
    grid.pass_time(30)

    assert a.contact == grid.run(z.node.ping(a.contact)).contact
    assert (a.contact,) == grid.run(z.node.closest(key_of("x")))
    assert (z.contact,) == grid.run(a.node.closest(key_of("x")))
    assert z.address == grid.run(a.node.find(z.node.node_id)).address


def test_an_image_of_one_is_found_by_the_other(grid: Grid) -> None:
    """Announced here, found there, and after its withdrawal no more."""
    a, z = grid.add(), grid.add()
    grid.start(a)
    grid.start(z)
    grid.pass_time(30)
    image = key_of("image")
    a.node.announce(image, 20)
    grid.pass_time(10)

    holders = grid.run(z.node.holders(image))
    assert [a.node.node_id] == [holder.node_id for holder in holders]
    a.node.withdraw(image)
    grid.pass_time(10)
    assert () == grid.run(z.node.holders(image))


def test_twelve_nodes(grid: Grid) -> None:
    """Everybody finds everybody."""
    grid.grow(12)
    assert 12 == len(grid.servers())
    for peer in grid.peers:
        target = key_of(str(peer.address))
        assert grid.closest(target, 20, peer) == list(grid.run(peer.node.closest(target)))


def kept_at(grid: Grid, peer: Peer, image: Key, count: int) -> list[NodeId]:
    """Let *peer* keep the word of so many nodes, none of which is there."""
    records = [
        ProviderRecord.sign(private_key(n), key=image, sequence=1, now=grid.wall_ms() / 1000)
        for n in range(count)
    ]
    peer.node._parts.keeping.restore(records)
    return [record.speaker for record in records]


def test_a_long_list_of_holders_is_read_on(grid: Grid) -> None:
    """Of sixty providers all but one have turned out dead: the one is found, on whatever page."""
    grid.grow(2)
    a, z = grid.peers
    image = key_of("popular")
    *dead, alive = kept_at(grid, a, image, 60)

    for asker in (z, a):
        (holder,) = grid.run(asker.node.holders(image, frozenset(dead)))
        assert alive == holder.node_id


def test_no_page_more_than_is_needed(grid: Grid) -> None:
    """Three holders on the first page end the search: one question; a trace reads them all."""
    grid.grow(2)
    a, z = grid.peers
    image = key_of("popular")
    kept_at(grid, a, image, 60)

    before = a.node.status().served
    assert 12 >= len(grid.run(z.node.holders(image))) >= 3
    assert 1 == a.node.status().served - before
    assert 60 == len(grid.run(z.node.trace(image)).holders)


def test_a_node_asked_alone_shows_its_clock_and_its_boot(grid: Grid) -> None:
    """Seconds off, however long the answer took; the boot is the same in every answer of a run."""
    grid.grow(1)
    asker, late = grid.peers[0], grid.add(skew_ms=-30_000)
    grid.start(late)
    grid.pass_time(30)
    told = grid.run(asker.node.ask(late.contact, key_of("x")))
    again = grid.run(asker.node.ask(late.contact, key_of("y")))

    assert told.clock_off_s == pytest.approx(-30, abs=0.1)
    assert told.boot == again.boot
    assert told.boot != grid.run(late.node.ask(asker.contact, key_of("x"))).boot
