"""All nodes behind NATs begin to read from all others at the same moment."""

import itertools
import threading
import time
from collections.abc import Sequence

import attrs
from nat_grid import NatGrid
from nat_rules import HOPELESS
from reach_routes import Direction, Kept

PACE_S = 0.5
LOOK_S = 0.25
CROWD_S = 60.0


@attrs.frozen(kw_only=True)
class Crowd:
    """
    What came of it.

    Args:
        wanted: Directions whose routers let a pipe be direct.
        direct_s: For each of them that became so, seconds from the beginning.
        requests: Sent until all were, or the time was over.
        failed: Of them.
    """

    wanted: int
    direct_s: Sequence[float]
    requests: int
    failed: int


def crowd(grid: NatGrid, images: Kept) -> Crowd:
    """
    Play it.

    Args:
        grid: In which nobody behind a NAT has asked another one yet.
        images: By the name of each of these nodes one that it alone has.
    """
    behind = [member for member in grid.members.values() if member.router]
    pairs = list(itertools.permutations(behind, 2))
    directions = [Direction(one, two, images[two.name], images[two.name]) for one, two in pairs]
    hopeful = {
        (one.node_id, two.node_id)
        for one, two in pairs
        if one.router and two.router and {one.router.kind, two.router.kind} not in HOPELESS
    }
    is_over = threading.Event()
    threads = [
        threading.Thread(target=each.read_small, args=(0, is_over, PACE_S)) for each in directions
    ]
    began = time.monotonic()
    direct_s: dict[tuple[str, str], float] = {}
    try:
        for thread in threads:
            thread.start()
        while len(direct_s) < len(hopeful) and time.monotonic() - began < CROWD_S:
            time.sleep(LOOK_S)
            for one in behind:
                for path in one.node.status()["reach"]["paths"]:
                    pair = (one.node_id, path["id"])
                    if path["way"] == "punched" and pair in hopeful:
                        direct_s.setdefault(pair, time.monotonic() - began)
    finally:
        is_over.set()
    for thread in threads:
        thread.join(120)
    requests = [request for each in directions for request in each.requests]
    return Crowd(
        wanted=len(hopeful),
        direct_s=list(direct_s.values()),
        requests=len(requests),
        failed=sum(bool(request.problem) for request in requests),
    )
