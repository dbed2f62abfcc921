"""A machine that is carried from network to network."""

from collections.abc import AsyncIterator, Sequence

import attrs
import pytest_twisted
from twisted.internet.task import Clock

from reticulum.reach.uplink import EVERY_S, Uplink


@attrs.define
class Carried:
    """A machine with these addresses."""

    hosts: Sequence[str] = ("192.168.1.5",)
    changes: list[tuple[str, ...]] = attrs.field(factory=list)
    gone: list[frozenset[str]] = attrs.field(factory=list)
    clock: Clock = attrs.field(factory=Clock)
    uplink: Uplink = attrs.field(init=False)

    def __attrs_post_init__(self) -> None:
        self.uplink = Uplink(
            lambda: self.hosts,
            self.changed,
            self.clock,  # type: ignore[arg-type]
        )

    def changed(self, gone: frozenset[str]) -> None:
        self.gone.append(gone)
        self.changes.append(self.uplink.hosts)

    def now_has(self, *hosts: str) -> None:
        self.hosts = hosts
        self.clock.advance(EVERY_S)


@pytest_twisted.async_yield_fixture
async def carried() -> AsyncIterator[Carried]:
    carried = Carried()
    await carried.uplink.start()
    yield carried
    await carried.uplink.stop()
    assert [] == carried.clock.getDelayedCalls()


async def test_another_network(carried: Carried) -> None:
    """Others than before are noticed soon, and told once, when they are already known."""
    carried.now_has("192.168.1.5")
    assert [] == carried.changes
    carried.now_has("10.0.0.9", "2001:db8::9")
    assert [("10.0.0.9", "2001:db8::9")] == carried.changes
    carried.now_has("10.0.0.9", "2001:db8::9")
    assert 1 == len(carried.changes)


async def test_no_network_is_no_other_one(carried: Carried) -> None:
    """A cable that is pulled and put in again has changed nothing; one put in elsewhere has."""
    carried.now_has()
    assert ("192.168.1.5",) == carried.uplink.hosts
    carried.now_has("192.168.1.5")
    assert [] == carried.changes
    carried.now_has()
    carried.now_has("10.0.0.9")
    assert [("10.0.0.9",)] == carried.changes


async def test_what_is_gone(carried: Carried) -> None:
    """Only addresses that the machine has no more: connections of the others live on."""
    carried.now_has("192.168.1.5", "2001:db8::9")
    carried.now_has("10.0.0.9", "2001:db8::9")
    assert [frozenset(), frozenset({"192.168.1.5"})] == carried.gone


async def test_no_network_at_the_start() -> None:
    """A node that is started too early notices when there is a network."""
    carried = Carried(hosts=())
    await carried.uplink.start()
    carried.now_has("10.0.0.9")
    assert [("10.0.0.9",)] == carried.changes
    await carried.uplink.stop()
    carried.now_has("10.0.0.10")
    assert 1 == len(carried.changes)


async def test_stop_before_the_start() -> None:
    """Nothing is to be stopped then."""
    await Carried().uplink.stop()
