"""The life of discovery, on an air that is made of lists."""

import ipaddress
import random
from collections.abc import Callable
from typing import Any

import attrs
import pytest
from twisted.internet.defer import Deferred
from twisted.internet.task import Clock

from reticulum.model import Address
from reticulum.reach.discovery.air import Session, Watcher
from reticulum.reach.discovery.announcement import SERVICE, Announcement, Heard
from reticulum.reach.discovery.browsing import AT_ONCE, LOOKS, MOST_CHANGES, MOST_WAITING, RESOLVE_S
from reticulum.reach.discovery.lan_discovery import (
    LOOK_S,
    LOOKS_TO_TELL,
    START_S,
    STOP_S,
    LanDiscovery,
)
from reticulum.reach.discovery.networks import Network, Networks

GRID, NEXT, FOREIGN = b"\1" * 8, b"\2" * 8, b"\3" * 8
OWN = Address("192.168.1.5", 4160)


def networks(*own: str) -> Networks:
    return Networks(tuple(Network(2, ipaddress.ip_interface(text)) for text in own))


HOME = networks("192.168.1.5/24")


def named(word: str) -> str:
    return f"{word}.{SERVICE}"


def service(*hosts: str, port: int = 4160, fingerprint: bytes = GRID) -> Heard:
    text = {b"v": b"1", b"grid": fingerprint.hex().encode()}
    return Heard(port=port, text=text, hosts=hosts)


@attrs.define
class FakeSession:
    """One stay; what it resolves is in the air, or is waited for."""

    air: "FakeAir"
    own: Announcement
    networks: Networks
    watcher: Any = None
    resolving: dict[str, Deferred[Heard | None]] = attrs.field(factory=dict)
    cancelled: list[str] = attrs.field(factory=list)
    is_open: bool = False

    async def start(self, watcher: Watcher) -> None:
        self.air.events.append(("start", self.own.fingerprint, self.networks.told))
        self.is_open = True
        self.watcher = watcher
        await self.air.opening()
        for name in self.air.services:
            watcher.appeared(name)

    async def resolve(self, name: str) -> Heard | None:
        answer = self.air.services.get(name)
        if isinstance(answer, Exception):
            raise answer
        if answer is not None:
            return answer
        self.resolving[name] = Deferred(lambda _: self.cancelled.append(name))
        return await self.resolving[name]

    async def stop(self) -> None:
        await self.air.closing()
        self.is_open = False
        self.air.events.append(("stop",))


async def at_once() -> None:
    """No wait."""


@attrs.define
class FakeAir:
    """Whoever is there, and what has happened."""

    services: dict[str, Any] = attrs.field(factory=dict)
    sessions: list[FakeSession] = attrs.field(factory=list)
    events: list[Any] = attrs.field(factory=list)
    opening: Callable[[], Any] = at_once
    closing: Callable[[], Any] = at_once

    def session(self, announcement: Announcement, networks: Networks) -> Session:
        self.sessions.append(FakeSession(self, announcement, networks))
        return self.sessions[-1]

    @property
    def now(self) -> FakeSession:
        """The last session."""
        return self.sessions[-1]

    def appears(self, name: str, answer: Any) -> None:
        """A service is there from now on."""
        self.services[name] = answer
        self.now.watcher.appeared(name)


@attrs.define
class Scene:
    """A node, its surroundings and what it was told."""

    air: FakeAir = attrs.field(factory=FakeAir)
    clock: Clock = attrs.field(factory=Clock)
    networks: Networks = HOME
    fingerprints: list[bytes] = attrs.field(factory=lambda: [GRID])
    found: list[str] = attrs.field(factory=list)
    discovery: Any = None

    def __attrs_post_init__(self) -> None:
        self.discovery = LanDiscovery(
            air=self.air,
            networks=lambda: self.networks,
            port=OWN.port,
            fingerprints=lambda: self.fingerprints,
            found=lambda address: self.found.append(str(address)),
            clock=self.clock,
            rng=random.Random(1),  # noqa: S311  (any will do)
        )

    def pass_s(self, seconds: float) -> None:
        self.clock.pump([1.0] * round(seconds))


async def test_found() -> None:
    """A node of this grid is told of, with each of its addresses nearby; then it is counted."""
    scene = Scene()
    scene.air.services[named("a")] = service("192.168.1.7", "10.0.0.7", "8.8.8.8", port=5000)
    await scene.discovery.start()
    assert ["192.168.1.7:5000", "10.0.0.7:5000"] == scene.found
    scene.air.appears(named("b"), service("192.168.1.8"))
    assert "192.168.1.8:4160" == scene.found[-1]
    view = scene.discovery.view
    assert ("on", 2) == (view.state, view.found)
    assert "Found 2 other nodes of this grid on 192.168.1.0/24." == view.evidence
    scene.air.now.watcher.left(named("a"))
    assert "Found 1 other node of this grid on 192.168.1.0/24." == scene.discovery.view.evidence
    await scene.discovery.stop()
    assert ("off", 0) == (scene.discovery.view.state, scene.discovery.view.found)


async def test_announced() -> None:
    """It tells its port, its addresses, the fingerprint in use, and new names at each start."""
    scene = Scene(fingerprints=[GRID, NEXT])
    await scene.discovery.start()
    await scene.discovery.stop()
    await scene.discovery.start()
    await scene.discovery.stop()
    first, second = (session.own for session in scene.air.sessions)
    assert (4160, GRID, ("192.168.1.5",)) == (first.port, first.fingerprint, first.addresses)
    assert first.alias.service != second.alias.service
    assert first.alias.host != second.alias.host
    start = ("start", GRID, ("192.168.1.5",))
    assert [start, ("stop",), start, ("stop",)] == scene.air.events


@pytest.mark.parametrize(
    "answer",
    [
        service("192.168.1.7", fingerprint=FOREIGN),
        Heard(port=4160, text={}, hosts=("192.168.1.7",)),
        service("8.8.8.8", "127.0.0.1", "169.254.169.254", "192.168.1.255", "nonsense"),
        service("192.168.1.7", port=0),
        service("192.168.1.7", port=65_536),
        service("192.168.1.7", port=-1),
        service(),
        service("192.168.1.5"),
        OSError("no"),
        ValueError("\ud800\n" * 1_000),
    ],
    ids=lambda answer: ascii(answer)[:40],
)
async def test_not_found(answer: Any) -> None:
    """Foreign grids, far addresses, nonsense, and this node itself are passed over."""
    scene = Scene()
    scene.air.services[named("a")] = answer
    await scene.discovery.start()
    assert [] == scene.found
    assert 0 == scene.discovery.view.found
    scene.air.appears(named("b"), service("192.168.1.8"))
    assert ["192.168.1.8:4160"] == scene.found
    await scene.discovery.stop()


async def test_another_node_of_this_machine_is_found() -> None:
    """Two nodes may share an address; their ports tell them apart."""
    scene = Scene()
    scene.air.services[named("a")] = service("192.168.1.5", port=4161)
    await scene.discovery.start()
    assert ["192.168.1.5:4161"] == scene.found
    await scene.discovery.stop()


@pytest.mark.parametrize("name", ["{own}", "{OWN}", "a._ipp._tcp.local.", "", SERVICE, "x" * 9_999])
async def test_names_that_are_passed_over(name: str) -> None:
    """Its own name in any case, other kinds of service and giants are not even looked at."""
    scene = Scene()
    await scene.discovery.start()
    own = scene.air.now.own.alias.service
    name = name.replace("{own}", own).replace(
        "{OWN}", own.upper().replace(SERVICE.upper(), SERVICE)
    )
    scene.air.appears(name, service("192.168.1.8"))
    assert [] == scene.found
    await scene.discovery.stop()


async def test_a_change_is_looked_at() -> None:
    """A service with another address is told of; one that went to another grid is forgotten."""
    scene = Scene()
    await scene.discovery.start()
    scene.air.appears(named("a"), service("192.168.1.7"))
    scene.air.appears(named("a"), service("192.168.1.9"))
    assert ["192.168.1.7:4160", "192.168.1.9:4160"] == scene.found
    assert 1 == scene.discovery.view.found
    scene.air.appears(named("a"), service("192.168.1.9", fingerprint=FOREIGN))
    assert 0 == scene.discovery.view.found
    await scene.discovery.stop()


async def test_looks_are_bounded() -> None:
    """Silent services hold up four looks at a time, for three seconds each; the rest is dropped."""
    scene = Scene()
    await scene.discovery.start()
    for number in range(1_000):
        scene.air.now.watcher.appeared(named(f"silent{number}"))
    assert AT_ONCE == len(scene.air.now.resolving)
    scene.pass_s(2 * RESOLVE_S * (MOST_WAITING + AT_ONCE) / AT_ONCE)
    assert AT_ONCE + MOST_WAITING == len(scene.air.now.resolving)
    scene.air.appears(named("a"), service("192.168.1.7"))
    assert ["192.168.1.7:4160"] == scene.found
    await scene.discovery.stop()


async def test_pace_is_bounded() -> None:
    """A service that changes all the time is looked at so often a minute, and no more."""
    scene = Scene()
    await scene.discovery.start()
    looks = []

    class Counting(dict[str, Any]):
        def get(self, name: str, default: Any = None) -> Any:
            looks.append(name)
            return service(fingerprint=FOREIGN)

    scene.air.services = Counting()
    for _ in range(3):
        for _ in range(1_000):
            scene.air.now.watcher.appeared(named("a"))
        scene.pass_s(LOOK_S)
    assert 3 * LOOKS + 1 == len(looks)
    await scene.discovery.stop()


async def test_a_worn_session_is_replaced() -> None:
    """What the library remembers of a flood does not grow for ever: it begins anew."""
    scene = Scene()
    scene.air.services[named("a")] = service("192.168.1.7")
    await scene.discovery.start()
    for number in range(MOST_CHANGES):
        scene.air.now.watcher.appeared(f"{number}.elsewhere.")
    scene.pass_s(LOOK_S)
    assert [False, True] == [session.is_open for session in scene.air.sessions]
    assert 1 == scene.discovery.view.found
    scene.pass_s(LOOK_S)
    assert 2 == len(scene.air.sessions)
    await scene.discovery.stop()


async def test_gone_while_looked_at() -> None:
    """Who says goodbye is not counted by an answer that comes late."""
    scene = Scene()
    await scene.discovery.start()
    watcher = scene.air.now.watcher
    watcher.appeared(named("a"))
    watcher.left(named("a"))
    assert 0 == scene.discovery.view.found
    scene.air.appears(named("a"), service("192.168.1.7"))
    assert ["192.168.1.7:4160"] == scene.found
    await scene.discovery.stop()


async def test_changed_while_looked_at() -> None:
    """A service that changes while it is looked at is looked at again afterwards."""
    scene = Scene()
    await scene.discovery.start()
    watcher = scene.air.now.watcher
    watcher.appeared(named("a"))
    watcher.appeared(named("a"))
    assert 1 == len(scene.air.now.resolving)
    first = scene.air.now.resolving.pop(named("a"))
    first.callback(service("192.168.1.7"))
    scene.air.now.resolving.pop(named("a")).callback(service("192.168.1.8"))
    assert ["192.168.1.7:4160", "192.168.1.8:4160"] == scene.found
    await scene.discovery.stop()


async def test_told_again() -> None:
    """Who is there for long is told of again, seldom: its first answer may have been lost."""
    scene = Scene()
    scene.air.services[named("a")] = service("192.168.1.7")
    await scene.discovery.start()
    scene.pass_s(LOOK_S * (LOOKS_TO_TELL - 2))
    assert 1 == len(scene.found)
    scene.pass_s(LOOK_S * 2)
    assert 2 == len(scene.found)
    await scene.discovery.stop()


async def test_at_rest_nothing_is_sent() -> None:
    """While nothing changes there is one session."""
    scene = Scene()
    await scene.discovery.start()
    scene.pass_s(LOOK_S * 100)
    assert 1 == len(scene.air.sessions)
    await scene.discovery.stop()


async def test_rotation() -> None:
    """A new secret is announced within a minute; nodes with either are found, then one only."""
    scene = Scene()
    scene.air.services[named("new")] = service("192.168.1.7", fingerprint=NEXT)
    scene.air.services[named("old")] = service("192.168.1.8")
    await scene.discovery.start()
    assert ["192.168.1.8:4160"] == scene.found
    scene.fingerprints = [GRID, NEXT]
    scene.pass_s(LOOK_S)
    assert ["192.168.1.8:4160", "192.168.1.7:4160"] == scene.found[:2]
    assert 2 == scene.discovery.view.found
    scene.fingerprints = [NEXT]
    scene.discovery.network_changed()
    assert NEXT == scene.air.now.own.fingerprint
    assert 1 == scene.discovery.view.found
    assert [False, False, True] == [session.is_open for session in scene.air.sessions]
    await scene.discovery.stop()


async def test_another_network() -> None:
    """A laptop that moves announces its new address under its names of this start, at once."""
    scene = Scene()
    await scene.discovery.start()
    scene.networks = networks("10.1.0.5/16")
    scene.discovery.network_changed()
    assert ("10.1.0.5",) == scene.air.now.own.addresses
    assert 1 == len({session.own.alias for session in scene.air.sessions})
    assert "Found no other node of this grid on 10.1.0.0/16." == scene.discovery.view.evidence
    scene.discovery.network_changed()
    assert 2 == len(scene.air.sessions)
    await scene.discovery.stop()


async def test_no_network() -> None:
    """A machine in no network starts; once it is in one, discovery begins."""
    scene = Scene(networks=Networks())
    await scene.discovery.start()
    view = scene.discovery.view
    assert ("failed", 0) == (view.state, view.found)
    assert "The local network can't be searched: this machine is in none." == view.evidence
    scene.networks = HOME
    scene.pass_s(LOOK_S)
    assert "on" == scene.discovery.view.state
    scene.networks = Networks()
    scene.discovery.network_changed()
    assert "failed" == scene.discovery.view.state
    assert not scene.air.now.is_open
    await scene.discovery.stop()


async def test_no_multicast() -> None:
    """What the library raises is told in the view, closed, and tried again every minute."""
    scene = Scene()

    async def refuse() -> None:
        raise OSError(19, "No such device")

    scene.air.opening = refuse
    await scene.discovery.start()
    assert (
        "The local network can't be searched: [Errno 19] No such device."
        == scene.discovery.view.evidence
    )
    scene.pass_s(LOOK_S)
    assert [False, False] == [session.is_open for session in scene.air.sessions]
    scene.air.opening = at_once
    scene.discovery.network_changed()
    assert "on" == scene.discovery.view.state
    await scene.discovery.stop()


async def test_the_system_does_not_tell() -> None:
    """Not to know the networks is as bad as to have none, and as temporary."""
    scene = Scene()

    def refuse() -> Networks:
        raise OSError("too many open files")

    scene.discovery._networks = refuse
    await scene.discovery.start()
    assert "failed" == scene.discovery.view.state
    scene.discovery._networks = lambda: HOME
    scene.pass_s(LOOK_S)
    assert "on" == scene.discovery.view.state
    await scene.discovery.stop()


async def test_opening_that_hangs() -> None:
    """It is not yet on; it is given up, said so, and closed."""
    scene = Scene()
    scene.air.opening = Deferred
    await scene.discovery.start()
    assert "off" == scene.discovery.view.state
    scene.pass_s(START_S)
    assert "longer than 10 s" in scene.discovery.view.evidence
    assert [False] == [session.is_open for session in scene.air.sessions]
    await scene.discovery.stop()


async def test_stopped_while_opening() -> None:
    """Stopping does not wait for an opening, and closes it."""
    scene = Scene()
    scene.air.opening = Deferred
    await scene.discovery.start()
    await scene.discovery.stop()
    assert ("stop",) == scene.air.events[-1]
    assert [] == scene.clock.getDelayedCalls()


async def test_stopped_while_closing() -> None:
    """Stopping in the middle of a change waits for the session that is being closed, once."""
    scene = Scene()
    await scene.discovery.start()
    goodbye: Deferred[None] = Deferred()
    scene.air.closing = lambda: goodbye
    scene.networks = networks("10.1.0.5/16")
    scene.discovery.network_changed()
    stopping = Deferred.fromCoroutine(scene.discovery.stop())
    assert not stopping.called
    goodbye.callback(None)
    assert stopping.called
    assert 1 == scene.air.events.count(("stop",))
    assert 1 == len(scene.air.sessions)
    assert [] == scene.clock.getDelayedCalls()


async def test_closing_that_hangs() -> None:
    """Two seconds, then the node goes on without a goodbye."""
    scene = Scene()
    await scene.discovery.start()
    scene.air.closing = Deferred
    stopping = Deferred.fromCoroutine(scene.discovery.stop())
    scene.pass_s(STOP_S - 1)
    assert not stopping.called
    scene.pass_s(1)
    assert stopping.called


async def test_stopped_while_looking_at_services() -> None:
    """Looks under way end with the session."""
    scene = Scene()
    await scene.discovery.start()
    for number in range(10):
        scene.air.now.watcher.appeared(named(f"silent{number}"))
    await scene.discovery.stop()
    assert [] == scene.clock.getDelayedCalls()
    assert AT_ONCE == len(scene.air.now.cancelled)
