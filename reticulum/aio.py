"""The ways out of the reactor's Deferreds and back: to a bounded pool of threads, to asyncio."""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any, NoReturn, ParamSpec, Protocol, TypeVar

from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.interfaces import IReactorFromThreads
from twisted.internet.threads import deferToThreadPool
from twisted.python.failure import Failure
from twisted.python.threadpool import ThreadPool

P = ParamSpec("P")
T = TypeVar("T")


class InThread(Protocol):
    """Runs blocking work elsewhere: call it with a function and its arguments."""

    def __call__(self, work: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> Deferred[T]:
        """
        Call *work* off the reactor thread; the Deferred fires in the reactor thread.

        Cancelling the Deferred does not stop the thread: *work* runs to its end, and what it
        returns or raises is dropped. So whatever belongs together belongs into one *work*.
        """


class Threads:
    """
    A pool of its own for one kind of blocking work: an `InThread`.

    The reactor's own pool also resolves names, so a row of slow fsyncs there would stop DNS.

    Args:
        reactor: Where Deferreds fire.
        most: Threads at one time, at least 1; further work waits in a queue.
        name: What thread names begin with.
    """

    def __init__(self, reactor: IReactorFromThreads, *, most: int, name: str) -> None:
        self._reactor = reactor
        self._pool = ThreadPool(minthreads=0, maxthreads=most, name=name)

    def start(self) -> None:
        """Begin to work; what was queued before is done first."""
        self._pool.start()

    def stop(self) -> None:
        """Finish what was begun and what is queued, blocking until all threads have ended."""
        self._pool.stop()

    def __call__(self, work: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> Deferred[T]:
        """Call *work* in the pool; see `InThread`."""
        return deferToThreadPool(self._reactor, self._pool, work, *args, **kwargs)


def deferred(work: Coroutine[Any, Any, T]) -> Deferred[T]:
    """
    Run an asyncio coroutine; needs the asyncio reactor.

    Returns:
        A Deferred of its result. Cancelling it cancels the task; a task that was cancelled, by
        whomever, fails with Twisted's `CancelledError`, because asyncio's is no `Exception`
        and would go past every `except Exception`.
    """
    return Deferred.fromFuture(asyncio.ensure_future(work)).addErrback(_translated)


def _translated(failure: Failure) -> NoReturn:
    if failure.check(asyncio.CancelledError):
        raise CancelledError from None
    failure.raiseException()


def heard(source: Deferred[Any]) -> Deferred[None]:
    """
    Give a source that keeps its own readers one more: a Deferred has one, each waiter its own.

    Returns:
        A Deferred that fires when *source* has, whatever came of it.
    """
    told: Deferred[None] = Deferred()

    def hear(result: Any) -> Any:
        told.callback(None)
        return result

    source.addBoth(hear)
    return told


def future(work: Coroutine[Deferred[Any], Any, T]) -> "asyncio.Future[T]":
    """Run a coroutine that waits for Deferreds, for asyncio code to await."""
    return Deferred.fromCoroutine(work).asFuture(asyncio.get_running_loop())
