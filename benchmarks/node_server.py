"""The node under test: `twistd -n reticulum` as a user starts it, with two workers."""

import contextlib
import dataclasses
import os
import shutil
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from client import Client
from environment import ROOT
from processes import free_port, serving
from results import Unavailable

QUIET = {"REACH_DISCOVER": "false", "REACH_MAP_PORTS": "false"}
"""Nothing is sent beyond loopback."""

WORKERS = 2


@dataclasses.dataclass(frozen=True)
class Node:
    """A running node."""

    url: str
    pid: int
    client: Client
    ids: dict[Path, str]  # of the photographs it was given at the start

    def upload(self, body: bytes | Path) -> str:
        """
        Store an image; its id.

        Raises:
            Unavailable: It was refused.
        """
        answer = self.client.ask("POST", "/v1/images", body, {"Content-Type": "image/jpeg"})
        if answer.status not in {200, 201}:
            raise Unavailable(f"an upload was answered {answer.status}: {answer.body[:200]!r}")
        return str(answer.json["id"])

    def status(self) -> Any:
        """What `/v1/status` says."""
        return self.client.fetch("/v1/status").json

    def counter(self, *keys: str) -> int:
        """
        A number in the status.

        Raises:
            Unavailable: It is not there.
        """
        value = self.status()
        for key in keys:
            if not isinstance(value, dict) or key not in value:
                raise Unavailable(f"/v1/status has no {'.'.join(keys)}")
            value = value[key]
        return int(value)

    def path(self, photo: Path, width: int) -> str:
        """Path of a JPEG rendition of a photograph that it holds."""
        return f"/image/{self.ids[photo]}/{width}w/{photo.stem}.jpg"


@contextlib.contextmanager
def node(scratch: Path, photos: Sequence[Path] = (), **settings: str) -> Iterator[Node]:
    """
    Run a node with an empty data directory until the block ends.

    Args:
        scratch: For its data and log; emptied first, its data removed afterwards.
        photos: Uploaded before anything else.
        settings: By the names in the environment, without `RETICULUM_`.

    Raises:
        Unavailable: It did not start, or refused a photograph.
    """
    shutil.rmtree(scratch, ignore_errors=True)
    scratch.mkdir(parents=True)
    twistd = Path(sys.executable).parent / "twistd"
    if not twistd.exists():
        raise Unavailable(f"no {twistd}")
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    command = [twistd, "-n", "--pidfile=", "reticulum", "--data", scratch / "data"]
    command += ["--http", f"tcp:{port}:interface=127.0.0.1"]
    environment = _environment({"IMAGING_WORKERS": str(WORKERS), **QUIET, **settings})
    log = scratch / "node.log"
    try:
        with serving(
            command, f"{url}/readyz", log, environment=environment, cwd=scratch
        ) as process:
            running = Node(url, process.pid, Client(url), {})
            running.ids.update({photo: running.upload(photo) for photo in photos})
            yield running
    finally:
        shutil.rmtree(scratch / "data", ignore_errors=True)


def settle(seconds: float = 1.0) -> None:
    """Let what a server does after its last answer come to an end."""
    time.sleep(seconds)


def _environment(settings: dict[str, str]) -> dict[str, str]:
    """Ours without any setting of a node, with the checkout first among the modules."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("RETICULUM_")}
    kept |= {f"RETICULUM_{name}": value for name, value in settings.items()}
    kept["PYTHONPATH"] = os.pathsep.join(filter(None, [str(ROOT), kept.get("PYTHONPATH", "")]))
    return kept
