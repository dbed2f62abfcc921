"""Work on the reactor, from its start to its end, Ctrl+C included."""

from collections.abc import Callable, Coroutine
from contextlib import suppress
from typing import Any

from twisted.internet import task
from twisted.internet.defer import Deferred
from twisted.python.failure import Failure


def run_reactor(work: Callable[[Any], Coroutine[Deferred[Any], Any, int]]) -> int:
    """
    Run the reactor until *work* is done; can be called once in a process.

    Ctrl+C cancels *work*, so that it leaves nothing half-written.

    Returns:
        What *work* returned.

    Raises:
        KeyboardInterrupt: It was interrupted, by SIGINT or SIGTERM.
    """
    ended: list[int | BaseException] = []
    interrupted = False

    def main(reactor: Any) -> Deferred[None]:
        doing = Deferred.fromCoroutine(work(reactor))

        def interrupt() -> None:
            nonlocal interrupted
            if not ended:
                interrupted = True
                doing.cancel()

        def fail(failure: Failure) -> None:
            assert failure.value is not None  # noqa: S101  (for mypy: it was raised)
            ended.append(failure.value)

        finished = doing.addCallbacks(ended.append, fail)
        reactor.addSystemEventTrigger("before", "shutdown", interrupt)
        return finished

    with suppress(SystemExit):  # react's own way to return
        task.react(main)
    if interrupted or not ended:
        raise KeyboardInterrupt
    outcome = ended[0]
    if isinstance(outcome, BaseException):
        raise outcome
    return outcome
