"""
Watching: images that were asked for, or that others worry about, are looked after soon.

This is read-repair: a read tells which image matters now. Each image has its turn once in a while
only, and the whole of it is bounded, so that a page with a thousand pictures is no storm.
"""

from collections import OrderedDict
from collections.abc import Callable

import attrs
from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger

from reticulum.model import ImageId
from reticulum.overlay.pauses import Alarm
from reticulum.replication.pace import own_alarm
from reticulum.replication.tending import Tending

DAMPER_S = 900.0
"""One image is looked after once in so many seconds, at most."""
MOST_REMEMBERED = 20_000
MOST_WAITING = 2_000
PER_STEP = 50
STEP_S = 1.0
IDLE_S = 3600.0

_log = Logger()


@attrs.define(kw_only=True)
class Watching:
    """
    A queue of images to look after, each at most once in `DAMPER_S`.

    Args:
        tending: Makes images whole.
        clock: For pauses.
        is_settled: Whether this node knows by now who is there.
    """

    _tending: Tending
    _clock: IReactorTime
    _is_settled: Callable[[], bool]
    _alarm: Alarm = attrs.field(default=attrs.Factory(own_alarm, takes_self=True), init=False)
    _waiting: OrderedDict[ImageId, None] = attrs.field(factory=OrderedDict, init=False)
    _lately: OrderedDict[ImageId, float] = attrs.field(factory=OrderedDict, init=False)
    checked: int = attrs.field(default=0, init=False)
    dropped: int = attrs.field(default=0, init=False)

    def seen(self, image_id: ImageId) -> None:
        """Note that an image was asked for, or seems to be short. Quick."""
        now = self._clock.seconds()
        if self._lately.get(image_id, now) > now or image_id in self._waiting:
            return
        if len(self._waiting) >= MOST_WAITING:
            self.dropped += 1
            return
        self._waiting[image_id] = None
        if len(self._waiting) == 1:
            self._alarm.ring()

    def stop(self) -> None:
        """Wait no more."""
        self._alarm.close()

    async def run(self) -> None:
        """Go on until cancelled."""
        while True:
            await self._alarm.pause(STEP_S if self._waiting else IDLE_S)
            if self._waiting and self._is_settled():
                await self.step()

    async def step(self) -> None:
        """Look after the next few."""
        now = self._clock.seconds()
        chosen: list[ImageId] = []
        while self._waiting and len(chosen) < PER_STEP:
            image_id, _ = self._waiting.popitem(last=False)
            self._lately[image_id] = now + DAMPER_S
            chosen.append(image_id)
        while len(self._lately) > MOST_REMEMBERED:
            self._lately.popitem(last=False)
        self.checked += len(chosen)
        await self._tending.tend(chosen)
