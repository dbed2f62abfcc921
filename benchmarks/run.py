#!/usr/bin/env python3
"""Measure a node next to the bare limits and next to thumbor."""

import argparse
import shutil
import signal
import sys
import tempfile
import time
from pathlib import Path

import environment
from results import Part, Unavailable

LETTERS = {
    "a": "first-time renditions",
    "b": "cached renditions",
    "c": "resident memory",
    "d": "uploads",
}


def main() -> int:
    """Run the chosen parts; 0 if every target was measured and met."""
    chosen = _options()
    environment.ensure_packages()
    import machine  # noqa: PLC0415  (it and the parts need what was just made sure of)
    import report  # noqa: PLC0415

    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # so that servers are ended as well
    machine.pin()
    facts = machine.facts()
    environment.WORK.mkdir(exist_ok=True)
    scratch = Path(tempfile.mkdtemp(prefix="run-", dir=environment.WORK))
    started = time.monotonic()
    try:
        parts = _measure(chosen, scratch)
    finally:
        shutil.rmtree(scratch, ignore_errors=True)
    facts |= machine.tools()
    facts["took"] = f"{(time.monotonic() - started) / 60:.1f} minutes"
    print("\n" + report.markdown(facts, parts, quick=chosen.quick))
    report.write(chosen.json, facts, parts, quick=chosen.quick)
    print(f"written: {chosen.json} and {chosen.json.with_suffix('.md')}")
    ran = [part for part in parts if part.letter in chosen.only]
    good = all(check.verdict == "met" for part in ran for check in part.checks)
    return 0 if good and not any(part.missing for part in ran) else 1


def _measure(chosen: argparse.Namespace, scratch: Path) -> list[Part]:
    from bench import Bench  # noqa: PLC0415
    from cached import cached  # noqa: PLC0415
    from first_time import first_time  # noqa: PLC0415
    from memory_use import memory_use  # noqa: PLC0415
    from photos import photographs  # noqa: PLC0415
    from uploads import uploads  # noqa: PLC0415

    measures = {"a": first_time, "b": cached, "c": memory_use, "d": uploads}
    try:
        photos = photographs()
    except Unavailable as error:
        return [Part(letter, LETTERS[letter], missing=str(error)) for letter in measures]
    bench = Bench(photos, scratch, chosen.quick, not chosen.without_thumbor)
    parts = []
    for letter, measure in measures.items():
        if letter not in chosen.only:
            parts.append(Part(letter, LETTERS[letter], missing="left out (--only)"))
            continue
        print(f"({letter}) {LETTERS[letter]}")
        try:
            parts.append(measure(bench))
        except Exception as error:  # noqa: BLE001  (one broken part must not cost the others)
            print(f"  missing: {error!r}")
            parts.append(Part(letter, LETTERS[letter], missing=repr(error)))
    return parts


def _options() -> argparse.Namespace:
    parts = "; ".join(f"{letter}: {what}" for letter, what in LETTERS.items())
    parser = argparse.ArgumentParser(description=__doc__, epilog=f"Parts: {parts}.")
    parser.add_argument("--quick", action="store_true", help="do little: only see that it works")
    parser.add_argument(
        "--only", type=_letters, default="abcd", metavar="a,b,c,d", help="leave out other parts"
    )
    parser.add_argument(
        "--json",
        type=Path,
        metavar="FILE",
        help="results, with a Markdown table beside; by default results.json here if the run is "
        "whole, else work/partial.json",
    )
    parser.add_argument("--without-thumbor", action="store_true", help="leave thumbor out")
    chosen = parser.parse_args()
    if chosen.json is None:
        whole = chosen.only == "abcd" and not chosen.quick and not chosen.without_thumbor
        chosen.json = environment.HERE / ("results.json" if whole else "work/partial.json")
    return chosen


def _letters(text: str) -> str:
    letters = "".join(sorted(set(text.replace(",", ""))))
    if not letters or not set(letters) <= set(LETTERS):
        raise argparse.ArgumentTypeError(f"wanted some of {','.join(LETTERS)}")
    return letters


if __name__ == "__main__":
    sys.exit(main())
