"""A real node in a child process, for tests that have to talk with one over a socket."""

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import attrs

import reticulum

_LISTENING = re.compile(r"http\.listening url=(\S+)/$", re.MULTILINE)
_READY = "node.started"
_PATIENCE_S = 60.0


@attrs.frozen(kw_only=True)
class ChildNode:
    """
    A node in a process of its own.

    Args:
        url: Where it is, with no slash at the end.
        data: Its data directory.
        log: What it says.
        process: The node.
    """

    url: str
    data: Path
    log: Path
    process: subprocess.Popen[bytes]

    @property
    def port(self) -> int:
        """Where it listens."""
        return int(self.url.rpartition(":")[2])

    def stop(self) -> int:
        """Ask it to end, and wait. Returns its exit code."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        try:
            return self.process.wait(_PATIENCE_S)
        finally:
            self.process.kill()


def clean_environment(**more: str) -> dict[str, str]:
    """The environment without settings of nodes, and with this `reticulum` on the path."""
    kept = {name: text for name, text in os.environ.items() if not name.startswith("RETICULUM_")}
    scripts = Path(sys.executable).parent
    return {
        **kept,
        "PATH": f"{scripts}{os.pathsep}{kept.get('PATH', os.defpath)}",
        "PYTHONPATH": str(Path(reticulum.__file__).parents[1]),
        **more,
    }


@contextmanager
def child_node(
    data: Path,
    *,
    http: str = "tcp:0:interface=127.0.0.1",
    settings: Mapping[str, str] | None = None,
) -> Iterator[ChildNode]:
    """
    Run a node until the end of the block.

    Args:
        data: Its data directory; the log lies beside it.
        http: Where to listen; a free port of loopback if not given.
        settings: More of its environment.
    """
    log = data.with_name(f"{data.name}.log")
    with log.open("wb") as file:
        process = subprocess.Popen(
            ["twistd", "-n", "--pidfile=", "reticulum", "--data", str(data), "--http", http],
            cwd=data.parent,
            env=clean_environment(**(settings or {})),
            stdin=subprocess.DEVNULL,
            stdout=file,
            stderr=file,
        )
    try:
        yield ChildNode(url=_url_of(process, log), data=data, log=log, process=process)
    finally:
        process.terminate()
        try:
            process.wait(_PATIENCE_S)
        finally:
            process.kill()
            process.wait()


def _url_of(process: subprocess.Popen[bytes], log: Path) -> str:
    """Wait for the node to say where it is."""
    give_up = time.monotonic() + _PATIENCE_S
    while process.poll() is None and time.monotonic() < give_up:
        text = log.read_text(encoding="utf-8", errors="replace")
        if _READY in text and (found := _LISTENING.search(text)):
            return found[1]
        time.sleep(0.05)
    raise AssertionError(f"the node did not start:\n{log.read_text(errors='replace')}")
