"""The scrub: every byte a node holds is read once in a period; what has rotted is got anew."""

import enum
import random
from collections.abc import Callable
from typing import Any

import attrs
from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger

from reticulum.errors import NoSpace
from reticulum.model import Holding, ImageId
from reticulum.overlay.pauses import Alarm, about
from reticulum.replication import bookmark
from reticulum.replication.here import Here
from reticulum.replication.pace import Pace, own_alarm
from reticulum.replication.tending import Tending

PAGE = 20
EMPTY_PAUSE_S = 600.0
SPREAD = 1 / 6
"""28 days, give or take 5: nodes that began together do not stay together."""
MOST_OWED = 10_000

_log = Logger()


class Finding(enum.Enum):
    """
    What reading an image gave.

    `SOUND`: its bytes match its id. `RESTORED`: they did not, or were gone, and another node had
    it. `LOST`: likewise, and nobody had it. `GONE`: it is not here, or was deleted meanwhile.
    """

    SOUND = "sound"
    RESTORED = "restored"
    LOST = "lost"
    GONE = "gone"


@attrs.define(kw_only=True)
class Scrub:
    """
    Reads and checks.

    Args:
        here: The copies on this node.
        tending: Gets damaged ones from others.
        pace: How fast.
        size: How many images are here, about.
        clock: For pauses.
        rng: For pauses.
    """

    _here: Here
    _tending: Tending
    _pace: Pace
    _size: Callable[[], int]
    _clock: IReactorTime
    _rng: random.Random
    _alarm: Alarm = attrs.field(default=attrs.Factory(own_alarm, takes_self=True), init=False)
    _lost: dict[ImageId, None] = attrs.field(factory=dict, init=False)
    position: ImageId | None = attrs.field(default=None, init=False)
    checked: int = attrs.field(default=0, init=False)
    damaged: int = attrs.field(default=0, init=False)
    restored: int = attrs.field(default=0, init=False)

    @property
    def lost(self) -> int:
        """Images damaged here that nobody has given back yet."""
        return len(self._lost)

    def resume(self, state: dict[str, Any]) -> None:
        """Go on where it was before a restart; whatever *state* is, it is taken or left."""
        self.position = bookmark.read(state.get("scrub"))

    def state(self) -> dict[str, Any]:
        """What `resume` takes."""
        return {"scrub": bookmark.written(self.position)}

    def stop(self) -> None:
        """Wait no more."""
        self._alarm.close()

    async def run(self) -> None:
        """Go on until cancelled."""
        while True:
            page = await self._here.originals.page(self.position, PAGE)
            for original in page:
                began = self._clock.seconds()
                await self.check(original.image_id)
                self.position = original.image_id
                worked_s = self._clock.seconds() - began
                rest_s = self._pace.rest_s(worked_s, 1 / max(self._size(), 1), hurried=False)
                await self._alarm.pause(about(rest_s, self._rng, SPREAD))
            if len(page) < PAGE:
                self.position = None
                await self.restore_lost()
                if not page:
                    await self._alarm.pause(about(EMPTY_PAUSE_S, self._rng))

    async def check(self, image_id: ImageId) -> Finding:
        """Read one image now, if it is here."""
        if await self._here.holding(image_id) is not Holding.HELD:
            return Finding.GONE
        return await self.examine(image_id)

    async def examine(self, image_id: ImageId) -> Finding:
        """
        Read one image now that lies here, or should: if its bytes can't be had, it was damaged.

        A file cut short is in quarantine as soon as anybody looks, so it is not asked here first
        whether the image is held.
        """
        self.checked += 1
        if await self._here.check(image_id):
            return Finding.SOUND
        if await self._here.holding(image_id) is Holding.DELETED:
            return Finding.GONE
        self.damaged += 1
        _log.error("scrub.damaged image={image}", image=str(image_id))
        is_back = await self.miss(image_id) is Holding.VERIFIED
        return Finding.RESTORED if is_back else Finding.LOST

    async def miss(self, image_id: ImageId) -> Holding:
        """Get back an image that turned out to be damaged here, now or as soon as somebody can."""
        if await self._restored(image_id):
            return Holding.VERIFIED
        self._lost[image_id] = None
        if len(self._lost) > MOST_OWED:
            del self._lost[next(iter(self._lost))]
        return Holding.ABSENT

    async def restore_lost(self) -> None:
        """Ask once more for what nobody could give."""
        for image_id in list(self._lost):
            if self._here.is_deleted(image_id) or await self._restored(image_id):
                self._lost.pop(image_id, None)

    async def _restored(self, image_id: ImageId) -> bool:
        try:
            is_back = await self._tending.restore(image_id)
        except NoSpace as error:
            _log.warn("scrub.no_space reason={reason}", reason=str(error))
            return False
        if is_back:
            self.restored += 1
            self._lost.pop(image_id, None)
            _log.info("scrub.restored image={image}", image=str(image_id))
        return is_back
