"""What killing nodes has given: rows, targets that were missed, JSON, and Markdown tables."""

import json
import statistics
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import attrs
from kill_load import Load, Read
from kill_rounds import Plan, Round
from report import table

MOST_RATIO = 3.0
"""Of the p99 of reads after a kill to that before."""
MOST_PROBLEMS_TOLD = 20


@attrs.frozen(kw_only=True)
class Result:
    """
    A whole run, in values that JSON can hold.

    Args:
        facts: What a reader must know to repeat it.
        rounds: One row a kill.
        totals: Over all rounds, by their names in the table.
        missed: Targets that were missed, in words.
        problems: Some of what went wrong.
    """

    facts: Mapping[str, str]
    rounds: Sequence[Mapping[str, Any]]
    totals: Mapping[str, Any]
    missed: Sequence[str]
    problems: Sequence[str]


def result_of(
    facts: Mapping[str, str],
    plan: Plan,
    played: Sequence[Round],
    load: Load,
    lost: Sequence[str],
) -> Result:
    """
    Count what was measured.

    Args:
        facts: See `Result`.
        plan: What was to be done.
        played: What was.
        load: Its reads and uploads are over.
        lost: Acknowledged images that can't be read at the end.
    """
    reads = list(load.reads)
    failed = [read for read in reads if read.problem]
    windows = [_windows(reads, one.at, plan.window_s) for one in played]
    before = [read for pair in windows for read in pair[0]]
    after = [read for pair in windows for read in pair[1]]
    whole_s = [one.whole_s - plan.grace_s for one in played if one.whole_s is not None]
    ratio = _ratio(before, after)
    ratios = [_ratio(*pair) for pair in windows]
    totals: dict[str, Any] = {
        "rounds": len(played),
        "reads": len(reads),
        "failed reads": len(failed),
        "reads sent to a second node, as the first had died": sum(r.is_retried for r in reads),
        "uploads acknowledged": load.uploads.acknowledged,
        "uploads answered 202": load.uploads.accepted,
        "uploads that failed": len(load.uploads.problems),
        "uploads sent to a second node, as the first had died": load.uploads.retried,
        "acknowledged images lost": len(lost),
        "back to all copies after the grace, median (s)": _rounded(_median(whole_s)),
        "back to all copies after the grace, longest (s)": _rounded(max(whole_s, default=None)),
        "read p50 before a kill, of all rounds (ms)": _ms(before, 50),
        "read p50 after a kill, of all rounds (ms)": _ms(after, 50),
        "read p99 before a kill, of all rounds (ms)": _ms(before, 99),
        "read p99 after a kill, of all rounds (ms)": _ms(after, 99),
        "read p99 after / before, of all rounds": _rounded(ratio),
        "read p99 after / before, median round": _rounded(_median(ratios)),
        "read p99 after / before, worst round": _rounded(max(ratios, default=None)),
        "rounds with a p99 of more than 3 times that before": sum(r > MOST_RATIO for r in ratios),
    }
    problems = [
        *lost,
        *(f"read {_when(played, read.due)}: {read.problem}" for read in failed),
        *(f"upload {_when(played, due)}: {told}" for due, told in load.uploads.problems),
    ]
    return Result(
        facts=facts,
        rounds=[
            _row(number, *pair)
            for number, pair in enumerate(zip(played, windows, strict=True), start=1)
        ],
        totals=totals,
        missed=list(_missed(plan, played, len(failed), len(lost), ratio)),
        problems=problems[:MOST_PROBLEMS_TOLD],
    )


def _missed(
    plan: Plan, played: Sequence[Round], failed: int, lost: int, ratio: float
) -> Iterator[str]:
    if lost:
        yield f"{lost} acknowledged images are lost"
    if failed:
        yield f"{failed} reads were not answered with the right image"
    if len(played) < plan.rounds:
        yield f"only {len(played)} of {plan.rounds} rounds could be played"
    for number, one in enumerate(played, start=1):
        if one.whole_s is None:
            yield (
                f"round {number}: {one.missing} copies were missing {plan.limit_s:g} s after the "
                "grace"
            )
    if ratio > MOST_RATIO:
        yield f"p99 of reads after a kill is {ratio:.1f} times that before"


def _row(number: int, one: Round, windows: tuple[list[Read], list[Read]]) -> dict[str, Any]:
    before, after = windows
    whole_s = None if one.whole_s is None else round(one.whole_s, 1)
    return {
        "round": number,
        "node": one.killed,
        "images it held": one.held,
        "whole again (s)": whole_s,
        "fresh node in (s)": round(one.joined_s, 1),
        "reads": len(before) + len(after),
        "p50 before (ms)": _ms(before, 50),
        "p50 after (ms)": _ms(after, 50),
        "p99 before (ms)": _ms(before, 99),
        "p99 after (ms)": _ms(after, 99),
        "p99 ratio": round(_ratio(before, after), 2),
        "retried": sum(read.is_retried for read in after),
    }


def _windows(
    reads: Sequence[Read], killed_at: float, window_s: float
) -> tuple[list[Read], list[Read]]:
    """Reads that were due in the window before a kill, and in that after it."""
    return (
        [read for read in reads if killed_at - window_s <= read.due < killed_at],
        [read for read in reads if killed_at <= read.due < killed_at + window_s],
    )


def _quantile(reads: Sequence[Read], percent: int) -> float:
    times = sorted(read.took_s for read in reads)
    return times[min(len(times) - 1, len(times) * percent // 100)] if times else 0.0


def _ratio(before: Sequence[Read], after: Sequence[Read]) -> float:
    divisor = _quantile(before, 99)
    return _quantile(after, 99) / divisor if divisor else 0.0


def _ms(reads: Sequence[Read], percent: int) -> float:
    return round(1000 * _quantile(reads, percent), 1)


def _median(values: Sequence[float]) -> float | None:
    return statistics.median(values) if values else None


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 2)


def _when(played: Sequence[Round], at: float) -> str:
    """Where a moment lies, for people."""
    kills = [(number, one.at) for number, one in enumerate(played, start=1) if one.at <= at]
    return f"{at - kills[-1][1]:.1f} s after kill {kills[-1][0]}" if kills else "before all kills"


def write(path: Path, result: Result) -> None:
    """JSON to *path*, Markdown beside it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    text = json.dumps(attrs.asdict(result), indent=2, ensure_ascii=False)
    path.write_text(text + "\n", encoding="utf-8")
    path.with_suffix(".md").write_text(markdown(result), encoding="utf-8")


def markdown(result: Result) -> str:
    """The whole run."""
    lines = ["# Killing nodes: results", ""]
    lines += ["Made by `python3 benchmarks/kill.py`; what is done and how: `README.md`.", ""]
    lines += _table([{"of all rounds": name, "": value} for name, value in result.totals.items()])
    verdict = [f"- **missed**: {target}" for target in result.missed]
    lines += ["", *(verdict or ["- every target is met"]), "", *_table(result.rounds), ""]
    lines += [f"- {fact}: {value}" for fact, value in result.facts.items()]
    if result.problems:
        lines += ["", f"The first {len(result.problems)} of what went wrong:", ""]
        lines += [f"- {problem}" for problem in result.problems]
    return "\n".join(lines) + "\n"


def _table(rows: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    heads = list(rows[0]) if rows else []
    return table(heads, ([_cell(row[head]) for head in heads] for row in rows))


def _cell(value: object) -> str:
    if value is None:
        return "never"
    return f"{value:,}" if isinstance(value, int) else str(value)
