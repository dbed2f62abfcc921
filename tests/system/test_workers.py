"""An image that is too much for a worker costs that one request, never the node."""

import contextlib
import os
import signal
import threading
import time
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pictures
import processes
import pytest
from processes import Node, Reply, until

ONE_WORKER = {"RETICULUM_IMAGING_WORKERS": "1"}
TWO_WORKERS = {"RETICULUM_IMAGING_WORKERS": "2"}


@pytest.fixture
def clients() -> Iterator[ThreadPoolExecutor]:
    """Threads that wait for answers."""
    with ThreadPoolExecutor(4) as pool:
        yield pool


def _slow(node: Node) -> str:
    """Path of a rendition that takes a worker many seconds."""
    return f"/image/{node.put(pictures.photo(3000, 2000))}/8000w,enlarge=1/image.avif"


def _begin(clients: ThreadPoolExecutor, node: Node, path: str) -> "Future[Reply]":
    """Ask for what takes long; it is on a worker when the call returns."""
    before = node.status()["imaging"]["running"]
    reply = clients.submit(node.get, path)
    until(lambda: node.status()["imaging"]["running"] > before or reply.done(), "it is begun")
    assert not reply.done(), reply.result()
    return reply


def _must_be_whole(node: Node, workers: int) -> None:
    """New workers are started within a second, and take jobs as soon as they are up."""
    until(lambda: len(node.workers()) == workers, "the workers are replaced", within_s=1)
    until(lambda: node.status()["imaging"]["workers"] == workers, "the pool is whole")
    node.must_be_clean()


def test_deadline_costs_one_request(start_node: Any, clients: ThreadPoolExecutor) -> None:
    """A render past its deadline is 504, others are served meanwhile, the pool is whole again."""
    node = start_node(environment={**TWO_WORKERS, "RETICULUM_IMAGING_DEADLINE_S": "2"})
    photo = node.put(pictures.photo(400, 300))
    begun = time.monotonic()
    slow = _begin(clients, node, _slow(node))
    assert 200 == node.get(f"/image/{photo}/20w/image.jpg").status
    assert not slow.done()
    reply = slow.result(processes.PATIENCE_S)
    assert (504, "application/problem+json") == (reply.status, reply.kind)
    assert 2 <= time.monotonic() - begun < 10
    assert "2 s" in reply.json["detail"]
    _must_be_whole(node, 2)
    assert 1 == node.status()["imaging"]["killed"]
    assert 200 == node.get(f"/image/{photo}/99w/image.jpg").status


def test_memory_eater_costs_one_request(start_node: Any) -> None:
    """An image that needs more memory than a worker has is refused, and others go on."""
    node = start_node(environment={**ONE_WORKER, "RETICULUM_IMAGING_MEMORY_BYTES": "450000000"})
    reply = node.ask("POST", "/v1/images", pictures.hungry())
    assert (422, "application/problem+json") == (reply.status, reply.kind)
    assert {} == node.originals()
    photo = node.put(pictures.photo(400, 300))
    assert 200 == node.get(f"/image/{photo}/100w/image.jpg").status
    _must_be_whole(node, 1)


def test_stopped_worker_is_replaced_at_the_deadline(start_node: Any) -> None:
    """A worker that no longer moves, for whatever reason, costs its request and is replaced."""
    node = start_node(environment={**ONE_WORKER, "RETICULUM_IMAGING_DEADLINE_S": "1"})
    (stopped,) = node.workers()
    os.kill(stopped, signal.SIGSTOP)
    begun = time.monotonic()
    reply = node.ask("POST", "/v1/images", pictures.photo(400, 300))
    assert 504 == reply.status
    assert 1 <= time.monotonic() - begun < 5
    assert {} == node.originals()
    _must_be_whole(node, 1)
    assert not processes.is_alive(stopped)
    assert node.put(pictures.photo(400, 300))


def test_killed_worker_costs_one_request(start_node: Any, clients: ThreadPoolExecutor) -> None:
    """What the worker had is refused; what waited behind it is done by the next worker."""
    node = start_node(environment=ONE_WORKER)
    photo = node.put(pictures.photo(400, 300))
    slow = _begin(clients, node, _slow(node))
    waiting = clients.submit(node.get, f"/image/{photo}/100w/image.jpg")
    until(lambda: node.status()["imaging"]["queued"] == 1, "one waits")
    (worker,) = node.workers()
    os.kill(worker, signal.SIGKILL)
    assert 422 == slow.result(processes.PATIENCE_S).status
    assert 200 == waiting.result(processes.PATIENCE_S).status
    _must_be_whole(node, 1)


def test_idle_worker_that_is_killed_costs_nothing(start_node: Any) -> None:
    """The request that comes right after is done by another."""
    node = start_node(environment=TWO_WORKERS)
    for worker in node.workers():
        os.kill(worker, signal.SIGKILL)
    assert node.put(pictures.photo(400, 300))
    _must_be_whole(node, 2)


def test_killed_node_takes_its_workers_along(start_node: Any, clients: ThreadPoolExecutor) -> None:
    """Two seconds after SIGKILL of the node no worker runs, in the middle of a decode or idle."""
    node = start_node(environment=TWO_WORKERS)
    path = _slow(node)
    workers = node.workers()
    assert 2 == len(workers)
    with node.connect() as connection:
        connection.sendall(f"GET {path} HTTP/1.1\r\nHost: node\r\n\r\n".encode())
        until(lambda: node.status()["imaging"]["running"] == 1, "it is begun")
        node.end(signal.SIGKILL)
    until(lambda: not any(map(processes.is_alive, workers)), "no worker is left", within_s=2)


def test_equal_requests_are_one_render(start_node: Any) -> None:
    """100 requests at once for one new rendition: one render, and the same bytes for all."""
    node = start_node(environment=TWO_WORKERS)
    photo = node.put(pictures.photo(1600, 1200))
    before = node.status()["imaging"]["renditions"]
    together = threading.Barrier(100)

    def ask(_: int) -> Reply:
        together.wait(processes.PATIENCE_S)
        return node.get(f"/image/{photo}/800w/image.webp")

    with ThreadPoolExecutor(100) as hundred:
        replies = list(hundred.map(ask, range(100)))
    assert {200} == {reply.status for reply in replies}
    assert 1 == len({reply.body for reply in replies})
    assert before + 1 == node.status()["imaging"]["renditions"]
    node.must_be_clean()


def test_full_queue_is_told_to_come_back(start_node: Any, clients: ThreadPoolExecutor) -> None:
    """With every place taken, uploads and new renditions are 503; what is cached is served."""
    node = start_node(environment={**ONE_WORKER, "RETICULUM_IMAGING_QUEUE": "1"})
    photo = node.put(pictures.photo(400, 300))
    cached = f"/image/{photo}/100w/image.jpg"
    assert 200 == node.get(cached).status
    (worker,) = node.workers()
    os.kill(worker, signal.SIGSTOP)
    slow = _begin(clients, node, f"/image/{photo}/200w/image.jpg")
    waiting = clients.submit(node.get, f"/image/{photo}/101w/image.jpg")
    until(lambda: node.status()["imaging"]["queued"] == 1, "one waits")
    for reply in (
        node.get(f"/image/{photo}/102w/image.jpg"),
        node.ask("POST", "/v1/images", pictures.flat()),
    ):
        assert (503, "application/problem+json") == (reply.status, reply.kind)
        assert int(reply.headers["retry-after"]) >= 1
    for _ in range(5):
        assert 200 == node.get(cached).status
    assert {photo} == node.originals().keys()
    os.kill(worker, signal.SIGCONT)
    assert 200 == slow.result(processes.PATIENCE_S).status
    assert 200 == waiting.result(processes.PATIENCE_S).status
    assert node.put(pictures.flat())
    node.must_be_clean()


def test_workers_know_nothing_of_the_node(start_node: Any) -> None:
    """Who takes over a worker finds no setting, no key and no socket in it."""
    node = start_node(environment={"RETICULUM_HTTP_UPLOAD_KEYS": "a-secret-upload-key"})
    for worker in node.workers():
        proc = Path("/proc") / str(worker)
        assert b"RETICULUM" not in (proc / "environ").read_bytes()
        links = _links(proc)
        assert not any(str(node.data) in link for link in links)
        # it has sockets of its own: the wake-up pair of its event loop
        assert not {link for link in links & _links(node.proc) if link.startswith("socket:")}


def _links(proc: Path) -> set[str]:
    """What is open now; what is closed while one looks is no longer."""
    found = set()
    for link in (proc / "fd").iterdir():
        with contextlib.suppress(FileNotFoundError):
            found.add(str(link.readlink()))
    return found
