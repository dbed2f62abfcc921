from collections.abc import Iterator

import pytest
from unit.overlay.fake_grid import Grid, key_of


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
