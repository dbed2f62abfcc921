#!/usr/bin/env python3
"""
What it costs to reach nodes behind NAT: in the NAT lab of the tests, and through a real relay.

Exit code 1 if a target is missed, or could not be measured. Most parts need root and nftables.
"""

import argparse
import shutil
import signal
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import environment
from results import Part, Unavailable

HERE = Path(__file__).resolve().parent
PARTS = {
    "matrix": "the ten pairs of four kinds of NAT",
    "start": "from the start of a node to its serving",
    "relay": "a relay beside the direct path",
    "memory": "200 nodes on one relay",
    "death": "a relay dies",
    "kill": "nodes are killed, nine of twelve behind NATs",
}


def main() -> int:
    """Measure; 0 if every target was met."""
    chosen = _options()
    environment.ensure_packages()
    import machine  # noqa: PLC0415  (it and the parts need what was just made sure of)
    import report  # noqa: PLC0415

    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # so that nodes are ended as well
    head = {"made_by": "python3 benchmarks/reach.py", "title": "Reach: results"}
    facts = machine.facts()
    found = {part.letter: part for part in report.parts_in(chosen.json)}
    measured = []
    scratch = Path(tempfile.mkdtemp(prefix="reticulum-reach-"))
    try:
        for name in chosen.only:
            part = found[name] = _measure(name, scratch / name, quick=chosen.quick)
            measured.append(part)
            # After each one: a run that is ended has not been in vain.
            parts = [found[name] for name in PARTS if name in found]
            report.write(chosen.json, facts, parts, quick=chosen.quick, **head)
    finally:
        shutil.rmtree(scratch, ignore_errors=True)
    print("\n" + report.markdown(facts, measured, quick=chosen.quick, **head))
    print(f"written: {chosen.json} and {chosen.json.with_suffix('.md')}")
    checks = [check for part in measured for check in part.checks]
    is_whole = not any(part.missing for part in measured)
    return 0 if is_whole and all(check.verdict == "met" for check in checks) else 1


def _measure(name: str, scratch: Path, *, quick: bool) -> Part:
    import machine  # noqa: PLC0415

    print(f"{name}: {PARTS[name]}", flush=True)
    part = Part(name, PARTS[name])
    scratch.mkdir()
    before, began = machine.busy(), time.monotonic()
    try:
        _measures()[name](part, scratch, quick=quick)
    except (Unavailable, OSError) as error:
        print(f"  missing: {error}")
        return Part(name, PARTS[name], missing=str(error))
    took = f"{(time.monotonic() - began) / 60:.1f} minutes"
    when = time.strftime("%Y-%m-%d %H:%M UTC", time.gmtime())
    part.notes.append(f"{when}; took {took}; busy before: {before}; after: {machine.busy()}")
    return part


def _measures() -> dict[str, Callable[..., None]]:
    import reach_death  # noqa: PLC0415
    import reach_kill  # noqa: PLC0415
    import reach_matrix  # noqa: PLC0415
    import reach_memory  # noqa: PLC0415
    import reach_relay  # noqa: PLC0415
    import reach_start  # noqa: PLC0415

    return {
        "matrix": reach_matrix.measure,
        "start": reach_start.measure,
        "relay": reach_relay.measure,
        "memory": reach_memory.measure,
        "death": reach_death.measure,
        "kill": reach_kill.measure,
    }


def _options() -> argparse.Namespace:
    parts = "; ".join(f"{name}: {what}" for name, what in PARTS.items())
    parser = argparse.ArgumentParser(description=__doc__, epilog=f"Parts: {parts}.")
    parser.add_argument("--only", nargs="*", choices=PARTS, default=list(PARTS), metavar="NAME")
    parser.add_argument("--quick", action="store_true", help="little of each: does it work?")
    parser.add_argument(
        "--json",
        type=Path,
        metavar="FILE",
        help="results, with Markdown tables beside; parts that are not run stay as they are in it. "
        "By default reach-results.json here, with --quick work/partial.json",
    )
    chosen = parser.parse_args()
    if chosen.json is None:
        name = "work/partial.json" if chosen.quick else "reach-results.json"
        chosen.json = HERE / name
        if chosen.quick:
            chosen.json.unlink(missing_ok=True)
    return chosen


if __name__ == "__main__":
    sys.exit(main())
