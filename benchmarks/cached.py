"""(b) Renditions made before: rate next to bare klein and thumbor, and how late the last come."""

import contextlib
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import bare
import client
import node_server
import wrk
from bench import Bench, attempted
from klein_server import bare_klein, file_name
from node_server import Node
from results import Check, Contender, Part, Series, Unavailable, interleave

CONNECTIONS = 16
RENDER_CONNECTIONS = 4
WIDTHS = (240, 360)
NEW_WIDTHS = (400, 599)
BURST = 100
RUNNING = ("imaging", "running")  # in the status: jobs that a worker has
RENDERS = ("imaging", "rendered")  # in the status: jobs that the workers have done
STAND_IN = "sha256-" + "0" * 64  # id in the URLs of the bare klein handler when no node runs
TITLE = "cached renditions, 16 connections"


def cached(bench: Bench) -> Part:
    """Node and bare klein answer equal bytes, thumbor the same photographs and widths."""
    part = Part("b", TITLE)
    rounds, seconds = bench.amount(5, 2), bench.amount(6, 2)
    wanted = [(photo, width) for photo in bench.photos for width in WIDTHS]
    bodies = bench.scratch / "bodies"

    def hits(
        servers: Sequence[str], paths: Sequence[str], size: float = 0
    ) -> Callable[[int], float]:
        def measure(number: int) -> float:
            if number == 0:  # so that there is something to hit
                gets = [wrk.Request("GET", path) for path in paths]
                wrk.walk(servers[:1], gets, RENDER_CONNECTIONS)
            result = wrk.hit(servers, paths, CONNECTIONS, seconds)
            if result.size < 0.98 * size:  # a redirect, say, is no error for wrk
                raise Unavailable(f"answers of {result.size:.0f} bytes with bodies of {size:.0f}")
            return result.rate

        return measure

    with attempted(node_server.node(bench.scratch / "node-b", bench.photos)) as node:
        if node.running:
            paths = [node.running.path(photo, width) for photo, width in wanted]
            _fetch_bodies(node.running, paths, bodies)
        else:
            paths = _make_bodies(wanted, bodies)
        size = _mean_size(bodies)
        with (
            attempted(bare_klein(bodies, bench.scratch / "klein.log")) as klein,
            bench.thumbor("thumbor-b") as plain,
            bench.thumbor("thumbor-results", keep_results=True) as keeping,
        ):
            of_thumbor = [f"/unsafe/{width}x0/{photo.name}" for photo, width in wanted]
            bare_rate, ours, as_installed, with_results = interleave(
                [
                    Contender(
                        "bare klein handler",
                        klein.running and hits([klein.running], paths, size),
                        klein.missing,
                    ),
                    Contender(
                        "reticulum",
                        node.running and hits([node.running.url], paths, size),
                        node.missing,
                    ),
                    Contender(
                        "thumbor as installed, 2 processes",
                        plain.running and hits(plain.running.servers, of_thumbor),
                        plain.missing,
                    ),
                    Contender(
                        "thumbor with file result storage, 2 processes",
                        keeping.running and hits(keeping.running.servers, of_thumbor),
                        keeping.missing,
                    ),
                ],
                rounds,
                "answers/s",
            )
        part.add(bare_rate, ours, as_installed, with_results)
        part.checks = [
            Check.at_least(ours.per(bare_rate, "reticulum / bare klein"), 0.6),
            Check.at_least(ours.per(as_installed, "reticulum / thumbor as installed"), 30),
        ]
        _lateness(bench, part, node.running, node.missing, paths)
        _single_flight(part, node.running, node.missing, bench.photos[0])
    part.notes = [
        f"{len(paths)} URLs, mean body {size / 1e3:.1f} kB, {rounds} rounds of {seconds} s.",
        "Node and bare klein run in one process each, thumbor in two with 8 connections each.",
        "Ratio to thumbor with its result storage, which keeps files as the node does: "
        + _text(ours.per(with_results, "")),
        (
            "For the p99, the same 16 connections hit the node while its workers rest and while "
            "another wrk keeps them busy with new renditions over 4 connections."
        ),
    ]
    return part


def _lateness(
    bench: Bench, part: Part, node: Node | None, missing: str, paths: Sequence[str]
) -> None:
    rounds, seconds = bench.amount(5, 2), bench.amount(6, 2)
    new = bench.pairs(*NEW_WIDTHS)
    share = len(new) // rounds
    rendered: list[float] = []
    occupied: list[float] = []

    def idle(_number: int) -> float:
        return wrk.hit([node.url], paths, CONNECTIONS, seconds).p99_ms

    def busy(number: int) -> float:
        renditions = new[number * share : (number + 1) * share]
        requests = [wrk.Request("GET", node.path(photo, width)) for photo, width in renditions]
        with wrk.walking(node.url, requests, RENDER_CONNECTIONS) as load:
            time.sleep(0.5)
            with _watching_workers(node) as samples:
                result = wrk.hit([node.url], paths, CONNECTIONS, seconds)
        rendered.append(load["rate"])
        occupied.append(sum(samples) / len(samples))
        return result.p99_ms

    resting, working = interleave(
        [
            Contender("p99 of cached hits, workers idle", node and idle, missing),
            Contender("p99 of cached hits, workers saturated", node and busy, missing),
        ],
        rounds,
        "ms",
    )
    beside = Series(
        "new renditions made meanwhile", "renditions/s", tuple(rendered), working.missing
    )
    at_work = Series("jobs in the workers meanwhile", "of 2", tuple(occupied), working.missing)
    part.add(resting, working, beside, at_work)
    part.checks.append(Check.below(working.per(resting, "p99 saturated / p99 idle"), 5))


@contextlib.contextmanager
def _watching_workers(node: Node) -> Iterator[list[float]]:
    """While the block runs, ask a few times a second how many jobs the workers have."""
    samples: list[float] = []
    ended = threading.Event()

    def sample() -> None:
        while not ended.wait(0.2):
            with contextlib.suppress(Unavailable, OSError):
                samples.append(float(node.counter(*RUNNING)))

    sampler = threading.Thread(target=sample, daemon=True)
    sampler.start()
    try:
        yield samples
    finally:
        ended.set()
        sampler.join()
    if not samples:
        raise Unavailable(f"/v1/status did not tell {'.'.join(RUNNING)}")


def _single_flight(part: Part, node: Node | None, missing: str, photo: Path) -> None:
    name = f"renders for {BURST} concurrent requests of one new rendition"

    def renders(number: int) -> float:
        before = node.counter(*RENDERS)
        answers = client.burst(node.url, node.path(photo, 700 + number), BURST)
        good = [answer.body for answer in answers if answer.status == 200]
        if len(good) != BURST or len(set(good)) != 1:
            raise Unavailable(f"{len(good)} of {BURST} answered 200, {len(set(good))} bodies")
        return float(node.counter(*RENDERS) - before)

    (series,) = interleave([Contender(name, node and renders, missing)], 3, "renders")
    part.add(series)
    part.checks.append(Check.exactly(series, 1))


def _mean_size(folder: Path) -> float:
    """Of the files, in bytes."""
    sizes = [path.stat().st_size for path in folder.iterdir()]
    return sum(sizes) / len(sizes)


def _fetch_bodies(node: Node, paths: Sequence[str], folder: Path) -> None:
    folder.mkdir(parents=True)
    for path in paths:
        (folder / file_name(path)).write_bytes(node.client.fetch(path).body)


def _make_bodies(wanted: Sequence[tuple[Path, int]], folder: Path) -> list[str]:
    """Without a node: bodies from plain Pillow, so that the rest can be measured."""
    folder.mkdir(parents=True)
    paths = []
    for photo, width in wanted:
        paths.append(f"/image/{STAND_IN}/{width}w/{photo.stem}.jpg")
        bare.render(photo, width, folder / file_name(paths[-1]))
    return paths


def _text(ratio: Series) -> str:
    return f"not measured ({ratio.missing})." if ratio.missing else f"{ratio.median:.1f}."
