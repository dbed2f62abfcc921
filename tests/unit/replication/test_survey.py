"""Real overlay nodes in virtual time: all of them see the same grid, and place alike."""

from collections.abc import Iterator

import pytest

from reticulum.model import Contact, Shelf
from reticulum.model import Member as Kept
from reticulum.overlay.records import Role
from reticulum.replication.landscape import Landscape
from reticulum.replication.placement import placement
from reticulum.replication.survey import Survey
from reticulum.testing.simulator.grid import Grid
from reticulum.testing.simulator.member import Habits, Member

NODES = 12


@pytest.fixture
def grid() -> Iterator[Grid]:
    grid = Grid(5)
    grid.grow(1)
    for number in range(1, NODES):
        grid.grow(1, habits=Habits(zone=f"zone {number % 4}"))
    grid.run(120)
    yield grid
    for member in grid.running():
        grid.wait(member.stop())


def landscape(grid: Grid, member: Member) -> Landscape:
    own = Kept(contact=member.contact, zone=member.habits.zone)
    return Landscape(
        own=lambda: own,
        surveyor=Survey(member.overlay),
        clock=member.time,
        rng=grid.dice(),
        grace_s=900,
        changed=lambda: None,
    )


def test_all_nodes_agree(grid: Grid) -> None:
    """Twelve nodes know the same members, and give 200 images to the same holders."""
    assert NODES == len(grid.servers())
    landscapes = [landscape(grid, member) for member in grid.members]
    for one in landscapes:
        grid.wait(one.start())
    grid.run(60)

    for _ in range(200):
        key = grid.any_key()
        seen = {tuple(grid.wait(one.near(key))) for one in landscapes}
        assert 1 == len(seen)
        assert NODES == len(seen.pop())
        assert 1 == len({placement(key, grid.wait(one.near(key)), 3) for one in landscapes})
    assert all(one.settled for one in landscapes)
    for one in landscapes:
        grid.wait(one.stop())


def test_describe(grid: Grid) -> None:
    """A node tells its zone and its shelf when asked; the dead, and the wrong, tell nothing."""
    asker, other, dead = grid.members[:3]
    survey = Survey(asker.overlay)
    told = grid.wait(survey.describe(other.contact))
    assert told == Kept(contact=other.contact, zone="zone 1", shelf=Shelf.OPEN)
    assert set(survey.neighbours()) == {one.contact for one in grid.members[1:]}

    dead.kill()
    assert None is grid.wait(survey.describe(dead.contact))
    wrong = Contact(dead.node_id, other.address)
    assert None is grid.wait(survey.describe(wrong))


def test_a_client_keeps_nothing(grid: Grid) -> None:
    """Others' lookups do not find a client: nobody counts on it."""
    client = grid.grow(1, habits=Habits(role=Role.CLIENT))[0]
    told = grid.wait(Survey(grid.members[0].overlay).describe(client.contact))
    assert told is not None
    assert Shelf.CLOSED is told.shelf
