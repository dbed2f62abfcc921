"""Real nodes in the namespaces of a lab, as one grid."""

import contextlib
import hashlib
import itertools
import json
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import attrs
import pictures
import processes
from namespaces import Kind, Lab, Router, Station
from processes import Node, until

RETICULUM = [sys.executable, "-m", "reticulum.cli.main"]
PORT = 4160
GRACE_S = 5
SOON_S = 60
"""Bound for what is sure to come, with a dozen nodes on two cores."""

QUIET = {
    "RETICULUM_IMAGING_WORKERS": "1",
    "RETICULUM_REACH_DISCOVER": "false",
    "RETICULUM_REACH_MAP_PORTS": "false",
    "RETICULUM_REPLICATION_GRACE_S": str(GRACE_S),
}


@attrs.frozen
class Ran:
    """How a command ended."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        """Its last line."""
        assert self.out.strip(), self
        return json.loads(self.out.splitlines()[-1])


def reticulum(*arguments: str) -> Ran:
    """Run the command on this side; it talks to nodes by their control sockets."""
    ran = subprocess.run(
        [*RETICULUM, *arguments],
        capture_output=True,
        text=True,
        check=False,
        env=processes.surroundings(),
        timeout=120,
    )
    return Ran(ran.returncode, ran.stdout, ran.stderr)


@attrs.define(eq=False)
class Member:
    """
    A node, and the host it runs on.

    Args:
        name: Also of its data directory, and of its zone.
        station: The host.
        router: That the host is behind; None on the Internet.
        node: The process.
        started: When it was, on the monotonic clock.
    """

    name: str
    station: Station
    router: Router | None
    node: Node
    started: float

    def at(self, *arguments: str) -> Ran:
        """Run a command on the node, however it ends."""
        return reticulum(*arguments, "--data", str(self.node.data))

    def told(self, *arguments: str) -> Any:
        """What a command answers for machines."""
        return self.at(*arguments, "--json").json

    @property
    def node_id(self) -> str:
        """Its id."""
        node_id: str = self.node.status()["node"]["id"]
        return node_id

    def nat(self) -> Any:
        """How it is reached, as it says itself."""
        return self.told("dht", "nat")

    def path_to(self, other: "Member") -> Any:
        """How it is connected to another node: `way` and `relay`; nothing if it is not."""
        paths = self.node.status()["reach"]["paths"]
        return next((path for path in paths if path["id"] == other.node_id), {})

    def is_member(self) -> bool:
        """Whether it has found the others."""
        return bool(self.node.status()["grid"]["joined"])

    def is_reached(self, how: str) -> bool:
        """Whether it says that others reach it in this way."""
        told: str = self.node.status()["reach"]["reach"]
        return told == how

    def gives(self, image_id: str, image: bytes) -> bool:
        """Whether it answers with the right bytes."""
        reply = self.node.get(f"/image/{image_id}/full/x.jpg")
        return (reply.status, reply.body) == (200, image)

    def upload(self, image: bytes) -> str:
        """Have it take an image, also if it is slow to be copied; returns the id."""
        reply = self.node.ask("POST", "/v1/images", image)
        assert reply.status in {200, 201, 202}, reply
        image_id: str = reply.json["id"]
        return image_id

    def has(self, image_id: str) -> bool:
        """Whether there is a copy on its disk."""
        return self.node.original(image_id).exists()

    def age_s(self) -> float:
        """Seconds since its process was started."""
        return time.monotonic() - self.started

    def no_traceback(self) -> None:
        """It has met nothing it was not prepared for."""
        before, found, trace = self.node.log().partition("Traceback")
        assert not found, f"{self.name}: {before[-500:]}{found}{trace[:4000]}"

    def end(self) -> None:
        """Kill it: no last words to anybody."""
        self.node.process.kill()
        self.node.process.wait()


@attrs.define(eq=False)
class NatGrid:
    """
    A lab with nodes in it.

    Args:
        lab: The network.
        folder: Of all the data directories.
        running: Processes to be ended.
        environment: Of all nodes, beside what each gets.
    """

    lab: Lab
    folder: Path
    running: list[Node]
    environment: Mapping[str, str]
    members: dict[str, Member] = attrs.field(factory=dict)
    invite: str = ""

    def __getitem__(self, name: str) -> Member:
        return self.members[name]

    def public(self, name: str, **options: Any) -> Member:
        """A node on the Internet; the first one begins the grid."""
        return self.start(name, self.lab.host(name), None, **options)

    def behind(
        self,
        name: str,
        kind: Kind,
        *,
        passes_udp: bool = True,
        **options: Any,
    ) -> Member:
        """A node behind a fresh router of its own."""
        router = self.lab.router(f"{name}-r", kind, passes_udp=passes_udp)
        return self.start(name, self.lab.host(name, router.lan), router, **options)

    def start(
        self,
        name: str,
        station: Station,
        router: Router | None = None,
        environment: Mapping[str, str] | None = None,
    ) -> Member:
        """A node on a host, started with nothing but the grid's invite."""
        data = self.folder / name
        if not self.members:
            assert 0 == reticulum("init", str(data)).code
        is_new = self.invite and not data.exists()
        started = time.monotonic()
        node = processes.start(
            self.folder,
            f"--peer=*:{PORT}",
            *(["--join", self.invite] if is_new else []),
            data=data,
            environment={
                **QUIET,
                "RETICULUM_NODE_ZONE": name,
                **self.environment,
                **(environment or {}),
            },
            prefix=station.namespace.prefix,
        )
        self.running.append(node)
        member = self.members[name] = Member(name, station, router, node, started)
        if not self.invite:
            node.wait_ready()
            ran = member.at("invite")
            assert (0, "") == (ran.code, ran.err)
            self.invite = ran.out.strip()
        return member

    def again(self, name: str) -> Member:
        """Start a node that was ended, with its data, where it was."""
        old = self.members[name]
        return self.start(name, old.station, old.router)

    def join(self, *members: Member, within_s: float = SOON_S) -> None:
        """Wait until they are ready and have found the grid."""
        for member in members:
            member.node.wait_ready()
        for member in members:
            until(member.is_member, f"{member.name} joined", within_s)

    def settle(self) -> None:
        """Wait until every node knows all others."""

        def knows_all(member: Member) -> bool:
            told = member.node.status()["replication"]
            return bool(told["settled"]) and told["members"] == len(self.members)

        self.join(*self.members.values())
        for member in self.members.values():
            until(lambda each=member: knows_all(each), f"{member.name} has settled", SOON_S)

    def until_holds(self, member: Member, entry: Member, within_s: float = SOON_S) -> str:
        """
        Upload at *entry* until *member* has got a copy: it is reached, and given what is its.

        Returns:
            The image of which it has one.
        """
        end = time.monotonic() + within_s
        while True:
            image_id = entry.upload(fresh_image())
            again = min(end, time.monotonic() + 0.2)
            while not member.has(image_id) and time.monotonic() < again:
                time.sleep(0.01)
            if member.has(image_id):
                return image_id
            assert time.monotonic() < end, f"{member.name} got no copy within {within_s} s"

    def keepers(self, image: bytes) -> list[Member]:
        """Who should have an image, stored or not, as the first node has it."""
        image_id = f"sha256-{hashlib.sha256(image).hexdigest()}"
        first = next(iter(self.members.values()))
        told = first.node.get(f"/v1/keeping/health/{image_id}").json
        should = {each["id"] for each in told["nodes"] if each["should"]}
        return [member for member in self.members.values() if member.node_id in should]

    def holders(self, image_id: str) -> list[Member]:
        """Who has a copy on the disk and is running."""
        return [
            member
            for member in self.members.values()
            if member.node.process.poll() is None and member.has(image_id)
        ]

    def no_tracebacks(self) -> None:
        """No node has met what it was not prepared for."""
        for member in self.members.values():
            member.no_traceback()


def fastest(attempt: Callable[[int], float], within_s: float, attempts: int = 3) -> float:
    """
    The shortest time of a few attempts; a loaded machine is slow, not wrong.

    Args:
        attempt: Does it, and says how many seconds it took; gets the number of the attempt.
        within_s: One that is as good as that is the last.
        attempts: At most so many.
    """
    times: list[float] = []
    for number in range(attempts):
        times.append(attempt(number))
        if times[-1] <= within_s:
            break
    return min(times)


@contextlib.contextmanager
def nat_grid(folder: Path, **environment: str) -> Iterator[NatGrid]:
    """A lab and its nodes, all gone at the end."""
    with Lab() as lab, processes.nursery() as running:
        yield NatGrid(lab, folder, running, environment)


_images = itertools.count(1)


def fresh_image() -> bytes:
    """A small photograph that no node has seen."""
    return pictures.photo(400, 200, seed=next(_images))


@attrs.define(eq=False)
class Stream:
    """
    Requests, one after the other, without a break.

    Args:
        asks: Each is called with a number that grows, and says whether it got what it wanted.
        rounds: How often each of them was called.
        failures: What went wrong: which of them, and how.
    """

    asks: Mapping[str, Callable[[int], bool]]
    rounds: int = 0
    failures: list[str] = attrs.field(factory=list)
    _end: threading.Event = attrs.field(factory=threading.Event)

    def run(self) -> None:
        """Until the end is wanted."""
        while not self._end.is_set():
            for name, ask in self.asks.items():
                try:
                    if not ask(self.rounds):
                        self.failures.append(f"{name}, round {self.rounds}: a wrong answer")
                except Exception as error:  # noqa: BLE001  (it is told)
                    self.failures.append(f"{name}, round {self.rounds}: {error!r}")
            self.rounds += 1

    def go_on(self, rounds: int) -> None:
        """Wait for so many more."""
        wanted = self.rounds + rounds
        until(lambda: self.rounds >= wanted, f"{rounds} more rounds", SOON_S)

    def stop(self) -> None:
        """After the request that is under way."""
        self._end.set()


@contextlib.contextmanager
def steady(asks: Mapping[str, Callable[[int], bool]]) -> Iterator[Stream]:
    """Requests that go on meanwhile, in a thread of their own."""
    stream = Stream(asks)
    thread = threading.Thread(target=stream.run)
    thread.start()
    try:
        yield stream
    finally:
        stream.stop()
        thread.join(2 * SOON_S)
        assert not thread.is_alive()
