"""(d) Uploads, next to writing, hashing and decoding the same bytes without a server."""

import os
import shutil
from pathlib import Path

import bare
import node_server
import wrk
from bench import Bench, attempted
from photos import distinct
from results import Contender, Part, Series, interleave

CONNECTIONS = 4
TITLE = "uploads of 2560x1600 JPEGs, 4 connections"


def uploads(bench: Bench) -> Part:
    """Everyone takes the same files in a round; each round has files that nobody saw before."""
    part = Part("d", TITLE)
    rounds, copies = bench.amount(5, 2), bench.amount(6, 1)
    incoming = bench.scratch / "incoming"
    sizes: dict[int, int] = {}

    def files(number: int) -> list[Path]:
        folder = incoming / str(number)
        if not folder.exists():
            shutil.rmtree(incoming, ignore_errors=True)
            _write(folder, bench.photos, copies, number)
            sizes[number] = sum(path.stat().st_size for path in folder.iterdir())
        return sorted(folder.iterdir())

    def loop(task: object) -> object:
        folder = bench.scratch / "bare"

        def measure(number: int) -> float:
            jobs = [(source, folder / source.name) for source in files(number)]
            return bare.rate(task, jobs, folder)

        return measure

    with attempted(node_server.node(bench.scratch / "node-d", bench.photos)) as node:

        def upload(number: int) -> float:
            requests = [wrk.Request("POST", "/v1/images", source) for source in files(number)]
            return wrk.walk([node.running.url], requests, CONNECTIONS).rate

        stored, decoded, ours = interleave(
            [
                Contender("bare: hash, write, flush; 2 processes", loop(bare.store)),
                Contender("bare: the same and decode; 2 processes", loop(bare.store_and_decode)),
                Contender("reticulum", node.running and upload, node.missing),
            ],
            rounds,
            "images/s",
        )
    shutil.rmtree(incoming, ignore_errors=True)
    part.add(stored, decoded, ours)
    for series in (stored, decoded, ours):
        part.add(_megabytes(series, sizes, len(bench.photos) * copies))
    part.add(ours.per(stored, "reticulum / bare without decoding"))
    part.add(ours.per(decoded, "reticulum / bare with decoding"))
    part.notes = [
        f"{len(bench.photos) * copies} files a round, {rounds} rounds, sent by wrk.",
        "The node answers once the bytes are on the disk and all of them were decoded.",
        "A JPEG is decoded to an eighth of its size, by the node and by the bare loop.",
        "There is no target for this one.",
    ]
    return part


def _write(folder: Path, photos: list[Path], copies: int, number: int) -> None:
    """Files on disk for good, so that writing them does not go on during the measurement."""
    folder.mkdir(parents=True)
    for copy in range(copies):
        for photo in photos:
            path = folder / f"{photo.stem}-{copy}.jpg"
            with path.open("wb") as target:
                target.write(distinct(photo.read_bytes(), number * copies + copy))
                target.flush()
                os.fsync(target.fileno())


def _megabytes(series: Series, sizes: dict[int, int], files: int) -> Series:
    values = tuple(rate * sizes[at] / files / 1e6 for at, rate in enumerate(series.values))
    return Series(series.name, "MB/s", values, series.missing)
