"""Servers as real processes on free loopback ports, ended by their own id whatever happens."""

import contextlib
import os
import re
import signal
import socket
import subprocess
import time
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from results import Unavailable

READY_S = 30.0
TERMINATE_S = 15.0


def free_port() -> int:
    """A loopback port that nobody listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextlib.contextmanager
def serving(
    command: Sequence[str | Path],
    ready: str,
    log: Path,
    *,
    environment: Mapping[str, str] | None = None,
    cwd: Path | None = None,
) -> Iterator[subprocess.Popen[bytes]]:
    """
    Run a server until the block ends.

    Args:
        command: Program and arguments.
        ready: URL that answers 200 once the server is ready.
        log: File for its output; the end of it explains a failure.
        environment: Instead of ours.
        cwd: Its current directory.

    Raises:
        Unavailable: It ended, or was not ready in time.
    """
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("wb") as output:
        process = subprocess.Popen(
            [str(word) for word in command],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            env=environment,
            cwd=cwd,
            start_new_session=True,  # so that what it leaves behind can be ended as well
        )
    try:
        _wait_until_ready(process, ready, log)
        yield process
    finally:
        stop(process)


def stop(process: subprocess.Popen[bytes]) -> None:
    """Ask the process to end, then end it and all it has started."""
    process.terminate()
    with contextlib.suppress(subprocess.TimeoutExpired):
        process.wait(TERMINATE_S)
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def _wait_until_ready(process: subprocess.Popen[bytes], url: str, log: Path) -> None:
    end = time.monotonic() + READY_S
    while time.monotonic() < end:
        if process.poll() is not None:
            raise Unavailable(f"it ended with {process.returncode}: {_tail(log)}")
        if _answers(url):
            return
        time.sleep(0.05)
    raise Unavailable(f"not ready within {READY_S:g} s: {_tail(log)}")


def _answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=5) as answer:  # noqa: S310  (our own http URL)
            return bool(answer.status == 200)
    except OSError:
        return False


def _tail(log: Path) -> str:
    """The line that most likely says why."""
    lines = log.read_text(encoding="utf-8", errors="replace").strip().splitlines()
    telling = [line for line in lines if re.search("error|critical|refuse", line, re.IGNORECASE)]
    return (telling or lines or ["it said nothing"])[-1].strip()[:300]
