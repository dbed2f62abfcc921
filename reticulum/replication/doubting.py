"""
Doubt: a node that was away for longer than tombstones last believes nothing it holds.

Whatever it has may have been deleted meanwhile, and forgotten to have been. So each image is
kept, and neither served nor counted, until another node is found to hold it, too. What others who
were there meanwhile do not hold is set aside, for the operator to look at.

If all who should hold it were away as well, as when a whole grid was switched off, nobody can have
deleted it without one of them: then it is believed.
"""

from collections.abc import Callable, Iterable
from typing import Protocol

import attrs
from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger

from reticulum.interfaces import Members
from reticulum.model import Holding, ImageId, NodeId, Original
from reticulum.overlay.pauses import Alarm
from reticulum.overlay.records.tombstone import LIFETIME_S
from reticulum.replication.here import Here
from reticulum.replication.pace import own_alarm
from reticulum.replication.tending import Tending

PAGE = 50
AGAIN_S = 60.0
IDLE_S = 24 * 3600.0
MARGIN_S = 24 * 3600.0
"""Before tombstones end: clocks differ, and a node must have had the time to ask."""

_log = Logger()


class Doubts(Protocol):
    """Which originals are in doubt, over restarts."""

    @property
    def active(self) -> bool:
        """Whether any may be."""

    def is_doubtful(self, original: Original) -> bool:
        """Whether one is."""

    async def begin(self, before: float) -> None:
        """Doubt all that was stored before a time, in seconds since 1970."""

    async def clear(self, image_ids: Iterable[ImageId]) -> None:
        """Doubt some no more."""

    async def end(self) -> None:
        """Doubt none."""


@attrs.define(kw_only=True)
class Doubting:
    """
    Doubts, and checks what is in doubt.

    Args:
        own: The id of this node.
        here: The copies on this node.
        doubts: Which are in doubt.
        tending: Asks the others.
        members: Whether there are others.
        believed: Told of an image that turned out to be good.
        now: Seconds since 1970.
        clock: For pauses.
        is_settled: Whether this node knows by now who is there; nothing is set aside before.
    """

    _own: NodeId
    _here: Here
    _doubts: Doubts
    _tending: Tending
    _members: Members
    _believed: Callable[[Original], None]
    _now: Callable[[], float]
    _clock: IReactorTime
    _is_settled: Callable[[], bool]
    _alarm: Alarm = attrs.field(default=attrs.Factory(own_alarm, takes_self=True), init=False)
    _unsure: set[NodeId] = attrs.field(factory=set, init=False)
    """Nodes that were found to be in doubt, too: what they lack tells nothing."""
    cleared: int = attrs.field(default=0, init=False)
    set_aside: int = attrs.field(default=0, init=False)

    async def begin_if_away(self, last: float | None) -> None:
        """
        Doubt everything if this node was away for too long.

        Args:
            last: When it was last alive, seconds since 1970; None if never.

        Raises:
            NoSpace: That could not be noted on disk; it is in force nevertheless.
        """
        if last is not None and self._now() - last > LIFETIME_S - MARGIN_S:
            _log.warn("doubt.begun away_s={away}", away=int(self._now() - last))
            await self._doubts.begin(self._now())

    def stop(self) -> None:
        """Wait no more."""
        self._alarm.close()

    async def run(self) -> None:
        """Go on until cancelled."""
        while True:
            if self._doubts.active and self._members.alive():
                left = await self.round()
                if not left:
                    await self._doubts.end()
                    _log.info(
                        "doubt.ended cleared={cleared} set_aside={set_aside}",
                        cleared=self.cleared,
                        set_aside=self.set_aside,
                    )
            await self._alarm.pause(AGAIN_S if self._doubts.active else IDLE_S)

    async def round(self) -> int:
        """
        Look at everything that is in doubt once.

        Returns:
            How many images still are.
        """
        left = 0
        position: ImageId | None = None
        while True:
            page = await self._here.originals.page(position, PAGE)
            for original in page:
                if self._doubts.is_doubtful(original):
                    left += not await self._check(original)
            if len(page) < PAGE:
                return left
            position = page[-1].image_id

    async def _check(self, original: Original) -> bool:
        """Settle one image; returns whether it is."""
        health = await self._tending.health(original.image_id)
        others = [copy for copy in health.copies if copy.member.node_id != self._own]
        if health.deleted:
            # Whoever tends it next hears of the tombstone; to be sure, ask now.
            await self._tending.tend([original.image_id])
            return self._here.is_deleted(original.image_id)
        self._unsure |= {copy.member.node_id for copy in others if copy.holding is Holding.DOUBTED}
        if any(copy.has for copy in others):
            await self._believe(original)
            return True
        if not self._is_settled() or any(copy.holding is None for copy in others):
            return False
        if all(copy.member.node_id in self._unsure for copy in others):
            await self._believe(original)
        else:
            await self._here.set_aside(original.image_id, "nobody else holds it after an absence")
            self.set_aside += 1
        return True

    async def _believe(self, original: Original) -> None:
        await self._doubts.clear([original.image_id])
        self._believed(original)
        self.cleared += 1
