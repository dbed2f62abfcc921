"""The production replication on the simulator, with nodes that only relays reach."""

from keepers import COPIES, GRACE_S, REPAIR_S, Grow, check_whole, given, upload_many

from reticulum.testing.simulator.keeping_grid import KeepingGrid

ZONES = ("attic", "barn", "cellar", "dairy")


def behind(grid: KeepingGrid) -> list[int]:
    return [number for number, member in enumerate(grid.members) if member.node.habits.relayed]


def test_three_servers_and_nine_behind_relays(grow: Grow) -> None:
    """All twelve keep their share, serve everything, and the grid heals when one of them dies."""
    grid = grow(ZONES[:3])
    grid.grow(ZONES[:3] * 3, relayed=True)
    grid.run(GRACE_S + 30)
    ids = upload_many(grid, 24)
    check_whole(grid, ids)
    holding = [number for number in behind(grid) if len(grid.members[number].disk)]
    assert len(holding) >= 8
    for image_id in ids[:4]:
        assert all(grid.read(member, image_id) for member in grid.members)

    grid.members[holding[0]].kill()
    grid.run(GRACE_S + REPAIR_S)
    check_whole(grid, ids)


def test_a_relay_dies_and_the_nodes_behind_it_do_not(grow: Grow) -> None:
    """Their copies count all the time: what moves is what the relay itself had, and no more."""
    grid = grow(ZONES)
    grid.grow(ZONES * 2, relayed=True)
    grid.run(GRACE_S + 30)
    ids = upload_many(grid, 24)
    check_whole(grid, ids)
    relay = max(grid.members[:4], key=lambda one: _clients(grid, one.node_id))
    assert _clients(grid, relay.node_id) > 0
    kept = len(relay.disk)
    relay.kill()
    before = given(grid)
    grid.run(20)
    for image_id in ids[:6]:
        assert all(grid.read(member, image_id) for member in grid.alive())
    grid.run(GRACE_S + REPAIR_S)
    check_whole(grid, ids)
    assert 0 < given(grid) - before <= kept + 2
    assert 0 == _clients(grid, relay.node_id)


def _clients(grid: KeepingGrid, node_id: object) -> int:
    return sum(
        any(relay.node_id == node_id for relay in member.node.relays) for member in grid.members
    )


def test_more_nodes_than_an_image_has_candidates(grow: Grow) -> None:
    """Everybody gives every image to the same nodes, half of them behind relays; one relay dies."""
    grid = grow(ZONES * 3)
    grid.grow(ZONES * 3, relayed=True)
    grid.run(GRACE_S + 60)
    ids = upload_many(grid, 40)
    check_whole(grid, ids)
    copies = [len(member.disk) for member in grid.members]
    assert sum(copies[12:]) > 0.3 * sum(copies)
    for image_id in ids[:10]:
        orders = {
            tuple(one.node_id for one in grid.grid.wait(tending.order(image_id))[:COPIES])
            for tending in (member.life.replication.tending for member in grid.members)
        }
        assert 1 == len(orders)
    hidden = {grid.members[number].node_id for number in behind(grid)}
    for member in grid.members:
        assert hidden.isdisjoint(c.node_id for c in member.node.overlay.table.contacts())
    grid.members[2].kill()
    grid.run(GRACE_S + REPAIR_S)
    check_whole(grid, ids)


def test_a_deletion_reaches_those_behind_relays(grow: Grow) -> None:
    """At once, from their relays: also those who are near no image, and in nobody's table."""
    grid = grow(ZONES[:3])
    grid.grow(ZONES * 6, relayed=True)
    grid.run(GRACE_S + 30)
    (image_id,) = upload_many(grid, 1)
    grid.delete(grid.members[0], image_id)
    grid.run(10)
    assert not grid.having(image_id)
    for member in grid.members:
        assert member.life.here.is_deleted(image_id)
