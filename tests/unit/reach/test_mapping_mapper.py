"""The port mapper over hours: routers that come, go, forget, and move."""

import itertools
import random
from collections.abc import Sequence

import attrs
import pytest
import pytest_twisted
from twisted.internet.defer import Deferred
from twisted.internet.task import Clock, deferLater
from twisted.logger import globalLogPublisher

from reticulum.errors import NotMapped
from reticulum.model import Address
from reticulum.reach.mapping.gateway import Gateway
from reticulum.reach.mapping.lease import Lease, Method
from reticulum.reach.mapping.mapper import PortMapper
from reticulum.reach.mapping.pace import Pace
from reticulum.reach.mapping.search import Finder
from reticulum.reach.mapping.view import Mapping

HOME = Gateway(address="192.168.1.1", local="192.168.1.2")
OFFICE = Gateway(address="10.0.0.1", local="10.0.0.77")
PORT, HOST = 4160, "198.51.100.7"
LEASE_S = 3_600


@attrs.define(eq=False)
class FakeRouter:
    """Maps as it is told; a `Method` and its finder."""

    clock: Clock
    where: str = HOME.address
    name: str = "PCP"
    host: str = HOST
    port: int | None = None
    lease_s: float | None = LEASE_S
    refuses: str = ""
    has_forgotten: bool = False
    is_deaf: bool = False
    log: list[tuple[float, str]] = attrs.field(factory=list)
    gives_back_after_s: float = 0.0

    def _say(self, what: str) -> None:
        self.log.append((self.clock.seconds(), what))

    def said(self, what: str) -> list[float]:
        """When."""
        return [when for when, said in self.log if said.startswith(what)]

    async def find(self) -> Method:
        self._say("find")
        return self

    async def map(self, wanted: int) -> Lease:
        self._say(f"map {wanted}")
        if self.refuses:
            raise NotMapped(self.refuses)
        self.has_forgotten = False
        return Lease(external=Address(self.host, self.port or wanted), seconds=self.lease_s)

    async def glance(self) -> bool:
        self._say("glance")
        if self.is_deaf:
            raise NotMapped("silent")
        return not self.has_forgotten

    async def give_back(self) -> None:
        self._say("give back")
        await deferLater(self.clock, self.gives_back_after_s)


class World:
    """A mapper, its clock, and the routers behind each gateway."""

    def __init__(self, pace: Pace | None = None) -> None:
        self.clock = Clock()
        self.router = FakeRouter(self.clock)
        self.at: dict[Gateway, FakeRouter] = {HOME: self.router}
        self.gateway: Gateway | None = HOME
        self.facing: Gateway | None = None
        self.socket_fails = False
        self.changes: list[str] = []
        self.closed = 0
        self.mapper = PortMapper(
            port=lambda: PORT,
            routers=self,
            clock=self.clock,
            rng=random.Random(1),  # noqa: S311
            changed=lambda: self.changes.append(self.mapper.view.state),
            gateway=lambda: self.gateway,
            pace=pace,
        )

    async def face(self, gateway: Gateway) -> None:
        if self.socket_fails:
            raise NotMapped("no socket")
        self.facing = gateway

    def finders(self, port: int) -> Sequence[Finder]:
        assert PORT == port
        assert self.facing is not None
        router = self.at.get(self.facing)
        return () if router is None else (Finder(f"PCP at {router.where}", router.find),)

    async def close(self) -> None:
        self.closed += 1

    @property
    def view(self) -> Mapping:
        return self.mapper.view

    def advance(self, seconds: float) -> None:
        """Let time pass, a second at a time."""
        for _ in range(int(seconds)):
            self.clock.advance(1)
        self.clock.advance(seconds % 1)

    async def stop(self) -> None:
        """Stop, and see that nothing is left."""
        stopping = Deferred.fromCoroutine(self.mapper.stop())
        self.advance(5)
        await stopping
        assert 1 == self.closed
        assert [] == self.clock.getDelayedCalls()


@pytest_twisted.ensureDeferred
async def test_mapped() -> None:
    """At once, with what people and the program want to know; given back at the end."""
    world = World()
    assert "asking" == world.view.state
    await world.mapper.start()
    world.advance(10)
    expected = Mapping(
        state="mapped",
        evidence=f"mapped by PCP on 192.168.1.1: {HOST}:{PORT} for 3600 s at a time; "
        "there is another router in front of this one (its outer address is no public one)",
        method="PCP",
        gateway="192.168.1.1",
        external=Address(HOST, PORT),
        lease_s=LEASE_S,
        expires_in_s=LEASE_S - 10,
    )
    assert expected == world.view
    assert ["mapped"] == world.changes
    await world.stop()
    assert 1 == len(world.router.said("give back"))


@pytest.mark.parametrize(
    "host, is_public, words",
    [
        ("44.128.0.1", True, "44.128.0.1:4160 for 3600 s at a time"),
        ("10.0.0.1", False, "there is another router in front of this one"),
        ("192.168.178.2", False, "there is another router in front of this one"),
        ("100.64.0.1", False, "behind a NAT of the provider"),
        ("100.127.255.255", False, "behind a NAT of the provider"),
        ("240.0.0.1", False, "there is another router in front of this one"),
    ],
)
@pytest_twisted.ensureDeferred
async def test_two_nats(host: str, *, is_public: bool, words: str) -> None:
    """A mapping that leads only half the way out is kept, and told from one that leads out."""
    world = World()
    world.router.host = host
    await world.mapper.start()
    assert ("mapped", is_public) == (world.view.state, world.view.is_public)
    assert Address(host, PORT) == world.view.external
    assert words in world.view.evidence
    await world.stop()


@pytest_twisted.ensureDeferred
async def test_renewed() -> None:
    """At half of the lease, at the port that was given, without a word to anybody."""
    world = World()
    world.router.port = 5000
    await world.mapper.start()
    world.advance(2 * LEASE_S)
    assert [0, 1800, 3600, 5400, 7200] == world.router.said("map")
    assert [0] == world.router.said("map 4160")
    assert ["mapped"] == world.changes
    assert world.view.expires_in_s == LEASE_S
    await world.stop()


@pytest_twisted.ensureDeferred
async def test_for_ever() -> None:
    """A mapping without an end is never renewed, but looked after."""
    world = World()
    world.router.lease_s = None
    await world.mapper.start()
    world.advance(86_400)
    assert (None, None) == (world.view.lease_s, world.view.expires_in_s)
    assert "for ever" in world.view.evidence
    assert [0] == world.router.said("map")
    assert 86_400 / 75 < len(world.router.said("glance")) < 86_400 / 45
    await world.stop()
    assert 1 == len(world.router.said("give back"))


@pytest_twisted.ensureDeferred
async def test_tiny_lease() -> None:
    """A router that grants a second at a time is not asked twice a second."""
    world = World()
    world.router.lease_s = 1
    await world.mapper.start()
    world.advance(400)
    assert len(world.router.said("map")) <= 101
    await world.stop()


@pytest_twisted.ensureDeferred
async def test_reboot() -> None:
    """A router that has forgotten is told again within about a minute, and that is no news."""
    world = World()
    await world.mapper.start()
    world.advance(600)
    world.router.has_forgotten = True
    world.advance(75)
    assert not world.router.has_forgotten
    assert ["mapped"] == world.changes
    assert 1 == len(world.router.said("find"))
    await world.stop()


@pytest_twisted.ensureDeferred
async def test_reboot_with_another_address() -> None:
    """If the outer address is another one afterwards, that is news."""
    world = World()
    await world.mapper.start()
    world.router.has_forgotten = True
    world.router.host = "198.51.100.99"
    world.advance(75)
    assert ["mapped", "mapped"] == world.changes
    assert Address("198.51.100.99", PORT) == world.view.external
    await world.stop()


@pytest_twisted.ensureDeferred
async def test_router_lies_about_its_memory() -> None:
    """One that has always just forgotten is told again at every glance, and no oftener."""
    world = World()
    await world.mapper.start()
    for _ in range(600):
        world.router.has_forgotten = True
        world.advance(1)
    assert len(world.router.said("map")) <= 1 + 600 / 48
    await world.stop()


@pytest_twisted.ensureDeferred
async def test_silent_for_a_while() -> None:
    """A glance without an answer says nothing; the mapping is believed in until it is renewed."""
    world = World()
    await world.mapper.start()
    world.router.is_deaf = True
    world.advance(1_700)
    assert ["mapped"] == world.changes
    await world.stop()


@pytest_twisted.ensureDeferred
async def test_lost() -> None:
    """A mapping that is not renewed is lost; all are asked, and then asked again."""
    world = World()
    await world.mapper.start()
    world.router.refuses = "turned off"
    world.advance(1_801)
    assert ["mapped", "none"] == world.changes
    assert "not mapped: PCP at 192.168.1.1: turned off" == world.view.evidence
    assert (None, None, "192.168.1.1") == (
        world.view.external,
        world.view.lease_s,
        world.view.gateway,
    )
    world.router.refuses = ""
    world.advance(15)
    assert ["mapped", "none", "mapped"] == world.changes
    await world.stop()


@pytest_twisted.ensureDeferred
async def test_nobody() -> None:
    """It is tried again after longer and longer pauses, and logged once."""
    world = World()
    world.router.refuses = "turned off"
    logged: list[object] = []

    def observe(event: dict[str, object]) -> None:
        if "port_mapping" in str(event.get("log_format")):
            logged.append(event)

    globalLogPublisher.addObserver(observe)
    await world.mapper.start()
    world.advance(86_400)
    globalLogPublisher.removeObserver(observe)
    assert ["none"] == world.changes
    assert 1 == len(logged)
    times = world.router.said("map")
    pauses = [after - before for before, after in itertools.pairwise(times)]
    assert 8 <= pauses[0] <= 13
    assert 480 <= pauses[-1] <= 721
    assert 86_400 / 721 < len(times) < 86_400 / 480 + 12
    await world.stop()
    assert [] == world.router.said("give back")


@pytest_twisted.ensureDeferred
async def test_no_gateway() -> None:
    """Without a router there is nobody to ask; when there is one, it is asked soon."""
    world = World()
    world.gateway = None
    await world.mapper.start()
    assert ("none", "") == (world.view.state, world.view.gateway)
    assert "not mapped: this host has no default IPv4 gateway" == world.view.evidence
    world.gateway = HOME
    world.mapper.network_changed()
    world.advance(4)
    assert ["none", "mapped"] == world.changes
    await world.stop()


@pytest_twisted.ensureDeferred
async def test_no_socket() -> None:
    """A network that is not there yet is waited for."""
    world = World()
    world.socket_fails = True
    await world.mapper.start()
    assert "not mapped: no socket" == world.view.evidence
    world.socket_fails = False
    world.advance(15)
    assert "mapped" == world.view.state
    await world.stop()


@pytest.mark.parametrize("is_told", [True, False], ids=["told", "not told"])
@pytest_twisted.ensureDeferred
async def test_moved(*, is_told: bool) -> None:
    """Elsewhere another router is asked: at once when told, else at the next glance."""
    world = World()
    office = world.at[OFFICE] = FakeRouter(world.clock, where=OFFICE.address, host="203.0.113.9")
    await world.mapper.start()
    world.advance(600)
    world.gateway = OFFICE
    if is_told:
        world.mapper.network_changed()
    else:
        world.advance(75)
    assert "10.0.0.1" == world.view.gateway
    assert Address("203.0.113.9", PORT) == world.view.external
    assert ["mapped", "asking", "mapped"] == world.changes
    await world.stop()
    assert [] == world.router.said("give back")
    assert 1 == len(office.said("give back"))


@pytest_twisted.ensureDeferred
async def test_moved_while_nobody_maps() -> None:
    """Another gateway is noticed within a minute, however long the pauses have become."""
    world = World()
    world.router.refuses = "turned off"
    await world.mapper.start()
    world.advance(7_200)
    world.at[OFFICE] = FakeRouter(world.clock, where=OFFICE.address)
    world.gateway = OFFICE
    world.advance(60)
    assert "10.0.0.1" == world.view.gateway
    assert ["none", "mapped"] == world.changes
    await world.stop()


@pytest_twisted.ensureDeferred
async def test_same_network_after_all() -> None:
    """The network has changed and has not: the mapping is renewed now, to be sure."""
    world = World()
    await world.mapper.start()
    world.advance(600)
    world.mapper.network_changed()
    assert [0, 600] == world.router.said("map")
    assert ["mapped"] == world.changes
    await world.stop()


@pytest_twisted.ensureDeferred
async def test_told_all_the_time() -> None:
    """However often it is told that the network has changed, routers are left in peace."""
    world = World()
    await world.mapper.start()
    for _ in range(1_000):
        world.mapper.network_changed()
        world.clock.advance(0.1)
    assert len(world.router.said("map")) <= 1 + 100 / 4
    await world.stop()


@pytest_twisted.ensureDeferred
async def test_router_hangs_at_the_end() -> None:
    """The end does not wait for it longer than a few seconds."""
    world = World()
    world.router.gives_back_after_s = 1_000
    await world.mapper.start()
    stopping = Deferred.fromCoroutine(world.mapper.stop())
    world.advance(2)
    assert not stopping.called
    world.advance(1)
    await stopping
    assert [] == world.clock.getDelayedCalls()


@pytest_twisted.ensureDeferred
async def test_stopped_before_it_starts() -> None:
    """Then there is nothing to end."""
    await World().mapper.stop()


@pytest.mark.parametrize("after_s", [0, 5, 62, 1_801])
@pytest_twisted.ensureDeferred
async def test_stopped_at_any_time(after_s: float) -> None:
    """Nothing is left running, whatever it was doing."""
    world = World()
    world.router.refuses = "turned off" if after_s == 5 else ""
    await world.mapper.start()
    world.advance(after_s)
    await world.stop()


def test_off() -> None:
    """Without a mapper there is a view, too."""
    off = Mapping.off("map_ports is false")
    assert ("off", "off: map_ports is false", None) == (off.state, off.evidence, off.external)
