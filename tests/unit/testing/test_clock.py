from collections.abc import Callable

import pytest
from twisted.internet.error import AlreadyCalled, AlreadyCancelled
from twisted.internet.interfaces import IDelayedCall, IReactorTime
from twisted.internet.task import Clock, LoopingCall, deferLater
from zope.interface.verify import verifyObject

from reticulum.testing.simulator.clock import HeapClock
from reticulum.testing.simulator.node_clock import EPOCH, NodeClock

Kind = Callable[[], HeapClock | Clock]


@pytest.fixture(params=[HeapClock, Clock])
def clock(request: pytest.FixtureRequest) -> HeapClock | Clock:
    """Ours and Twisted's: what holds for one holds for the other."""
    return request.param()


class TestContract:
    """Twisted's test clock and ours are interchangeable."""

    def test_offers_the_interfaces(self, clock: HeapClock | Clock) -> None:
        """The clock is an IReactorTime, what it returns an IDelayedCall."""
        verifyObject(IReactorTime, clock)
        verifyObject(IDelayedCall, clock.callLater(1, list))

    def test_begins_at_nought(self, clock: HeapClock | Clock) -> None:
        """Time begins at 0 and passes as told."""
        assert 0 == clock.seconds()
        clock.advance(2.5)
        clock.advance(1)
        assert 3.5 == clock.seconds()

    def test_calls_in_the_order_of_time(self, clock: HeapClock | Clock) -> None:
        """Calls come in the order of time, equal times in the order of asking."""
        seen: list[str] = []
        for name, delay in [("d", 3), ("b", 1), ("a", 0), ("e", 3), ("c", 1)]:
            clock.callLater(delay, seen.append, name)
        clock.advance(2)
        assert ["a", "b", "c"] == seen
        clock.advance(1)
        assert ["a", "b", "c", "d", "e"] == seen

    def test_passes_arguments(self, clock: HeapClock | Clock) -> None:
        """Positional and named arguments reach the call."""
        seen: list[tuple[object, ...]] = []
        clock.callLater(1, lambda *a, **k: seen.append((a, k)), 1, 2, three=3)
        clock.advance(1)
        assert [((1, 2), {"three": 3})] == seen

    def test_calls_asked_for_by_calls(self, clock: HeapClock | Clock) -> None:
        """A call that asks for another one in no time gets it in the same advance."""
        seen: list[float] = []
        clock.callLater(1, lambda: clock.callLater(0, lambda: seen.append(clock.seconds())))
        clock.advance(1)
        assert [1] == seen

    def test_cancel(self, clock: HeapClock | Clock) -> None:
        """A cancelled call is not made, not listed, and cannot be cancelled again."""
        seen: list[int] = []
        call = clock.callLater(1, seen.append, 1)
        call.cancel()
        assert not call.active()
        assert [] == clock.getDelayedCalls()
        clock.advance(2)
        assert [] == seen
        for verb in (call.cancel, lambda: call.reset(1), lambda: call.delay(1)):
            with pytest.raises(AlreadyCancelled):
                verb()

    def test_what_was_called(self, clock: HeapClock | Clock) -> None:
        """A call that was made cannot be cancelled, moved or found in the list."""
        call = clock.callLater(1, list)
        assert call.active()
        assert [call] == clock.getDelayedCalls()
        clock.advance(1)
        assert not call.active()
        assert [] == clock.getDelayedCalls()
        for verb in (call.cancel, lambda: call.reset(1), lambda: call.delay(1)):
            with pytest.raises(AlreadyCalled):
                verb()

    @pytest.mark.parametrize("later", [0.5, 4.0])
    def test_reset(self, clock: HeapClock | Clock, later: float) -> None:
        """A call that is reset, to sooner or later, is made just then, and once."""
        seen: list[int] = []
        call = clock.callLater(2, seen.append, 1)
        clock.advance(1)
        call.reset(later)
        assert 1 + later == call.getTime()
        assert [call] == clock.getDelayedCalls()
        clock.advance(later - 0.25)
        assert [] == seen
        clock.advance(0.25)
        assert [1] == seen
        clock.advance(10)
        assert [1] == seen

    def test_delay(self, clock: HeapClock | Clock) -> None:
        """A call that is delayed comes so much later than it would have."""
        seen: list[int] = []
        call = clock.callLater(2, seen.append, 1)
        clock.advance(1)
        call.delay(3)
        assert 5 == call.getTime()
        clock.advance(3.5)
        assert [] == seen
        clock.advance(0.5)
        assert [1] == seen

    def test_twisted_works_on_it(self, clock: HeapClock | Clock) -> None:
        """LoopingCall, deferLater and time-outs of Deferreds take it for a reactor."""
        beats: list[float] = []
        loop = LoopingCall(lambda: beats.append(clock.seconds()))
        loop.clock = clock
        loop.start(2, now=False)
        late = deferLater(clock, 3, lambda: "late").addTimeout(1, clock)
        late.addErrback(lambda failure: failure.type.__name__)
        for _ in range(8):
            clock.advance(1)
        loop.stop()
        assert [2, 4, 6, 8] == beats
        assert "TimeoutError" == late.result


class TestHeapClock:
    """What ours promises beyond."""

    def test_time_during_a_call(self) -> None:
        """During a call it is the time at which that was due."""
        clock, seen = HeapClock(), []
        for delay in (3, 1, 2):
            clock.callLater(delay, lambda: seen.append(clock.seconds()))
        clock.advance(10)
        assert [1, 2, 3] == seen
        assert 10 == clock.seconds()

    def test_step(self) -> None:
        """One step is one call; without calls, time stands still."""
        clock, seen = HeapClock(), []
        clock.callLater(5, seen.append, 1)
        assert (True, [1], 5) == (clock.step(), seen, clock.seconds())
        assert (False, 5) == (clock.step(), clock.seconds())

    def test_the_past_is_refused(self) -> None:
        """Neither a negative delay nor one that is no number is taken."""
        for delay in (-0.1, float("nan")):
            with pytest.raises(ValueError, match="future"):
                HeapClock().callLater(delay, list)

    def test_goes_on_after_an_error(self) -> None:
        """What a call raises comes out; the next calls are still made."""
        clock, seen = HeapClock(), []
        clock.callLater(1, lambda: 1 / 0)
        clock.callLater(2, seen.append, 2)
        with pytest.raises(ZeroDivisionError):
            clock.advance(5)
        assert 1 == clock.seconds()
        clock.advance(5)
        assert [2] == seen

    def test_cancelled_calls_free_their_place(self) -> None:
        """A million time-outs that are all cancelled leave a short heap behind."""
        clock = HeapClock()
        for _ in range(100_000):
            clock.callLater(1000, list).cancel()
        assert len(clock._heap) < 5_000
        assert [] == clock.getDelayedCalls()

    def test_moved_calls_survive_a_sweep(self) -> None:
        """Tidying up loses no call, whichever way it was moved."""
        clock, seen = HeapClock(), []
        for number in range(50):
            call = clock.callLater(100, seen.append, number)
            call.reset(50 if number % 2 else 200)
            call.delay(number)
        for _ in range(10_000):
            clock.callLater(1, list).cancel()
        clock.advance(300)
        expected = [*range(1, 50, 2), *range(0, 50, 2)]
        assert expected == seen


class TestNodeClock:
    """One node's own time."""

    def test_wall_clock_is_skewed(self) -> None:
        """The wall clock is off by the skew, the other one is not."""
        clock = HeapClock()
        node = NodeClock(clock, skew_s=3600)
        clock.advance(2)
        assert 2 == node.seconds()
        assert EPOCH + 3602 == node.wall()
        assert 1000 * int(EPOCH + 3602) == node.wall_ms()

    def test_timers_die_with_the_node(self) -> None:
        """No call of a stopped node is made; those of others are."""
        clock, seen = HeapClock(), []
        one, other = NodeClock(clock), NodeClock(clock)
        verifyObject(IReactorTime, one)
        one.callLater(1, seen.append, "one")
        other.callLater(1, seen.append, "other")
        assert (1, 1) == (len(one.getDelayedCalls()), len(other.getDelayedCalls()))
        one.stop()
        clock.advance(1)
        assert ["other"] == seen
