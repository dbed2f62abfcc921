"""The kill test on a grid of which most nodes are behind NATs: `kill.py --lab`, as one part."""

import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import lab
from results import Check, Part, Series, Unavailable

HERE = Path(__file__).resolve().parent
RESULTS = HERE / "kill-lab-results.json"
MOST_RATIO = 3
LIMIT_S = 120
LONGEST_S = 3 * 3600


def measure(part: Part, scratch: Path, *, quick: bool) -> None:
    """Twenty rounds, or two; the whole of it is in a file of its own."""
    made = scratch / "kill.json"
    with lab.needed():
        _run([sys.executable, str(HERE / "kill.py"), "--lab", "--json", str(made)], quick=quick)
    if not made.exists():
        raise Unavailable("kill.py --lab has measured nothing")
    if not quick:
        for suffix in (".json", ".md"):
            shutil.copyfile(made.with_suffix(suffix), RESULTS.with_suffix(suffix))
    _tell(part, json.loads(made.read_text(encoding="utf-8")))


def _run(command: list[str], *, quick: bool) -> None:
    with subprocess.Popen([*command, *["--quick"] * quick]) as child:
        try:
            child.wait(LONGEST_S)
        except BaseException:
            child.terminate()  # it ends its nodes
            raise


def _tell(part: Part, found: dict[str, Any]) -> None:
    totals, rounds = found["totals"], found["rounds"]

    def total(name: str, unit: str = "") -> Series:
        return Series(name, unit, (totals[name],))

    grace_s = 10.0
    whole = [one["whole again (s)"] for one in rounds]
    part.add(
        total("rounds"),
        total("reads"),
        total("uploads acknowledged"),
        total("uploads answered 202"),
        total("uploads that failed"),
        Series("p99 of reads before a kill", "ms", tuple(r["p99 before (ms)"] for r in rounds)),
        Series("p99 of reads after a kill", "ms", tuple(r["p99 after (ms)"] for r in rounds)),
        Series("a fresh node is in after", "s", tuple(r["fresh node in (s)"] for r in rounds)),
    )
    part.checks += [
        Check.exactly(total("failed reads"), 0),
        Check.exactly(total("acknowledged images lost"), 0),
        Check.at_most(total("read p99 after / before, of all rounds"), MOST_RATIO),
    ]
    if None in whole:
        late = Series("whole again after the grace", "s", missing="never, in one round")
        part.checks.append(Check.at_most(late, LIMIT_S))
    else:
        after = tuple(seconds - grace_s for seconds in whole)
        longest = Series("whole again after the grace, longest", "s", (max(after),))
        part.add(Series("whole again after the grace", "s", after))
        part.checks.append(Check.at_most(longest, LIMIT_S))
    killed = [one["node"] for one in rounds]
    facts = found["facts"]
    part.notes += [
        f"{sum(number < 3 for number in killed)} of {len(killed)} nodes killed were public ones",
        *(f"{name}: {facts[name]}" for name in ("nodes", "where", "images", "load")),
        *found["problems"],
    ]
