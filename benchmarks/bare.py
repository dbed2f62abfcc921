"""The bare limits: the same work by two plain processes that do nothing else, without HTTP."""

import hashlib
import multiprocessing
import os
import shutil
import time
from collections.abc import Callable, Sequence
from multiprocessing.synchronize import Barrier
from pathlib import Path
from typing import Any

from PIL import Image
from results import Unavailable

PROCESSES = 2
LIMIT_S = 240


def render(source: Path, width: int, target: Path) -> None:
    """One rendition: read a file, decode no more than needed, scale, write a file."""
    with Image.open(source) as image:
        size = (width, max(1, int(image.height * width / image.width + 0.5)))
        image.draft(None, size)
        image.thumbnail(size, Image.Resampling.LANCZOS, reducing_gap=2.0)
        image.save(target, "JPEG", quality=80)


def store(source: Path, target: Path) -> None:
    """What a durable upload can't do without: hash, write, flush file and folder, rename."""
    temporary = target.with_suffix(".part")
    digest = hashlib.sha256()
    with source.open("rb") as incoming, temporary.open("wb") as outgoing:
        while chunk := incoming.read(65_536):
            digest.update(chunk)
            outgoing.write(chunk)
        outgoing.flush()
        os.fsync(outgoing.fileno())
    temporary.rename(target.with_name(digest.hexdigest()))
    folder = os.open(target.parent, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def store_and_decode(source: Path, target: Path) -> None:
    """`store`, and a decode of every byte, to an eighth of the size, to see that all is sound."""
    store(source, target)
    with Image.open(source) as image:
        image.draft(None, (image.width // 8, image.height // 8))
        image.load()


def rate(task: Callable[..., None], jobs: Sequence[tuple[Any, ...]], scratch: Path) -> float:
    """
    Do every job once in two processes that share the list as they go; jobs a second.

    Args:
        task: One of the functions above.
        jobs: Its arguments; a job's last one is a file below *scratch*.
        scratch: Made before and removed after.

    Raises:
        Unavailable: A process failed or took too long.
    """
    shutil.rmtree(scratch, ignore_errors=True)
    scratch.mkdir(parents=True)
    context = multiprocessing.get_context("spawn")
    gate, following, answers = context.Barrier(PROCESSES), context.Value("i", 0), context.Queue()
    processes = [
        context.Process(target=_work, args=(task, jobs, gate, following, answers), daemon=True)
        for _ in range(PROCESSES)
    ]
    try:
        for process in processes:
            process.start()
        spans = [answers.get(timeout=LIMIT_S) for _ in processes]
    except Exception as error:  # noqa: BLE001  (queue.Empty, or what a broken child left in the pipe)
        raise Unavailable(f"a process of the bare loop failed: {error!r}") from None
    finally:
        for process in processes:
            process.kill()
            process.join()
        shutil.rmtree(scratch, ignore_errors=True)
    return len(jobs) / (max(end for _, end in spans) - min(start for start, _ in spans))


def _work(
    task: Callable[..., None],
    jobs: Sequence[tuple[Any, ...]],
    gate: Barrier,
    following: Any,
    answers: Any,
) -> None:
    """Warm up with the first job, wait for the other process, then take jobs until none is left."""
    scratch = Path(jobs[0][-1]).parent
    task(*jobs[0][:-1], scratch / f"warm-{os.getpid()}")
    gate.wait(LIMIT_S)
    start = time.monotonic()
    while True:
        with following.get_lock():
            at = following.value
            following.value += 1
        if at >= len(jobs):
            break
        task(*jobs[at])
    answers.put((start, time.monotonic()))
