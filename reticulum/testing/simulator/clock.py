"""Virtual time: a clock with Twisted's IReactorTime whose timers are on a heap."""

import heapq
from collections.abc import Callable
from typing import Any

from twisted.internet.error import AlreadyCalled, AlreadyCancelled
from twisted.internet.interfaces import IDelayedCall, IReactorTime
from zope.interface import implementer

_FEW = 1024
"""Timers below which it is not worth while to look for dead ones."""


@implementer(IDelayedCall)
class Timer:
    """
    One call to come.

    Args:
        clock: Where it is kept.
        due: When, in seconds of that clock.
        number: Decides between timers that are due at the same time.
        call: What to call.
    """

    __slots__ = ("_call", "_clock", "due", "number", "owner", "queued_at", "state")

    def __init__(
        self, clock: "HeapClock", due: float, number: int, call: Callable[[], object]
    ) -> None:
        self._clock = clock
        self._call = call
        self.due = due
        self.number = number
        self.queued_at = due
        self.state: type[Exception] | None = None
        self.owner: object = None
        """Whose it is, if somebody says so."""

    def getTime(self) -> float:  # noqa: N802  (Twisted's name)
        """When it is due, in seconds of the clock."""
        return self.due

    def cancel(self) -> None:
        """
        Never make the call.

        Raises:
            AlreadyCalled: It was made.
            AlreadyCancelled: It was cancelled.
        """
        self._still_to_come()
        self.state = AlreadyCancelled
        self._call = _nothing
        self._clock.cancelled(self)

    def delay(self, secondsLater: float) -> None:  # noqa: N803  (Twisted's name)
        """Make the call so much later; as `cancel` if it is not to come."""
        self._still_to_come()
        self._clock.moved(self, self.due + secondsLater)

    def reset(self, secondsFromNow: float) -> None:  # noqa: N803  (Twisted's name)
        """Make the call so many seconds from now; as `cancel` if it is not to come."""
        self._still_to_come()
        self._clock.moved(self, self._clock.seconds() + secondsFromNow)

    def active(self) -> bool:
        """Whether the call is still to come."""
        return self.state is None

    def fire(self) -> None:
        """Make the call; for the clock."""
        self.state = AlreadyCalled
        call, self._call = self._call, _nothing
        call()

    def _still_to_come(self) -> None:
        if self.state is not None:
            raise self.state


@implementer(IReactorTime)
class HeapClock:
    """
    Time that passes when told to.

    As `twisted.internet.task.Clock`, but a timer costs the logarithm of how many there are
    (the other sorts them all: 0.7 ms at 10,000), and during a call it is the time at which that
    was due. Calls due at the same time are made in the order in which they were asked for.
    What a call raises comes out of `advance`; the clock can be used on.
    """

    def __init__(self) -> None:
        self._now = 0.0
        self._numbers = 0
        self._dead = 0
        self._heap: list[tuple[float, int, Timer]] = []

    def seconds(self) -> float:
        """Seconds since the beginning."""
        return self._now

    def callLater(  # noqa: N802  (Twisted's name)
        self,
        delay: float,
        callable: Callable[..., object],  # noqa: A002  (Twisted's name)
        *args: Any,
        **kw: Any,
    ) -> Timer:
        """
        Make a call in *delay* seconds.

        Raises:
            ValueError: The delay is negative.
        """
        if not delay >= 0:
            raise ValueError(f"{delay} s from now is not in the future")
        self._numbers += 1
        call = callable if not args and not kw else lambda: callable(*args, **kw)
        timer = Timer(self, self._now + delay, self._numbers, call)
        heapq.heappush(self._heap, (timer.due, timer.number, timer))
        return timer

    def getDelayedCalls(self) -> list[Timer]:  # noqa: N802  (Twisted's name)
        """Everything still to come, in no order."""
        return list(dict.fromkeys(timer for _, _, timer in self._heap if timer.state is None))

    def next_at(self) -> float | None:
        """When the next call is due; None if there is none."""
        while self._heap:
            at, number, timer = self._heap[0]
            if timer.state is not None or at != timer.queued_at:
                heapq.heappop(self._heap)
                self._dead -= 1
            elif timer.due > at:
                timer.queued_at = timer.due
                heapq.heapreplace(self._heap, (timer.due, number, timer))
            else:
                return at
        return None

    def step(self) -> bool:
        """Go to the next call and make it; False if there is none."""
        at = self.next_at()
        if at is None:
            return False
        _, _, timer = heapq.heappop(self._heap)
        self._now = at
        timer.fire()
        return True

    def advance(self, seconds: float) -> None:
        """Let *seconds* pass, and make the calls that are due meanwhile."""
        until = self._now + seconds
        while (at := self.next_at()) is not None and at <= until:
            self.step()
        self._now = until

    def cancelled(self, timer: Timer) -> None:
        """Take note; for the timer. Its place is freed when it would be due, or many are dead."""
        del timer
        self._dead += 1
        self._sweep()

    def moved(self, timer: Timer, due: float) -> None:
        """Take note; for the timer. A later time costs nothing until the earlier one has come."""
        timer.due = due
        if due < timer.queued_at:
            timer.queued_at = due
            heapq.heappush(self._heap, (due, timer.number, timer))
            self._dead += 1
            self._sweep()

    def _sweep(self) -> None:
        if self._dead > _FEW and 2 * self._dead > len(self._heap):
            self._heap = [(t.due, t.number, t) for at, _, t in self._heap if _lives(t, at)]
            for due, _, timer in self._heap:
                timer.queued_at = due
            heapq.heapify(self._heap)
            self._dead = 0


def _lives(timer: Timer, at: float) -> bool:
    return timer.state is None and at == timer.queued_at


def _nothing() -> None:
    """What a timer calls that is over: so that it keeps nothing alive."""
