"""Lookups of production nodes in virtual time, beside the kademlia package on the same network."""

import math
import statistics
import time
from collections.abc import Iterator

from overlay_stock import StockGrid

from reticulum.overlay.trace import State
from reticulum.testing.simulator.grid import Grid
from reticulum.testing.simulator.measuring import Numbers, look_up_many

Row = dict[str, object]
DEAD = 0.2


def lookups(nodes: int, count: int, seed: int) -> Iterator[Row]:
    """Measure ours and theirs: healthy, and at the moment when one in five has died."""
    grid, wall_s = grown(nodes, seed)
    yield _row("reticulum", nodes, 0.0, look_up_many(grid, count), wall_s)
    grid.kill_share(DEAD)
    yield _row("reticulum", nodes, DEAD, look_up_many(grid, count), wall_s)
    begun = time.monotonic()
    stock = StockGrid(nodes, seed)
    wall_s = time.monotonic() - begun
    yield _row("kademlia", nodes, 0.0, stock.look_up_many(count), wall_s)
    stock.kill_share(DEAD)
    yield _row("kademlia", nodes, DEAD, stock.look_up_many(count), wall_s)
    stock.close()


def growth(sizes: list[int], count: int, seed: int) -> Iterator[Row]:
    """
    Measure what a lookup costs in grids of several sizes.

    The lookup's own datagrams are counted from its trace; `all_messages` has whatever else the
    node says and is asked meanwhile. In a young grid that is mostly getting to know whom it met.
    """
    for nodes in sizes:
        grid, wall_s = grown(nodes, seed)
        everything = look_up_many(grid, count)
        own = statistics.mean(_asked_and_answered(grid) for _ in range(count))
        peers = tables(grid)
        yield {
            "nodes": nodes,
            "lookups": count,
            "messages": round(own, 1),
            "messages_per_log2_n": round(own / math.log2(nodes), 2),
            "all_messages": round(everything.messages, 1),
            "p50_s": round(everything.p50_s, 3),
            "recall_at_20": round(everything.recall, 4),
            "mean_peers": round(statistics.mean(peers), 1),
            "most_peers": max(peers),
            "longest_datagram": grid.network.traffic.longest,
            "grown_in_s": round(wall_s, 1),
        }


def _asked_and_answered(grid: Grid) -> int:
    member = grid.random.choice(grid.running())
    traced = grid.wait(member.overlay.trace(grid.any_key()))
    asked = [hop for hop in traced.hops if hop.asked_at is not None]
    return len(asked) + sum(hop.state is State.ANSWERED for hop in asked)


def grown(nodes: int, seed: int) -> tuple[Grid, float]:
    """
    Let a grid come to life through one entrance, and settle for a minute.

    Returns:
        The grid, and the seconds of real time it took.
    """
    begun = time.monotonic()
    grid = Grid(seed)
    grid.grow(nodes)
    grid.run(60)
    return grid, time.monotonic() - begun


def tables(grid: Grid) -> list[int]:
    """How many contacts each running node has in its table."""
    return [member.overlay.status().peers for member in grid.running()]


def _row(what: str, nodes: int, dead: float, numbers: Numbers, wall_s: float) -> Row:
    return {
        "what": what,
        "nodes": nodes,
        "dead_share": dead,
        "lookups": numbers.lookups,
        "p50_s": round(numbers.p50_s, 3),
        "p99_s": round(numbers.p99_s, 3),
        "recall_at_20": round(numbers.recall, 4),
        "dead_in_results": numbers.dead,
        "messages": round(numbers.messages, 1),
        "grown_in_s": round(wall_s, 1),
    }
