"""Watches which addresses this machine has: a laptop is carried from network to network."""

from collections.abc import Callable, Sequence

from twisted.internet.interfaces import IReactorTime
from twisted.internet.task import LoopingCall
from twisted.logger import Logger

EVERY_S = 2.0

_log = Logger()


class Uplink:
    """
    A `Part`.

    Args:
        hosts: This machine's addresses on the way to others; quick.
        changed: Called when they are others than before, and there are any, with those that are
            gone.
        clock: For the looks.
    """

    def __init__(
        self,
        hosts: Callable[[], Sequence[str]],
        changed: Callable[[frozenset[str]], None],
        clock: IReactorTime,
    ) -> None:
        self._hosts = hosts
        self._changed = changed
        self._known: tuple[str, ...] = ()
        self._looking = LoopingCall(self._look)
        self._looking.clock = clock

    @property
    def hosts(self) -> tuple[str, ...]:
        """What was found last."""
        return self._known

    async def start(self) -> None:
        """Begin to look."""
        self._known = tuple(self._hosts())
        self._looking.start(EVERY_S, now=False)

    async def stop(self) -> None:
        """Look no more."""
        if self._looking.running:
            self._looking.stop()

    def _look(self) -> None:
        try:
            self._compare(tuple(self._hosts()))
        except Exception:  # noqa: BLE001  (a defect: into the log, and look on)
            _log.failure("reach.uplink_failed")

    def _compare(self, found: tuple[str, ...]) -> None:
        # Without any there is no network; whether it will be another one shows when it is there.
        if not found or found == self._known:
            return
        before, self._known = self._known, found
        _log.info(
            "reach.network_changed before={before} after={after}",
            before=", ".join(before) or "none",
            after=", ".join(found),
        )
        self._changed(frozenset(before) - frozenset(found))
