#!/usr/bin/env python3
"""
What copies cost: uploads beside a lone node's, reads of what another node has, upkeep at rest.

Exit code 1 if an upload with W = 2 takes more than 1.5 times one to a lone node, if a rendition
that another node has cached takes more than twice one that is cached here, or if scrub and census
of 100,000 images take more than 5 % of a core.
"""

import argparse
import hashlib
import http.client
import json
import shutil
import signal
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import environment

HERE = Path(__file__).resolve().parent
ZONES = 3
GRACE_S = 5.0
UPLOAD_TARGET, READ_TARGET, UPKEEP_TARGET = 1.5, 2.0, 0.05
PAUSE_S = 0.15
"""Between two measurements: what goes on behind an answer shall not slow the next one."""
SETTINGS = {"IMAGING_WORKERS": "1", "REPLICATION_GRACE_S": f"{GRACE_S:g}"}
UPKEEP_S = 120.0
IMAGES = 100_000
CENSUS_S, SCRUB_S = 43_200.0, 2_419_200.0
"""The defaults."""
ROUND_S = 900.0


def main() -> int:
    """Measure; 0 if every target was met."""
    chosen = _options()
    environment.ensure_packages()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # so that nodes are ended as well
    scratch = Path(tempfile.mkdtemp(prefix="reticulum-copies-"))
    results: dict[str, Any] = {}
    try:
        if "uploads" in chosen.only:
            results["uploads"] = _uploads(scratch / "uploads", 20 if chosen.quick else 100)
        if "reads" in chosen.only:
            results["reads"] = _reads(scratch / "reads", 10 if chosen.quick else 60)
        if "upkeep" in chosen.only:
            images = 2_000 if chosen.quick else chosen.images
            results["upkeep"] = _upkeep(scratch / "upkeep", images)
    finally:
        shutil.rmtree(scratch, ignore_errors=True)
    print(json.dumps(results, indent=2))
    chosen.json.write_text(json.dumps(results, indent=2) + "\n", encoding="utf-8")
    return 0 if all(each["met"] for each in results.values()) else 1


def _uploads(folder: Path, count: int) -> dict[str, Any]:
    """Turn by turn to a lone node and to one of three."""
    from kill_grid import grid_of  # noqa: PLC0415  (--help should not need it)

    crops = _crops()
    lone_s: list[float] = []
    grid_s: list[float] = []
    with (
        grid_of(1, folder / "lone", zones=1, settings=SETTINGS) as lone,
        grid_of(3, folder / "grid", zones=ZONES, settings=SETTINGS) as grid,
    ):
        for number in range(count + 10):
            turns: tuple[tuple[int, list[float]], ...] = (
                (lone.live[0].port, lone_s),
                (grid.live[0].port, grid_s),
            )
            for port, times in turns if number % 2 else turns[::-1]:
                reply, seconds = _timed(port, "POST", "/v1/images", crops(number))
                times.append(seconds)
                stored = json.loads(reply)["replicas"]["stored"]
                if stored < min(2, len(grid.live) if times is grid_s else 1):
                    raise SystemExit(f"only {stored} copies were confirmed")
                time.sleep(PAUSE_S)
    # The first ones find connections, workers and caches cold.
    return _ratio(lone_s[10:], grid_s[10:], UPLOAD_TARGET)


def _reads(folder: Path, count: int) -> dict[str, Any]:
    """The same rendition from the cache of the node asked, and from that of another."""
    from kill_grid import grid_of  # noqa: PLC0415  (--help should not need it)

    crops = _crops()
    here_s: list[float] = []
    there_s: list[float] = []
    with grid_of(4, folder, zones=ZONES, settings=SETTINGS) as grid:
        ids = [
            json.loads(_timed(grid.live[0].port, "POST", "/v1/images", crops(number))[0])["id"]
            for number in range(count + 10)
        ]
        time.sleep(2)
        holding = {node.number: node.images() for node in grid.live}
        for image_id in ids:
            path = f"/image/{image_id}/300w/x.jpg"
            has = [node for node in grid.live if image_id in holding[node.number]]
            has_not = [node for node in grid.live if image_id not in holding[node.number]]
            if not has_not:
                continue
            for node in has:
                _timed(node.port, "GET", path)
            time.sleep(PAUSE_S)
            here_s.append(_timed(has[-1].port, "GET", path)[1])
            there_s.append(_timed(has_not[0].port, "GET", path)[1])
    return _ratio(here_s[5:], there_s[5:], READ_TARGET)


def _upkeep(folder: Path, images: int) -> dict[str, Any]:
    """
    Processor time of a node that holds many images, and of one that holds none.

    With fewer than 100,000 the periods are shorter in proportion, and the pace is the same.
    """
    from kill_grid import grid_of  # noqa: PLC0415  (--help should not need it)

    part = images / IMAGES
    settings = {
        **SETTINGS,
        "REPLICATION_CENSUS_S": str(max(CENSUS_S * part, 10)),
        "REPLICATION_SCRUB_S": str(max(SCRUB_S * part, 10)),
    }
    shares: dict[str, float] = {}
    for name, held in (("empty", 0), ("full", images)):
        with grid_of(3, folder / name, zones=ZONES, settings=settings) as grid:
            for node in grid.live:
                for path, content in _files(node.data, held):
                    path.parent.mkdir(parents=True, exist_ok=True)
                    path.write_bytes(content)
            # Put there by hand, they are counted at a start.
            for node in list(grid.live):
                grid.restart(node)
            node = grid.live[0]
            _wait(lambda node=node: _has_begun(node.status()["replication"]["census"]))  # type: ignore[misc]  # bound now
            before, began = node.processor_s(), time.monotonic()
            time.sleep(UPKEEP_S)
            shares[name] = (node.processor_s() - before) / (time.monotonic() - began)
            if held:
                told = node.status()["replication"]
    share = shares["full"] - shares["empty"]
    return {
        "images": images,
        "share_empty": round(shares["empty"], 4),
        "share_full": round(shares["full"], 4),
        "share": round(share, 4),
        "target": UPKEEP_TARGET,
        "met": share < UPKEEP_TARGET,
        "census": told["census"],
        "scrub": told["scrub"],
    }


def _has_begun(census: Any) -> bool:
    """Whether the census, which waits until it knows who is there, has looked at anything."""
    return bool(census["rounds"] or census["checked"])


def _files(data: Path, count: int) -> Iterator[tuple[Path, bytes]]:
    """Originals with their sidecars, small, all different, the same for every node."""
    for number in range(count):
        # Enough of a JPEG to be told for one; nobody decodes it.
        content = b"\xff\xd8\xff\xe0" + number.to_bytes(4) * 500
        digest = hashlib.sha256(content).hexdigest()
        path = data / "originals" / "sha256" / digest[:2] / digest[2:4] / digest[4:]
        facts = {"version": 1, "format": "jpg", "width": 8, "height": 8, "frames": 1}
        told = {**facts, "bytes": len(content), "stored_at": 1_700_000_000.0}
        yield path, content
        yield path.with_name(f"{path.name}.json"), json.dumps(told).encode() + b"\n"


def _timed(port: int, method: str, path: str, body: bytes | None = None) -> tuple[bytes, float]:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    try:
        connection.connect()
        began = time.perf_counter()
        connection.request(method, path, body)
        reply = connection.getresponse()
        content = reply.read()
        seconds = time.perf_counter() - began
    finally:
        connection.close()
    if reply.status not in {200, 201}:
        raise SystemExit(f"{method} {path}: {reply.status} {content[:200]!r}")
    return content, seconds


def _ratio(base_s: list[float], other_s: list[float], target: float) -> dict[str, Any]:
    ratio = statistics.median(other_s) / statistics.median(base_s)
    return {
        "count": len(base_s),
        "base_ms": round(1000 * statistics.median(base_s), 2),
        "other_ms": round(1000 * statistics.median(other_s), 2),
        "ratio": round(ratio, 2),
        "target": target,
        "met": ratio <= target,
    }


def _crops() -> Callable[[int], bytes]:
    from kill_photos import Crops  # noqa: PLC0415  (--help should not need it)
    from photos import photographs  # noqa: PLC0415

    return Crops(photographs())


def _wait(is_so: Callable[[], bool]) -> None:
    end = time.monotonic() + ROUND_S
    while not is_so():
        if time.monotonic() > end:
            raise SystemExit("the census has not begun in time")
        time.sleep(1)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[1])
    parts = ("uploads", "reads", "upkeep")
    parser.add_argument("--only", nargs="*", choices=parts, default=parts)
    parser.add_argument("--quick", action="store_true", help="few of each: only to see it work")
    parser.add_argument("--images", type=int, default=IMAGES, help="for the upkeep")
    parser.add_argument("--json", type=Path, default=HERE / "copies-results.json")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
