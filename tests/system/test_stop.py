"""A node that is told to stop finishes what it has begun, and leaves nothing running."""

import os
import signal
import socket
import time
from typing import Any

import pictures
import processes
import pytest
from processes import until

# twistd ends by the signal it was asked to end by, as init systems expect.
ENDED_WELL = {0, -signal.SIGTERM}


def test_sigterm_finishes_an_upload_under_way(start_node: Any) -> None:
    """A slow upload is taken to its end and kept; new connections are refused meanwhile."""
    node = start_node()
    workers = node.workers()
    image = pictures.photo(300, 200)
    with node.connect() as connection:
        connection.sendall(processes.upload_head(len(image)) + image[:1000])
        until(lambda: node.status()["http"]["under_way"] == 2, "the upload has begun")
        node.send(signal.SIGTERM)
        node.wait_for(r"http\.draining requests=1")
        with pytest.raises(ConnectionRefusedError):
            node.connect()
        connection.sendall(image[1000:])
        reply = processes.reply_on(connection)
    assert 201 == reply.status
    assert node.process.wait(processes.PATIENCE_S) in ENDED_WELL
    assert image == node.original(reply.json["id"]).read_bytes()
    assert [] == node.debris()
    assert [] == [worker for worker in workers if processes.is_alive(worker)]
    assert "Traceback" not in node.log()


def test_sigterm_finishes_a_download_under_way(start_node: Any) -> None:
    """A client that reads slowly gets every byte."""
    node = start_node(environment={"RETICULUM_IMAGING_WORKERS": "1"})
    image = pictures.flat(2600, 2600, "bmp")
    image_id = node.put(image)
    with socket.socket() as connection:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 65_536)
        connection.settimeout(processes.PATIENCE_S)
        connection.connect(("127.0.0.1", node.port))
        path = f"/image/{image_id}/full/image.bmp"
        connection.sendall(f"GET {path} HTTP/1.1\r\nHost: node\r\n\r\n".encode())
        received = connection.recv(1000)
        node.send(signal.SIGTERM)
        node.wait_for(r"http\.draining requests=1")
        while len(received) < len(image) and (chunk := connection.recv(1_000_000)):
            received += chunk
    assert image == received.partition(b"\r\n\r\n")[2]
    assert node.process.wait(processes.PATIENCE_S) in ENDED_WELL


def test_sigterm_finishes_a_rendition_under_way(start_node: Any) -> None:
    """A picture that is being made when the signal comes is made and sent."""
    node = start_node(environment={"RETICULUM_IMAGING_WORKERS": "1"})
    image_id = node.put(pictures.photo(2000, 1500))
    with node.connect() as connection:
        path = f"/image/{image_id}/1500w/image.webp"
        connection.sendall(f"GET {path} HTTP/1.1\r\nHost: node\r\n\r\n".encode())
        until(lambda: node.status()["imaging"]["running"] == 1, "the render has begun")
        node.send(signal.SIGTERM)
        reply = processes.reply_on(connection)
    assert (200, "1500") == (reply.status, reply.headers["x-image-width"])
    assert node.process.wait(processes.PATIENCE_S) in ENDED_WELL
    assert [] == node.debris()


def test_drain_is_bounded_and_idle_connections_do_not_count(start_node: Any) -> None:
    """After drain_s the node cuts off who has not finished; one that only waits, at once."""
    node = start_node(environment={"RETICULUM_HTTP_DRAIN_S": "1", "RETICULUM_IMAGING_WORKERS": "1"})
    with node.connect() as idle, node.connect() as stuck:
        idle.sendall(b"GET /readyz HTTP/1.1\r\nHost: node\r\n\r\n")
        assert 200 == processes.reply_on(idle).status
        stuck.sendall(processes.upload_head(1000) + b"never more")
        until(lambda: node.status()["http"]["under_way"] == 2, "the upload has begun")
        begun = time.monotonic()
        assert node.end() in ENDED_WELL
        assert 1 <= time.monotonic() - begun < 6
        assert b"" == processes.everything(idle)
    assert node.logged(r"http\.cut_off requests=1")
    assert [] == node.debris()
    assert "Traceback" not in node.log()


def test_draining_node_is_not_ready(start_node: Any) -> None:
    """A load balancer that asks on its open connection hears 503, and that it is the last."""
    node = start_node(environment={"RETICULUM_IMAGING_WORKERS": "1"})
    with node.connect() as balancer, node.connect() as busy:
        # A connection that is never used before the drain stays open during it.
        image = pictures.flat()
        busy.sendall(processes.upload_head(len(image)) + image[:10])
        until(lambda: node.status()["http"]["under_way"] == 2, "the upload has begun")
        node.send(signal.SIGTERM)
        node.wait_for(r"http\.draining")
        balancer.sendall(b"GET /readyz HTTP/1.1\r\nHost: node\r\n\r\n")
        reply = processes.reply_on(balancer)
        assert (503, "application/problem+json") == (reply.status, reply.kind)
        assert {"retry-after", "connection"} <= reply.headers.keys()
        assert b"" == processes.everything(balancer)
        busy.sendall(image[10:])
        assert 201 == processes.reply_on(busy).status
    assert node.process.wait(processes.PATIENCE_S) in ENDED_WELL


def test_ctrl_c_ends_cleanly(start_node: Any) -> None:
    """Ctrl+C reaches node and workers alike: an upload under way is finished all the same."""
    node = start_node()
    workers = node.workers()
    assert 2 == len(workers) or os.cpu_count() != 2
    image = pictures.photo(300, 200)
    with node.connect() as connection:
        connection.sendall(processes.upload_head(len(image)) + image[:1000])
        until(lambda: node.status()["http"]["under_way"] == 2, "the upload has begun")
        os.killpg(node.pid, signal.SIGINT)
        node.wait_for(r"http\.draining")
        connection.sendall(image[1000:])
        assert 201 == processes.reply_on(connection).status
    assert node.process.wait(processes.PATIENCE_S) in {0, -signal.SIGINT}
    assert [] == [worker for worker in workers if processes.is_alive(worker)]
    assert "Traceback" not in node.log()


def test_sigterm_while_starting_ends_cleanly(start_node: Any) -> None:
    """A signal before the node serves ends it, with its workers, and is told as no failure."""
    node = start_node(is_awaited=False)
    workers = until(node.workers, "workers are started")
    assert node.end() in ENDED_WELL
    until(lambda: not any(map(processes.is_alive, workers)), "no worker is left", within_s=2)
    assert not node.logged(r"Traceback|node\.refused|node\.failed")
