"""Rounds: a node and its disk are lost, the grid gets whole again, a fresh node takes its place."""

import random
import time
from collections.abc import Callable

import attrs
from kill_client import FAILURES
from kill_grid import Grid
from kill_load import Load

POLL_S = 1.0
FIRST_LOOK_S = 2.0
"""So long before the grace is over nobody is asked: listing costs the nodes something, too."""


@attrs.frozen(kw_only=True)
class Round:
    """
    One kill.

    Args:
        killed: The number of the node.
        at: When, monotonic seconds.
        held: Acknowledged images of which it held a copy.
        whole_s: Until every acknowledged image had all its copies on live nodes again; None if
            that was not so in time.
        missing: Copies that were missing when the time was up.
        joined_s: From the start of the fresh node until it served and knew all others.
    """

    killed: int
    at: float
    held: int
    whole_s: float | None
    missing: int
    joined_s: float


@attrs.frozen(kw_only=True)
class Plan:
    """
    How rounds go.

    Args:
        rounds: How many.
        window_s: Reads are compared over so many seconds before and after a kill.
        grace_s: Setting of the nodes.
        limit_s: Beyond the grace, to get whole again.
        copies: Of each image.
    """

    rounds: int
    window_s: float
    grace_s: float
    limit_s: float
    copies: int


def play(
    grid: Grid, load: Load, plan: Plan, dice: random.Random, say: Callable[[str], None]
) -> list[Round]:
    """
    Play all rounds, and wait for the last window to be over.

    Before each kill the grid is complete for a whole window.
    """
    played: list[Round] = []
    for number in range(1, plan.rounds + 1):
        time.sleep(plan.window_s * (1 + dice.random() / 5))
        played.append(_one(grid, load, plan, dice))
        last = played[-1]
        told = "not whole" if last.whole_s is None else f"whole after {last.whole_s:.1f} s"
        say(
            f"round {number}: node {last.killed} with {last.held} images, {told}, "
            f"a fresh one is in after {last.joined_s:.1f} s; {len(load.reads):,} reads so far"
        )
        if last.whole_s is None:
            break
    left_s = played[-1].at + plan.window_s - time.monotonic()
    time.sleep(max(0.0, left_s))
    return played


def _one(grid: Grid, load: Load, plan: Plan, dice: random.Random) -> Round:
    victim = dice.choice(grid.live)
    held = len(victim.images() & set(load.acknowledged))
    time.sleep(POLL_S)  # so that the question does not count as load
    killed_at = time.monotonic()
    grid.kill(victim)
    whole_s, missing = _wait_whole(grid, load, plan, killed_at)
    started_at = time.monotonic()
    grid.replace(victim)
    return Round(
        killed=victim.number,
        at=killed_at,
        held=held,
        whole_s=whole_s,
        missing=missing,
        joined_s=time.monotonic() - started_at,
    )


def _wait_whole(grid: Grid, load: Load, plan: Plan, since: float) -> tuple[float | None, int]:
    """Seconds from *since* until nothing is short, if it was in time; and copies missing."""
    time.sleep(max(0.0, plan.grace_s - FIRST_LOOK_S))
    while True:
        missing = missing_copies(grid, load, plan.copies)
        now_s = time.monotonic() - since
        if not missing:
            return now_s, 0
        if now_s > plan.grace_s + plan.limit_s:
            return None, missing
        time.sleep(POLL_S)


def missing_copies(grid: Grid, load: Load, copies: int) -> int:
    """How many copies of acknowledged images there should be, and are not."""
    acknowledged = list(load.acknowledged)
    try:
        holders = grid.holders()
    except FAILURES:
        return len(acknowledged)
    return sum(max(0, copies - holders.get(image_id, 0)) for image_id in acknowledged)
