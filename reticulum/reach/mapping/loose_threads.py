"""Threads that nobody waits for: for calls that may hang for ever."""

import threading
from collections.abc import Callable
from contextlib import suppress
from typing import Any, ParamSpec, TypeVar

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorFromThreads
from twisted.python.failure import Failure

P = ParamSpec("P")
T = TypeVar("T")


class LooseThreads:
    """
    A thread for each call; an `InThread`.

    Unlike those of `Threads`, they don't keep the process from ending: a router that answers a
    byte a minute can hold a thread, but not the node. How many there are is up to the caller.

    Args:
        reactor: Where Deferreds fire.
        name: Of the threads.
    """

    def __init__(self, reactor: IReactorFromThreads, *, name: str) -> None:
        self._reactor = reactor
        self._name = name

    def __call__(self, work: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> Deferred[T]:
        """Call *work* in a thread of its own; see `InThread`."""
        done: Deferred[T] = Deferred()

        def run() -> None:
            result: Any
            try:
                result = work(*args, **kwargs)
            except Exception:  # noqa: BLE001  (passed on)
                result = Failure()
            with suppress(RuntimeError):  # the reactor is gone, and so is who asked
                self._reactor.callFromThread(done.callback, result)

        threading.Thread(target=run, name=self._name, daemon=True).start()
        return done
