"""Long work that somebody watches: a tick now and then, so that they see it is alive."""

from collections.abc import AsyncGenerator, Coroutine
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorTime
from twisted.python.failure import Failure

from reticulum.overlay.pauses import Alarm

TICK_S = 1.0


async def ticking(
    work: Coroutine[Deferred[Any], Any, object], clock: IReactorTime
) -> AsyncGenerator[None, None]:
    """
    Do *work*, and yield every second until it is done, and once then.

    Whoever closes this, or is cancelled while waiting for it, ends the work.

    Raises:
        Exception: What *work* raised.
    """
    ended: list[object] = []
    alarm = Alarm(clock)

    def end(result: object) -> None:
        ended.append(result)
        alarm.ring()

    doing: Deferred[Any] = Deferred.fromCoroutine(work)
    doing.addBoth(end)
    try:
        is_over = False
        while not is_over:
            if not ended:
                await alarm.pause(TICK_S)
            # Before the yield: whoever watches sees what came last, too.
            is_over = bool(ended)
            yield
    finally:
        doing.cancel()
    if isinstance(ended[0], Failure):
        ended[0].raiseException()
