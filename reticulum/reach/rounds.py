"""A look at how things are, again and again, whatever one of them comes to."""

from collections.abc import Awaitable, Callable

from twisted.internet.defer import CancelledError
from twisted.internet.interfaces import IReactorTime
from twisted.internet.task import deferLater
from twisted.logger import Logger

_log = Logger()


async def rounds(
    look: Callable[[], Awaitable[None]], every_s: float, clock: IReactorTime, what: str
) -> None:
    """
    Go on until cancelled.

    Args:
        look: Looks once. What it raises is a defect: it goes into the log, and the next look comes.
        every_s: Seconds between two looks.
        clock: For them.
        what: Looks, for the log.
    """
    while True:
        try:
            await look()
        except CancelledError:
            raise
        except Exception:  # noqa: BLE001  (a defect: into the log, and go on)
            _log.failure("reach.failed what={what}", what=what)
        await deferLater(clock, every_s)
