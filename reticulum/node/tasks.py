"""Work that the node owns: it goes on when whoever asked for it has gone."""

from collections.abc import Coroutine
from typing import Any, TypeVar

import attrs
from twisted.internet.defer import CancelledError, Deferred, DeferredList
from twisted.logger import Logger

from reticulum.aio import heard

T = TypeVar("T")

_log = Logger()


@attrs.define
class Tasks:
    """Coroutines under way, each with the node as its owner; `settle` waits for all of them."""

    _running: set[Deferred[Any]] = attrs.field(factory=set)

    def run(self, work: Coroutine[Deferred[Any], Any, T]) -> Deferred[T]:
        """
        Start *work*.

        Returns:
            A Deferred for the one who asked. Cancelling it gives up the answer, not the work.
        """
        asked: Deferred[T] = Deferred()
        running = Deferred.fromCoroutine(work)
        self._running.add(running)

        def done(result: Any) -> None:
            self._running.discard(running)
            if not asked.called:
                asked.callback(result)  # a Failure goes to the errbacks
            elif hasattr(result, "type") and not result.check(CancelledError):
                _log.warn("task.unheard error={error}", error=result.getErrorMessage())

        running.addBoth(done)
        return asked

    def start(self, what: str, work: Coroutine[Deferred[Any], Any, None]) -> None:
        """Start *work* that nobody waits for; its failure is logged under the name *what*."""

        def failed(failure: Any) -> None:
            if not failure.check(CancelledError):
                _log.warn(
                    "task.failed what={what} error={error}",
                    what=what,
                    error=failure.getErrorMessage(),
                )

        self.run(work).addErrback(failed)

    async def settle(self) -> None:
        """Wait until nothing is under way."""
        while self._running:
            # Deferreds have one reader each: these get a reader beside the one in `run`.
            await DeferredList([heard(running) for running in self._running])

    def cancel(self) -> None:
        """Cancel whatever is still under way."""
        for running in list(self._running):
            running.cancel()
