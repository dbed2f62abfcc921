"""Single flight: equal concurrent requests are one piece of work."""

from collections.abc import Callable, Coroutine, Hashable
from typing import Any, Generic, TypeVar

import attrs
from twisted.internet.defer import Deferred, succeed
from twisted.python.failure import Failure

from reticulum.node.tasks import Tasks

Share = TypeVar("Share")
Land = Callable[[Callable[[], Share]], None]


@attrs.define
class SingleFlight(Generic[Share]):
    """
    At most one piece of work for each key at a time.

    A Deferred has one reader, so every waiter has one of its own. The work is owned by the node:
    a waiter that is cancelled leaves the others, and the work, alone.
    """

    _tasks: Tasks
    _waiting: dict[Hashable, list[Deferred[Share]]] = attrs.field(factory=dict)
    _landed: dict[Hashable, Callable[[], Share]] = attrs.field(factory=dict)

    def join(
        self, key: Hashable, work: Callable[[Land[Share]], Coroutine[Deferred[Any], Any, None]]
    ) -> Deferred[Share]:
        """
        Wait for the work on *key*, starting it if nobody has.

        Args:
            key: What makes two requests equal.
            work: Does it, and calls the `land` it is given with a function that makes one
                waiter's share. That is called at once for every waiter who is still there, and
                again for whoever joins before the work has ended.
        """
        if key in self._landed:
            return succeed(self._landed[key]())
        share: Deferred[Share] = Deferred()
        waiters = self._waiting.get(key)
        if waiters is not None:
            waiters.append(share)
            return share
        self._waiting[key] = [share]

        def land(make: Callable[[], Share]) -> None:
            self._landed[key] = make
            for waiter in self._waiting.pop(key, []):
                if not waiter.called:
                    waiter.callback(make())

        def crash(failure: Failure) -> None:
            for waiter in self._waiting.pop(key, []):
                if not waiter.called:
                    waiter.errback(failure)

        def end(result: object) -> object:
            self._landed.pop(key, None)
            return result

        self._tasks.run(work(land)).addBoth(end).addErrback(crash)
        return share
