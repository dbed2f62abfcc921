#!/usr/bin/env python3
"""
Kill nodes of a grid of real processes, one a round, disk and all, under reads and uploads.

Exit code 1 if an acknowledged image is lost, a read is not answered with the right image, reads
get more than three times as slow (p99, the window after the kills against that before them), or
the copies are not complete again two minutes after the grace.
"""

import argparse
import contextlib
import os
import random
import shutil
import signal
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

import environment
from results import Unavailable

HERE = Path(__file__).resolve().parent
ZONES = 3
IN_LAB = 12
COPIES = 3
GRACE_S = 10.0
LIMIT_S = 120.0
WINDOW_S = 60.0
QUICK_WINDOW_S = 15.0
READS_PER_S = 20.0
UPLOADS_PER_S = 0.5
SETTINGS = {"IMAGING_WORKERS": "1", "REPLICATION_GRACE_S": f"{GRACE_S:g}"}
NODE_MEMORY = 300_000_000
NODE_DISK = 200_000_000
SPARE_DISK = 4_000_000_000
"""More than a node's reserve: below that nobody takes copies."""


def main() -> int:
    """Play; 0 if every target was met."""
    chosen = _options()
    environment.ensure_packages()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # so that nodes are ended as well
    scratch = Path(tempfile.mkdtemp(prefix="reticulum-kill-"))
    try:
        if problem := _too_small(scratch, chosen.nodes):
            print(problem)
            return 1
        return _play(chosen, scratch)
    finally:
        shutil.rmtree(scratch, ignore_errors=True)


def _play(chosen: argparse.Namespace, scratch: Path) -> int:
    # --help should not need these.
    import kill_results  # noqa: PLC0415
    import machine  # noqa: PLC0415
    from kill_grid import Broken, Place, grid_of  # noqa: PLC0415
    from kill_load import Load  # noqa: PLC0415
    from kill_photos import Crops  # noqa: PLC0415
    from kill_rounds import Plan, play  # noqa: PLC0415
    from photos import photographs  # noqa: PLC0415

    facts = {"seed": str(chosen.seed), **_about(chosen), **machine.facts()}
    plan = Plan(
        rounds=chosen.rounds,
        window_s=chosen.window,
        grace_s=GRACE_S,
        limit_s=LIMIT_S,
        copies=COPIES,
    )
    begun = time.monotonic()

    def say(text: str) -> None:
        print(f"{time.monotonic() - begun:5.0f} s  {text}", flush=True)

    try:
        picture = Crops(photographs())
        with contextlib.ExitStack() as held:
            settings: dict[str, str] = dict(SETTINGS)
            places: Sequence[Place] = ()
            if chosen.lab:
                import kill_lab  # noqa: PLC0415  (nobody else needs a lab)

                settings |= kill_lab.SETTINGS
                places = held.enter_context(kill_lab.places())
            grid = held.enter_context(
                grid_of(
                    chosen.nodes, scratch / "grid", zones=ZONES, settings=settings, places=places
                )
            )
            say(f"{chosen.nodes} nodes are up")
            load = Load(grid, picture, scratch / "uploaded", chosen.seed)
            load.preload(chosen.images)
            say(f"{len(load.acknowledged)} images are in, each was read in every size")
            load.begin(reads_per_s=READS_PER_S, uploads_per_s=UPLOADS_PER_S)
            played = play(grid, load, plan, random.Random(chosen.seed), say)  # noqa: S311
            load.end()
            lost = load.unreadable()
            say(f"{len(load.acknowledged)} images were looked at: {len(lost)} are lost")
            _keep_logs(scratch / "grid", chosen.logs)
    except (Broken, Unavailable) as error:
        print(f"not measured: {error}")
        return 1
    facts |= {"busy after": machine.busy(), "took": f"{(time.monotonic() - begun) / 60:.0f} min"}
    result = kill_results.result_of(facts, plan, played, load, lost)
    print("\n" + kill_results.markdown(result))
    if chosen.json:
        kill_results.write(chosen.json, result)
        print(f"written: {chosen.json} and {chosen.json.with_suffix('.md')}")
    return 1 if result.missed else 0


def _about(chosen: argparse.Namespace) -> dict[str, str]:
    rates = f"{READS_PER_S:g} reads and {UPLOADS_PER_S:g} uploads a second, at random moments"
    lab = "the NAT lab (--lab): nodes 0 to 2 are public, the others behind NATs of all kinds"
    return {
        **({"where": lab} if chosen.lab else {}),
        "nodes": f"{chosen.nodes} processes in {ZONES} zones, one imaging worker each",
        "copies": f"{COPIES}; an upload is acknowledged after 2; grace {GRACE_S:g} s",
        "images": f"{chosen.images} to begin with, 960x600 px: crops of real photographs",
        "load": f"{rates}, each to a node that lives, chosen at random",
        "before and after": f"{chosen.window:g} s each",
    }


def _too_small(scratch: Path, nodes: int) -> str:
    """Why this machine is not up to it; empty if it is."""
    free = shutil.disk_usage(scratch).free
    if free < SPARE_DISK + nodes * NODE_DISK:
        return f"too little room: {free / 1e9:.1f} GB are free in {scratch.parent}"
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_AVPHYS_PAGES")
    if memory < nodes * NODE_MEMORY:
        return f"too little memory: {memory / 1e9:.1f} GB are free"
    return ""


def _keep_logs(grid: Path, folder: Path | None) -> None:
    if folder is not None:
        for log in grid.glob("*/log"):
            folder.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(log, folder / f"{log.parent.name}.log")


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--nodes", type=int, help="9, or 12 with --lab")
    parser.add_argument(
        "--lab",
        action="store_true",
        help="three nodes with public addresses, and nine behind NATs of all kinds; needs root and "
        "nftables",
    )
    parser.add_argument("--images", type=int, help="to begin with; 500, or 60 with --quick")
    parser.add_argument("--rounds", type=int, help="20, or 2 with --quick")
    parser.add_argument("--seed", type=int, default=1, help="of what is killed, read, uploaded")
    parser.add_argument(
        "--window",
        type=float,
        metavar="SECONDS",
        help="reads are compared over so long before and after a kill; 60, or 15 with --quick",
    )
    parser.add_argument("--quick", action="store_true", help="two minutes: does everything work?")
    parser.add_argument("--logs", type=Path, metavar="DIR", help="keep the logs of the nodes there")
    parser.add_argument(
        "--json",
        type=Path,
        metavar="FILE",
        help="results, with Markdown tables beside; by default kill-results.json here, or "
        "kill-lab-results.json, if the run is whole, else nothing is written",
    )
    chosen = parser.parse_args()
    asked = (chosen.nodes, chosen.images, chosen.rounds, chosen.window)
    if chosen.json is None and not chosen.quick and asked == (None, None, None, None):
        chosen.json = HERE / ("kill-lab-results.json" if chosen.lab else "kill-results.json")
    if chosen.lab and chosen.nodes not in {None, IN_LAB}:
        parser.error(f"--lab is for {IN_LAB} nodes")
    chosen.nodes = chosen.nodes or (IN_LAB if chosen.lab else 9)
    chosen.images = chosen.images or (60 if chosen.quick else 500)
    chosen.rounds = chosen.rounds or (2 if chosen.quick else 20)
    chosen.window = chosen.window or (QUICK_WINDOW_S if chosen.quick else WINDOW_S)
    if not ZONES < chosen.nodes <= 30 or chosen.images < 1 or chosen.rounds < 1:
        parser.error("4 to 30 nodes, at least one image and one round")
    return chosen


if __name__ == "__main__":
    sys.exit(main())
