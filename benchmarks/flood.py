#!/usr/bin/env python3
"""
What the overlay takes from a node that serves images: under a flood, and in daily life.

    python3 benchmarks/flood.py [--quick] [--only PART] [--json FILE]

One node with its default settings, cached renditions, wrk with 16 connections, on loopback alone.

flood: 10,000 datagrams a second for ten seconds beside it, of three kinds (see flooding.py).
neighbours: 20 other nodes (see neighbours.py), each of which looks for an image every second.
    The share of a core that the node takes while nobody asks for images, and its CPU time for an
    answer while it serves as many as it can; with and without them, in turns. Neither may grow
    by more than 5 %.

Everything shares the machine's cores, also what sends the flood and the other nodes: rates fall
for that alone, CPU time does not. Exit code 1 if an answer was an error or the target is missed.
"""

import argparse
import contextlib
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import memory
import wrk
from flooding import KINDS
from node_server import Node, node, settle
from photos import photographs
from results import Unavailable

HERE = Path(__file__).resolve().parent
PER_SECOND = 10_000
NEIGHBOURS = 20
CONNECTIONS = 16
WIDTHS = (240, 360)
TARGET = 0.05
PARTS = ("flood", "neighbours")
TICK_S = 1 / os.sysconf("SC_CLK_TCK")

Row = dict[str, object]


def main() -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(description="What the overlay takes from serving images.")
    parser.add_argument("--quick", action="store_true", help="only to see that everything works")
    parser.add_argument("--only", choices=PARTS, help="one of the parts")
    parser.add_argument("--json", type=Path, help="write the numbers there too")
    options = parser.parse_args()
    seconds, rounds = (2, 1) if options.quick else (10, 3)
    with tempfile.TemporaryDirectory(prefix="reticulum-flood-") as scratch:
        home = Path(scratch) / "node"
        with node(home, photographs()[:5], PEER_ADDRESS="127.0.0.1:0") as running:
            paths = [running.path(photo, width) for photo in running.ids for width in WIDTHS]
            _served(running, paths, 2)
            rows = []
            for kind in KINDS if options.only != "neighbours" else ():
                rows.append(_flooded(running, home / "data", paths, kind, seconds))
                print(json.dumps(rows[-1]), flush=True)
            if options.only != "flood":
                rows.append(_daily(running, home / "data", paths, seconds, rounds))
                print(json.dumps(rows[-1]))
    if options.json:
        options.json.write_text(json.dumps(rows, indent=1) + "\n")
    return 0 if all(row.get("met", True) for row in rows) else 1


def _flooded(running: Node, data: Path, paths: list[str], kind: str, seconds: int) -> Row:
    before, rss = _served(running, paths, seconds), memory.resident(running.pid)
    port, dropped = _peer_port(data), _dropped(_peer_port(data))
    words = [sys.executable, HERE / "flooding.py", kind, port, data, PER_SECOND, seconds + 2]
    with subprocess.Popen([str(word) for word in words], stdout=subprocess.PIPE) as flood:
        settle()  # so that it is under way
        during = _served(running, paths, seconds)
        told, _ = flood.communicate()
    settle()
    return {
        "flood": kind,
        "sent_per_s": round(int(told) / (seconds + 2)),
        "dropped_by_kernel": _dropped(port) - dropped,
        "before": before,
        "during": during,
        "rss_mb": [round(rss, 1), round(memory.resident(running.pid), 1)],
    }


def _daily(running: Node, data: Path, paths: list[str], seconds: int, rounds: int) -> Row:
    alone = _idle_share(running, seconds * 2)
    served: dict[str, list[dict[str, float]]] = {"alone": [], "among": []}
    shares = []
    for _ in range(rounds):
        served["alone"].append(_served(running, paths, seconds))
        with _neighbours(data):
            shares.append(_idle_share(running, seconds * 2))
            served["among"].append(_served(running, paths, seconds))
        settle()
    share = statistics.median(shares) - alone
    cpu = {how: statistics.median(one["cpu_us"] for one in served[how]) for how in served}
    dearer = cpu["among"] / cpu["alone"] - 1
    return {
        "neighbours": NEIGHBOURS,
        "idle_share": [round(each, 4) for each in (alone, *shares)],
        "idle_share_added": round(share, 4),
        "cpu_added": round(dearer, 4),
        "met": max(share, dearer) < TARGET,
        **served,
    }


def _served(running: Node, paths: list[str], seconds: int) -> dict[str, float]:
    """Serve for so many seconds; an answer that is an error ends everything."""
    spent = _cpu_s(running.pid)
    hit = wrk.hit([running.url], paths, CONNECTIONS, seconds)
    spent = _cpu_s(running.pid) - spent
    return {
        "cpu_us": round(1e6 * spent / (hit.rate * seconds), 1),
        "per_s": round(hit.rate),
        "p50_ms": round(hit.p50_ms, 2),
        "p99_ms": round(hit.p99_ms, 2),
    }


@contextlib.contextmanager
def _neighbours(data: Path) -> Iterator[None]:
    words = [sys.executable, HERE / "neighbours.py", NEIGHBOURS, _peer_port(data), data]
    with subprocess.Popen([str(word) for word in words], stdout=subprocess.PIPE) as process:
        try:
            told = b"" if process.stdout is None else process.stdout.readline()
            if told != b"joined\n":
                raise Unavailable(f"the neighbours did not join: {told!r}")
            settle(10)  # until what they hold is announced
            yield
        finally:
            process.kill()


def _idle_share(running: Node, seconds: float) -> float:
    """Share of a core that the node takes while nobody asks it for images."""
    settle()
    spent, begun = _cpu_s(running.pid), time.monotonic()
    time.sleep(seconds)
    return (_cpu_s(running.pid) - spent) / (time.monotonic() - begun)


def _cpu_s(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) * TICK_S


def _peer_port(data: Path) -> int:
    return int((data / "peer.port").read_text())


def _dropped(port: int) -> int:
    """Datagrams that found the socket's buffer full."""
    lines = Path("/proc/net/udp").read_text().splitlines()[1:]
    ours = [line.split() for line in lines if line.split()[1].endswith(f":{port:04X}")]
    return sum(int(fields[-1]) for fields in ours)


if __name__ == "__main__":
    sys.exit(main())
