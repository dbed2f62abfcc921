"""(a) Renditions that nobody asked for before, next to the bare Pillow loop and thumbor."""

import io
from collections.abc import Callable, Sequence
from pathlib import Path

import bare
import node_server
import wrk
from bench import Bench, attempted
from client import Client
from PIL import Image
from results import Check, Contender, Part, Unavailable, interleave

CONNECTIONS = 4
WIDTHS = (200, 399)
WARM_UP = 40
TITLE = "first-time renditions: 200-399 px wide JPEGs from 2560x1600 photographs, 4 connections"

NOTES = """\
wrk with one thread asks for each rendition exactly once. All are JPEG at quality 80, baseline \
but for those of thumbor as installed.
The bare loop reads and writes files, with no HTTP, no queue and no limits: `draft()` to the \
exact size, `thumbnail(LANCZOS, reducing_gap=2.0)`, `save()`.
thumbor reads the photographs from a folder and keeps no results. It runs as installed, as \
`thumbor --processes 2` with its own defaults, where luck decides how the four connections fall \
to the two processes; and at its best, as two instances with half of the connections each, \
baseline JPEG and no copies of the originals. The target is held against both.
""".splitlines()

Pairs = Sequence[tuple[Path, int]]
PathOf = Callable[[Path, int], str]


def first_time(bench: Bench) -> Part:
    """Everyone makes the same new renditions in a round, other ones in every round."""
    part = Part("a", TITLE)
    rounds, share = bench.amount(5, 2), bench.amount(800, 200)
    pairs = bench.pairs(*WIDTHS)
    sizes: dict[str, str] = {}

    def bare_loop(number: int) -> float:
        folder = bench.scratch / "bare"
        jobs = [
            (photo, width, folder / f"{photo.stem}-{width}.jpg")
            for photo, width in _slice(pairs, number, share)
        ]
        return bare.rate(bare.render, jobs, folder)

    def served(name: str, servers: Sequence[str], path: PathOf) -> Callable[[int], float]:
        def measure(number: int) -> float:
            if number == 0:
                _warm_up(servers, bench.pairs(100, 103)[:WARM_UP], path)
            walked = wrk.walk(servers, _gets(_slice(pairs, number, share), path), CONNECTIONS)
            sizes[name] = f"{name} {walked.bytes / walked.requests / 1e3:.1f} kB"
            return walked.rate

        return measure

    with (
        attempted(node_server.node(bench.scratch / "node-a", bench.photos)) as node,
        bench.thumbor("thumbor-a") as thumbor,
        bench.thumbor("thumbor-as-installed", as_installed=True) as forked,
    ):
        node_runs = node.running and served("reticulum", [node.running.url], node.running.path)
        thumbor_runs = thumbor.running and served(
            "thumbor", thumbor.running.servers, thumbor.running.path
        )
        forked_runs = forked.running and served(
            "thumbor as installed", forked.running.servers, forked.running.path
        )
        loop, ours, theirs, at_random = interleave(
            [
                Contender("bare Pillow loop, 2 processes", bare_loop),
                Contender("reticulum", node_runs, node.missing),
                Contender("thumbor at its best, two instances", thumbor_runs, thumbor.missing),
                Contender("thumbor as installed, --processes 2", forked_runs, forked.missing),
            ],
            rounds,
            "renditions/s",
        )
    part.add(loop, ours, theirs, at_random)
    part.checks = [
        Check.at_least(ours.per(loop, "reticulum / bare Pillow loop"), 0.8),
        Check.at_least(ours.per(at_random, "reticulum / thumbor as installed"), 2),
        Check.at_least(ours.per(theirs, "reticulum / thumbor at its best"), 2),
    ]
    part.notes = [
        f"{share} renditions a round, {rounds} rounds, {len(bench.photos)} photographs.",
        *NOTES,
        f"Mean size of an answer: {', '.join(sorted(sizes.values())) or 'nobody answered'}.",
    ]
    return part


def _slice(pairs: Pairs, number: int, share: int) -> Pairs:
    return pairs[number * share : (number + 1) * share]


def _gets(pairs: Pairs, path: PathOf) -> list[wrk.Request]:
    return [wrk.Request("GET", path(photo, width)) for photo, width in pairs]


def _warm_up(servers: Sequence[str], pairs: Pairs, path: PathOf) -> None:
    """Have every process import what it needs, and see that the answers are what we think."""
    wrk.walk(servers, _gets(pairs, path), CONNECTIONS)
    photo, width = pairs[0]
    for server in servers:
        with Image.open(io.BytesIO(Client(server).fetch(path(photo, width)).body)) as image:
            if image.format != "JPEG" or image.width != width:
                raise Unavailable(f"{path(photo, width)} is {image.format} {image.width} px wide")
