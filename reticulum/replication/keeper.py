"""The keeper: everything that looks after copies while a node runs, started and stopped."""

import contextlib
import random
from collections.abc import Callable, Coroutine
from typing import Any, Protocol

import attrs
from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.interfaces import IReactorTime
from twisted.internet.task import deferLater
from twisted.logger import Logger

from reticulum.errors import NoSpace, ReticulumError
from reticulum.overlay.pauses import about
from reticulum.replication import roll
from reticulum.replication.attending import Attending
from reticulum.replication.census import Census
from reticulum.replication.doubting import Doubting
from reticulum.replication.drain import Drain
from reticulum.replication.landscape import Landscape
from reticulum.replication.paying import Paying
from reticulum.replication.scrub import Scrub
from reticulum.replication.spot_check import SpotCheck
from reticulum.replication.watching import Watching

RETURN_S = 10.0
"""A node that was away asks for deletions so long, at most, before it serves."""
REMEMBER_S = 60.0
AGAIN_S = 10.0
TRY_AGAIN_S = 0.2

_log = Logger()


class UpkeepFile(Protocol):
    """Where walks were when the node was switched off; on disk."""

    async def read(self) -> dict[str, Any]:
        """What was written last; empty if nothing was, or if it is damaged."""

    async def write(self, state: dict[str, Any]) -> None:
        """
        Replace it.

        Raises:
            NoSpace, OSError: It can't be written.
        """


class Walk(Protocol):
    """Something that goes on for as long as the node runs."""

    async def run(self) -> None:
        """Go on until cancelled."""

    def stop(self) -> None:
        """Wait no more."""


@attrs.define(kw_only=True)
class Keeper:
    """
    A `Part`.

    Args:
        landscape: Who is there.
        attending: Learns what was missed.
        doubting: Believes nothing after a long absence.
        census: Compares with others.
        scrub: Reads every byte.
        paying: Pays debts.
        watching: Looks after what was asked for.
        spot_check: Notices that another node has lost its disk.
        drain: Hands everything on.
        file: Where walks were.
        last: When this node was last alive, seconds since 1970; None if never. Asked at the start.
        is_alone: Whether this node has never met another one.
        clock: For pauses.
        rng: For pauses.
    """

    landscape: Landscape
    attending: Attending
    doubting: Doubting
    census: Census
    scrub: Scrub
    paying: Paying
    watching: Watching
    spot_check: SpotCheck
    drain: Drain
    _file: UpkeepFile
    _last: Callable[[], float | None]
    _is_alone: Callable[[], bool]
    _clock: IReactorTime
    _rng: random.Random
    _running: list[Deferred[None]] = attrs.field(factory=list, init=False)
    is_up_to_date: bool = attrs.field(default=False, init=False)
    """Whether it has learned what it missed, or has tried for long enough."""

    async def start(self) -> None:
        """Learn what was deleted meanwhile, then begin to look after copies."""
        state = await self._file.read()
        self.census.resume(state)
        self.scrub.resume(state)
        if state.get("draining") is True:
            self.drain.begin()
        # They count until the grace has passed anew: a rolling restart copies nothing.
        self.landscape.recall(roll.read(state.get("members")))
        last = self._last()
        if not self._is_alone():
            # Otherwise nobody else can have deleted anything, and nobody could tell.
            with contextlib.suppress(NoSpace):  # in force nevertheless, until the next start
                await self.doubting.begin_if_away(last)
        await self.landscape.start()
        await self._return(last)
        self.is_up_to_date = True
        for what, part in self._walks.items():
            self._go(what, part.run)
        self._go("remembering", self._remember)

    async def stop(self) -> None:
        """End, and note where it was."""
        for part in self._walks.values():
            part.stop()
        running, self._running = self._running, []
        for work in running:
            work.cancel()
        await self.landscape.stop()
        await self.note()

    @property
    def _walks(self) -> dict[str, Walk]:
        """All that goes on from the start to the stop, by the name in the log."""
        return {
            "attending": self.attending,
            "doubting": self.doubting,
            "census": self.census,
            "scrub": self.scrub,
            "paying": self.paying,
            "watching": self.watching,
            "spot_check": self.spot_check,
            "drain": self.drain,
        }

    async def _return(self, last: float | None) -> None:
        if last is None or self._is_alone():
            return
        until = self._clock.seconds() + RETURN_S
        while (left_s := until - self._clock.seconds()) > 0:
            if self.landscape.alive() and await self.attending.return_(last, left_s):
                return
            await deferLater(self._clock, TRY_AGAIN_S)
        _log.warn(
            "keeper.alone reason={reason}", reason="no other node answers; it serves as it is"
        )

    async def _remember(self) -> None:
        while True:
            await deferLater(self._clock, about(REMEMBER_S, self._rng))
            await self.note()

    async def note(self) -> None:
        """Write down where everything is, now."""
        try:
            await self._file.write(
                {
                    **self.census.state(),
                    **self.scrub.state(),
                    **self.drain.state(),
                    "members": roll.written(self.landscape.known()),
                }
            )
        except (NoSpace, OSError) as error:
            _log.warn("keeper.not_written reason={reason}", reason=str(error))

    def _go(self, what: str, run: Callable[[], Coroutine[Deferred[Any], Any, None]]) -> None:
        self._running.append(Deferred.fromCoroutine(self._keep_going(what, run)))

    async def _keep_going(
        self, what: str, run: Callable[[], Coroutine[Deferred[Any], Any, None]]
    ) -> None:
        """Begin anew after a failure: copies are looked after as long as the node runs."""
        while True:
            try:
                await run()
            except CancelledError:
                return
            except ReticulumError as error:
                _log.warn("keeper.failed part={part} reason={reason}", part=what, reason=str(error))
            except Exception:  # noqa: BLE001  (a defect: all of it into the log, and go on)
                _log.failure("keeper.failed part={part}", part=what)
            try:
                await deferLater(self._clock, about(AGAIN_S, self._rng))
            except CancelledError:
                return
