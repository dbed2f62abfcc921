#!/usr/bin/env python3
"""
What sealing, opening and refusing a datagram costs, with a body of 300 bytes.

    python3 benchmarks/seal.py [--quick] [--json FILE]

Each row is the median of the rounds, with the lowest and the highest, in microseconds of CPU a
datagram. Targets are held against the lowest: what is above it is the machine's other work. They
are: seal and open together under 10 us; what a stranger sends costs less than what a
member sends. Exit code 1 if one is missed.
"""

import argparse
import json
import os
import statistics
import sys
import time
from collections.abc import Callable, Iterable
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from reticulum.errors import DatagramRefused
from reticulum.overlay.grid_keys import GridKeys, KeyRing
from reticulum.overlay.replay import Windows
from reticulum.overlay.seal import BOOT_AT, BOOT_BYTES, COUNTER_AT, HEADER_BYTES, Sealer
from reticulum.overlay.unseal import Unsealer

NOW = 1_700_000_000_000
ME = b"recipnt."
BODY = os.urandom(300)
TARGET_US = 10.0
STRANGERS = ("random bytes", "random, 64 kB", "fingerprint copied", "header copied", "recorded")


def main() -> None:
    """Measure, print, and say whether the targets are met."""
    parser = argparse.ArgumentParser(description="What sealing a datagram costs.")
    parser.add_argument("--quick", action="store_true", help="one short round")
    parser.add_argument("--json", type=Path, help="write the numbers there too")
    options = parser.parse_args()
    rounds, number = (1, 2_000) if options.quick else (9, 20_000)
    taken: dict[str, list[float]] = {}
    for _ in range(rounds):
        for name, cost_us in _round(number):
            taken.setdefault(name, []).append(cost_us)
    rows = {
        name: {"median_us": statistics.median(us), "min_us": min(us), "max_us": max(us)}
        for name, us in taken.items()
    }
    _print(rows)
    both = rows["seal"]["min_us"] + rows["open"]["min_us"]
    dearest = max(rows[name]["min_us"] for name in STRANGERS)
    checks = {
        f"seal and open: {both:.2f} us < {TARGET_US:g} us": both < TARGET_US,
        f"dearest stranger: {dearest:.2f} us < open: {rows['open']['min_us']:.2f} us": (
            dearest < rows["open"]["min_us"]
        ),
    }
    print()
    for text, met in checks.items():
        print("met   " if met else "MISSED", text)
    if options.json:
        told = {"body_bytes": len(BODY), "rows": rows, "checks": checks}
        options.json.write_text(json.dumps(told, indent=2) + "\n", "utf-8")
    raise SystemExit(0 if all(checks.values()) else 1)


def _round(number: int) -> Iterable[tuple[str, float]]:
    """Every row once."""
    ring = KeyRing(GridKeys.of_secret(os.urandom(32)))
    sealer, unsealer = Sealer(ring, os.urandom(BOOT_BYTES)), _unsealer(ring)
    sealed: list[bytes] = []
    yield (
        "seal",
        _cost_us(lambda _: sealed.append(sealer.seal(BODY, NOW, ME)), [b""] * number),
    )
    yield "open", _cost_us(lambda datagram: unsealer.unseal(datagram, NOW), sealed)
    firsts = [Sealer(ring, os.urandom(BOOT_BYTES)).seal(BODY, NOW, ME) for _ in range(number // 10)]
    yield "open a boot's first", _cost_us(lambda each: unsealer.unseal(each, NOW), firsts)

    def refuse(datagram: bytes) -> None:
        try:
            unsealer.unseal(datagram, NOW)
        except DatagramRefused:
            return
        raise AssertionError("opened what a stranger sent")

    length = len(sealed[0])
    # The sender whose header is copied is one that this node hears all the time.
    unsealer.unseal(sealer.seal(BODY, NOW, ME), NOW)
    start, rest = sealed[0][:COUNTER_AT], length - HEADER_BYTES
    bad = {
        "random bytes": [os.urandom(length) for _ in range(number)],
        "random, 64 kB": [os.urandom(65_507) for _ in range(number // 100)],
        "fingerprint copied": [
            start[:BOOT_AT] + os.urandom(length - BOOT_AT) for _ in range(number)
        ],
        "header copied": [
            start + (2 * number + i).to_bytes(8) + os.urandom(rest) for i in range(number)
        ],
        "recorded": sealed,
    }
    for name, datagrams in bad.items():
        yield name, _cost_us(refuse, datagrams)


def _unsealer(ring: KeyRing) -> Unsealer:
    return Unsealer(ring, boot=os.urandom(BOOT_BYTES), me=ME, windows=Windows(0))


def _cost_us(one: Callable[[bytes], object], datagrams: list[bytes]) -> float:
    begun = time.process_time()
    for datagram in datagrams:
        one(datagram)
    return (time.process_time() - begun) / len(datagrams) * 1e6


def _print(rows: dict[str, dict[str, float]]) -> None:
    print(f"| {'a datagram, 300 bytes in it':28} | median us | min-max us    |")
    print(f"|{'-' * 30}|{'-' * 11}|{'-' * 15}|")
    for name, row in rows.items():
        span = f"{row['min_us']:.2f}-{row['max_us']:.2f}"
        print(f"| {name:28} | {row['median_us']:9.2f} | {span:13} |")


if __name__ == "__main__":
    main()
