"""Whom to ask for a mapping, in which order, and what comes of it."""

import attrs
import pytest
import pytest_twisted
from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.task import Clock, deferLater

from reticulum.errors import NotMapped
from reticulum.model import Address
from reticulum.reach.mapping.lease import Lease, Method
from reticulum.reach.mapping.search import HEAD_START_S, Finder, Search

LEASE = Lease(external=Address("198.51.100.7", 4160), seconds=3_600)


@attrs.define(eq=False)
class FakeMethod:
    """A router that is found, and maps, after a while or not at all."""

    clock: Clock
    log: list[str]
    name: str
    found_after_s: float | None = 0.0
    maps_after_s: float | None = 0.0
    where: str = "192.168.1.1"

    @property
    def finder(self) -> Finder:
        return Finder(f"{self.name} at {self.where}", self.find)

    async def find(self) -> Method:
        self.log.append(f"{self.clock.seconds():g} find {self.name}")
        try:
            await self._after(self.found_after_s, "silent")
        except CancelledError:
            self.log.append(f"{self.clock.seconds():g} leave {self.name}")
            raise
        return self

    async def map(self, wanted: int) -> Lease:
        self.log.append(f"{self.clock.seconds():g} map {self.name} {wanted}")
        await self._after(self.maps_after_s, "refused")
        return LEASE

    async def _after(self, seconds: float | None, why: str) -> None:
        """Wait; less than no time is a failure after that long."""
        await deferLater(self.clock, abs(seconds) if seconds is not None else 1e9)
        if seconds is not None and str(seconds).startswith("-"):
            raise NotMapped(why)

    async def glance(self) -> bool:
        return True

    async def give_back(self) -> None:
        self.log.append(f"give back {self.name}")


class Room:
    """Routers, the best first, and a search for them."""

    def __init__(self, **routers: tuple[float | None, float | None]) -> None:
        self.clock = Clock()
        self.log: list[str] = []
        self.methods = [
            FakeMethod(self.clock, self.log, name, *times) for name, times in routers.items()
        ]
        finders = [method.finder for method in self.methods]
        self.running = Deferred.fromCoroutine(Search(finders, self.clock).map(4160))

    def advance(self, seconds: float) -> None:
        for _ in range(round(seconds * 16)):
            self.clock.advance(1 / 16)


@pytest_twisted.ensureDeferred
async def test_first_is_enough() -> None:
    """Nobody else is bothered when the best one maps it."""
    room = Room(PCP=(0.125, 0.125), UPnP=(0.125, 0.125))
    room.advance(5)
    method, lease = await room.running
    assert ("PCP", LEASE) == (method.name, lease)
    assert ["0 find PCP", "0.125 map PCP 4160"] == room.log
    assert [] == room.clock.getDelayedCalls()


@pytest_twisted.ensureDeferred
async def test_next_at_once_after_a_failure() -> None:
    """Who says no, to one thing or the other, is followed by the next one without a pause."""
    room = Room(PCP=(-0.125, 0), NATPMP=(0.125, -0.125), UPnP=(0.125, 0.125))
    room.advance(1)
    method, _ = await room.running
    assert "UPnP" == method.name
    expected = [
        "0 find PCP",
        "0.125 find NATPMP",
        "0.25 map NATPMP 4160",
        "0.375 find UPnP",
        "0.5 map UPnP 4160",
    ]
    assert expected == room.log
    assert [] == room.clock.getDelayedCalls()


@pytest_twisted.ensureDeferred
async def test_silence_has_a_head_start() -> None:
    """Beside who is silent the next one is tried; the first one found is asked."""
    room = Room(PCP=(None, 0), NATPMP=(None, 0), UPnP=(1.0, 0.125))
    room.advance(3)
    method, _ = await room.running
    assert "UPnP" == method.name
    expected = [
        "0 find PCP",
        f"{HEAD_START_S:g} find NATPMP",
        f"{2 * HEAD_START_S:g} find UPnP",
        "2 map UPnP 4160",
        "2.125 leave PCP",
        "2.125 leave NATPMP",
    ]
    assert expected == room.log


@pytest_twisted.ensureDeferred
async def test_slow_but_good() -> None:
    """Who was slow is asked all the same, if the others can't do it."""
    room = Room(PCP=(2.0, 0.125), UPnP=(0.125, -0.125))
    room.advance(3)
    method, _ = await room.running
    assert "PCP" == method.name


@pytest_twisted.ensureDeferred
async def test_nobody() -> None:
    """The reason names everybody that was asked, and what each of them said."""
    room = Room(PCP=(-1.75, 0), UPnP=(0.125, -0.125))
    room.advance(3)
    with pytest.raises(NotMapped) as caught:
        await room.running
    assert "UPnP at 192.168.1.1: refused; PCP at 192.168.1.1: silent" == str(caught.value)
    assert [] == room.clock.getDelayedCalls()


@pytest_twisted.ensureDeferred
async def test_nobody_to_ask() -> None:
    """No finders, no mapping."""
    with pytest.raises(NotMapped):
        await Search((), Clock()).map(4160)


@pytest.mark.parametrize("after_s", [0.125, 0.625, 1.25, 1.75])
@pytest_twisted.ensureDeferred
async def test_cancelled(after_s: float) -> None:
    """Everything ends with the search."""
    room = Room(PCP=(None, 0), NATPMP=(1.0, None), UPnP=(None, 0))
    room.advance(after_s)
    room.running.cancel()
    with pytest.raises(CancelledError):
        await room.running
    assert [] == room.clock.getDelayedCalls()


@pytest_twisted.ensureDeferred
async def test_defect() -> None:
    """What is no `NotMapped` is a defect, and hides nothing."""
    clock = Clock()

    async def broken() -> Method:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await Search([Finder("broken", broken)], clock).map(4160)
    assert [] == clock.getDelayedCalls()
