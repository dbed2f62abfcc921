#!/usr/bin/env python3
"""Measure the overlay in virtual time: lookups and their cost, churn, announcing."""

import argparse
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import attrs

Row = dict[str, object]
PARTS = {
    "lookups": "the closest nodes of random keys, healthy and when one in five has just died",
    "churn": "holders of announced images, while every node comes and goes",
    "announcing": "what a round of announcing costs, by the planner's arithmetic",
    "announced": "the same of one node in a simulated grid, datagram by datagram",
}
HERE = Path(__file__).resolve().parent
LOOKUP_MESSAGES = 70.0
"""Sent and received by a lookup among 1,000 nodes, as measured by the first part."""


@attrs.frozen(kw_only=True)
class Amount:
    """
    How much is measured.

    Args:
        sizes: Nodes of the grids for lookups.
        stock: Nodes of the largest grid that the kademlia package is measured in, too.
        lookups: In each state of each grid.
        churn: Nodes, images, simulated hours.
        announced: Nodes, images of one of them.
    """

    sizes: list[int]
    stock: int
    lookups: int
    churn: tuple[int, int, float]
    announced: tuple[int, int]


FULL = Amount(
    sizes=[100, 300, 1000, 5000],
    stock=5000,
    lookups=200,
    churn=(60, 60, 48),
    announced=(100, 20_000),
)
USUAL = attrs.evolve(FULL, sizes=[100, 300, 1000], churn=(60, 60, 6), announced=(60, 5000))
QUICK = Amount(sizes=[50, 100], stock=100, lookups=30, churn=(30, 20, 1), announced=(30, 500))


def main() -> int:
    """Measure; 0 if every target was met."""
    chosen = _options()
    amount = QUICK if chosen.quick else FULL if chosen.full else USUAL
    if chosen.sizes:
        amount = attrs.evolve(amount, sizes=chosen.sizes)
    import overlay_results  # noqa: PLC0415  (--help should not need it)

    missed: list[str] = []
    for name, part in _parts(amount, chosen.seed, chosen.only):
        facts = overlay_results.facts(chosen.seed)
        begun = time.monotonic()
        rows = _shown(name, part())
        facts["took"] = f"{time.monotonic() - begun:.0f} s"
        missed += overlay_results.missed(name, rows)
        if chosen.json:
            # At once: a part that takes half an hour must not be lost with the next one.
            overlay_results.write(chosen.json, name, PARTS[name], facts, rows)
    print(f"\nseed {chosen.seed}; missed: {', '.join(missed) or 'nothing'}")
    return 1 if missed else 0


def _parts(
    amount: Amount, seed: int, only: list[str]
) -> Iterator[tuple[str, Callable[[], Iterator[Row]]]]:
    from overlay_announcing import announced, announcing  # noqa: PLC0415  (as above)
    from overlay_churn import churn  # noqa: PLC0415
    from overlay_lookups import lookups  # noqa: PLC0415

    parts: dict[str, Callable[[], Iterator[Row]]] = {
        "lookups": lambda: lookups(amount.sizes, amount.stock, amount.lookups, seed),
        "churn": lambda: churn(*amount.churn, seed),
        "announcing": lambda: announcing(LOOKUP_MESSAGES, seed),
        "announced": lambda: announced(*amount.announced, seed),
    }
    yield from ((name, part) for name, part in parts.items() if name in only)


def _shown(name: str, rows: Iterator[Row]) -> list[Row]:
    print(f"\n## {name}: {PARTS[name]}\n", flush=True)
    seen: list[Row] = []
    for row in rows:
        if not seen:
            print(f"| {' | '.join(row)} |\n|{'---|' * len(row)}")
        print(f"| {' | '.join(map(str, row.values()))} |", flush=True)
        seen.append(row)
    return seen


def _options() -> argparse.Namespace:
    epilog = "Parts: " + "; ".join(f"{name}: {what}" for name, what in PARTS.items()) + "."
    options = argparse.ArgumentParser(description=__doc__, epilog=epilog)
    options.add_argument("--quick", action="store_true", help="a minute: does everything work?")
    options.add_argument(
        "--full", action="store_true", help="up to 5,000 nodes and two simulated days; an hour"
    )
    options.add_argument(
        "--only", nargs="+", choices=list(PARTS), default=list(PARTS), metavar="PART"
    )
    options.add_argument(
        "--sizes", nargs="+", type=int, metavar="N", help="nodes of the grids for lookups"
    )
    options.add_argument("--seed", type=int, default=1)
    options.add_argument(
        "--json",
        type=Path,
        metavar="FILE",
        help="results, with Markdown tables beside; parts that are not run stay as they are there; "
        "by default overlay-results.json here with --full, else nothing is written",
    )
    chosen = options.parse_args()
    if chosen.json is None and chosen.full:
        chosen.json = HERE / "overlay-results.json"
    return chosen


if __name__ == "__main__":
    sys.exit(main())
