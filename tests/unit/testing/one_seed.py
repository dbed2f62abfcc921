"""A small grid's whole life with everything that can go wrong in it; prints its trace hash."""

import sys

from reticulum.testing.simulator.churn import Churn
from reticulum.testing.simulator.grid import Grid
from reticulum.testing.simulator.liar import Lie
from reticulum.testing.simulator.measuring import look_up_many
from reticulum.testing.simulator.sessions import exponential, heavy_tailed


def life(seed: int) -> str:
    """What the trace hash is in the end, with how many datagrams there were."""
    grid = Grid(seed, loss=0.02)
    grid.grow(12)
    grid.lie(Lie.MADE_UP)
    holder = grid.members[5]
    key = grid.any_key()
    holder.stock.add(key)
    holder.overlay.announce(key)
    churn = Churn(grid, session=heavy_tailed(60), absence=exponential(20), random_=grid.dice())
    churn.begin()
    grid.run(120)
    churn.end()
    grid.split(grid.members[:6], grid.members[6:])
    grid.run(30)
    grid.network.heal()
    numbers = look_up_many(grid, 5)
    return f"{grid.network.trace.hexdigest()} {grid.network.trace.entries} {numbers}"


if __name__ == "__main__":
    sys.stdout.write(life(int(sys.argv[1])))
