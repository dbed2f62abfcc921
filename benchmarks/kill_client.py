"""Plain blocking HTTP to a node on this machine, in whatever network; a connection a request."""

import contextlib
import http.client
import json
import socket
from collections.abc import Callable
from typing import Any

import attrs

TIMEOUT_S = 30.0
FAILURES = (OSError, http.client.HTTPException)
"""What a node that dies in the middle looks like."""


@attrs.frozen
class Answer:
    """What came back, whole."""

    status: int
    body: bytes

    @property
    def json(self) -> Any:
        """The body, read as JSON."""
        return json.loads(self.body)


Dial = Callable[[int, float], socket.socket]
"""Connects to a port of a node's loopback, within so many seconds."""


def dial_here(port: int, timeout_s: float) -> socket.socket:
    """A `Dial` for nodes whose loopback is ours."""
    return socket.create_connection(("127.0.0.1", port), timeout_s)


def ask(
    port: int,
    method: str,
    path: str,
    body: bytes | None = None,
    timeout_s: float = TIMEOUT_S,
    *,
    dial: Dial = dial_here,
) -> Answer:
    """
    Send one request.

    Raises:
        OSError, http.client.HTTPException: The node was not there to the end.
    """
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=timeout_s)
    with contextlib.closing(connection):
        connection.sock = dial(port, timeout_s)
        connection.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        connection.request(method, path, body)
        reply = connection.getresponse()
        return Answer(reply.status, reply.read())
