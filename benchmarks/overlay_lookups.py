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


def lookups(sizes: list[int], stock: int, count: int, seed: int) -> Iterator[Row]:
    """
    Measure ours and theirs: healthy, and at the moment when one in five has died.

    Args:
        sizes: Nodes of the grids.
        stock: Nodes of the largest one in which theirs is measured.
        count: Lookups in each state.
        seed: Of everything random.
    """
    for nodes in sizes:
        yield from _ours(nodes, count, seed)
        if nodes <= stock:
            yield from _theirs(nodes, count, seed)


def _ours(nodes: int, count: int, seed: int) -> Iterator[Row]:
    begun = time.process_time()
    grid = grown(nodes, seed)
    numbers = look_up_many(grid, count)
    own = statistics.mean(_asked_and_answered(grid) for _ in range(count))
    peers = statistics.mean(member.overlay.status().peers for member in grid.running())
    took_s = time.process_time() - begun
    yield _row("reticulum", nodes, 0.0, numbers, own=own, peers=peers, cpu_s=took_s)
    begun = time.process_time()
    grid.kill_share(DEAD)
    numbers = look_up_many(grid, count)
    yield _row("reticulum", nodes, DEAD, numbers, cpu_s=time.process_time() - begun)


def _theirs(nodes: int, count: int, seed: int) -> Iterator[Row]:
    begun = time.process_time()
    grid = StockGrid(nodes, seed)
    numbers = grid.look_up_many(count)
    yield _row("kademlia", nodes, 0.0, numbers, cpu_s=time.process_time() - begun)
    begun = time.process_time()
    grid.kill_share(DEAD)
    numbers = grid.look_up_many(count)
    yield _row("kademlia", nodes, DEAD, numbers, cpu_s=time.process_time() - begun)
    grid.close()


def _asked_and_answered(grid: Grid) -> int:
    member = grid.random.choice(grid.running())
    traced = grid.wait(member.overlay.trace(grid.any_key()))
    asked = [hop for hop in traced.hops if hop.asked_at is not None]
    return len(asked) + sum(hop.state is State.ANSWERED for hop in asked)


def grown(nodes: int, seed: int) -> Grid:
    """Let a grid come to life through one entrance, and settle for a minute."""
    grid = Grid(seed)
    grid.grow(nodes)
    grid.run(60)
    return grid


def _row(
    what: str,
    nodes: int,
    dead: float,
    numbers: Numbers,
    *,
    cpu_s: float,
    own: float | None = None,
    peers: float | None = None,
) -> Row:
    """
    One line of the table.

    A lookup's own datagrams are counted from its trace; `all_messages` has whatever else the node
    says and is asked meanwhile. In a young grid that is mostly getting to know whom it met.
    """
    return {
        "what": what,
        "nodes": nodes,
        "dead_share": dead,
        "lookups": numbers.lookups,
        "p50_s": round(numbers.p50_s, 3),
        "p99_s": round(numbers.p99_s, 3),
        "recall_at_20": round(numbers.recall, 4),
        "dead_in_results": numbers.dead,
        "messages": None if own is None else round(own, 1),
        "per_log2_n": None if own is None else round(own / math.log2(nodes), 2),
        "all_messages": round(numbers.messages, 1),
        "mean_peers": None if peers is None else round(peers, 1),
        "cpu_s": round(cpu_s, 1),
    }
