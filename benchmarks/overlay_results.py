"""What measuring the overlay has given: targets that were missed, JSON, and Markdown tables."""

import importlib.metadata
import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import machine
from report import table

Row = Mapping[str, Any]
KEPT = ("date", "processor", "Python", "Twisted", "reticulum")
FOUND_SHARE = 0.999
MOST_PACKETS_S = 50
LONGEST_ROUND_H = 12


def facts(seed: int) -> dict[str, str]:
    """What a reader must know to repeat a part, by its name in the report."""
    known = machine.facts()
    return {
        "seed": str(seed),
        **{name: known[name] for name in KEPT},
        "kademlia": importlib.metadata.version("kademlia"),
    }


def missed(part: str, rows: Sequence[Row]) -> Iterator[str]:
    """Targets of a part that were not met, in words."""
    if part == "lookups":
        ours = [row for row in rows if row["what"] == "reticulum"]
        for row in ours:
            yield from _slow_or_wrong(row)
        costs = [row["per_log2_n"] for row in ours if not row["dead_share"]]
        # A tenth is noise.
        if costs and max(costs) > 1.1 * costs[0]:
            yield f"messages per lookup grow faster than log N: {costs}"
    for row in rows:
        if part == "churn" and row["found_share"] < FOUND_SHARE:
            yield f"{row['sessions']} churn: {row['found_share']:.3%} found"
        # The promise is for grids of up to 10,000 nodes; beyond, it is only shown.
        if part == "announcing" and row["nodes"] <= 10_000:
            if row["packets_per_s"] > MOST_PACKETS_S:
                yield f"announcing at N={row['nodes']}: {row['packets_per_s']} packets/s"
            if row["round_hours"] > LONGEST_ROUND_H:
                yield f"announcing at N={row['nodes']}: a round takes {row['round_hours']} h"


def _slow_or_wrong(row: Row) -> Iterator[str]:
    state = f"N={row['nodes']}, {row['dead_share']:.0%} dead:"
    if row["p50_s"] > (1.0 if row["dead_share"] else 0.55):
        yield f"{state} p50 {row['p50_s']} s"
    if row["p99_s"] > 2.0:
        yield f"{state} p99 {row['p99_s']} s"
    if row["recall_at_20"] < 0.99:
        yield f"{state} recall {row['recall_at_20']}"
    if row["dead_in_results"]:
        yield f"{state} {row['dead_in_results']} dead in results"


def write(path: Path, part: str, title: str, found: Mapping[str, str], rows: Sequence[Row]) -> None:
    """Put one part into the JSON of *path*, leave the others, and make the Markdown beside."""
    parts = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
    parts[part] = {
        "title": title,
        "facts": found,
        "rows": rows,
        "missed": list(missed(part, rows)),
    }
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(parts, indent=2) + "\n", encoding="utf-8")
    path.with_suffix(".md").write_text(markdown(parts), encoding="utf-8")


def markdown(parts: Mapping[str, Any]) -> str:
    """All parts."""
    lines = ["# Overlay benchmark results", ""]
    lines += ["Made by `python3 benchmarks/overlay.py --full`, in the simulator; what the columns"]
    lines += ["mean: `README.md`. Seconds are of virtual time, but for `cpu_s`."]
    for name, part in parts.items():
        lines += ["", f"## {name}: {part['title']}", "", *_table(part["rows"])]
        lines += ["", *(f"- **missed**: {target}" for target in part["missed"])]
        lines += [f"- {fact}: {value}" for fact, value in part["facts"].items()]
    return "\n".join(lines) + "\n"


def _table(rows: Sequence[Row]) -> Iterator[str]:
    heads = list(rows[0]) if rows else []
    return table(heads, ([_cell(row[head]) for head in heads] for row in rows))


def _cell(value: object) -> str:
    if value is None:
        return ""
    return f"{value:,}" if isinstance(value, int) else str(value)
