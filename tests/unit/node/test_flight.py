"""Single flight, and work that the node owns."""

import pytest
from twisted.internet.defer import CancelledError, Deferred

from reticulum.errors import Busy
from reticulum.node.flight import Land, SingleFlight
from reticulum.node.tasks import Tasks


class Work:
    """Work that lands when the test says so, and counts how often it was begun."""

    def __init__(self) -> None:
        self.gate: Deferred[None] = Deferred()
        self.begun = 0
        self.ended = 0

    async def __call__(self, land: Land[int]) -> None:
        self.begun += 1
        shares = iter(range(1_000))
        await self.gate
        land(lambda: next(shares))
        self.ended += 1


async def test_equal_requests_are_one_piece_of_work() -> None:
    """A hundred waiters, one render, and a share for each of them."""
    flight: SingleFlight[int] = SingleFlight(Tasks())
    work = Work()
    waiters = [flight.join("key", work) for _ in range(100)]

    work.gate.callback(None)

    assert list(range(100)) == [await waiter for waiter in waiters]
    assert 1 == work.begun


async def test_late_comers_share_what_has_landed() -> None:
    """Between the landing and the end of the work nobody begins it anew."""
    flight: SingleFlight[str] = SingleFlight(Tasks())
    kept: Deferred[None] = Deferred()
    begun: list[str] = []

    async def work(land: Land[str]) -> None:
        begun.append("begun")
        land(lambda: "share")
        await kept

    first, second = flight.join("key", work), flight.join("key", work)

    assert ("share", "share", ["begun"]) == (await first, await second, begun)
    kept.callback(None)
    assert "share" == await flight.join("key", work)
    assert ["begun", "begun"] == begun


async def test_different_requests_are_not_held_together() -> None:
    """Only equal keys share."""
    flight: SingleFlight[int] = SingleFlight(Tasks())
    one, other = Work(), Work()
    flight.join("a", one)
    flight.join("b", other)

    assert (1, 1) == (one.begun, other.begun)
    one.gate.callback(None)
    other.gate.callback(None)


async def test_a_waiter_that_goes_leaves_the_others() -> None:
    """A client that hangs up takes neither the work nor the other waiters' answers along."""
    flight: SingleFlight[int] = SingleFlight(Tasks())
    work = Work()
    gone, staying = flight.join("key", work), flight.join("key", work)
    gone.addErrback(lambda failure: failure.trap(CancelledError))

    gone.cancel()
    work.gate.callback(None)

    assert 0 == await staying
    assert 1 == work.ended


async def test_all_waiters_gone() -> None:
    """The work is finished all the same, and no share is made for nobody."""
    flight: SingleFlight[int] = SingleFlight(Tasks())
    work = Work()
    gone = flight.join("key", work)
    gone.addErrback(lambda failure: failure.trap(CancelledError))

    gone.cancel()
    work.gate.callback(None)

    assert 1 == work.ended


async def test_failure_reaches_every_waiter() -> None:
    """And the next request tries again."""
    flight: SingleFlight[int] = SingleFlight(Tasks())
    work = Work()
    waiters = [flight.join("key", work) for _ in range(3)]

    work.gate.errback(Busy("no"))

    for waiter in waiters:
        with pytest.raises(Busy):
            await waiter
    again = Work()
    again.gate.callback(None)
    assert 0 == await flight.join("key", again)


async def test_settle_waits_for_everything() -> None:
    """Also for what was begun meanwhile, and for what nobody waits for."""
    tasks = Tasks()
    gates: list[Deferred[None]] = [Deferred(), Deferred()]
    done: list[str] = []

    async def second() -> None:
        await gates[1]
        done.append("second")

    async def first() -> None:
        await gates[0]
        tasks.start("second", second())
        done.append("first")

    tasks.start("first", first())
    settled = Deferred.fromCoroutine(tasks.settle())

    assert not settled.called
    gates[0].callback(None)
    assert not settled.called
    gates[1].callback(None)
    await settled
    assert ["first", "second"] == done


async def test_giving_up_the_answer_is_not_giving_up_the_work() -> None:
    """A cancelled asker leaves the coroutine running."""
    tasks = Tasks()
    gate: Deferred[None] = Deferred()
    done: list[str] = []

    async def work() -> None:
        await gate
        done.append("done")

    asked = tasks.run(work())
    asked.addErrback(lambda failure: failure.trap(CancelledError))
    asked.cancel()
    gate.callback(None)

    assert ["done"] == done
