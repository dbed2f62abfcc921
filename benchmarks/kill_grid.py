"""A grid of real `twistd reticulum` processes, of which some are killed."""

import contextlib
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import attrs
from kill_client import FAILURES, Answer, Dial, ask, dial_here

ROOT = Path(__file__).resolve().parent.parent
READY_S = 90.0
POLL_S = 0.2
PAGE = 100


class Broken(Exception):
    """A grid that does not come up; the text says why."""


@attrs.frozen(kw_only=True)
class Place:
    """
    Where a node runs: on loopback, if nothing else is said.

    Args:
        peer: What it listens on for other nodes.
        prefix: Words before its command; the process id must stay the same.
        dial: Connects to its loopback.
        is_public: Whether other nodes can dial it; if not, it is to be reached through relays.
    """

    peer: str = "127.0.0.1:0"
    prefix: Sequence[str] = ()
    dial: Dial = dial_here
    is_public: bool = True


@attrs.frozen(eq=False)
class Node:
    """
    One process and its data.

    Args:
        number: Its place in the grid; a replacement has that of the dead.
        folder: Of its data directory and its log.
        process: A `twistd -n`.
        port: Where it serves people.
        place: Where it runs.
    """

    number: int
    folder: Path
    process: "subprocess.Popen[bytes]"
    port: int
    place: Place

    @property
    def data(self) -> Path:
        """Its data directory."""
        return self.folder / "data"

    def ask(self, method: str, path: str, body: bytes | None = None) -> Answer:
        """See `kill_client.ask`."""
        return ask(self.port, method, path, body, dial=self.place.dial)

    def status(self) -> Any:
        """The node of itself."""
        return self.ask("GET", "/v1/status").json

    def images(self) -> set[str]:
        """Ids of all that it holds."""
        found: set[str] = set()
        after = ""
        while True:
            page = self.ask("GET", f"/v1/images?limit={PAGE}{after}").json
            found |= {image["id"] for image in page["images"]}
            if page["next"] is None:
                return found
            after = f"&after={page['next']}"

    def processor_s(self) -> float:
        """Seconds of processor time that it has used, its workers left out."""
        fields = Path(f"/proc/{self.process.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def end(self) -> None:
        """Kill it, and the workers it has started, at once."""
        self.process.kill()
        self.process.wait()
        # The group is its own; it may have outlived the process by a moment.
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)


@attrs.define(eq=False, kw_only=True)
class Grid:
    """
    Nodes that live, and how more are made.

    Args:
        folder: For all their data.
        zones: So many, by turns.
        settings: By the names in the environment, without `RETICULUM_`.
        places: Where each node runs, by its number; all on loopback if there are none. The first
            one is public.
    """

    folder: Path
    zones: int
    settings: Mapping[str, str]
    places: Sequence[Place] = ()
    live: tuple[Node, ...] = attrs.field(default=(), init=False)
    _made: int = attrs.field(default=0, init=False)

    def begin(self, size: int) -> None:
        """
        Start all nodes and wait until each knows all.

        Raises:
            Broken: They do not find each other in time.
        """
        self.live = (self._start(0, None),)
        invite = self._invite()
        for number in range(1, size):
            self.live += (self._start(number, invite),)
        # A lone node has nobody to find.
        for node in self.live if size > 1 else ():
            self.wait_in(node)

    def kill(self, node: Node) -> None:
        """SIGKILL, and its data is gone for ever; clients are told at once."""
        node.process.kill()
        self.live = tuple(other for other in self.live if other is not node)
        node.end()
        shutil.rmtree(node.data)

    def restart(self, node: Node) -> None:
        """
        Stop a node, and start it again with its data.

        Raises:
            Broken: It does not come up in time.
        """
        node.process.terminate()
        node.process.wait()
        again = self._run(node.number, node.folder, None)
        self.live = tuple(again if other is node else other for other in self.live)

    def replace(self, dead: Node) -> None:
        """
        Start a fresh node, with a key of its own, in the place of a dead one.

        Raises:
            Broken: It does not get in in time.
        """
        fresh = self._start(dead.number, self._invite())
        self.live += (fresh,)
        self.wait_in(fresh)

    def wait_in(self, node: Node) -> None:
        """
        Wait until a node serves, and counts every node that lives.

        Raises:
            Broken: It does not in time.
        """

        def is_in() -> bool:
            status = node.status()
            members = int(status["replication"]["members"])
            wanted = "public" if node.place.is_public else "relayed"
            is_reached = status["reach"]["reach"] == wanted
            return status["grid"]["joined"] and is_reached and members >= len(self.live)

        _until(is_in, node, "it does not find the others")

    def holders(self) -> dict[str, int]:
        """Live nodes that hold each image, by their own word."""
        count: dict[str, int] = {}
        for node in self.live:
            for image_id in node.images():
                count[image_id] = count.get(image_id, 0) + 1
        return count

    def close(self) -> None:
        """End every node."""
        for node in self.live:
            node.end()
        self.live = ()

    def _start(self, number: int, invite: str | None) -> Node:
        self._made += 1
        folder = self.folder / f"node{number}-{self._made}"
        folder.mkdir(parents=True)
        return self._run(number, folder, invite)

    def _run(self, number: int, folder: Path, invite: str | None) -> Node:
        place = self.places[number] if self.places else Place()
        command = [*place.prefix, str(_beside("twistd")), "-n", "--pidfile=", "reticulum"]
        command += ["--data", "data", "--http", "tcp:0:interface=127.0.0.1", "--peer", place.peer]
        command += ["--zone", f"zone{number % self.zones}"]
        environment = _environment({**self.settings, **({"JOIN": invite} if invite else {})})
        with (folder / "log").open("wb") as log:
            process = subprocess.Popen(
                command,
                cwd=folder,
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        node = Node(number, folder, process, 0, place)
        try:
            _until(lambda: _port(node) > 0, node, "it does not listen")
            node = attrs.evolve(node, port=_port(node))
            _until(lambda: node.ask("GET", "/readyz").status == 200, node, "it is not ready")
        except BaseException:
            node.end()
            raise
        return node

    def _invite(self) -> str:
        # Whom the invite names is up to the number of nodes made: not always the same one.
        data = self.live[self._made % len(self.live)].data
        command = [sys.executable, "-m", "reticulum.cli.main", "invite", "--data", str(data)]
        done = subprocess.run(
            command, env=_environment({}), capture_output=True, text=True, check=False, timeout=60
        )
        if done.returncode:
            raise Broken(f"no invite: {done.stderr.strip()[-500:]}")
        return done.stdout.split()[-1]


@contextlib.contextmanager
def grid_of(
    size: int,
    folder: Path,
    *,
    zones: int,
    settings: Mapping[str, str],
    places: Sequence[Place] = (),
) -> Iterator[Grid]:
    """
    Run a grid until the block ends; every process is ended then, by its own id.

    The arguments are those of `Grid`.

    Raises:
        Broken: It does not come up.
    """
    grid = Grid(folder=folder, zones=zones, settings=settings, places=places)
    try:
        grid.begin(size)
        yield grid
    finally:
        grid.close()


def _port(node: Node) -> int:
    log = (node.folder / "log").read_text(encoding="utf-8", errors="replace")
    found = re.search(r"http\.listening url=http://127\.0\.0\.1:(\d+)/", log)
    return int(found[1]) if found else 0


def _until(is_so: Callable[[], bool], node: Node, problem: str) -> None:
    end = time.monotonic() + READY_S
    while True:
        with contextlib.suppress(*FAILURES):
            if is_so():
                return
        if node.process.poll() is not None or time.monotonic() > end:
            log = (node.folder / "log").read_text(encoding="utf-8", errors="replace")
            raise Broken(f"node {node.number}: {problem}:\n{log[-2000:]}")
        time.sleep(POLL_S)


def _beside(name: str) -> Path:
    return Path(sys.executable).parent / name


def _environment(settings: Mapping[str, str]) -> dict[str, str]:
    """Ours without any setting of a node, with the checkout first among the modules."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("RETICULUM_")}
    kept |= {f"RETICULUM_{name}": value for name, value in settings.items()}
    kept["PYTHONPATH"] = os.pathsep.join(filter(None, [str(ROOT), kept.get("PYTHONPATH", "")]))
    return kept
