"""Whom to ask for a mapping: all that might know, in turn, and the first that maps it wins."""

from collections.abc import Callable, Coroutine, Sequence
from typing import Any

import attrs
from twisted.internet.defer import CancelledError, Deferred, DeferredQueue
from twisted.internet.interfaces import IDelayedCall, IReactorTime
from twisted.python.failure import Failure

from reticulum.errors import NotMapped
from reticulum.reach.mapping.lease import Lease, Method

HEAD_START_S = 0.5
"""What one may take before the next is tried beside it."""


@attrs.frozen
class Finder:
    """
    A way to find a router.

    Args:
        name: For people: the protocol, and who is asked.
        find: Finds one, changing nothing there; raises `NotMapped`.
    """

    name: str
    find: Callable[[], Coroutine[Deferred[Any], Any, Method]]


class Search:
    """
    One search.

    Args:
        finders: The best first.
        clock: For head starts.
    """

    def __init__(self, finders: Sequence[Finder], clock: IReactorTime) -> None:
        self._finders = finders
        self._waiting = iter(finders)
        self._clock = clock
        self._found: DeferredQueue[tuple[Finder, Method | Failure]] = DeferredQueue()
        self._running: list[Deferred[None]] = []
        self._timer: IDelayedCall | None = None

    async def map(self, wanted: int) -> tuple[Method, Lease]:
        """
        Have the port mapped by the first router that is found and does it.

        Args:
            wanted: Port to have outside.

        Raises:
            NotMapped: None does; the text names all that were asked. Nothing is left behind, then
                or when this is cancelled.
        """
        refusals = []
        try:
            self._go_on()
            for _ in self._finders:
                finder, found = await self._found.get()
                try:
                    if isinstance(found, Failure):
                        found.raiseException()
                    return found, await found.map(wanted)
                except NotMapped as error:
                    refusals.append(f"{finder.name}: {error}")
                self._go_on()
        finally:
            self._end()
        raise NotMapped("; ".join(refusals))

    def _go_on(self) -> None:
        """Start the next finder, if there is one left; soon also the one after it."""
        if self._timer is not None and self._timer.active():
            self._timer.cancel()
        finder = next(self._waiting, None)
        if finder is not None:
            self._timer = self._clock.callLater(HEAD_START_S, self._go_on)
            self._start(finder)

    def _start(self, finder: Finder) -> None:
        def ended(found: Method | Failure) -> None:
            if not isinstance(found, Failure) or not found.check(CancelledError):
                self._found.put((finder, found))

        self._running.append(Deferred.fromCoroutine(finder.find()).addBoth(ended))

    def _end(self) -> None:
        if self._timer is not None and self._timer.active():
            self._timer.cancel()
        for finding in self._running:
            finding.cancel()
