"""A small HTTP client for what wrk does not do: set up, check, mixed requests, bursts."""

import dataclasses
import http.client
import json
import threading
import urllib.parse
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from results import Unavailable

TIMEOUT_S = 60.0
BLOCK = 65_536


@dataclasses.dataclass(frozen=True)
class Answer:
    """What came back."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        """The body, read as JSON."""
        return json.loads(self.body)


class Client:
    """
    Requests to one server over kept connections, one connection a thread.

    Args:
        base: Such as `http://127.0.0.1:8080`.
    """

    def __init__(self, base: str) -> None:
        self._host = urllib.parse.urlsplit(base).netloc
        self._local = threading.local()

    def ask(
        self,
        method: str,
        path: str,
        body: bytes | Path | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Answer:
        """Send a request; a kept connection that the server has closed is opened again once."""
        try:
            return self._ask(method, path, body, headers or {})
        except (http.client.HTTPException, ConnectionError):
            self.close()
            return self._ask(method, path, body, headers or {})

    def get(self, path: str, headers: Mapping[str, str] | None = None) -> Answer:
        """GET."""
        return self.ask("GET", path, headers=headers)

    def fetch(self, path: str) -> Answer:
        """
        GET what must be there.

        Raises:
            Unavailable: The answer is not 200.
        """
        answer = self.get(path)
        if answer.status != 200:
            raise Unavailable(f"GET {path} was answered {answer.status}: {answer.body[:200]!r}")
        return answer

    def close(self) -> None:
        """Close this thread's connection."""
        if connection := getattr(self._local, "connection", None):
            connection.close()
            self._local.connection = None

    def _ask(
        self, method: str, path: str, body: bytes | Path | None, headers: Mapping[str, str]
    ) -> Answer:
        if not getattr(self._local, "connection", None):
            self._local.connection = http.client.HTTPConnection(
                self._host, timeout=TIMEOUT_S, blocksize=BLOCK
            )
        connection = self._local.connection
        if isinstance(body, Path):
            length = {"Content-Length": str(body.stat().st_size)}
            with body.open("rb") as source:
                connection.request(method, path, source, {**headers, **length})
        else:
            connection.request(method, path, body, dict(headers))
        reply = connection.getresponse()
        content = reply.read()
        return Answer(reply.status, {k.lower(): v for k, v in reply.getheaders()}, content)


def burst(base: str, path: str, number: int) -> list[Answer]:
    """The same GET *number* times at once: all connections are open before the first request."""
    host = urllib.parse.urlsplit(base).netloc
    gate = threading.Barrier(number)
    answers: list[Answer] = []

    def one() -> None:
        connection = http.client.HTTPConnection(host, timeout=TIMEOUT_S)
        connection.connect()
        gate.wait(TIMEOUT_S)
        connection.request("GET", path)
        reply = connection.getresponse()
        answers.append(Answer(reply.status, {}, reply.read()))
        connection.close()

    threads = [threading.Thread(target=one, daemon=True) for _ in range(number)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(TIMEOUT_S)
    return answers
