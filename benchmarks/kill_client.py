"""Plain blocking HTTP to a node on this machine; a connection a request."""

import contextlib
import http.client
import json
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


def ask(
    port: int, method: str, path: str, body: bytes | None = None, timeout_s: float = TIMEOUT_S
) -> Answer:
    """
    Send one request.

    Raises:
        OSError, http.client.HTTPException: The node was not there to the end.
    """
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=timeout_s)
    with contextlib.closing(connection):
        connection.request(method, path, body)
        reply = connection.getresponse()
        return Answer(reply.status, reply.read())
