"""The lab itself, with plain sockets: a test in it is worth what its routers are."""

import contextlib
import errno
import itertools
import selectors
import socket
import subprocess
import sys
import time
from collections.abc import Iterator

import namespaces
import pytest
from namespaces import Lab, Namespace, Router, Station
from nat_rules import HOPELESS, Kind

namespaces.requires_lab()

UDP, TCP = socket.SOCK_DGRAM, socket.SOCK_STREAM
WAIT_S = 5.0
NOTHING_S = 0.3
"""For packets that must not come: those that do take microseconds."""
RETRY_S = 0.15

MAPPING = {
    Kind.FULL_CONE: "endpoint-independent",
    Kind.ADDRESS_RESTRICTED: "endpoint-independent",
    Kind.PORT_RESTRICTED: "endpoint-independent",
    Kind.SYMMETRIC: "address- and port-dependent",
}
FILTERING = {
    Kind.FULL_CONE: "endpoint-independent",
    Kind.ADDRESS_RESTRICTED: "address-dependent",
    Kind.PORT_RESTRICTED: "address- and port-dependent",
    Kind.SYMMETRIC: "address- and port-dependent",
}
"""What RFC 4787 calls each of them."""
PAIRS = list(itertools.combinations_with_replacement(Kind, 2))
kinds = pytest.mark.parametrize("kind", Kind, ids=lambda kind: kind.value)
Pair = tuple[Kind, Kind]
End = tuple[Station, socket.socket, tuple[str, int]]
"""A host, its listening socket, and where it has to dial."""


class Net:
    """Two servers, and two NATed hosts of each kind."""

    def __init__(self, lab: Lab) -> None:
        self.lab = lab
        self.one, self.two = lab.host("one"), lab.host("two")
        self.routers: dict[tuple[Kind, int], Router] = {}
        self.hosts: dict[tuple[Kind, int], Station] = {}
        for kind, number in itertools.product(Kind, (0, 1)):
            router = lab.router(f"r{number}-{kind.value}", kind)
            self.routers[kind, number] = router
            self.hosts[kind, number] = lab.host(f"h{number}-{kind.value}", router.lan)


@pytest.fixture(scope="module")
def net() -> Iterator[Net]:
    with Lab() as lab:
        yield Net(lab)


@pytest.fixture
def lab() -> Iterator[Lab]:
    with Lab() as lab:
        yield lab


@pytest.fixture
def held() -> Iterator[contextlib.ExitStack]:
    """Sockets that are closed at the end."""
    with contextlib.ExitStack() as stack:
        yield stack


def bound(
    held: contextlib.ExitStack, station: Station, kind: socket.SocketKind, port: int = 0
) -> socket.socket:
    """A socket with a port that may be used by others, too; one that listens if it can."""
    found = held.enter_context(station.namespace.open_socket(kind))
    found.settimeout(WAIT_S)
    found.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    found.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    found.bind((station.address, port))
    return found


def server(held: contextlib.ExitStack, station: Station) -> socket.socket:
    found = bound(held, station, TCP)
    found.listen()
    return found


def dialled(
    held: contextlib.ExitStack, station: Station, target: socket.socket, port: int = 0
) -> tuple[str, int]:
    """Connect from a port; returns the address from which that is seen to come."""
    connection = bound(held, station, TCP, port)
    connection.connect(target.getsockname())
    seen, address = target.accept()
    held.enter_context(seen)
    return address


def gets_through(station: Station, address: tuple[str, int]) -> bool:
    """Whether a TCP connection to there is accepted; a refusal at once counts as an error."""
    try:
        station.namespace.connect(address, NOTHING_S).close()
    except TimeoutError:
        return False
    return True


@kinds
def test_udp_mapping(net: Net, held: contextlib.ExitStack, kind: Kind) -> None:
    """One outer port for all partners, or another for each."""
    inner = bound(held, net.hosts[kind, 0], UDP)
    targets = [bound(held, each, UDP) for each in (net.one, net.one, net.two)]
    seen = []
    for target in targets:
        inner.sendto(b"?", target.getsockname())
        seen.append(target.recvfrom(9)[1])
    assert {net.routers[kind, 0].address} == {host for host, _ in seen}
    assert MAPPING[kind] == mapping_of(seen)


@kinds
def test_tcp_mapping(net: Net, held: contextlib.ExitStack, kind: Kind) -> None:
    """The same for connections from one port."""
    host = net.hosts[kind, 0]
    port = bound(held, host, TCP).getsockname()[1]
    targets = [server(held, each) for each in (net.one, net.one, net.two)]
    seen = [dialled(held, host, target, port) for target in targets]
    assert {net.routers[kind, 0].address} == {host for host, _ in seen}
    assert MAPPING[kind] == mapping_of(seen)


def mapping_of(seen: list[tuple[str, int]]) -> str:
    """What to call it, from what a port of one address, another of it, and another address saw."""
    first, other_port, other_address = seen
    if first == other_port == other_address:
        return "endpoint-independent"
    return "address-dependent" if first == other_port else "address- and port-dependent"


@kinds
def test_udp_filtering(net: Net, held: contextlib.ExitStack, kind: Kind) -> None:
    """Who may answer on a port from which only `one` was written to."""
    inner = bound(held, net.hosts[kind, 0], UDP)
    asked, other_port, other_address = (
        bound(held, each, UDP) for each in (net.one, net.one, net.two)
    )
    inner.sendto(b"?", asked.getsockname())
    seen = asked.recvfrom(9)[1]
    for sender in (other_address, other_port, asked):  # the one that certainly comes is the last
        sender.sendto(b"!", seen)
    came = [inner.recvfrom(9)[1]]
    while came[-1] != asked.getsockname():
        came.append(inner.recvfrom(9)[1])
    assert FILTERING[kind] == filtering_of(
        other_port.getsockname() in came, other_address.getsockname() in came
    )


@kinds
def test_tcp_filtering(net: Net, held: contextlib.ExitStack, kind: Kind) -> None:
    """Who may connect to a port from which only `one` was connected to."""
    host = net.hosts[kind, 0]
    listening = server(held, host)
    seen = dialled(held, host, server(held, net.one), listening.getsockname()[1])
    assert FILTERING[kind] == filtering_of(gets_through(net.one, seen), gets_through(net.two, seen))


def filtering_of(other_port: bool, other_address: bool) -> str:
    """What to call it, from who gets through beside who was written to."""
    if other_port and other_address:
        return "endpoint-independent"
    assert not other_address
    return "address-dependent" if other_port else "address- and port-dependent"


@kinds
def test_who_knocks_unasked(net: Net, kind: Kind) -> None:
    """Nobody gets in, and no answer comes, not even a refusal."""
    router = net.routers[kind, 1]
    assert not gets_through(net.one, (router.address, 4160))


@pytest.mark.parametrize("pair", PAIRS, ids=lambda pair: "~".join(kind.value for kind in pair))
def test_tcp_punch(net: Net, held: contextlib.ExitStack, pair: Pair) -> None:
    """Hosts that listen on the port they dial from meet, in 8 of the 10 pairs."""
    hosts = [net.hosts[kind, number] for number, kind in enumerate(pair)]
    listening = [server(held, host) for host in hosts]
    numbers = [each.getsockname()[1] for each in listening]
    witness = server(held, net.one)
    seen = [
        dialled(held, host, witness, number) for host, number in zip(hosts, numbers, strict=True)
    ]
    assert (frozenset(pair) not in HOPELESS) == do_meet(
        held, list(zip(hosts, listening, reversed(seen), strict=True))
    )


def do_meet(held: contextlib.ExitStack, ends: list[End]) -> bool:
    """Have both ends dial the other again and again; whether there is a connection soon."""
    for _ in range(5):
        with contextlib.ExitStack() as attempts, selectors.DefaultSelector() as selector:
            for station, listening, target in ends:
                selector.register(listening, selectors.EVENT_READ)
                attempt = bound(attempts, station, TCP, listening.getsockname()[1])
                attempt.setblocking(False)
                # Not available: the other's attempt came through, and has these addresses.
                state = attempt.connect_ex(target)
                assert state in {errno.EINPROGRESS, errno.EADDRNOTAVAIL}
                if state == errno.EINPROGRESS:
                    selector.register(attempt, selectors.EVENT_WRITE)
            if is_met(selector):
                return True
    return False


def is_met(selector: selectors.BaseSelector) -> bool:
    """Whether something is accepted or connected before it is time to dial again."""
    end = time.monotonic() + RETRY_S
    while (left_s := end - time.monotonic()) > 0:
        for key, _ in selector.select(left_s):
            sock = key.fileobj
            assert isinstance(sock, socket.socket)
            if not sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR):
                return True
            selector.unregister(sock)
    return False


def test_nat_behind_nat(lab: Lab, held: contextlib.ExitStack) -> None:
    """Who is behind two routers is seen with the outer one's address, and reaches out."""
    one = lab.host("one")
    outer = lab.router("outer", Kind.PORT_RESTRICTED)
    inner = lab.router("inner", Kind.FULL_CONE, outer=outer.lan)
    host = lab.host("host", inner.lan)
    assert outer.address == dialled(held, host, server(held, one))[0]
    # The inner one would let anybody in; the outer one does not.
    listening = server(held, host)
    seen = dialled(held, host, server(held, one), listening.getsockname()[1])
    assert not gets_through(one, seen)


def test_forwarded_port(lab: Lab, held: contextlib.ExitStack) -> None:
    """It is open for TCP and UDP, from everywhere, behind the strictest router too."""
    one = lab.host("one")
    router = lab.router("r", Kind.SYMMETRIC)
    host = lab.host("h", router.lan)
    listening = bound(held, host, TCP, 4160)
    listening.listen()
    assert not gets_through(one, (router.address, 4160))
    router.forward(4160, host)
    for _ in range(2):
        assert gets_through(one, (router.address, 4160))
        assert not gets_through(one, (router.address, 4161))
        router.reboot(0.1)
    inner, outer = bound(held, host, UDP, 4160), bound(held, one, UDP)
    outer.sendto(b"?", (router.address, 4160))
    inner.sendto(b"!", inner.recvfrom(9)[1])
    assert (router.address, 4160) == outer.recvfrom(9)[1]


def test_no_datagrams(lab: Lab, held: contextlib.ExitStack) -> None:
    """TCP goes through, UDP does not; and it does as soon as the router has become another."""
    one = lab.host("one")
    router = lab.router("r", Kind.FULL_CONE, passes_udp=False)
    host = lab.host("h", router.lan)
    assert router.address == dialled(held, host, server(held, one))[0]
    outer, inner = bound(held, one, UDP), bound(held, host, UDP)
    outer.settimeout(NOTHING_S)
    inner.sendto(b"?", outer.getsockname())
    with pytest.raises(TimeoutError):
        outer.recvfrom(9)
    router.become(Kind.FULL_CONE)
    inner.sendto(b"?", outer.getsockname())
    assert router.address == outer.recvfrom(9)[1][0]


def test_reboot(lab: Lab, held: contextlib.ExitStack) -> None:
    """
    What was mapped before is forgotten: who was let in by it is not any more, and a connection
    through a symmetric router is dead.
    """
    one, two = lab.host("one"), lab.host("two")
    router = lab.router("r", Kind.FULL_CONE)
    host = lab.host("h", router.lan)
    inner, asked, other = (bound(held, each, UDP) for each in (host, one, two))
    inner.sendto(b"?", asked.getsockname())
    seen = asked.recvfrom(9)[1]
    other.sendto(b"!", seen)
    assert other.getsockname() == inner.recvfrom(9)[1]
    router.reboot(0.1)
    other.sendto(b"!", seen)
    inner.settimeout(NOTHING_S)
    with pytest.raises(TimeoutError):
        inner.recvfrom(9)

    router.become(Kind.SYMMETRIC)
    listening = server(held, one)
    before = held.enter_context(host.namespace.connect(listening.getsockname()))
    held.enter_context(listening.accept()[0])
    router.reboot(0.1)
    before.sendall(b"still there?")
    with pytest.raises(ConnectionResetError):
        before.recv(9)
    held.enter_context(host.namespace.connect(listening.getsockname()))


def test_other_addresses(lab: Lab, held: contextlib.ExitStack) -> None:
    """A host moves to another network while it runs; a router gets another address."""
    one = lab.host("one")
    listening = server(held, one)
    home, office = lab.router("home", Kind.PORT_RESTRICTED), lab.router("office", Kind.SYMMETRIC)
    host = lab.host("h", home.lan)
    assert home.address == dialled(held, host, listening)[0]
    host.move(office.lan)
    assert office.address == dialled(held, host, listening)[0]
    old = office.address
    assert old != office.readdress() == dialled(held, host, listening)[0]
    old = host.address
    assert old != host.readdress()
    assert office.address == dialled(held, host, listening)[0]


def test_multicast(lab: Lab, held: contextlib.ExitStack) -> None:
    """It reaches all hosts of a LAN, one with a router and one without, and nobody else."""
    router = lab.router("r", Kind.FULL_CONE)
    for number, segment in enumerate((router.lan, lab.lan("alone"))):
        sender, receiver = (lab.host(f"h{number}{which}", segment) for which in "ab")
        ears = []
        for station in (receiver, lab.host(f"far{number}")):
            ear = held.enter_context(station.namespace.open_socket(UDP))
            ear.settimeout(WAIT_S)
            ear.bind(("224.0.0.251", 5353))
            group = socket.inet_aton("224.0.0.251") + socket.inet_aton(station.address)
            ear.setsockopt(socket.IPPROTO_IP, socket.IP_ADD_MEMBERSHIP, group)
            ears.append(ear)
        mouth = bound(held, sender, UDP)
        mouth.sendto(b"anybody?", ("224.0.0.251", 5353))
        assert (b"anybody?", mouth.getsockname()) == ears[0].recvfrom(9)
        ears[1].settimeout(NOTHING_S)
        with pytest.raises(TimeoutError):
            ears[1].recvfrom(9)


def test_commands_run_inside(lab: Lab) -> None:
    """A child sees the namespace's devices, and has the process id that was told."""
    host = lab.host("h")
    script = "import os, socket; print(os.getpid(), *(name for _, name in socket.if_nameindex()))"
    child = subprocess.Popen(
        [*host.namespace.prefix, sys.executable, "-c", script], stdout=subprocess.PIPE, text=True
    )
    out, _ = child.communicate(timeout=30)
    assert {str(child.pid), "lo", "eth0"} == set(out.split())


def test_nothing_is_left() -> None:
    """Namespaces go with their lab, also one that fails; the machine's own network is untouched."""
    devices = socket.if_nameindex()
    made = []

    def fail() -> None:
        with Lab() as lab:
            host = lab.host("h", lab.router("r", Kind.SYMMETRIC).lan)
            made.append(namespaces.NAMED / host.namespace.name)
            assert made[0].exists()
            raise RuntimeError("on purpose")

    with pytest.raises(RuntimeError, match="on purpose"):
        fail()
    assert not made[0].exists()
    assert devices == socket.if_nameindex()


def test_what_a_killed_run_left(lab: Lab) -> None:
    """The next lab clears it away; namespaces of others stay."""
    child = subprocess.Popen(["true"])
    child.wait()
    left = Namespace(f"{namespaces.PREFIX}{child.pid}x0-net")
    namespaces.command("ip", "netns", "add", left.name)
    with Lab():
        assert not (namespaces.NAMED / left.name).exists()
        assert (namespaces.NAMED / lab.internet.namespace.name).exists()
