"""Who takes more than a share is held off, and the others are served."""

import contextlib
import socket
import time
from http.client import HTTPException
from pathlib import Path
from typing import Any

import pictures
import processes
import pytest
from processes import until

CHUNKED = b"POST /v1/images HTTP/1.1\r\nHost: node\r\nTransfer-Encoding: chunked\r\n\r\n"


def test_slow_loris_is_hung_up_on(start_node: Any) -> None:
    """A head that never ends, a body that pauses, a silent connection: closed after idle time."""
    node = start_node(environment={"RETICULUM_HTTP_IDLE_TIMEOUT_S": "1"})
    with contextlib.ExitStack() as stack:
        openings = {
            "silent": b"",
            "half a head": b"GET /healthz HTTP/1.1\r\nHost: no",
            "half a body": processes.upload_head(1000) + bytes(10),
            "a chunk": CHUNKED + b"1",
        }
        connections = {}
        for what, opening in openings.items():
            connections[what] = connection = stack.enter_context(node.connect())
            connection.sendall(opening)
        begun = time.monotonic()
        for what, connection in connections.items():
            connection.settimeout(processes.PATIENCE_S)
            assert b"" == processes.everything(connection), what
        assert time.monotonic() - begun < 10
    node.must_be_clean()
    assert 1 == node.status()["http"]["connections"]


def test_head_byte_by_byte_is_hung_up_on(start_node: Any) -> None:
    """A client that keeps a connection with one byte of its head now and then is not let."""
    node = start_node(environment={"RETICULUM_HTTP_IDLE_TIMEOUT_S": "1"})
    with node.connect() as connection:
        begun = time.monotonic()
        head = b"GET /healthz HTTP/1.1\r\nHost: node\r\nX-Slow: "
        with contextlib.suppress(ConnectionError):
            connection.sendall(head)
            while time.monotonic() < begun + 10:
                connection.sendall(b"a")
                time.sleep(0.1)
        assert time.monotonic() - begun < 8
    node.must_be_clean()


def test_connection_over_the_bound_is_closed(start_node: Any) -> None:
    """One connection too many is closed at once; when one has gone, the next is served."""
    node = start_node(environment={"RETICULUM_HTTP_MAX_CONNECTIONS": "5"})
    with contextlib.ExitStack() as stack:
        taken = [stack.enter_context(node.connect()) for _ in range(5)]
        taken[0].sendall(b"GET /v1/status HTTP/1.1\r\nHost: node\r\n\r\n")
        assert 5 == processes.reply_on(taken[0]).json["http"]["connections"]
        with node.connect() as one_more:
            assert b"" == processes.everything(one_more)
        taken[1].sendall(b"GET /readyz HTTP/1.1\r\nHost: node\r\n\r\n")
        assert 200 == processes.reply_on(taken[1]).status
    until(lambda: _is_served(node), "a place is free again")


def _is_served(node: processes.Node) -> bool:
    with contextlib.suppress(OSError, HTTPException):
        return node.get("/readyz").status == 200
    return False


@pytest.mark.parametrize("kind", ["image/png", "multipart/form-data; boundary=XboundaryX"])
def test_upload_over_the_bound_is_told_to_come_back(start_node: Any, kind: str) -> None:
    """503 with Retry-After, before the body is sent; downloads go on; then there is a place."""
    node = start_node(environment={"RETICULUM_HTTP_MAX_UPLOADS": "2"})
    image = pictures.flat()
    with node.connect() as first, node.connect() as second:
        for connection in (first, second):
            connection.sendall(processes.upload_head(len(image)) + image[:20])
        until(lambda: node.status()["http"]["under_way"] == 3, "two uploads are under way")
        with node.connect() as third:
            third.sendall(processes.upload_head(1000, f"Content-Type: {kind}"))
            reply = processes.reply_on(third)
        assert (503, "application/problem+json") == (reply.status, reply.kind)
        assert int(reply.headers["retry-after"]) >= 1
        assert 200 == node.get("/v1/images").status
        first.sendall(image[20:])
        assert 201 == processes.reply_on(first).status
        assert node.put(pictures.flat(colour=pictures.BLUE))
    node.must_be_clean()


def test_upload_that_takes_too_long_is_cut_off(start_node: Any) -> None:
    """An upload that trickles for ever ends at its own deadline, with 504 and no file."""
    node = start_node(environment={"RETICULUM_HTTP_UPLOAD_DEADLINE_S": "1"})
    with node.connect() as connection:
        connection.sendall(processes.upload_head(100_000))
        connection.setblocking(False)
        end = time.monotonic() + 10
        with contextlib.suppress(ConnectionError):
            while not _is_answered(connection):
                assert time.monotonic() < end
                connection.send(b"a")
                time.sleep(0.05)
        connection.settimeout(processes.PATIENCE_S)
        assert 504 == processes.reply_on(connection).status
    node.must_be_clean()


def _is_answered(connection: Any) -> bool:
    with contextlib.suppress(BlockingIOError):
        return bool(connection.recv(1, socket.MSG_PEEK))
    return False


@pytest.mark.parametrize("how", ["raw", "form"])
def test_memory_does_not_grow_with_an_upload(start_node: Any, how: str) -> None:
    """40 MB in one upload move the node's memory by less than 10 MB, at any moment of it."""
    node = start_node()
    node.put(pictures.flat())  # what is imported late is in memory now
    headers, small = processes.form(("image", pictures.flat(colour=pictures.GREEN)))
    assert 201 == node.ask("POST", "/v1/images", small, headers).status
    image = pictures.flat(3650, 3650, "bmp")
    body, kind = image, "image/bmp"
    if how == "form":
        headers, body = processes.form(("image", image))
        kind = headers["Content-Type"]
    (Path(node.proc) / "clear_refs").write_text("5")  # VmHWM begins anew
    before = node.resident_bytes()
    reply = node.ask("POST", "/v1/images", body, {"Content-Type": kind})
    assert (201, len(image)) == (reply.status, reply.json["bytes"])
    assert 39_000_000 < len(image)
    assert node.resident_bytes("VmHWM") - before < 10_000_000
    before = node.resident_bytes()
    (Path(node.proc) / "clear_refs").write_text("5")
    assert image == node.get(reply.json["url"]).body
    assert node.resident_bytes("VmHWM") - before < 10_000_000
