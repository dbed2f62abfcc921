"""Resident memory of a node that relays for many."""

import contextlib
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from kill_grid import Broken, Grid, Node, grid_of
from memory import resident
from results import Check, Part, Series, Unavailable

HERE = Path(__file__).resolve().parent
NODES, PROCESSES = 200, 2
CONNECTIONS = 3
"""Of each: an anchor and two spares."""
MOST_MB = 150
STEADY_S = 45.0
"""Longer than four keepalives of an anchor take."""
SETTINGS = {"IMAGING_WORKERS": "1"}


def measure(part: Part, scratch: Path, *, quick: bool) -> None:
    """A grid of three on loopback; one of them relays."""
    try:
        with grid_of(3, scratch, zones=3, settings=SETTINGS) as grid:
            _run(part, grid, quick=quick)
    except Broken as error:
        raise Unavailable(str(error)) from error


def _run(part: Part, grid: Grid, *, quick: bool) -> None:
    relay = grid.live[1]
    pid = relay.process.pid
    files = Path(f"/proc/{pid}/fd")
    steady_s = 12.0 if quick else STEADY_S
    time.sleep(steady_s)
    alone, files_before = resident(pid), len(list(files.iterdir()))
    with _members(grid, relay) as groups:
        for group in groups:
            _hear(group, "attached")
        time.sleep(steady_s)
        attached = resident(pid)
        held = len(list(files.iterdir())) - files_before
        relaying = relay.status()["reach"]["relaying"]
        if relaying["nodes"] != NODES or held < NODES * CONNECTIONS:
            raise Unavailable(f"{held} connections at the relay, which says {relaying}")
        for group in groups:
            _say(group, "connect")
        for group in groups:
            _hear(group, "connected")
        time.sleep(1)
        connected = resident(pid)
        circuits = relay.status()["reach"]["relaying"]["circuits"]
    part.add(
        Series("resident, before anybody is attached", "MB", (alone,)),
        Series(f"resident, {NODES} nodes attached", "MB", (attached,)),
        Series("of it, a node attached", "KB", (1000 * (attached - alone) / NODES,)),
        Series(f"resident, and {circuits} circuits open as well", "MB", (connected,)),
    )
    part.checks += [
        Check.below(Series(f"resident, {NODES} nodes attached", "MB", (attached,)), MOST_MB),
    ]
    part.notes += [
        f"{NODES} members, in {PROCESSES} processes: an anchor and two spares each at a real node",
        "with the default limits: 256 nodes may be attached, from one address, too",
        f"{steady_s:g} s after they came; a circuit: TLS and proof from end to end, then idle",
    ]


@contextlib.contextmanager
def _members(grid: Grid, relay: Node) -> Iterator[list["subprocess.Popen[str]"]]:
    told = relay.status()
    arguments = [
        str(NODES // PROCESSES),
        str(grid.live[0].data),
        told["node"]["id"],
        f"127.0.0.1:{told['grid']['port']}",
    ]
    groups: list[subprocess.Popen[str]] = []
    try:
        while len(groups) < PROCESSES:
            group = subprocess.Popen(
                [sys.executable, str(HERE / "reach_members.py"), *arguments],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                text=True,
            )
            groups.append(group)
        yield groups
    finally:
        for group in groups:
            group.kill()
            group.wait()


def _say(group: Any, line: str) -> None:
    group.stdin.write(f"{line}\n")
    group.stdin.flush()


def _hear(group: Any, wanted: str) -> None:
    line = group.stdout.readline().strip()
    if line != wanted:
        raise Unavailable(f"the members say {line!r}, not {wanted!r}")
