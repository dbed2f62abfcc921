"""(c) Resident memory over thousands of mixed requests, and while a large upload passes through."""

import dataclasses
import random
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import memory
import node_server
from bench import SEED, Bench
from client import Answer, Client
from environment import WORK
from node_server import Node, settle
from photos import distinct, large_image
from results import Check, Part, Series, Unavailable

THREADS = 4
EARLY = 200
MIX = {"hit": 55, "miss": 25, "upload": 5, "unknown": 8, "unchanged": 7}  # in percent
HIT_WIDTHS = (220, 330)
LIMIT = {"HTTP_MAX_UPLOAD_BYTES": "200000000"}
MB = 1e6
TITLE = "resident memory"


def memory_use(bench: Bench) -> Part:
    """Each round has two fresh nodes: one for the mixed requests, one for the large upload."""
    part = Part("c", TITLE)
    rounds, late = bench.amount(3, 1), bench.amount(2_000, 600)
    prints: list[tuple[memory.Footprint, memory.Footprint]] = []
    growth: list[float] = []
    missing = missing_upload = ""
    large = large_image(WORK / "large" / "noise.bmp")
    for number in range(rounds):
        try:
            with node_server.node(bench.scratch / "node-c", bench.photos) as node:
                prints.append(_mixed(node, bench, late))
        except (Unavailable, OSError) as error:
            missing = missing or str(error)
        try:
            with node_server.node(bench.scratch / "node-c", bench.photos[:2], **LIMIT) as node:
                growth.append(_growth(node, large))
        except (Unavailable, OSError) as error:
            missing_upload = missing_upload or str(error)
        print(f"  round {number + 1}: {missing or prints[-1]}, {missing_upload or growth[-1]}")

    def of(moment: int, what: str, name: str) -> Series:
        values = tuple(getattr(both[moment], what) for both in prints)
        return Series(name, "MB", () if missing else values, missing)

    early_node = of(0, "node", f"node after {EARLY} requests")
    late_node = of(1, "node", f"node after {late} requests")
    upload = Series(
        f"growth of the node during an upload of {large.stat().st_size / MB:.0f} MB, at its peak",
        "MB",
        () if missing_upload else tuple(growth),
        missing_upload,
    )
    part.add(
        early_node,
        late_node,
        of(0, "workers", f"all workers after {EARLY} requests"),
        of(1, "workers", f"all workers after {late} requests"),
        of(0, "proportional", f"node and workers, shared pages counted once, after {EARLY}"),
        of(1, "proportional", f"node and workers, shared pages counted once, after {late}"),
        upload,
    )
    part.checks = [
        Check.within(late_node.per(early_node, f"node after {late} / after {EARLY} requests"), 0.1),
        Check.below(upload, 10),
    ]
    mix = ", ".join(f"{share} % {kind}" for kind, share in MIX.items())
    part.notes = [
        (
            f"{THREADS} connections, {rounds} rounds with a fresh node each; {mix} (unknown: 404, "
            f"unchanged: 304), order fixed by a seed. VmRSS of /proc, and PSS for the third pair."
        ),
        "The upload is a BMP of 7000x5000 px of noise; peak is the kernel's high-water mark.",
    ]
    return part


def _mixed(node: Node, bench: Bench, late: int) -> tuple[memory.Footprint, memory.Footprint]:
    requests = list(_requests(node, bench.photos, bench.pairs(400, 599), late))
    with ThreadPoolExecutor(THREADS) as threads:
        early = _after(node, threads, requests[:EARLY])
        return early, _after(node, threads, requests[EARLY:])


def _after(
    node: Node, threads: ThreadPoolExecutor, requests: Sequence["_Mixed"]
) -> memory.Footprint:
    """Send the requests, wait for all answers, and measure."""
    for _answer in threads.map(lambda request: request.send(node.client), requests):
        pass
    settle()
    return memory.Footprint.of(node.pid)


@dataclasses.dataclass(frozen=True)
class _Mixed:
    """
    One request of the mix.

    Args:
        wanted: Status code that is right.
        path: Where to.
        etag: Of an earlier answer: ask only for another one.
        body: To upload: a photograph and the number that makes it another file.
    """

    wanted: int
    path: str
    etag: str = ""
    body: tuple[Path, int] | None = None

    def send(self, client: Client) -> Answer:
        """
        Send it.

        Raises:
            Unavailable: The answer was not the right one.
        """
        if self.body:
            photo, number = self.body
            content = distinct(photo.read_bytes(), number)
            answer = client.ask("POST", self.path, content, {"Content-Type": "image/jpeg"})
        else:
            answer = client.get(self.path, {"If-None-Match": self.etag} if self.etag else {})
        if answer.status != self.wanted:
            raise Unavailable(
                f"{self.path} was answered {answer.status} and not {self.wanted}: "
                f"{answer.body[:200]!r}"
            )
        return answer


def _requests(
    node: Node, photos: Sequence[Path], new: Sequence[tuple[Path, int]], number: int
) -> Iterator[_Mixed]:
    chance = random.Random(SEED)  # noqa: S311  (repeatable, not secret)
    fresh = iter(new)
    known = [node.path(photo, width) for photo in photos for width in HIT_WIDTHS]
    etag = node.client.fetch(known[0]).headers.get("etag", "")
    kinds = chance.choices(list(MIX), list(MIX.values()), k=number)
    for at, kind in enumerate(kinds):
        if kind == "hit":
            yield _Mixed(200, path=chance.choice(known))
        elif kind == "miss":
            yield _Mixed(200, path=node.path(*next(fresh)))
        elif kind == "upload":
            yield _Mixed(201, path="/v1/images", body=(chance.choice(photos), at))
        elif kind == "unknown":
            image_id = f"sha256-{chance.getrandbits(256):064x}"
            yield _Mixed(404, path=f"/image/{image_id}/300w/photo.jpg")
        else:
            yield _Mixed(304, path=known[0], etag=etag)


def _growth(node: Node, large: Path) -> float:
    for photo in node.ids:
        node.client.fetch(node.path(photo, 300))
    settle()
    before = memory.resident(node.pid)
    with memory.watching_peak(node.pid) as watched:
        node.upload(large)
    return watched["peak"] - before
