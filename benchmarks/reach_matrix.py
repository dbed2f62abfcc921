"""All pairs of four kinds of NAT: requests, and how the pipe they go over moves from the relay."""

import itertools
import threading
import time
from collections.abc import Sequence
from pathlib import Path

import attrs
import lab
from nat_grid import NatGrid, nat_grid
from nat_rules import HOPELESS, Kind
from reach_crowd import Crowd, crowd
from reach_routes import (
    ALONE,
    PUBLIC,
    READERS,
    RELAYED_BYTES_PER_S,
    Direction,
    begin,
    kept,
    large_images,
)
from results import Check, Part, Series

PAIRS = list(itertools.combinations_with_replacement(Kind, 2))
PACE_S = 0.05
LOOK_S = 0.05
PAIR_S = 6.0
"""For which each pair is asked; longer, up to the next, as long as its pipe could still move."""
MOVED_S = 45.0


@attrs.frozen
class Moved:
    """
    What one direction of a pair has given.

    Args:
        direct_s: From the first request until the pipe was direct; None if it stayed relayed.
        tried: Requests.
        across: Those that were under way when it moved.
        problems: What went wrong with any of them.
    """

    direct_s: float | None
    tried: int
    across: int
    problems: Sequence[str]


def measure(part: Part, scratch: Path, *, quick: bool) -> None:
    """Fresh grids; in half of them the pairs one after the other, in half all at once."""
    rounds, crowds = [], []
    with lab.needed():
        for number in range(1 if quick else 4):
            with nat_grid(_made(scratch / f"pairs{number}"), **ALONE) as grid:
                rounds.append(_round(grid))
            with nat_grid(_made(scratch / f"crowd{number}"), **ALONE) as grid:
                crowds.append(crowd(grid, begin(grid)))
                print(f"  all at once: {_said(crowds[-1])}", flush=True)
    _tell(part, rounds, crowds)
    part.notes += lab.surprises(scratch)


def _said(one: Crowd) -> str:
    direct, wanted = len(one.direct_s), one.wanted
    longest = max(one.direct_s, default=0)
    return (
        f"{direct} of {wanted} are direct, the last after {longest:.1f} s; "
        f"{one.failed} of {one.requests} requests failed"
    )


def _tell(part: Part, rounds: Sequence[dict[str, list[Moved]]], crowds: Sequence[Crowd]) -> None:
    every = [moved for one in rounds for both in one.values() for moved in both]
    failed = [problem for moved in every for problem in moved.problems]
    tried = sum(moved.tried for moved in every)
    direct = [sum(all(m.direct_s is not None for m in b) for b in one.values()) for one in rounds]
    dropped = sum(len(moved.problems) for moved in every if moved.direct_s is not None)
    part.add(
        Series("requests, all rounds", "", (tried,)),
        Series("requests that failed, all rounds", "", (len(failed),)),
        Series("pairs with a direct pipe at the end, of 10", "", tuple(direct)),
        Series(
            "requests under way while a pipe moved, all rounds",
            "",
            (sum(moved.across for moved in every),),
        ),
    )
    for name in rounds[0]:
        times = [moved.direct_s for one in rounds for moved in one[name]]
        known = tuple(each for each in times if each is not None)
        if known:
            part.add(Series(f"{name}: direct after", "s", known))
        if None in times:
            part.notes.append(f"{name}: relayed at the end, {times.count(None)} of {len(times)}")
    part.add(
        Series(
            "all at once: the last is direct after", "s", tuple(max(c.direct_s) for c in crowds)
        ),
    )
    tried += sum(each.requests for each in crowds)
    lost = len(failed) + sum(each.failed for each in crowds)
    late = sum(each.wanted - len(each.direct_s) for each in crowds)
    part.checks += [
        Check.exactly(Series("requests that succeeded", "%", (100 * (1 - lost / tried),)), 100),
        Check.at_least(Series("pairs with a direct pipe, worst round", "", (min(direct),)), 8),
        Check.exactly(Series("requests of moving pairs that failed", "", (dropped,)), 0),
        Check.exactly(
            Series("all at once: pipes that could be direct and are not", "", (late,)), 0
        ),
    ]
    part.notes += [
        f"2 x {len(rounds)} grids of {PUBLIC} public nodes and two behind each kind of NAT",
        f"each pair both ways at once; times are from the first request, +{1000 * LOOK_S:g} ms",
        f"an image of 6 MB is under way as well: relays give {RELAYED_BYTES_PER_S:,} bytes/s here",
        f"all at once: in grids of their own, {crowds[0].wanted} directions between eight nodes",
        *dict.fromkeys(failed[:10]),
    ]


def _round(grid: NatGrid) -> dict[str, list[Moved]]:
    small = begin(grid)
    large = kept(grid, large_images())
    found = {}
    for one, other in PAIRS:
        ends = (grid[f"{one.value}0"], grid[f"{other.value}1"])
        both = [
            Direction(reader, holder, small[holder.name], large[holder.name])
            for reader, holder in (ends, ends[::-1])
        ]
        is_hopeless = frozenset({one, other}) in HOPELESS
        name = f"{one.value} and {other.value}"
        found[name] = _pair(both, is_hopeless=is_hopeless)
        times = ", ".join(
            "relayed" if moved.direct_s is None else f"{moved.direct_s:.2f} s"
            for moved in found[name]
        )
        tried = sum(moved.tried for moved in found[name])
        failed = sum(len(moved.problems) for moved in found[name])
        print(f"  {name}: {times}; {failed} of {tried} requests failed", flush=True)
    return found


def _pair(both: Sequence[Direction], *, is_hopeless: bool) -> list[Moved]:
    is_over = threading.Event()
    threads = [threading.Thread(target=one.read_large) for one in both]
    threads += [
        threading.Thread(target=one.read_small, args=(turn, is_over, PACE_S))
        for one in both
        for turn in range(READERS)
    ]
    began = time.monotonic()
    try:
        for thread in threads:
            thread.start()
        moved_at = _watch(both, began, is_hopeless=is_hopeless)
    finally:
        is_over.set()
    for thread in threads:
        thread.join(120)
    return [_moved(one, began, moved_at.get(at)) for at, one in enumerate(both)]


def _watch(both: Sequence[Direction], began: float, *, is_hopeless: bool) -> dict[int, float]:
    """When each of them was direct, by its number."""
    moved_at: dict[int, float] = {}
    while True:
        for at, one in enumerate(both):
            if at not in moved_at and one.way == "punched":
                moved_at[at] = time.monotonic()
        for_s = time.monotonic() - began
        is_settled = is_hopeless or len(moved_at) == len(both)
        if for_s > PAIR_S and (is_settled or for_s > MOVED_S):
            return moved_at
        time.sleep(LOOK_S)


def _moved(one: Direction, began: float, moved_at: float | None) -> Moved:
    return Moved(
        direct_s=None if moved_at is None or one.way != "punched" else moved_at - began,
        tried=len(one.requests),
        across=sum(moved_at is not None and r.began < moved_at < r.ended for r in one.requests),
        problems=[
            f"{one.reader.name} from {one.holder.name} after {r.began - began:.1f} s: {r.problem}"
            for r in one.requests
            if r.problem
        ],
    )


def _made(folder: Path) -> Path:
    folder.mkdir()
    return folder
