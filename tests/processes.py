"""Real `twistd reticulum` children, and plain blocking clients for them."""

import contextlib
import http.client
import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

import attrs

import reticulum

TWISTD = str(Path(sys.executable).with_name("twistd"))
LOOPBACK = "tcp:0:interface=127.0.0.1"
PATIENCE_S = 30.0
"""Bound on every wait for what is sure to come; a loaded machine is slow, not wrong."""

QUIET = {
    "RETICULUM_REACH_DISCOVER": "false",
    "RETICULUM_REACH_MAP_PORTS": "false",
    # Two that start in the same moment would both find the usual port free.
    "RETICULUM_PEER_ADDRESS": "*:0",
}

T = TypeVar("T")


def until(ask: Callable[[], T], what: str, within_s: float = PATIENCE_S) -> T:
    """Poll until *ask* answers with something true, which is returned; fail when time is up."""
    end = time.monotonic() + within_s
    while True:
        answer = ask()
        if answer:
            return answer
        assert time.monotonic() < end, f"not within {within_s} s: {what}"
        time.sleep(0.02)


@attrs.frozen
class Reply:
    """What a server answered; header names in lower case."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        """The body, read as JSON."""
        return json.loads(self.body)

    @property
    def kind(self) -> str:
        """The content type without its parameters."""
        return self.headers.get("content-type", "").partition(";")[0]


class Node:
    """
    One child process, its log and its data directory.

    Args:
        process: A `twistd -n`.
        folder: Its current directory; the log lies there.
        data: Its data directory.
        is_elsewhere: Whether its loopback is another than ours: it is asked by its control socket.
    """

    def __init__(
        self,
        process: "subprocess.Popen[bytes]",
        folder: Path,
        data: Path,
        *,
        is_elsewhere: bool = False,
    ) -> None:
        self.process = process
        self.folder = folder
        self.data = data
        self.is_elsewhere = is_elsewhere
        self.port = 0

    @property
    def pid(self) -> int:
        """Of the node itself."""
        return self.process.pid

    @property
    def proc(self) -> Path:
        """What the kernel tells about the node's process."""
        return Path("/proc") / str(self.pid)

    @property
    def url(self) -> str:
        """Where it is, with no slash at the end."""
        return f"http://127.0.0.1:{self.port}"

    def log(self) -> str:
        """All that it wrote so far, on both outputs."""
        return (self.folder / f"log.{self.pid}").read_text(errors="replace")

    def logged(self, pattern: str) -> "re.Match[str] | None":
        """The first match in the log so far."""
        return re.search(pattern, self.log())

    def wait_for(self, pattern: str) -> "re.Match[str]":
        """The first match in the log, as soon as there is one."""

        def look() -> "re.Match[str] | None":
            # in this order: what a process wrote before it ended is in the file
            is_over = self.process.poll() is not None
            found = self.logged(pattern)
            assert found or not is_over, f"ended without {pattern!r}:\n{self.log()}"
            return found

        return until(look, f"{pattern!r} in the log")

    def wait_ready(self) -> None:
        """Learn the port and wait for /readyz."""
        self.port = int(self.wait_for(r"http\.listening url=http://127\.0\.0\.1:(\d+)/")[1])
        until(lambda: self.ask("GET", "/readyz").status == 200, "ready")

    def send(self, number: int) -> None:
        """Send a signal to the node alone."""
        self.process.send_signal(number)

    def end(self, number: int = signal.SIGTERM, within_s: float = PATIENCE_S) -> int:
        """Send a signal and wait for the end; returns the exit status as `Popen` has it."""
        self.send(number)
        return self.process.wait(within_s)

    def connect(self, timeout_s: float = PATIENCE_S) -> socket.socket:
        """A bare connection."""
        return socket.create_connection(("127.0.0.1", self.port), timeout=timeout_s)

    def ask(
        self,
        method: str,
        path: str,
        body: bytes | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Reply:
        """One request on a connection of its own."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=2 * PATIENCE_S)
        if self.is_elsewhere:
            connection.sock = self._by_control_socket(2 * PATIENCE_S)
        with contextlib.closing(connection):
            connection.request(method, path, body, dict(headers or {}))
            return reply_of(connection.getresponse())

    def _by_control_socket(self, timeout_s: float) -> socket.socket:
        connection = socket.socket(socket.AF_UNIX)
        try:
            connection.settimeout(timeout_s)
            connection.connect(str(self.data / "control.sock"))
        except BaseException:
            connection.close()
            raise
        return connection

    def get(self, path: str, headers: Mapping[str, str] | None = None) -> Reply:
        """GET."""
        return self.ask("GET", path, headers=headers)

    def put(self, image: bytes, headers: Mapping[str, str] | None = None) -> str:
        """Upload raw bytes, which must be taken; returns the id."""
        reply = self.ask("POST", "/v1/images", image, headers)
        assert reply.status in {200, 201}, reply
        image_id: str = reply.json["id"]
        return image_id

    def status(self) -> Any:
        """The node of itself."""
        return self.get("/v1/status").json

    def workers(self) -> list[int]:
        """Process ids of the imaging workers that there are."""
        return children_of(self.pid)

    def open_files(self) -> int:
        """How many file descriptors the node has."""
        return len(list((self.proc / "fd").iterdir()))

    def resident_bytes(self, which: str = "VmRSS") -> int:
        """Memory of the node's process now; with `VmHWM`, at its highest."""
        text = (self.proc / "status").read_text()
        found = re.search(rf"^{which}:\s+(\d+) kB$", text, re.MULTILINE)
        assert found
        return 1024 * int(found[1])

    def debris(self) -> list[str]:
        """Half-written files that lie about."""
        places = (self.data / "incoming", self.data / "renditions" / ".scratch")
        return [str(path) for place in places if place.is_dir() for path in sorted(place.iterdir())]

    def originals(self) -> dict[str, Path]:
        """Every file that claims to be an original, by image id."""
        found = {}
        top = self.data / "originals"
        for path in top.glob("*/??/??/*"):
            if path.suffix != ".json":
                hash_name, one, two, rest = path.relative_to(top).parts
                found[f"{hash_name}-{one}{two}{rest}"] = path
        return found

    def original(self, image_id: str) -> Path:
        """Where an original has to lie."""
        hash_name, _, digest = image_id.partition("-")
        return self.data / "originals" / hash_name / digest[:2] / digest[2:4] / digest[4:]

    def must_be_clean(self) -> None:
        """Ready, and without debris as soon as what was cut off has been swept up."""
        until(lambda: not self.debris(), f"swept up: {self.debris()}", within_s=5)
        assert 200 == self.get("/readyz").status


def start(
    folder: Path,
    *arguments: str,
    environment: Mapping[str, str] | None = None,
    data: Path | None = None,
    http_endpoint: str | None = LOOPBACK,
    prefix: Sequence[str] = (),
) -> Node:
    """
    Start a node in the foreground; whoever calls sees to its end.

    Args:
        folder: Its current directory.
        arguments: Behind `twistd -n --pidfile= reticulum`.
        environment: Beside that of this process, from which no setting is taken.
        data: Its data directory; `folder/data` if not given.
        http_endpoint: For --http; None leaves the flag out.
        prefix: Before the command, to have it run in a network namespace.
    """
    data = data or folder / "data"
    flags = [f"--data={data}", *([f"--http={http_endpoint}"] if http_endpoint else [])]
    words = ["-n", "--pidfile=", "reticulum", *flags, *arguments]
    return launch(folder, words, environment, data, prefix)


def launch(
    folder: Path,
    arguments: list[str],
    environment: Mapping[str, str] | None,
    data: Path,
    prefix: Sequence[str] = (),
) -> Node:
    """Start `twistd` with just these arguments."""
    draft = folder / "log"
    with draft.open("wb") as log:
        process = subprocess.Popen(
            [*prefix, TWISTD, *arguments],
            cwd=folder,
            env=surroundings(environment),
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            # Ctrl+C in the terminal of the tests is for the tests, which end the child.
            start_new_session=True,
        )
    draft.rename(folder / f"log.{process.pid}")
    return Node(process, folder, data, is_elsewhere=bool(prefix))


def surroundings(environment: Mapping[str, str] | None = None) -> dict[str, str]:
    """
    The environment for a child that finds this very reticulum, and no setting but these.

    Unless they say otherwise, it asks no router and no local network for anything: tests send
    nothing beyond loopback and their own namespaces. Nor does it want a port that others want.
    """
    inherited = {name: v for name, v in os.environ.items() if not name.startswith("RETICULUM_")}
    root = str(Path(reticulum.__file__).resolve().parents[1])
    return {**inherited, **QUIET, "PYTHONPATH": root, **(environment or {})}


@contextlib.contextmanager
def nursery() -> Iterator[list[Node]]:
    """A list for nodes; each that is in it, and still there, is killed at the end."""
    nodes: list[Node] = []
    try:
        yield nodes
    finally:
        for node in nodes:
            # workers that are not yet bound to the node's life would be left over
            workers = node.workers() if node.process.poll() is None else []
            node.process.kill()
            node.process.wait(PATIENCE_S)
            for worker in workers:
                until(lambda pid=worker: not is_alive(pid), f"worker {worker} is gone")


def children_of(pid: int) -> list[int]:
    """Process ids of the living children of a process."""
    everyone = (int(entry.name) for entry in Path("/proc").iterdir() if entry.name.isdigit())
    return sorted(child for child in everyone if _parent_and_state(child) == (pid, True))


def is_alive(pid: int) -> bool:
    """Whether there is such a process that is no zombie."""
    found = _parent_and_state(pid)
    return found is not None and found[1]


def _parent_and_state(pid: int) -> tuple[int, bool] | None:
    try:
        text = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return None
    state, parent = text.rpartition(")")[2].split()[:2]
    return int(parent), state not in "ZX"


def reply_of(response: http.client.HTTPResponse) -> Reply:
    """A whole answer."""
    body = response.read()
    return Reply(response.status, {k.lower(): v for k, v in response.getheaders()}, body)


def reply_on(connection: socket.socket, method: str = "GET") -> Reply:
    """The answer that comes on a bare connection."""
    response = http.client.HTTPResponse(connection, method=method)
    response.begin()
    return reply_of(response)


def everything(connection: socket.socket) -> bytes:
    """What comes on a bare connection until the other side closes it, however rudely."""
    received = b""
    with contextlib.suppress(ConnectionResetError):
        while chunk := connection.recv(65_536):
            received += chunk
    return received


def upload_head(length: int, *headers: str, path: str = "/v1/images") -> bytes:
    """The head of an upload of raw bytes."""
    lines = [f"POST {path} HTTP/1.1", "Host: node", f"Content-Length: {length}", *headers]
    return "\r\n".join([*lines, "", ""]).encode()


def form(*parts: tuple[str, bytes], boundary: str = "XboundaryX") -> tuple[dict[str, str], bytes]:
    """
    A form as browsers send it.

    Args:
        parts: Name and content; what is called `image` is sent as a file.
        boundary: Between them.

    Returns:
        Headers and body.
    """
    body = b""
    for name, content in parts:
        file = '; filename="photo.jpg"\r\nContent-Type: image/jpeg' if name == "image" else ""
        head = f'--{boundary}\r\nContent-Disposition: form-data; name="{name}"{file}\r\n\r\n'
        body += head.encode() + content + b"\r\n"
    body += f"--{boundary}--\r\n".encode()
    return {"Content-Type": f"multipart/form-data; boundary={boundary}"}, body
