from reticulum.testing.simulator.churn import Churn
from reticulum.testing.simulator.grid import Grid
from reticulum.testing.simulator.sessions import exponential


def churned(goodbye: float = 0.0) -> tuple[Grid, Churn]:
    """Eight nodes with sessions of one minute, for ten."""
    grid = Grid(seed=1)
    grid.grow(8)
    session, absence = exponential(60), exponential(20)
    churn = Churn(grid, session=session, absence=absence, random_=grid.dice(), goodbye=goodbye)
    churn.begin()
    grid.run(600)
    return grid, churn


def test_nodes_come_and_go() -> None:
    """Everybody but the first has sessions, about as many as the medians say."""
    grid, churn = churned()

    assert 20 < churn.ended < 60
    assert grid.members[0].running
    assert 0 == grid.members[0].since
    assert all(member.since > 1 for member in grid.members[1:])


def test_nodes_keep_who_they_are() -> None:
    """A node that comes back has its old id, address and images, and is back in the grid."""
    grid, churn = churned()
    churn.end()
    for member in grid.members:
        if not member.running:
            grid.start(member)
    grid.run(120)

    assert 8 == len({member.node_id for member in grid.members})
    assert all(member.overlay.status().joined for member in grid.members)


def test_some_say_goodbye() -> None:
    """Sessions may end in order."""
    grid, churn = churned(goodbye=1.0)

    assert churn.ended > 20
    assert any(member.notebook.text for member in grid.members[1:])


def test_it_can_end() -> None:
    """After the end, everybody stays as they are."""
    grid, churn = churned()
    churn.end()
    running, ended = grid.running(), churn.ended
    grid.run(600)

    assert (running, ended) == (grid.running(), churn.ended)
