"""Nodes that find each other on a LAN: real multicast DNS, between network namespaces."""

import contextlib
import json
import queue
import socket
import struct
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import attrs
import lan_neighbour
import namespaces
import nat_grid
import pytest
from namespaces import Kind, Lab, Namespace, Segment, Station
from nat_grid import Member, NatGrid

namespaces.requires_lab()

SOON_S = 10.0
"""Bound for what takes milliseconds on a quiet machine."""
SILENCE_S = 2.0
"""For what must not come: three times what an announcement takes."""
GROUP, PORT = "224.0.0.251", 5353
OURS, NEXT, FOREIGN = "11" * 8, "22" * 8, "33" * 8
QUESTION = struct.pack("!6H", 0, 0, 1, 0, 0, 0) + b"\x0a_reticulum\x04_udp\x05local\0\0\x0c\0\x01"
"""Who offers our service? Type PTR, class IN."""


@attrs.define(eq=False)
class Neighbour:
    """A discovering program in a namespace."""

    process: subprocess.Popen[str]
    said: "queue.Queue[dict[str, Any]]" = attrs.field(factory=queue.Queue)
    found: list[str] = attrs.field(factory=list)

    def listen(self) -> None:
        """Take what it says, on a thread that ends with it."""
        assert self.process.stdout is not None
        for line in self.process.stdout:
            answer = json.loads(line)
            if "found" in answer:
                self.found.append(answer["found"])
            else:
                self.said.put(answer)

    def tell(self, line: str) -> None:
        """Have it do something."""
        assert self.process.stdin is not None
        self.process.stdin.write(f"{line}\n")
        self.process.stdin.flush()

    def ask(self, line: str) -> dict[str, Any]:
        """What it answers."""
        self.tell(line)
        return self.said.get(timeout=SOON_S)


def until(holds: Callable[[], bool], why: str) -> float:
    """Wait for something that is sure to come; returns how long it took, in seconds."""
    began = time.monotonic()
    while not holds():
        assert time.monotonic() - began < SOON_S, why
        time.sleep(0.01)
    return time.monotonic() - began


@attrs.define(eq=False)
class Street:
    """A LAN, and programs on it."""

    lab: Lab
    held: contextlib.ExitStack
    lan: Segment

    def station(self, name: str) -> Station:
        return self.lab.host(name, self.lan)

    def neighbour(
        self, where: Station | Namespace, grid: str = OURS, *claims: str, port: int = 4160
    ) -> Neighbour:
        """Start to discover in a namespace."""
        namespace = where if isinstance(where, Namespace) else where.namespace
        program = Path(lan_neighbour.__file__)
        process = self.held.enter_context(
            subprocess.Popen(
                [*namespace.prefix, sys.executable, program, str(port), grid, *claims],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                text=True,
            )
        )
        self.held.callback(process.terminate)
        neighbour = Neighbour(process)
        thread = threading.Thread(target=neighbour.listen)
        thread.start()
        self.held.callback(thread.join)
        self.held.callback(process.terminate)
        neighbour.tell("start")
        return neighbour

    def ear(self, station: Station) -> socket.socket:
        """Hears what is said to everybody."""
        with station.namespace.entered():
            ear = self.held.enter_context(socket.socket(socket.AF_INET, socket.SOCK_DGRAM))
        ear.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        ear.bind((GROUP, PORT))
        group = socket.inet_aton(GROUP) + socket.inet_aton(station.address)
        ear.setsockopt(socket.IPPROTO_IP, socket.IP_ADD_MEMBERSHIP, group)
        return ear


@pytest.fixture
def street() -> Iterator[Street]:
    with Lab() as lab, contextlib.ExitStack() as held:
        yield Street(lab, held, lab.lan("street"))


def heard(ear: socket.socket, seconds: float) -> list[bytes]:
    """All that is said within a time."""
    datagrams = []
    end = time.monotonic() + seconds
    while (left := end - time.monotonic()) > 0:
        ear.settimeout(left)
        with contextlib.suppress(TimeoutError):
            datagrams.append(ear.recv(65_536))
    return datagrams


def test_two_of_a_grid_find_each_other(street: Street) -> None:
    """Without an address, within seconds, both ways; and goodbye is heard at once."""
    here, there = street.station("a"), street.station("b")
    one = street.neighbour(here)
    until(lambda: "on" == one.ask("view")["state"], "not on the air")
    two = street.neighbour(there, port=4999)
    took_s = until(lambda: bool(one.found and two.found), f"{one.found} {two.found}")
    assert ([f"{there.address}:4999"], [f"{here.address}:4160"]) == (one.found, two.found)
    assert took_s < SOON_S / 2

    view = one.ask("view")
    assert "Found 1 other node of this grid on 192.168.1.0/24." == view["evidence"]
    ended = two.ask("stop")
    assert ended["stopped_in_s"] < 2.0
    assert ([], ["MainThread"], 0) == (ended["left"], ended["threads"], ended["sockets"])
    until(lambda: 0 == one.ask("view")["seen"], "no goodbye was heard")


@pytest.mark.parametrize("pause_s", [0.0, 0.1, 0.4])
def test_stopped_soon(street: Street, pause_s: float) -> None:
    """Stopped in the middle of its start, it leaves no task, timer, thread or socket."""
    neighbour = street.neighbour(street.station("a"))
    neighbour.ask("cost")  # by now it has begun
    time.sleep(pause_s)
    ended = neighbour.ask("stop")
    assert ended["stopped_in_s"] < 2.0
    assert ([], ["MainThread"], 0) == (ended["left"], ended["threads"], ended["sockets"])


def test_foreign_grids_are_passed_over(street: Street) -> None:
    """Two grids on one LAN have nothing to do with each other."""
    first, second, third = (street.station(name) for name in "abc")
    ours, foreign = street.neighbour(first), street.neighbour(second, FOREIGN)
    also = street.neighbour(third)
    until(lambda: bool(ours.found and also.found), "our own were not found")
    time.sleep(SILENCE_S)
    assert [f"{third.address}:4160"] == ours.found
    assert [f"{first.address}:4160"] == also.found
    assert [] == foreign.found


def test_ipv6_alone(street: Street) -> None:
    """A LAN without IPv4 will do."""
    stations = [street.station(name) for name in "ab"]
    for number, station in enumerate(stations, 1):
        station.namespace.ip(
            f"addr flush dev {station.device} scope global",
            f"addr add fd00:7::{number}/64 dev {station.device} nodad",
        )
    time.sleep(SILENCE_S)  # until the link-local address is no longer tentative
    one, two = (street.neighbour(station) for station in stations)
    until(lambda: bool(one.found and two.found), f"{one.found} {two.found}")
    assert (["[fd00:7::2]:4160"], ["[fd00:7::1]:4160"]) == (one.found, two.found)


def test_two_on_one_machine(street: Street) -> None:
    """Two nodes of one machine share the socket of multicast DNS, and find each other."""
    station = street.station("a")
    one, two = street.neighbour(station, port=4160), street.neighbour(station, port=4161)
    until(lambda: bool(one.found and two.found), f"{one.found} {two.found}")
    assert ([f"{station.address}:4161"], [f"{station.address}:4160"]) == (one.found, two.found)


def test_nothing_else_is_said(street: Street) -> None:
    """Whatever is said names the grid's fingerprint, and neither the machine nor the grid else."""
    ear = street.ear(street.station("ear"))
    neighbour = street.neighbour(street.station("a"))
    until(lambda: "on" == neighbour.ask("view")["state"], "not on the air")
    said = heard(ear, SILENCE_S)
    announcements = [each for each in said if OURS.encode() in each]
    assert announcements
    for each in said:
        assert b"reticulum" in each
        assert len(each) < 500
        assert socket.gethostname().encode() not in each
    texts = {each[each.index(b"\x03v=1") :][:26] for each in announcements}
    assert {b"\x03v=1\x15grid=" + OURS.encode()} == texts


def test_off_is_silent(street: Street) -> None:
    """Before the start and after the stop not a datagram is sent; nor is there much at rest."""
    ear = street.ear(street.station("ear"))
    neighbour = street.neighbour(street.station("a"))
    until(lambda: "on" == neighbour.ask("view")["state"], "not on the air")
    assert heard(ear, SILENCE_S)
    assert "off" == (neighbour.ask("stop"), neighbour.ask("view"))[1]["state"]
    heard(ear, 0.1)
    assert [] == heard(ear, SILENCE_S)


def test_liar(street: Street) -> None:
    """Somebody who names addresses of the Internet and of all machines leads nobody there."""
    honest, ours = street.station("a"), street.station("b")
    claims = ("44.128.0.1", "8.8.8.8", "127.0.0.1", "224.0.0.251", "192.168.1.255", "10.9.9.9")
    liar = street.neighbour(street.station("liar"), OURS, *claims)
    until(lambda: "on" == liar.ask("view")["state"], "not on the air")
    one, two = street.neighbour(honest), street.neighbour(ours)
    until(lambda: len(one.found) == len(two.found) == 2, f"{one.found} {two.found}")
    time.sleep(SILENCE_S)
    assert {f"{ours.address}:4160", "10.9.9.9:4160"} == set(one.found)
    assert {f"{honest.address}:4160", "10.9.9.9:4160"} == set(two.found)


def test_strangers_get_no_answer(street: Street) -> None:
    """A question is answered on the LAN; from the Internet it is not, whatever the router does."""
    router = street.lab.router("r", Kind.FULL_CONE)
    station, beside = street.lab.host("a", router.lan), street.lab.host("b", router.lan)
    router.forward(PORT, station)
    neighbour = street.neighbour(station)
    until(lambda: "on" == neighbour.ask("view")["state"], "not on the air")

    def answers(asker: Station, address: str) -> list[bytes]:
        with asker.namespace.open_socket(socket.SOCK_DGRAM) as asking:
            asking.sendto(QUESTION, (address, PORT))
            return heard(asking, SILENCE_S / 2)

    assert any(OURS.encode() in answer for answer in answers(beside, station.address))
    assert [] == answers(street.lab.host("stranger"), router.address)


def test_moves(street: Street) -> None:
    """A machine that gets another address is found at it."""
    here, there = street.station("a"), street.station("b")
    one, two = street.neighbour(here), street.neighbour(there)
    until(lambda: bool(one.found and two.found), f"{one.found} {two.found}")
    address = there.readdress()
    two.tell("look")
    until(lambda: f"{address}:4160" in one.found, f"{one.found}")
    until(lambda: 1 == one.ask("view")["seen"], "it is counted twice")


def test_rotation(street: Street) -> None:
    """While a secret is rotated, nodes that use the old and the new one find each other."""
    one = street.neighbour(street.station("a"), OURS)
    until(lambda: "on" == one.ask("view")["state"], "not on the air")
    new = street.station("b")
    two = street.neighbour(new, f"{NEXT},{OURS}")
    until(lambda: bool(two.found), "the old one was not found")
    assert [] == one.found
    one.tell(f"rotate {OURS} {NEXT}")
    until(lambda: [f"{new.address}:4160"] == one.found, "the new one was not found")
    one.tell(f"rotate {NEXT}")
    two.tell(f"rotate {NEXT}")
    until(lambda: 1 == one.ask("view")["seen"] == two.ask("view")["seen"], "lost each other")


def test_no_network(street: Street) -> None:
    """A machine that has only itself says so, and begins when it is plugged in."""
    station = street.station("a")
    station.namespace.ip(f"link del {station.device}")
    neighbour = street.neighbour(station)
    until(lambda: "failed" == neighbour.ask("view")["state"], "it found a network")
    assert "this machine is in none" in neighbour.ask("view")["evidence"]
    station.plug_in()
    neighbour.tell("look")
    until(lambda: "on" == neighbour.ask("view")["state"], "it found no network")
    station.unplug()
    neighbour.tell("look")
    assert neighbour.ask("stop")["stopped_in_s"] < 2.0


def estranged(grid: NatGrid, street: Street) -> tuple[Member, Member]:
    """Two nodes of a grid on one LAN, the second with an invite that leads nowhere any more."""
    first = grid.start("one", street.station("one"))
    first.station.readdress()
    second = grid.start("two", street.station("two"))
    second.node.wait_ready()
    return first, second


def test_nodes_join_by_it(tmp_path: Path) -> None:
    """A node that knows no address joins all the same, as its grid is on the LAN."""
    with (
        nat_grid.nat_grid(tmp_path, RETICULUM_REACH_DISCOVER="true") as grid,
        contextlib.ExitStack() as held,
    ):
        first, second = estranged(grid, Street(grid.lab, held, grid.lab.lan("home")))
        grid.join(first, second)
        assert 1 == second.node.status()["reach"]["local_nodes"]
        grid.no_tracebacks()


def test_nodes_that_may_not_are_silent(tmp_path: Path) -> None:
    """With the setting off, nodes say nothing to their LAN and don't find each other there."""
    with (
        nat_grid.nat_grid(tmp_path, RETICULUM_REACH_DISCOVER="false") as grid,
        contextlib.ExitStack() as held,
    ):
        street = Street(grid.lab, held, grid.lab.lan("home"))
        ear = street.ear(street.station("ear"))
        _, second = estranged(grid, street)
        assert [] == heard(ear, SILENCE_S)
        assert not second.is_member()
        grid.no_tracebacks()
