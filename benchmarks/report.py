"""A run as Markdown tables, which read well in a terminal too, and as JSON."""

import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from results import Check, Part, Series

RUN = "python3 benchmarks/run.py"


def markdown(
    machine: Mapping[str, str],
    parts: Sequence[Part],
    *,
    quick: bool,
    made_by: str = RUN,
    title: str = "Benchmark results",
) -> str:
    """The whole run."""
    lines = [f"# {title}", ""]
    if quick:
        lines += ["**A quick run: too short to say more than that everything works.**", ""]
    lines += [f"Made by `{made_by}`; what is measured and how: `README.md`.", ""]
    lines += ["Values are the median of the rounds, with the lowest and the highest.", ""]
    lines += table(["machine", ""], machine.items())
    for part in parts:
        lines += ["", f"## ({part.letter}) {part.title}", ""]
        if part.missing:
            lines += [f"**Missing:** {part.missing}"]
            continue
        lines += table(["measured", "median", "min-max"], map(_row, part.series))
        if part.checks:
            heads = ["target", "", "median", "min-max", ""]
            lines += ["", *table(heads, map(_verdict, part.checks))]
        reasons = dict.fromkeys(series.missing for series in part.series if series.missing)
        notes = [*part.notes, *(f"**Missing:** {reason}" for reason in reasons)]
        lines += ["", *(f"- {note}" for note in notes)]
    return "\n".join(lines) + "\n"


def as_json(machine: Mapping[str, str], parts: Sequence[Part], *, quick: bool) -> str:
    """The whole run, every round included."""
    document = {
        "machine": dict(machine),
        "quick": quick,
        "parts": [
            {
                "letter": part.letter,
                "title": part.title,
                "missing": part.missing,
                "measured": [_series(series) for series in part.series],
                "checks": [
                    {**_series(check.series), "target": check.target, "verdict": check.verdict}
                    for check in part.checks
                ],
                "notes": part.notes,
            }
            for part in parts
        ],
    }
    return json.dumps(document, indent=2, ensure_ascii=False) + "\n"


def write(
    path: Path, machine: Mapping[str, str], parts: Sequence[Part], *, quick: bool, **head: str
) -> None:
    """JSON to *path*, Markdown beside it; *head* is as in `markdown`."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(as_json(machine, parts, quick=quick), encoding="utf-8")
    text = markdown(machine, parts, quick=quick, **head)
    path.with_suffix(".md").write_text(text, encoding="utf-8")


def parts_in(path: Path) -> list[Part]:
    """The parts of an earlier run, from its JSON; none if there is no such file."""
    if not path.exists():
        return []
    document = json.loads(path.read_text(encoding="utf-8"))
    return [_part_of(told) for told in document["parts"]]


def _part_of(told: Mapping[str, Any]) -> Part:
    part = Part(told["letter"], told["title"], notes=told["notes"], missing=told["missing"])
    part.add(*(_series_of(each) for each in told["measured"]))
    part.checks.extend(_check_of(each) for each in told["checks"])
    return part


def _series_of(told: Mapping[str, Any]) -> Series:
    values = tuple(told.get("rounds", ()))
    return Series(told["name"], told["unit"], values, missing=told.get("missing", ""))


def _check_of(told: Mapping[str, Any]) -> Check:
    was_met = told["verdict"] == "met"
    return Check(_series_of(told), told["target"], lambda _: was_met)


def _row(series: Series) -> list[str]:
    return [series.name, *_numbers(series)]


def _verdict(check: Check) -> list[str]:
    return [check.series.name, check.target, *_numbers(check.series), f"**{check.verdict}**"]


def _numbers(series: Series) -> list[str]:
    if series.missing:
        return ["missing", ""]
    unit = f" {series.unit}" if series.unit else ""
    spread = f"{_short(min(series.values))}-{_short(max(series.values))}"
    return [f"{_short(series.median)}{unit}", spread if len(series.values) > 1 else ""]


def _short(value: float) -> str:
    if abs(value) >= 100:
        return f"{value:,.0f}"
    return f"{value:.1f}" if abs(value) >= 10 else f"{value:.2f}"


def _series(series: Series) -> dict[str, Any]:
    found: dict[str, Any] = {"name": series.name, "unit": series.unit}
    if series.missing:
        return {**found, "missing": series.missing}
    low, high = min(series.values), max(series.values)
    return {**found, "median": series.median, "min": low, "max": high, "rounds": series.values}


def table(heads: Sequence[str], rows: Any) -> Iterator[str]:
    """Lines of a Markdown table: *heads*, then *rows* of as many texts each."""
    cells = [[cell.replace("|", "/").replace("\n", " ") for cell in row] for row in [heads, *rows]]
    widths = [max(3, *(len(row[at]) for row in cells)) for at in range(len(heads))]
    for number, row in enumerate(cells):
        padded = (cell.ljust(width) for cell, width in zip(row, widths, strict=True))
        yield f"| {' | '.join(padded)} |"
        if number == 0:
            yield f"|{'|'.join('-' * (width + 2) for width in widths)}|"
