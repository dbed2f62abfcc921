"""Work that is watched: it ticks, it tells how it ended, it ends with its watcher."""

from contextlib import aclosing

import pytest
from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.task import Clock

from reticulum.errors import NoSpace
from reticulum.replication.ticking import TICK_S, ticking


async def test_it_ticks_until_the_work_is_done() -> None:
    """Every second, and once more at the end."""
    clock, going = Clock(), Deferred[None]()
    ticks: list[None] = []

    async def work() -> None:
        await going

    async def watch() -> None:
        ticks.extend([tick async for tick in ticking(work(), clock)])

    watching = Deferred.fromCoroutine(watch())
    clock.pump([TICK_S, TICK_S])
    assert not watching.called
    going.callback(None)
    await watching
    assert 3 == len(ticks)
    assert [] == clock.getDelayedCalls()


async def test_what_went_wrong_is_raised() -> None:
    """After the last tick."""

    async def work() -> None:
        raise NoSpace("the disk is full")

    with pytest.raises(NoSpace, match="the disk is full"):
        async for _ in ticking(work(), Clock()):
            pass


async def test_to_close_it_ends_the_work() -> None:
    """Nothing goes on behind the back of whoever began it."""
    clock, ended = Clock(), []

    async def work() -> None:
        try:
            await Deferred()
        except CancelledError:
            ended.append("cancelled")
            raise

    async def watch() -> None:
        async with aclosing(ticking(work(), clock)) as ticks:
            async for _ in ticks:
                break

    watching = Deferred.fromCoroutine(watch())
    clock.advance(TICK_S)
    await watching
    assert ["cancelled"] == ended
