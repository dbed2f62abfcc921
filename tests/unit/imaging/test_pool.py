import os
import signal
import subprocess
import sys
import textwrap
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pictures
import pytest
from twisted.internet import reactor
from twisted.internet.defer import CancelledError, Deferred, DeferredList
from twisted.internet.task import deferLater

import reticulum
from reticulum.errors import BeyondLimits, Busy, DamagedImage, OutOfTime, StartError
from reticulum.imaging.limits import Limits
from reticulum.imaging.pool import Pool
from reticulum.imaging.spec import parse
from reticulum.model import Format, Size

PATIENT = Limits(deadline_s=60)
SLOW, SLOW_SPEC, SLOW_OUTPUT = pictures.slow()


@asynccontextmanager
async def _pool(
    workers: int = 1, queue: int = 4, limits: Limits = PATIENT, recycle_after: int = 1000
) -> AsyncIterator[Pool]:
    pool = Pool(
        process_reactor=reactor,
        clock=reactor,
        workers=workers,
        queue=queue,
        limits=limits,
        recycle_after=recycle_after,
    )
    await pool.start()
    try:
        yield pool
    finally:
        await pool.stop()


def _file(tmp_path: Path, data: bytes) -> Path:
    path = tmp_path / f"{len(list(tmp_path.iterdir()))}"
    path.write_bytes(data)
    return path


def _slow(pool: Pool, tmp_path: Path) -> Deferred[None]:
    """Begin a rendition that takes seconds."""
    source = _file(tmp_path, SLOW)
    target = tmp_path / f"target{len(list(tmp_path.iterdir()))}"
    return Deferred.fromCoroutine(
        pool.render(source, parse(SLOW_SPEC), Format(SLOW_OUTPUT), target)
    )


def _quick(pool: Pool, tmp_path: Path) -> Deferred[Any]:
    return Deferred.fromCoroutine(pool.inspect(_file(tmp_path, pictures.flat())))


async def _until(true: Callable[[], bool]) -> None:
    """Come back when something has become true; there is no event for news of other processes."""
    while not true():
        await deferLater(reactor, 0.01)


def _pids(pool: Pool) -> list[int]:
    return [child.pid for child in pool._children if child.pid is not None]


def _has_begun(pool: Pool) -> bool:
    return any(child._pipes.begun for child in pool._children)


async def _is_gone(pid: int) -> None:
    await _until(lambda: not Path(f"/proc/{pid}").exists())


async def test_counts(tmp_path: Path) -> None:
    """The status says what runs, what waits, and what became of the rest."""
    async with _pool(workers=1, queue=1) as pool:
        first, second = _slow(pool, tmp_path), _quick(pool, tmp_path)
        status = pool.status()
        await second
        await first

        assert (1, 1, 1) == (status.running, status.queued, status.workers)
        assert (0, 0, 2, 0) == (
            pool.status().running,
            pool.status().queued,
            pool.status().rendered,
            pool.status().failed,
        )


async def test_full_queue_is_busy(tmp_path: Path) -> None:
    """One more than workers and places is turned away with a time to come back."""
    async with _pool(workers=1, queue=1) as pool:
        jobs = [_slow(pool, tmp_path), _quick(pool, tmp_path)]
        with pytest.raises(Busy) as caught:
            await _quick(pool, tmp_path)

        assert caught.value.retry_after_s >= 1
        for job in jobs:
            job.cancel()
        await DeferredList(jobs, consumeErrors=True)


async def test_first_come_first_served(tmp_path: Path) -> None:
    """Waiting jobs are done in the order they came."""
    order: list[int] = []
    async with _pool(workers=1, queue=9) as pool:
        jobs = [_quick(pool, tmp_path) for _ in range(6)]
        for number, job in enumerate(jobs):
            job.addCallback(lambda _, number=number: order.append(number))
        await DeferredList(jobs)

    assert [0, 1, 2, 3, 4, 5] == order


async def test_cancelled_waiter_leaves_the_queue(tmp_path: Path) -> None:
    """A caller who goes away gives the place free, and its job is not begun."""
    async with _pool(workers=1, queue=1) as pool:
        running, waiting = _slow(pool, tmp_path), _quick(pool, tmp_path)
        waiting.cancel()
        with pytest.raises(CancelledError):
            await waiting

        assert 0 == pool.status().queued
        running.cancel()
        await DeferredList([running], consumeErrors=True)


async def test_cancelled_job_frees_its_worker(tmp_path: Path) -> None:
    """Cancelling a running job ends its process, writes nothing, and others are served."""
    async with _pool() as pool:
        job = _slow(pool, tmp_path)
        pid = _pids(pool)[0]
        job.cancel()
        with pytest.raises(CancelledError):
            await job
        await _is_gone(pid)

        assert Size(60, 40) == (await _quick(pool, tmp_path)).size
        assert [] == list(tmp_path.glob("target*"))


async def test_deadline_kills_one_job_only(tmp_path: Path) -> None:
    """A job past its deadline is `OutOfTime`; its process is gone and the pool whole again."""
    async with _pool(workers=2, limits=Limits(deadline_s=0.5)) as pool:
        job = _slow(pool, tmp_path)
        quick = await _quick(pool, tmp_path)
        with pytest.raises(OutOfTime, match=r"0\.5 s"):
            await job
        await _until(lambda: pool.status().workers == 2)

        assert Size(60, 40) == quick.size
        assert 1 == pool.status().killed
        assert [] == list(tmp_path.glob("target*"))


async def test_stopped_worker_is_killed_at_the_deadline(tmp_path: Path) -> None:
    """A process that does not even run any more costs its one job."""
    async with _pool(limits=Limits(deadline_s=0.3)) as pool:
        pid = _pids(pool)[0]
        os.kill(pid, signal.SIGSTOP)
        with pytest.raises(OutOfTime):
            await _quick(pool, tmp_path)
        await _is_gone(pid)

        assert Size(60, 40) == (await _quick(pool, tmp_path)).size


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGSEGV])
async def test_crash_costs_one_job(tmp_path: Path, number: int) -> None:
    """A decoder that crashes damages the image it was at, and nothing else."""
    async with _pool() as pool:
        job = _slow(pool, tmp_path)
        waiting = _quick(pool, tmp_path)
        await _until(lambda: _has_begun(pool))
        os.kill(_pids(pool)[0], number)
        with pytest.raises(DamagedImage, match="broke down"):
            await job

        assert Size(60, 40) == (await waiting).size
        assert (1, 1) == (pool.status().failed, pool.status().killed)


async def test_idle_worker_may_die(tmp_path: Path) -> None:
    """A process that dies while it has nothing to do costs no job, even if news comes late."""
    async with _pool(workers=2) as pool:
        for pid in _pids(pool):
            os.kill(pid, signal.SIGKILL)
        found = [await _quick(pool, tmp_path) for _ in range(3)]
        await _until(lambda: pool.status().workers == 2)

        assert [Size(60, 40)] * 3 == [facts.size for facts in found]
        assert 0 == pool.status().failed


async def test_memory_is_bounded(tmp_path: Path) -> None:
    """An image that takes more memory than a worker has is beyond the limits."""
    limits = Limits(memory_bytes=300_000_000, deadline_s=60)
    async with _pool(limits=limits) as pool:
        with pytest.raises(BeyondLimits, match="memory"):
            await pool.inspect(_file(tmp_path, pictures.hungry()))

        assert Size(60, 40) == (await _quick(pool, tmp_path)).size


async def test_result_bytes_are_bounded(tmp_path: Path) -> None:
    """A result longer than allowed is refused."""
    async with _pool(limits=Limits(output_bytes=1000)) as pool:
        source = _file(tmp_path, pictures.photo())
        with pytest.raises(BeyondLimits, match="bytes"):
            await pool.render(source, parse("full"), Format.PNG, tmp_path / "target")

        assert not (tmp_path / "target").exists()


async def test_workers_are_recycled(tmp_path: Path) -> None:
    """After so many jobs a worker is replaced, and no job notices."""
    async with _pool(recycle_after=2) as pool:
        pids = set()
        for _ in range(6):
            pids |= set(_pids(pool))
            await _quick(pool, tmp_path)

        assert 3 <= len(pids)
        assert (6, 0, 0) == (pool.status().rendered, pool.status().failed, pool.status().killed)


async def test_stop_leaves_no_child(tmp_path: Path) -> None:
    """Stopping ends every process and tells everyone who waits; twice is as good as once."""
    async with _pool(workers=2) as pool:
        jobs = [_slow(pool, tmp_path) for _ in range(2)] + [_quick(pool, tmp_path)]
        pids = _pids(pool)
        await pool.stop()
        await pool.stop()

        for job in jobs:
            with pytest.raises(Busy):
                await job
        assert not any(Path(f"/proc/{pid}").exists() for pid in pids)
        with pytest.raises(Busy):
            await _quick(pool, tmp_path)


async def test_stop_while_starting() -> None:
    """A pool can be stopped before its workers are ready."""
    pool = Pool(process_reactor=reactor, clock=reactor, workers=2, queue=0, limits=PATIENT)
    starting = Deferred.fromCoroutine(pool.start())
    pids = _pids(pool)
    await pool.stop()
    with pytest.raises(StartError):
        await starting

    assert 2 == len(pids)
    assert not any(Path(f"/proc/{pid}").exists() for pid in pids)


async def test_start_tells_when_no_worker_can() -> None:
    """Workers that cannot begin are an error at the start, and none is tried for ever."""

    class Broken:
        """Starts a program that ends at once, whatever it is asked to start."""

        def spawnProcess(self, protocol: Any, *_: Any, childFDs: Any) -> Any:  # noqa: N802, N803
            return reactor.spawnProcess(protocol, "/bin/false", ["false"], {}, childFDs=childFDs)

    pool = Pool(process_reactor=Broken(), clock=reactor, workers=1, queue=0, limits=PATIENT)
    with pytest.raises(StartError):
        await pool.start()

    assert [] == _pids(pool)


async def test_worker_is_bounded_and_bare() -> None:
    """A worker is nice, ignores the terminal's signals, and sees none of the node's environment."""
    os.environ["RETICULUM_TEST_SECRET"] = "x"  # noqa: S105 -- a word to look for
    try:
        async with _pool() as pool:
            pid = _pids(pool)[0]
            environment = Path(f"/proc/{pid}/environ").read_bytes()
            limits = Path(f"/proc/{pid}/limits").read_text("ascii")
            fields = Path(f"/proc/{pid}/stat").read_text("ascii").rpartition(")")[2].split()
            for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
                os.kill(pid, number)

            assert b"SECRET" not in environment
            assert b"HOME=" not in environment
            assert "10" == fields[16]
            assert str(PATIENT.memory_bytes) in limits
            assert str(PATIENT.output_bytes) in limits
            assert pid in _pids(pool)
    finally:
        del os.environ["RETICULUM_TEST_SECRET"]


def test_worker_imports_little() -> None:
    """A worker holds neither the web nor the overlay, and the pool itself no Pillow."""
    script = (
        "import sys, reticulum.imaging.{}; "
        "print([name for name in ('klein', 'treq', 'kademlia', 'PIL') if name in sys.modules])"
    )
    environment = {"PYTHONPATH": str(Path(reticulum.__file__).parents[1])}
    found = [
        subprocess.run(
            [sys.executable, "-c", script.format(module)],
            env=environment,
            capture_output=True,
            text=True,
            check=True,
        ).stdout.strip()
        for module in ("pool", "worker", "spec", "geometry", "pipeline")
    ]

    assert ["[]", "['PIL']", "[]", "[]", "[]"] == found


async def test_no_worker_outlives_a_killed_node(tmp_path: Path) -> None:
    """When the node is killed, its workers die too, even in the middle of a job."""
    script = textwrap.dedent(
        """
        import sys
        from pathlib import Path
        from twisted.internet import reactor
        from twisted.internet.defer import Deferred
        from reticulum.imaging.limits import Limits
        from reticulum.imaging.pool import Pool
        from reticulum.imaging.spec import parse
        from reticulum.model import Format

        async def run():
            pool = Pool(process_reactor=reactor, clock=reactor, workers=2, queue=1, limits=Limits())
            await pool.start()
            job = pool.render(Path(sys.argv[1]), parse(sys.argv[2]), Format(sys.argv[3]),
                              Path(sys.argv[4]))
            Deferred.fromCoroutine(job)
            print(*[child.pid for child in pool._children], flush=True)

        reactor.callWhenRunning(lambda: Deferred.fromCoroutine(run()))
        reactor.run()
        """
    )
    source = _file(tmp_path, SLOW)
    with subprocess.Popen(  # noqa: ASYNC220 -- there is nothing else to do meanwhile
        [sys.executable, "-c", script, source, SLOW_SPEC, SLOW_OUTPUT, tmp_path / "target"],
        env={"PYTHONPATH": str(Path(reticulum.__file__).parents[1])},
        stdout=subprocess.PIPE,
    ) as node:
        assert node.stdout is not None
        pids = [int(word) for word in node.stdout.readline().split()]
        for pid in pids:
            os.kill(pid, signal.SIGSTOP)  # now it cannot notice by itself that its pipe is closed
        node.kill()

    assert 2 == len(pids)
    try:
        for pid in pids:
            await Deferred.fromCoroutine(_is_gone(pid)).addTimeout(10, reactor)
    finally:
        for pid in pids:
            if Path(f"/proc/{pid}").exists():
                os.kill(pid, signal.SIGKILL)
