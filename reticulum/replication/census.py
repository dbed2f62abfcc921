"""
The census: a node walks over all it holds and compares with the others who should hold it.

Once in a period, and soon after a node came or went, at a pace that leaves the machine to its
users. What is compared are lists of ids, not digests of regions: placement is decided image by
image, so two nodes whose views differ by one member share hardly a region with equal digests,
and a million images cost 150 MB in half a day, 3.5 kB a second.
"""

import random
from collections.abc import Callable
from typing import Any

import attrs
from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger

from reticulum.model import ImageId
from reticulum.overlay.pauses import Alarm, about
from reticulum.replication import bookmark
from reticulum.replication.here import Here
from reticulum.replication.pace import Pace, own_alarm
from reticulum.replication.tending import Tending

PAGE = 100
"""Images in one step."""
FIRST_AGAIN_S, LONGEST_AGAIN_S = 15.0, 1800.0
"""After a round that left something undone: so long, then twice as long, to the next one."""
LOOK_S = 1.0
SETTLE_S = 5.0
"""After a change: others notice it, too."""

_log = Logger()


@attrs.define(kw_only=True)
class Census:
    """
    Walks and tends.

    Args:
        here: The copies on this node.
        tending: Makes images whole.
        pace: How fast.
        size: How many images are here, about.
        clock: For pauses.
        rng: For pauses.
        is_settled: Whether this node knows by now who is there; nothing is done before.
    """

    _here: Here
    _tending: Tending
    _pace: Pace
    _size: Callable[[], int]
    _clock: IReactorTime
    _rng: random.Random
    _is_settled: Callable[[], bool]
    _alarm: Alarm = attrs.field(default=attrs.Factory(own_alarm, takes_self=True), init=False)
    _is_hurried: bool = attrs.field(default=False, init=False)
    _again_s: float = attrs.field(default=FIRST_AGAIN_S, init=False)
    position: ImageId | None = attrs.field(default=None, init=False)
    rounds: int = attrs.field(default=0, init=False)
    checked: int = attrs.field(default=0, init=False)
    short: int = attrs.field(default=0, init=False)
    """Images found short of copies in the last round."""

    def resume(self, state: dict[str, Any]) -> None:
        """Go on where a walk was before a restart; whatever *state* is, it is taken or left."""
        self.position = bookmark.read(state.get("census"))

    def state(self) -> dict[str, Any]:
        """What `resume` takes."""
        return {"census": bookmark.written(self.position)}

    def hurry(self) -> None:
        """Walk over everything soon: a node came or went."""
        self._is_hurried = True
        self._again_s = FIRST_AGAIN_S
        self._alarm.ring()

    def stop(self) -> None:
        """Wait no more."""
        self._alarm.close()

    async def run(self) -> None:
        """Go on until cancelled."""
        while not self._is_settled():
            await self._alarm.pause(LOOK_S)
        again = False
        while True:
            if self._is_hurried:
                await self._alarm.pause(about(SETTLE_S, self._rng))
            self._alarm.hush()
            hurried, self._is_hurried = self._is_hurried or again, False
            if hurried:
                self.position = None
            unfinished = await self._walk(hurried=hurried) > 0
            again = unfinished and not self._is_hurried
            if again:
                await self._alarm.pause(about(self._again_s, self._rng))
                self._again_s = min(2 * self._again_s, LONGEST_AGAIN_S)
            elif not self._is_hurried:
                self._again_s = FIRST_AGAIN_S

    async def _walk(self, *, hurried: bool) -> int:
        """Walk on to the end; returns how many images are still short of copies."""
        short = 0
        while True:
            began = self._clock.seconds()
            page = await self._here.originals.page(self.position, PAGE)
            if page:
                short += await self._step([original.image_id for original in page])
                self.position = page[-1].image_id
            worked_s = self._clock.seconds() - began
            part = len(page) / max(self._size(), len(page), 1) if page else 1.0
            is_last = len(page) < PAGE
            if is_last:
                self.position = None
                self.rounds += 1
                self.short = short
            if not (is_last and hurried):
                await self._alarm.pause(self._pace.rest_s(worked_s, part, hurried=hurried))
            if is_last or (self._is_hurried and not hurried):
                return short

    async def _step(self, image_ids: list[ImageId]) -> int:
        checked = await self._tending.tend(image_ids)
        self.checked += len(checked)
        return sum(not health.is_whole and bool(health.lacking) for health in checked)
