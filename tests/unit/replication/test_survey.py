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


def test_nodes_behind_relays_are_found_and_placed_alike(grid: Grid) -> None:
    """By servers and by themselves, whoever they hang on; each keeps what belongs to it."""
    behind = [grid.grow(1, habits=Habits(zone=f"home {n}", relayed=True))[0] for n in range(6)]
    grid.run(30)
    assert all(2 == len(member.relays) for member in behind)
    landscapes = [landscape(grid, member) for member in grid.members]
    for one in landscapes:
        grid.wait(one.start())
    grid.run(60)
    for _ in range(50):
        key = grid.any_key()
        seen = [grid.wait(one.near(key)) for one in landscapes]
        assert 1 == len({tuple(one.node_id for one in near) for near in seen})
        assert NODES + len(behind) == len(seen[0])
        orders = [placement(key, near, 3) for near in seen]
        assert 1 == len({tuple(one.node_id for one in order) for order in orders})
    hidden = {member.node_id for member in behind}
    for one, member in zip(landscapes, grid.members, strict=True):
        for other in grid.wait(one.near(member.node_id)):
            is_itself = other.node_id == member.node_id
            assert is_itself or (other.contact.via is not None) == (other.node_id in hidden)
        assert hidden.isdisjoint(c.node_id for c in Survey(member.overlay).neighbours())
        grid.wait(one.stop())


def test_a_relay_dies(grid: Grid) -> None:
    """A node that hung on it is described by its other relay, then hangs on another one."""
    (member,) = grid.grow(1, habits=Habits(zone="home", relayed=True))
    grid.run(30)
    asker = Survey(grid.members[0].overlay)
    first, second = member.relays
    by_first = Contact(member.node_id, first.address, via=first.node_id)
    told = grid.wait(asker.describe(by_first))
    assert told is not None
    assert (by_first, Shelf.OPEN, "home") == (told.contact, told.shelf, told.zone)

    (relay,) = [one for one in grid.members if one.node_id == first.node_id]
    relay.kill()
    told = grid.wait(asker.describe(by_first))
    assert told is not None
    assert second.node_id == told.contact.via
    grid.run(30)
    assert 2 == len(member.relays)
    assert first not in member.relays
    (found,) = [c for c in grid.wait(asker.closest(grid.any_key())) if c.via is not None]
    assert found.via in {relay.node_id for relay in member.relays}


def test_no_relay_has_it(grid: Grid) -> None:
    """It keeps nothing then, and can't be described."""
    (member,) = grid.grow(1, habits=Habits(zone="home", relayed=True))
    grid.run(30)
    asker, relay = Survey(grid.members[0].overlay), member.relays[0]
    member.kill()
    contact = Contact(member.node_id, relay.address, via=relay.node_id)
    assert None is grid.wait(asker.describe(contact))
