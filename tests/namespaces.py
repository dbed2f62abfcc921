"""
Networks on one machine: hosts, NAT routers and an Internet, each in a network namespace.

Nothing of the machine's own network is touched. Names have the process id in them; what a `Lab`
made is gone when it is left, and what a killed run left behind, when the next one begins.
"""

import contextlib
import ctypes
import functools
import ipaddress
import itertools
import os
import re
import shutil
import socket
import struct
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Self

import attrs
from nat_rules import TABLE, Kind, forward_rules, nat_rules

__all__ = ["Kind", "Lab", "Namespace", "Router", "Segment", "Station", "requires_lab", "why_no_lab"]

PREFIX = "rtlab"
NAMED = Path("/run/netns")
COMMAND_S = 20.0
"""Bound on every command; they take milliseconds."""

# Amateur radio's: looks public to everybody, and no packet leaves this machine. Stations are
# spread over its /16s, as strangers in the real Internet are.
INTERNET = ipaddress.IPv4Network("44.128.0.0/10")
SITES = 60

_CLONE_NEWNET = 0x40000000
_LIBC = ctypes.CDLL(None, use_errno=True)
_LABS = itertools.count()


def requires_lab(*programs: str) -> None:
    """
    Skip the calling module where there can be no lab; fail if nothing may be skipped.

    Args:
        programs: That the module needs besides `ip`, `nft` and `nsenter`.
    """
    import pytest  # noqa: PLC0415  (benchmarks use the lab, too, and do without)

    missing = why_no_lab() or next((f"no {each}" for each in programs if not which(each)), "")
    if not missing:
        return
    if "NO_SKIPPED_TESTS" in os.environ:
        pytest.fail(f"the NAT lab can't be had: {missing}", pytrace=False)
    pytest.skip(f"the NAT lab can't be had: {missing}", allow_module_level=True)


@functools.cache
def why_no_lab() -> str:
    """What keeps this machine from having a lab; empty if nothing does."""
    if os.geteuid() != 0:
        return "not root"
    for each in ("ip", "nft", "nsenter"):
        if not which(each):
            return f"no {each}"
    try:
        with Lab() as lab:
            lab.router("try", Kind.FULL_CONE)
    except (OSError, subprocess.SubprocessError, CommandFailed) as error:
        return f"no network namespaces with NAT: {error}"
    return ""


def which(program: str) -> str | None:
    """Where a program is, also one of those for root alone."""
    return shutil.which(program, path=f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin")


class CommandFailed(Exception):
    """A command that sets a network up has failed; says which, and what it said."""


def command(*words: str, given: str = "") -> str:
    """What a command prints; it must end well, and soon."""
    path = f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin"
    ran = subprocess.run(
        words,
        input=given,
        capture_output=True,
        text=True,
        check=False,
        timeout=COMMAND_S,
        env={**os.environ, "PATH": path},
    )
    if ran.returncode:
        raise CommandFailed(f"{' '.join(words)}: {ran.stderr.strip()}\n{given}")
    return ran.stdout


@attrs.frozen
class Namespace:
    """
    A network namespace.

    Args:
        name: As `ip netns` has it.
    """

    name: str

    @property
    def prefix(self) -> tuple[str, ...]:
        """What to put before a command to have it run in here; the process id stays the same."""
        return ("nsenter", f"--net={NAMED / self.name}", "--")

    def run(self, *words: str, given: str = "") -> str:
        """What a command prints in here."""
        return command(*self.prefix, *words, given=given)

    def ip(self, *lines: str) -> None:
        """Commands of `ip`, one after the other."""
        command("ip", "-n", self.name, "-batch", "-", given="\n".join(lines) + "\n")

    @contextlib.contextmanager
    def entered(self) -> Iterator[None]:
        """The calling thread is in here meanwhile: for sockets, which stay where they began."""
        with Path("/proc/thread-self/ns/net").open() as before, (NAMED / self.name).open() as here:
            _setns(here.fileno())
            try:
                yield
            finally:
                _setns(before.fileno())

    def open_socket(self, kind: socket.SocketKind = socket.SOCK_STREAM) -> socket.socket:
        """A fresh IPv4 socket in here."""
        with self.entered():
            return socket.socket(socket.AF_INET, kind)

    def connect(self, address: tuple[str, int], timeout_s: float = 5.0) -> socket.socket:
        """A TCP connection from here."""
        with self.entered():
            return socket.create_connection(address, timeout_s)

    def control(self, name: str, value: str) -> None:
        """Set one of the kernel's values for networks, like `net/ipv4/ip_forward`."""
        with self.entered():
            (Path("/proc/sys") / name).write_text(value)

    def forget_connections(self) -> None:
        """Have the kernel forget every connection it tracks in here, as `conntrack -F` does."""
        # ctnetlink: delete, with no tuple said; asks for an acknowledgement.
        delete = struct.pack("=IHHIIBBH", 20, 1 << 8 | 2, 1 | 4, 1, 0, 2, 0, 0)
        with self.entered(), socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, 12) as netlink:
            netlink.settimeout(COMMAND_S)
            netlink.bind((0, 0))
            netlink.send(delete)
            (status,) = struct.unpack_from("=i", netlink.recv(4096), 16)
        if status:
            raise CommandFailed(f"forgetting connections: {os.strerror(-status)}")


def _setns(descriptor: int) -> None:
    # os.setns came with Python 3.12
    if _LIBC.setns(descriptor, _CLONE_NEWNET):
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))


@attrs.define(eq=False)
class Segment:
    """
    What stations are plugged into: a bridge, with a gateway's address on it.

    Args:
        namespace: That has the bridge.
        device: The bridge.
        network: Of its addresses.
        sites: Over how many parts of it, 65,536 addresses long, stations are spread.
    """

    namespace: Namespace
    device: str
    network: ipaddress.IPv4Network
    sites: int = 1
    _taken: int = 0
    _plugs: int = 0

    @property
    def gateway(self) -> str:
        """The address of the bridge itself."""
        return str(self.network[1])

    def build(self) -> None:
        """Make the bridge."""
        self.namespace.ip(
            f"link add {self.device} type bridge mcast_snooping 0",
            f"addr add {self.gateway}/{self.network.prefixlen} dev {self.device}",
            f"link set {self.device} up",
        )

    def next_address(self) -> str:
        """One that no station had before."""
        number = self._taken
        self._taken += 1
        site, which = number % self.sites, number // self.sites
        return str(self.network[(site << 16) + 10 + which])

    def next_plug(self) -> str:
        """Name for another port of the bridge."""
        self._plugs += 1
        return f"port{self._plugs}"


@attrs.define(eq=False)
class Station:
    """
    A host: one namespace with one cable.

    Args:
        namespace: Its own.
        segment: That it is plugged into.
        device: Its end of the cable.
        address: That it has there.
    """

    namespace: Namespace
    segment: Segment
    device: str = "eth0"
    address: str = ""

    def plug_in(self) -> None:
        """Lay the cable, with a fresh address and the way to everywhere else."""
        here, there, plug = self.namespace, self.segment.namespace, self.segment.next_plug()
        here.ip(
            "link set lo up",
            f"link add {self.device} type veth peer name {plug} netns {there.name}",
        )
        there.ip(f"link set {plug} master {self.segment.device}", f"link set {plug} up")
        self.address = self.segment.next_address()
        here.ip(
            f"addr add {self.address}/{self.segment.network.prefixlen} dev {self.device}",
            f"link set {self.device} up",
            f"route add default via {self.segment.gateway}",
        )

    def move(self, segment: Segment) -> None:
        """Pull the cable out and plug it in elsewhere; what runs in here goes on."""
        self.namespace.ip(f"link del {self.device}")
        self.segment = segment
        self.plug_in()

    def readdress(self) -> str:
        """Another address on the same segment, as after a new lease; returns it."""
        old, length = self.address, self.segment.network.prefixlen
        self.address = self.segment.next_address()
        self.namespace.ip(
            f"addr del {old}/{length} dev {self.device}",
            f"addr add {self.address}/{length} dev {self.device}",
            f"route replace default via {self.segment.gateway}",
        )
        return self.address

    def unplug(self) -> None:
        """No carrier any more, until `replug`."""
        self.namespace.ip(f"link set {self.device} down")

    def replug(self) -> None:
        """As before `unplug`."""
        self.namespace.ip(
            f"link set {self.device} up", f"route replace default via {self.segment.gateway}"
        )


@attrs.define(eq=False)
class Router(Station):
    """
    A NAT router: a station on one segment, and a segment of its own.

    Args:
        kind: How it maps and filters.
        passes_udp: Whether datagrams get through at all.
        lan: What is behind it.
    """

    kind: Kind = attrs.field(kw_only=True)
    lan: Segment = attrs.field(kw_only=True)
    passes_udp: bool = attrs.field(default=True, kw_only=True)
    forwarded: dict[int, str] = attrs.field(factory=dict, kw_only=True)

    def set_up(self) -> None:
        """Make both sides, and begin to route."""
        self.lan.build()
        self.plug_in()
        self.namespace.control("net/ipv4/ip_forward", "1")
        self._rule()

    def forward(self, port: int, station: Station) -> None:
        """Pass this port on to the same one of a host behind, for UDP and TCP."""
        self.forwarded[port] = station.address
        self.namespace.run("nft", "-f", "-", given=forward_rules(port, station.address))

    def become(self, kind: Kind, *, passes_udp: bool = True) -> None:
        """Another kind of NAT from now on, or one without datagrams."""
        self.kind, self.passes_udp = kind, passes_udp
        self._rule()
        self.namespace.forget_connections()

    def reboot(self, down_s: float = 1.0) -> None:
        """Nothing passes for a while; then the state of every connection is lost."""
        self.unplug()
        self.namespace.ip(f"link set {self.lan.device} down")
        time.sleep(down_s)
        self._rule()
        self.namespace.forget_connections()
        self.namespace.ip(f"link set {self.lan.device} up")
        self.replug()

    def connections(self) -> str:
        """What the kernel tracks, for people."""
        with self.namespace.entered():
            return Path("/proc/thread-self/net/nf_conntrack").read_text()

    def _rule(self) -> None:
        text = f"table ip {TABLE}\ndelete table ip {TABLE}\n"
        text += nat_rules(self.kind, passes_udp=self.passes_udp)
        for port, host in self.forwarded.items():
            text += forward_rules(port, host)
        self.namespace.run("nft", "-f", "-", given=text)


class Lab:
    """An Internet to begin with, and all that is added; used with `with`."""

    internet: Segment

    def __init__(self) -> None:
        self._mine = f"{PREFIX}{os.getpid()}x{next(_LABS)}"
        self._made: list[Namespace] = []
        self._lans = itertools.count(1)

    def __enter__(self) -> Self:
        _sweep()
        try:
            self.internet = Segment(self._namespace("net"), "net", INTERNET, SITES)
            self.internet.build()
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Remove every namespace; what still runs in one keeps it alive, cut off, until its end."""
        for namespace in self._made:
            _remove(namespace.name)
        self._made.clear()

    def host(self, name: str, segment: Segment | None = None) -> Station:
        """
        A host.

        Args:
            name: Short, and its own in this lab.
            segment: Where it is; on the Internet if not said.
        """
        station = Station(self._namespace(name), segment or self.internet)
        station.plug_in()
        return station

    def router(
        self, name: str, kind: Kind, *, outer: Segment | None = None, passes_udp: bool = True
    ) -> Router:
        """
        A NAT router with a LAN behind it.

        Args:
            name: Short, and its own in this lab.
            kind: How it maps and filters.
            outer: What its `wan` is on: the Internet if not said, or another router's LAN.
            passes_udp: False if it drops every datagram.
        """
        namespace = self._namespace(name)
        lan = Segment(namespace, "lan", self._next_network())
        router = Router(
            namespace, outer or self.internet, "wan", kind=kind, lan=lan, passes_udp=passes_udp
        )
        router.set_up()
        return router

    def lan(self, name: str) -> Segment:
        """A network with no way out."""
        segment = Segment(self._namespace(name), "lan", self._next_network())
        segment.build()
        return segment

    def _next_network(self) -> ipaddress.IPv4Network:
        return ipaddress.IPv4Network(f"192.168.{next(self._lans)}.0/24")

    def _namespace(self, name: str) -> Namespace:
        namespace = Namespace(f"{self._mine}-{name}")
        command("ip", "netns", "add", namespace.name)
        self._made.append(namespace)
        return namespace


def _sweep() -> None:
    """Remove what killed runs have left."""
    for entry in NAMED.iterdir() if NAMED.is_dir() else ():
        found = re.match(rf"{PREFIX}(\d+)x", entry.name)
        if found and not Path("/proc", found[1]).exists():
            _remove(entry.name)


def _remove(name: str) -> None:
    with contextlib.suppress(CommandFailed, subprocess.TimeoutExpired):
        command("ip", "netns", "del", name)
