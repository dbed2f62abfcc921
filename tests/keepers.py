"""Grids of simulated nodes that keep images, as tests of replication want them."""

from collections.abc import Callable

from reticulum.model import ImageId
from reticulum.settings.sections import ReplicationSettings
from reticulum.testing.simulator.keeper_member import KeeperMember
from reticulum.testing.simulator.keeping_grid import KeepingGrid

COPIES = 3
GRACE_S = 120.0
CENSUS_S = 900.0
REPAIR_S = 180.0
"""After the grace: everybody has noticed, compared and copied."""
MONTH_S = 31 * 24 * 3600.0
SETTINGS = ReplicationSettings(copies=COPIES, grace_s=GRACE_S, census_s=CENSUS_S)
SIX = ("attic", "barn", "cellar") * 2

Grow = Callable[..., KeepingGrid]


def upload_many(grid: KeepingGrid, count: int) -> list[ImageId]:
    """Upload by way of each node in turn, and let the last copies arrive."""
    alive = grid.alive()
    ids = [grid.upload(alive[number % len(alive)]).original.image_id for number in range(count)]
    grid.run(10)
    return ids


def check_whole(grid: KeepingGrid, image_ids: list[ImageId], copies: int = COPIES) -> None:
    """Each has as many copies as it should, in as many zones as there are."""
    for image_id in image_ids:
        having = grid.having(image_id)
        assert len(having) == copies, image_id
        assert len({member.zone for member in having}) == min(copies, grid.zones())


def check_whole_within(
    grid: KeepingGrid, image_ids: list[ImageId], side: list[KeeperMember]
) -> None:
    """On one side of a partition: whatever has a copy there has all."""
    for image_id in image_ids:
        assert sum(member in side for member in grid.having(image_id)) in {0, COPIES}


def holder_of(grid: KeepingGrid, image_id: ImageId) -> KeeperMember:
    return grid.having(image_id)[0]


def outsider_of(grid: KeepingGrid, image_id: ImageId) -> KeeperMember:
    having = grid.having(image_id)
    return next(member for member in grid.alive() if member not in having)


def given(grid: KeepingGrid) -> int:
    return sum(member.life.replication.status()["given"] for member in grid.alive())
