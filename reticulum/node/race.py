"""A race: the first good answer of several, at most two under way at a time."""

from collections.abc import Callable, Coroutine, Iterable, Iterator
from typing import Any, Generic, Protocol, TypeVar

import attrs
from twisted.internet.defer import CancelledError, Deferred
from twisted.logger import Logger
from twisted.python.failure import Failure

T = TypeVar("T")
T_co = TypeVar("T_co", covariant=True)

AT_ONCE = 2

_log = Logger()


class Runner(Protocol[T_co]):
    """One who may have the answer."""

    def run(self) -> Coroutine[Deferred[Any], Any, T_co | None]:
        """Try to get it; None if this one has it not. What is raised ends the race."""

    def late(self) -> Coroutine[Deferred[Any], Any, None]:
        """Wait, from its start on, until the next one is to start beside it."""


async def first(runners: Iterable[Runner[T]], *, waste: Callable[[T], object]) -> T | None:
    """
    Let *runners* start in their order: the next when one has missed, or when one is late.

    Args:
        runners: In the order in which they start.
        waste: Given an answer that came although it was no longer wanted.

    Returns:
        The first answer; who is still running then is cancelled. None if all have missed.

    Raises:
        Whatever one of them raises first.
    """
    race = _Race(iter(runners), waste)
    race.go_on()
    try:
        return await race.done
    finally:
        race.stop()


@attrs.define(eq=False)
class _Lane(Generic[T]):
    running: Deferred[T | None]
    late: Deferred[None] | None = None


@attrs.define(eq=False)
class _Race(Generic[T]):
    _waiting: Iterator[Runner[T]]
    _waste: Callable[[T], object]
    done: Deferred[T | None] = attrs.field(factory=Deferred, init=False)
    _lanes: list[_Lane[T]] = attrs.field(factory=list, init=False)

    def go_on(self) -> None:
        """Start the next one, if there is one."""
        runner = next(self._waiting, None)
        if runner is not None:
            self._start(runner)
        elif not self._lanes:
            self.done.callback(None)

    def stop(self) -> None:
        """Cancel whoever is still running."""
        for lane in list(self._lanes):
            lane.running.cancel()
            if lane.late is not None:
                lane.late.cancel()

    def _start(self, runner: Runner[T]) -> None:
        lane: _Lane[T] = _Lane(Deferred.fromCoroutine(runner.run()))
        self._lanes.append(lane)
        lane.running.addCallbacks(
            lambda answer: self._came(lane, answer), lambda failure: self._failed(lane, failure)
        ).addErrback(self._crashed)
        if lane in self._lanes:
            lane.late = Deferred.fromCoroutine(runner.late())
            lane.late.addCallbacks(self._overtake, _cancelled).addErrback(self._crashed)

    def _came(self, lane: _Lane[T], answer: T | None) -> None:
        self._leave(lane)
        if self.done.called:
            if answer is not None:
                self._waste(answer)
        elif answer is None:
            self.go_on()
        else:
            self.done.callback(answer)

    def _failed(self, lane: _Lane[T], failure: Failure) -> None:
        self._leave(lane)
        self._crashed(failure)

    def _overtake(self, _: None) -> None:
        if not self.done.called and len(self._lanes) < AT_ONCE:
            self.go_on()

    def _crashed(self, failure: Failure) -> None:
        if not self.done.called:
            self.done.errback(failure)
        elif not failure.check(CancelledError):
            _log.failure("race.failed", failure=failure)

    def _leave(self, lane: _Lane[T]) -> None:
        self._lanes.remove(lane)
        if lane.late is not None:
            lane.late.cancel()


def _cancelled(failure: Failure) -> None:
    # Who has left the race is late no more.
    failure.trap(CancelledError)
