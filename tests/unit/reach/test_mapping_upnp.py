"""UPnP: a library that blocks, hangs, and says what routers say."""

import random
import threading
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import pytest
import pytest_twisted
from hypothesis import given
from hypothesis import strategies as st
from twisted.internet import reactor
from twisted.internet.defer import CancelledError, Deferred, maybeDeferred
from twisted.internet.task import Clock

from reticulum.errors import NotMapped
from reticulum.model import Address
from reticulum.reach.mapping.igd_entries import IgdEntries
from reticulum.reach.mapping.loose_threads import LooseThreads
from reticulum.reach.mapping.upnp import DEADLINE_S, IgdRouter, Upnp

PORT, HOST, OUTER = 4160, "192.168.1.2", "198.51.100.7"


class FakeIgd:
    """
    A router as `miniupnpc.UPnP` shows it: `entries` are what it maps now.

    Args:
        is_permanent: Whether it only knows mappings for ever.
        is_mute: Whether it has no way to ask for an entry.
    """

    discoverdelay = 0
    lanaddr = HOST

    def __init__(self, *, is_permanent: bool = False, is_mute: bool = False) -> None:
        self.entries: dict[tuple[int, str], tuple[str, int, int]] = {}
        self.fails: dict[str, str] = {}
        self.is_permanent = is_permanent
        self.is_mute = is_mute
        self.outer = OUTER
        self.url: str | None = "http://192.168.1.1:5000/ctl/IPConn"
        self.before: Callable[[str], None] = lambda _: None

    def _called(self, name: str) -> None:
        self.before(name)
        if name in self.fails:
            raise Exception(self.fails[name])  # noqa: TRY002  (as the library does)

    def discover(self) -> int:
        self._called("discover")
        return 1

    def selectigd(self) -> str | None:
        self._called("selectigd")
        return self.url

    def externalipaddress(self) -> str:
        self._called("externalipaddress")
        return self.outer

    def addportmapping(self, *what: Any) -> bool:
        external, protocol, host, port, _title, _remote, lease = what
        self._called(f"add {protocol}")
        if self.is_permanent and lease:
            raise Exception("OnlyPermanentLeasesSupported")  # noqa: TRY002
        if self.entries.get((external, protocol), (host,))[0] != host:
            raise Exception("ConflictInMappingEntry")  # noqa: TRY002
        self.entries[external, protocol] = (host, port, lease)
        return True

    def deleteportmapping(self, external: int, protocol: str) -> bool:
        self._called("delete")
        if (external, protocol) not in self.entries:
            raise Exception("NoSuchEntryInArray")  # noqa: TRY002
        del self.entries[external, protocol]
        return True

    def getspecificportmapping(self, external: int, protocol: str) -> tuple[Any, ...] | None:
        self._called("get")
        entry = None if self.is_mute else self.entries.get((external, protocol))
        return None if entry is None else (*entry[:2], "title", True, entry[2])


def at_once(work: Callable[..., Any], *args: Any) -> Deferred[Any]:
    """An `InThread` that has only one."""
    return maybeDeferred(work, *args)


def upnp(igd: FakeIgd, in_thread: Any = at_once, clock: Any = None) -> Upnp:
    return Upnp(
        in_thread,
        clock=clock or Clock(),
        rng=random.Random(1),  # noqa: S311
        library=lambda: igd,
    )


async def found(igd: FakeIgd) -> IgdRouter:
    return await upnp(igd).find(PORT)


@pytest_twisted.ensureDeferred
async def test_whole_life() -> None:
    """Found, mapped as wanted, renewed, and given back."""
    igd = FakeIgd()
    router = await found(igd)
    assert ("UPnP", "192.168.1.1") == (router.name, router.where)
    assert {} == igd.entries
    lease = await router.map(4161)
    assert (Address(OUTER, 4161), 3_600) == (lease.external, lease.seconds)
    ours = (HOST, PORT, 3_600)
    assert {(4161, "TCP"): ours, (4161, "UDP"): ours} == igd.entries
    assert lease == await router.map(4161)
    assert await router.glance()
    await router.give_back()
    assert {} == igd.entries
    await router.give_back()


@pytest.mark.parametrize("name", ["discover", "selectigd"])
@pytest_twisted.ensureDeferred
async def test_no_router(name: str) -> None:
    """Whatever the library says then, it means that there is none."""
    igd = FakeIgd()
    igd.fails[name] = "Success"
    with pytest.raises(NotMapped, match="no router found"):
        await found(igd)


@pytest.mark.parametrize("url", [None, "", "nonsense", "http://", "http://[", "http://:80/"])
@pytest_twisted.ensureDeferred
async def test_no_url(url: str | None) -> None:
    """A router that can't be told where it is is none."""
    igd = FakeIgd()
    igd.url = url
    with pytest.raises(NotMapped, match="no router found"):
        await found(igd)


@pytest_twisted.ensureDeferred
async def test_only_permanent() -> None:
    """A router that knows no leases is asked for ever, and to end it."""
    igd = FakeIgd(is_permanent=True)
    router = await found(igd)
    lease = await router.map(PORT)
    assert lease.seconds is None
    assert {0} == {each[2] for each in igd.entries.values()}
    await router.map(PORT)
    await router.give_back()
    assert {} == igd.entries


@pytest.mark.parametrize("is_mute", [False, True], ids=["tells", "mute"])
@pytest.mark.parametrize("taken", ["TCP", "UDP"])
@pytest_twisted.ensureDeferred
async def test_port_is_taken(taken: str, *, is_mute: bool) -> None:
    """What another host has is left to it, and both get another port."""
    igd = FakeIgd(is_mute=is_mute)
    theirs = ("192.168.1.9", PORT, 0)
    igd.entries[PORT, taken] = theirs
    router = await found(igd)
    lease = await router.map(PORT)
    assert 1_024 <= lease.external.port != PORT
    assert theirs == igd.entries.pop((PORT, taken))
    assert {(lease.external.port, "TCP"), (lease.external.port, "UDP")} == set(igd.entries)


@pytest_twisted.ensureDeferred
async def test_all_ports_are_taken() -> None:
    """After a few ports it is given up, with nothing left behind."""
    igd = FakeIgd()
    calls: list[str] = []
    igd.before = calls.append
    igd.fails["add UDP"] = "ConflictInMappingEntry"
    router = await found(igd)
    with pytest.raises(NotMapped, match="somebody else"):
        await router.map(PORT)
    assert {} == igd.entries
    assert 4 == calls.count("add UDP")


@pytest_twisted.ensureDeferred
async def test_half_refused() -> None:
    """What was mapped before the refusal is given back; the reason is passed on."""
    igd = FakeIgd()
    igd.fails["add UDP"] = "Action not authorized\x1b[2J\xff" + "x" * 1_000
    router = await found(igd)
    with pytest.raises(NotMapped, match="Action not authorized") as caught:
        await router.map(PORT)
    assert str(caught.value).isprintable()
    assert len(str(caught.value)) < 200
    assert {} == igd.entries


@pytest.mark.parametrize(
    "outer",
    ["", "garbage", "0.0.0.0", "127.0.0.1", "224.0.0.1", "2001:db8::1", "1.2.3", "x" * 40],  # noqa: S104
)
@pytest_twisted.ensureDeferred
async def test_no_outer_address(outer: str) -> None:
    """A router whose outer address can't be one is asked for nothing."""
    igd = FakeIgd()
    igd.outer = outer
    router = await found(igd)
    with pytest.raises(NotMapped, match="outer address"):
        await router.map(PORT)
    assert {} == igd.entries


@pytest_twisted.ensureDeferred
async def test_outer_address_not_told() -> None:
    """Nor is one that does not tell it."""
    igd = FakeIgd()
    igd.fails["externalipaddress"] = "Invalid Action"
    router = await found(igd)
    with pytest.raises(NotMapped, match="does not tell its outer address: Invalid Action"):
        await router.map(PORT)


@given(st.text())
def test_garbage(outer: str) -> None:
    """Whatever it tells is an address or `NotMapped`."""
    igd = FakeIgd()
    igd.outer = outer
    with suppress(NotMapped):
        IgdEntries(igd, PORT).add([PORT])


@pytest_twisted.ensureDeferred
async def test_forgotten() -> None:
    """An entry that is gone, or leads elsewhere, is noticed."""
    igd = FakeIgd()
    router = await found(igd)
    assert await router.glance()
    await router.map(PORT)
    del igd.entries[PORT, "UDP"]
    assert not await router.glance()
    igd.entries[PORT, "UDP"] = ("192.168.1.9", PORT, 0)
    assert not await router.glance()


@pytest_twisted.ensureDeferred
async def test_mute_router() -> None:
    """One that never tells of entries is not suspected of having lost them."""
    igd = FakeIgd(is_mute=True)
    router = await found(igd)
    await router.map(PORT)
    assert await router.glance()
    await router.give_back()
    assert {} == igd.entries


class Hanging:
    """An `InThread` whose thread is run to its end by hand."""

    def __init__(self) -> None:
        self.held: list[tuple[Callable[[], Any], Deferred[Any]]] = []

    def __call__(self, work: Callable[..., Any], *args: Any) -> Deferred[Any]:
        done: Deferred[Any] = Deferred()
        self.held.append((lambda: work(*args), done))
        return done

    def go_on(self) -> None:
        work, done = self.held.pop()
        maybeDeferred(work).chainDeferred(done)


@pytest_twisted.ensureDeferred
async def test_router_hangs() -> None:
    """One that never answers is given up after a while, and not asked again until it has."""
    igd, hanging, clock = FakeIgd(), Hanging(), Clock()
    asked = upnp(igd, hanging, clock)
    finding = Deferred.fromCoroutine(asked.find(PORT))
    clock.advance(DEADLINE_S)
    with pytest.raises(NotMapped, match="no answer within 10 s"):
        await finding
    with pytest.raises(NotMapped, match="still has not answered"):
        await asked.find(PORT)
    assert 1 == len(hanging.held)
    hanging.go_on()
    finding = Deferred.fromCoroutine(asked.find(PORT))
    hanging.go_on()
    assert "192.168.1.1" == (await finding).where


@pytest_twisted.ensureDeferred
async def test_late_mapping_is_undone() -> None:
    """What a slow router maps when nobody waits any more is deleted at once."""
    igd, hanging, clock = FakeIgd(), Hanging(), Clock()
    asked = upnp(igd, hanging, clock)
    finding = Deferred.fromCoroutine(asked.find(PORT))
    hanging.go_on()
    router = await finding
    mapping = Deferred.fromCoroutine(router.map(PORT))
    clock.advance(DEADLINE_S)
    with pytest.raises(NotMapped, match="no answer"):
        await mapping
    hanging.go_on()
    assert {} == igd.entries


@pytest_twisted.ensureDeferred
async def test_cancelled_before_and_after() -> None:
    """Who is stopped while the router maps leaves nothing behind, however late that is."""
    igd, hanging, clock = FakeIgd(), Hanging(), Clock()
    asked = upnp(igd, hanging, clock)
    finding = Deferred.fromCoroutine(asked.find(PORT))
    hanging.go_on()
    router = await finding

    mapping = Deferred.fromCoroutine(router.map(PORT))
    mapping.cancel()
    with pytest.raises(CancelledError):
        await mapping
    hanging.go_on()
    assert {} == igd.entries

    mapping = Deferred.fromCoroutine(router.map(PORT))
    work, _ = hanging.held.pop()
    work()
    assert igd.entries
    mapping.cancel()
    hanging.go_on()
    with pytest.raises(CancelledError):
        await mapping
    assert {} == igd.entries


@pytest_twisted.ensureDeferred
async def test_loose_threads() -> None:
    """Work is done in a thread that does not keep the process; what comes of it comes back."""
    in_thread = LooseThreads(reactor, name="loose")

    def work(answer: str) -> tuple[str, str, bool]:
        thread = threading.current_thread()
        return answer, thread.name, thread.daemon

    assert ("yes", "loose", True) == await in_thread(work, "yes")

    def fail() -> None:
        raise NotMapped("no")

    with pytest.raises(NotMapped, match="no"):
        await in_thread(fail)


@pytest_twisted.ensureDeferred
async def test_loose_threads_cancelled() -> None:
    """What comes too late is dropped without a sound."""
    go_on, ended = threading.Event(), threading.Event()

    def work() -> None:
        go_on.wait(10)
        ended.set()

    running = LooseThreads(reactor, name="loose")(work)
    running.cancel()
    with pytest.raises(CancelledError):
        await running
    go_on.set()
    assert ended.wait(10)
    pause: Deferred[None] = Deferred()
    reactor.callLater(0.05, pause.callback, None)
    await pause
