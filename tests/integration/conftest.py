"""What several tests of whole grids begin with."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from keepers import GRACE_S, SETTINGS, SIX, Grow

from reticulum.testing.simulator.keeping_grid import KeepingGrid


@pytest.fixture
def grow(tmp_path: Path) -> Iterator[Grow]:
    """Builds a grid whose nodes know each other."""
    grids: list[KeepingGrid] = []

    def build(zones: tuple[str, ...] = SIX, *, seed: int = 1, loss: float = 0.0) -> KeepingGrid:
        grid = KeepingGrid(tmp_path, seed, SETTINGS, loss=loss)
        grids.append(grid)
        grid.grow(zones)
        grid.run(GRACE_S + 30)
        return grid

    yield build
    for grid in grids:
        grid.close()
