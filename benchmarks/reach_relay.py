"""One node, asked by one client straight and through a relay, by turns."""

import json
import random
import statistics
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import lab
import pictures
from nat_grid import PORT, Member, NatGrid, fresh_image, nat_grid
from PIL import Image
from processes import surroundings, until
from results import Check, Part, Series

HERE = Path(__file__).resolve().parent
PUBLIC = 3
COPIES = 4
UNBOUNDED = 2_000_000_000
LARGE = (3650, 3650)
"""In px, of noise: 40 MB."""
SMALL = "200w"
SLOWEST_FIRST = 2.0
LEAST_THROUGHPUT = 0.5
SETTINGS = {
    "RETICULUM_REPLICATION_COPIES": str(COPIES),
    "RETICULUM_REACH_PUNCH": "false",
    "RETICULUM_REACH_RELAY_BYTES_PER_S": str(UNBOUNDED),
}
# Whoever else wants to dial the holder can't; the client can. So the holder is relayed, and yet
# there is a direct path to it on which to measure.
FIREWALL = """
table ip firewall {{
  chain input {{
    type filter hook input priority 0; policy drop;
    iifname "lo" accept
    ct state established,related accept
    ip saddr {client} accept
  }}
}}
"""
CLIENT_S = 900


def measure(part: Part, scratch: Path, *, quick: bool) -> None:
    """Three public nodes, one that only the client can dial, and the client."""
    counts = {"first": 20, "large": 4} if quick else {"first": 150, "large": 24}
    with lab.needed(), nat_grid(scratch, **SETTINGS) as grid:
        found = _run(grid, counts)
    ratios = {
        "first": found["first"]["relayed"].per(
            found["first"]["direct"], "first byte, relayed / direct"
        ),
        "kept": found["kept"]["relayed"].per(
            found["kept"]["direct"], "first byte on a kept connection, relayed / direct"
        ),
        "large": found["large"]["relayed"].per(
            found["large"]["direct"], "throughput, relayed / direct"
        ),
    }
    part.add(*(each for both in found.values() for each in both.values()))
    part.add(ratios["kept"])
    part.checks += [
        Check.at_most(ratios["first"], SLOWEST_FIRST),
        Check.at_least(ratios["large"], LEAST_THROUGHPUT),
    ]
    part.notes += [
        "TLS pinned to the node, proof of the grid, HTTP; client, relay, holder: one process each",
        "by turns, every other round in the opposite order; ratios within each round",
        f"first byte: of a rendition at hand, {SMALL}, on a new connection each time",
        "throughput: an original of 40 MB, from its first byte to its last",
        f"[reach] punch = false, relay_bytes_per_s = {UNBOUNDED:,} (default: 125,000,000)",
        *lab.surprises(scratch),
    ]


def _run(grid: NatGrid, counts: dict[str, int]) -> dict[str, dict[str, Series]]:
    for number in range(PUBLIC):
        grid.public(f"p{number}")
    client, station = grid.lab.host("client"), grid.lab.host("holder")
    rules = FIREWALL.format(client=client.address)
    station.namespace.run("nft", "-f", "-", given=rules)
    holder = grid.start("holder", station)
    grid.settle()
    until(lambda: len(holder.nat()["relays"]) == 2, "two relays")
    images = {name: grid["p0"].node.put(image) for name, image in _images()}
    until(lambda: all(holder.has(one) for one in images.values()), "the holder has both", 60)
    relay = _relay_of(grid, holder)
    question = {
        "data": str(grid["p0"].node.data),
        "holder": [holder.node_id, f"{station.address}:{PORT}"],
        "relay": [relay.node_id, f"{relay.station.address}:{PORT}"],
        "small": [images["small"], SMALL, "jpg"],
        "original": images["large"],
        **counts,
    }
    pids = {"holder": holder.node.pid, "relay": relay.node.pid}
    told = _asked(client.namespace.prefix, {**question, "pids": pids})
    return {
        "first": _both("first byte, new connection", "ms", told["first"]),
        "kept": _both("first byte, kept connection", "ms", told["kept"]),
        "large": _both("throughput", "MB/s", told["large"]),
        **_processor(told["processor"]),
    }


def _asked(prefix: Sequence[str], question: dict[str, Any]) -> Any:
    ran = subprocess.run(
        [*prefix, sys.executable, str(HERE / "reach_client.py")],
        input=json.dumps(question),
        capture_output=True,
        text=True,
        check=False,
        env=surroundings(),
        timeout=CLIENT_S,
    )
    assert ran.returncode == 0, ran.stderr[-2000:]  # noqa: S101  (the lab's way to say so)
    return json.loads(ran.stdout.splitlines()[-1])


def _both(name: str, unit: str, told: dict[str, list[float]]) -> dict[str, Series]:
    return {way: Series(f"{name}, {way}", unit, tuple(told[way])) for way in ("direct", "relayed")}


def _processor(told: dict[str, dict[str, list[float]]]) -> dict[str, dict[str, Series]]:
    return {
        f"processor, {who}": {
            way: Series(f"processor time for 40 MB {way}, {who}", "ms", tuple(times[way]))
            for way in ("direct", "relayed")
            if statistics.fmean(times[way]) > 1
        }
        for who, times in told.items()
    }


def _images() -> list[tuple[str, bytes]]:
    noise = random.Random(1).randbytes(3 * LARGE[0] * LARGE[1])  # noqa: S311  (no secret)
    large = pictures.packed(Image.frombytes("RGB", LARGE, noise), "png", compress_level=0)
    return [("small", fresh_image()), ("large", large)]


def _relay_of(grid: NatGrid, holder: Member) -> Member:
    relays = {each["id"] for each in holder.nat()["relays"]}
    return next(member for member in grid.members.values() if member.node_id in relays)
