"""Work that waits for nodes, in threads; what comes of it is handed over where it is wanted."""

import queue
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

import attrs

from reticulum.cli.demo.asking import NoAnswer

THREADS = 12

T = TypeVar("T")


@attrs.define
class Jobs:
    """
    A few threads, and a queue of what they have done.

    Everything but the work itself happens in the thread that calls `collect`: no state of the
    demo needs a lock.
    """

    _pool: ThreadPoolExecutor = attrs.field(
        factory=lambda: ThreadPoolExecutor(THREADS, thread_name_prefix="demo")
    )
    _done: "queue.SimpleQueue[Callable[[], object]]" = attrs.field(factory=queue.SimpleQueue)

    def begin(
        self,
        work: Callable[[], T],
        then: Callable[[T], object],
        failed: Callable[[NoAnswer], object],
    ) -> None:
        """
        Do *work* in a thread.

        Args:
            work: May block; raises `NoAnswer` and nothing else on purpose.
            then: Called by `collect` with what it returned.
            failed: Called by `collect` if it raised `NoAnswer`.
        """

        def over(future: "Future[T]") -> None:
            if not future.cancelled():
                self._done.put(lambda: _hand_over(future, then, failed))

        self._pool.submit(work).add_done_callback(over)

    def collect(self) -> None:
        """Hand over what was done since the last call; raises what is a defect."""
        for _ in range(self._done.qsize()):
            self._done.get()()

    def close(self) -> None:
        """Begin nothing more, and wait for what is under way."""
        self._pool.shutdown(wait=True, cancel_futures=True)


def _hand_over(
    future: "Future[T]", then: Callable[[T], object], failed: Callable[[NoAnswer], object]
) -> None:
    try:
        result = future.result()
    except NoAnswer as error:
        failed(error)
    else:
        then(result)
