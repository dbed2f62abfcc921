"""The way out of the reactor thread and back: blocking work runs in a bounded pool of threads."""

from collections.abc import Callable
from typing import ParamSpec, Protocol, TypeVar

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorFromThreads
from twisted.internet.threads import deferToThreadPool
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
