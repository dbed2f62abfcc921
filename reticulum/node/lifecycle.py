"""Start and stop order of a node, and the signal that reads its settings again."""

import signal
from collections.abc import Callable, Sequence

from twisted.application.service import Service
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorFromThreads
from twisted.logger import Logger

from reticulum.errors import ReticulumError
from reticulum.interfaces import Part

_log = Logger()


class NodeService(Service):
    """
    A node as twistd sees it.

    Args:
        parts: Started in this order, stopped in the reverse one.
        reactor: To come back from a signal.
        reload: Called on SIGHUP.
        give_up: Called when a part could not start; ends the process with a failure.
    """

    name = "reticulum"

    def __init__(
        self,
        *,
        parts: Sequence[Part],
        reactor: IReactorFromThreads,
        reload: Callable[[], None],
        give_up: Callable[[], None],
    ) -> None:
        self._parts = parts
        self._reactor = reactor
        self._reload = reload
        self._give_up = give_up
        self._started: list[Part] = []
        self._starting: Deferred[None] | None = None
        self._old_signal: object = None
        self._is_stopping = False

    def startService(self) -> None:  # noqa: N802  (Twisted's name)
        """Start every part in the background; twistd does not wait."""
        super().startService()  # type: ignore[no-untyped-call]  # Twisted's
        self._old_signal = signal.signal(
            signal.SIGHUP,
            lambda *_: self._reactor.callFromThread(self._reload),  # a signal comes in anywhere
        )
        self._starting = Deferred.fromCoroutine(self._start())

    async def _start(self) -> None:
        for part in self._parts:
            self._started.append(part)
            try:
                await part.start()
            except Exception as error:  # noqa: BLE001  (a half-started node must not stay)
                if self._is_stopping:
                    return  # told to stop half-way: it is stopped with the others
                self._started.pop()
                self._tell(part, error)
                self._give_up()
                return
            if self._is_stopping:
                return
        _log.info("node.started")

    def _tell(self, part: Part, error: Exception) -> None:
        if isinstance(error, ReticulumError):
            _log.critical("node.refused reason={reason}", reason=str(error))
        else:
            _log.failure("node.failed part={part}", part=type(part).__name__)

    def stopService(self) -> Deferred[None]:  # noqa: N802  (Twisted's name)
        """Stop every part that was started; twistd waits for the Deferred."""
        super().stopService()  # type: ignore[no-untyped-call]  # Twisted's
        signal.signal(signal.SIGHUP, self._old_signal or signal.SIG_DFL)  # type: ignore[arg-type]  # what it was
        return Deferred.fromCoroutine(self._stop())

    async def _stop(self) -> None:
        self._is_stopping = True
        if self._starting is not None and not self._starting.called:
            self._starting.cancel()
        while self._started:
            part = self._started.pop()
            try:
                await part.stop()
            except Exception:  # noqa: BLE001  (the parts below it still have to stop)
                _log.failure("node.stop_failed part={part}", part=type(part).__name__)
        _log.info("node.stopped")
