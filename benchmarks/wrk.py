"""Load from wrk: a list of requests walked exactly once, or a set of URLs hit for some seconds."""

import contextlib
import dataclasses
import functools
import json
import signal
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import environment
from results import Unavailable

HERE = Path(__file__).resolve().parent
TIMEOUT = "60s"  # of one request
WALK_LIMIT_S = 240


@dataclasses.dataclass(frozen=True)
class Request:
    """One line of a list; `body` is the file to send."""

    method: str
    path: str
    body: Path | None = None

    def __str__(self) -> str:
        parts = [self.method, self.path, *([str(self.body)] if self.body else [])]
        return "\t".join(parts)


@dataclasses.dataclass(frozen=True)
class Walked:
    """A list that was worked off: requests answered, and seconds from the first to the last."""

    requests: int
    seconds: float
    bytes: int

    @property
    def rate(self) -> float:
        """Requests a second."""
        return self.requests / self.seconds


@dataclasses.dataclass(frozen=True)
class Hit:
    """What wrk saw while it hit a set of URLs."""

    rate: float
    size: float  # of an answer with its headers, in bytes
    p50_ms: float
    p99_ms: float


def walk(servers: Sequence[str], requests: Sequence[Request], connections: int) -> Walked:
    """
    Send every request exactly once.

    Several servers get equal shares of requests and connections, each from a wrk of its own.

    Raises:
        Unavailable: Not all were answered 200 or 201 in time.
    """
    with contextlib.ExitStack() as stack:
        share = connections // len(servers)
        running = [
            stack.enter_context(
                _wrk(server, "walk.lua", _lines(requests[at :: len(servers)]), share)
            )
            for at, server in enumerate(servers)
        ]
        ended = [_result(process) for process in running]
    _check_walk(ended, len(requests))
    seconds = max(one["ended"] for one in ended) - min(one["started"] for one in ended)
    return Walked(len(requests), seconds, sum(one["bytes"] for one in ended))


@contextlib.contextmanager
def walking(
    server: str, requests: Sequence[Request], connections: int
) -> Iterator[dict[str, float]]:
    """
    Walk a list for as long as the block runs; afterwards the yielded dict holds the `rate`.

    Raises:
        Unavailable: The list was at its end before the block was, or answers were not 200.
    """
    outcome: dict[str, float] = {}
    with _wrk(server, "walk.lua", _lines(requests), connections) as process:
        yield outcome
        if process.poll() is not None:
            raise Unavailable("the load beside it ended too early: its list was too short")
        process.send_signal(signal.SIGINT)
        ended = _result(process)
    _check_walk([ended], ended["requests"])
    outcome["rate"] = ended["requests"] / (ended["ended"] - ended["started"])


def hit(servers: Sequence[str], paths: Sequence[str], connections: int, seconds: int) -> Hit:
    """
    GET the paths over and over; several servers share the connections and their rates add up.

    Raises:
        Unavailable: An answer was an error, or none came.
    """
    with contextlib.ExitStack() as stack:
        share = connections // len(servers)
        running = [
            stack.enter_context(_wrk(server, "hits.lua", paths, share, seconds))
            for server in servers
        ]
        ended = [_result(process) for process in running]
    if errors := sum(one["errors"] for one in ended):
        raise Unavailable(f"{errors} answers were errors")
    if not all(one["requests"] for one in ended):
        raise Unavailable("no answer came")
    return Hit(
        sum(one["requests"] / one["seconds"] for one in ended),
        sum(one["bytes"] for one in ended) / sum(one["requests"] for one in ended),
        max(one["p50_ms"] for one in ended),
        max(one["p99_ms"] for one in ended),
    )


@functools.cache
def command() -> tuple[str, ...]:
    """What starts wrk; looked up once."""
    return tuple(environment.wrk())


def _lines(requests: Sequence[Request]) -> list[str]:
    return [str(request) for request in requests]


@contextlib.contextmanager
def _wrk(
    server: str, script: str, lines: Sequence[str], connections: int, seconds: int = WALK_LIMIT_S
) -> Iterator[subprocess.Popen[str]]:
    with tempfile.NamedTemporaryFile("w", suffix=".list", encoding="utf-8") as listed:
        listed.write("\n".join(lines) + "\n")
        listed.flush()
        words = [*command(), "--threads", "1", "--connections", str(connections)]
        words += ["--duration", str(seconds), "--timeout", TIMEOUT, "--script", str(HERE / script)]
        words += [server, "--", listed.name]
        process = subprocess.Popen(
            words, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        )
        try:
            yield process
        finally:
            process.kill()
            process.wait()


def _result(process: subprocess.Popen[str]) -> dict[str, Any]:
    try:
        output, _ = process.communicate(timeout=WALK_LIMIT_S + 30)
    except subprocess.TimeoutExpired:
        raise Unavailable("wrk did not end in time") from None
    for line in output.splitlines():
        if line.startswith("{"):
            result: dict[str, Any] = json.loads(line)
            return result
    raise Unavailable(f"wrk said: {output.strip()[-300:]}")


def _check_walk(ended: Sequence[dict[str, Any]], wanted: int) -> None:
    answered = sum(one["requests"] for one in ended)
    wrong = sum(one["wrong"] for one in ended)
    if wrong:
        raise Unavailable(f"{wrong} of {answered} answers were neither 200 nor 201")
    if answered < wanted or not wanted:
        raise Unavailable(f"{answered} of {wanted} requests were answered in {WALK_LIMIT_S} s")
