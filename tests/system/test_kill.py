"""Nodes of a real grid are lost for ever, one after the other, under reads and uploads."""

import random
import sys
from pathlib import Path

import pictures

# Behind our own modules: two of them have names of ours.
sys.path.append(str(Path(__file__).resolve().parents[2] / "benchmarks"))

from kill_grid import grid_of
from kill_load import Load
from kill_rounds import Plan, missing_copies, play

NODES, IMAGES, ROUNDS, COPIES, GRACE_S = 5, 40, 2, 3, 5.0
SETTINGS = {"IMAGING_WORKERS": "1", "REPLICATION_GRACE_S": f"{GRACE_S:g}"}


def picture(number: int) -> bytes:
    return pictures.packed(
        pictures.photograph(480, 320, seed=number + 1), "jpg", quality=85, comment=b"%d" % number
    )


def test_nodes_lost_with_their_disks_cost_no_image(tmp_path: Path) -> None:
    """
    Two of five nodes are killed, disk and all, and replaced, while clients read and upload.

    Every read is answered with the right image, by whatever node; no acknowledged image is lost;
    each time all have their three copies again, and so they have at the end.
    """
    plan = Plan(rounds=ROUNDS, window_s=4, grace_s=GRACE_S, limit_s=120, copies=COPIES)
    with grid_of(NODES, tmp_path / "grid", zones=3, settings=SETTINGS) as grid:
        load = Load(grid, picture, tmp_path / "uploaded", seed=1)
        load.preload(IMAGES)
        load.begin(reads_per_s=15, uploads_per_s=1)
        played = play(grid, load, plan, random.Random(1), print)  # noqa: S311  (to be repeated)
        load.end()

        assert [] == [one for one in played if one.whole_s is None]
        assert ROUNDS == len(played)
        assert sum(one.held for one in played) > 0
        assert [] == [read.problem for read in load.reads if read.problem]
        assert [] == load.uploads.problems
        assert len(load.acknowledged) > IMAGES
        assert [] == load.unreadable()
        assert 0 == missing_copies(grid, load, COPIES)
