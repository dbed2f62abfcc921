"""Draining: a node that is to be switched off hands on all it has, and says when it is done."""

from typing import Any

import attrs
from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger

from reticulum.model import Holding, ImageId
from reticulum.overlay.pauses import Alarm
from reticulum.replication.departure import Departure
from reticulum.replication.here import Here
from reticulum.replication.pace import own_alarm
from reticulum.replication.tending import Tending

PAGE = 50
AGAIN_S = 5.0
IDLE_S = 3600.0

_log = Logger()


@attrs.frozen(kw_only=True)
class DrainReport:
    """
    How far a drain is.

    Args:
        draining: Whether one is on.
        images: Images here that were looked at in this round.
        safe: Of these, kept whole by others, who have read every byte of them.
        is_safe: Whether the node can be switched off: the last round found all of them safe.
    """

    draining: bool
    images: int
    safe: int
    is_safe: bool


@attrs.define(kw_only=True)
class Drain:
    """
    Goes round by round until everything is safe, and on, as uploads may still come.

    Args:
        here: The copies on this node, which stay where they are.
        tending: Hands them on.
        departure: Set here.
        clock: For pauses.
    """

    _here: Here
    _tending: Tending
    _departure: Departure
    _clock: IReactorTime
    _alarm: Alarm = attrs.field(default=attrs.Factory(own_alarm, takes_self=True), init=False)
    _images: int = attrs.field(default=0, init=False)
    _safe: int = attrs.field(default=0, init=False)
    _is_safe: bool = attrs.field(default=False, init=False)

    @property
    def report(self) -> DrainReport:
        """Where it is now."""
        return DrainReport(
            draining=self._departure.is_near,
            images=self._images,
            safe=self._safe,
            is_safe=self._departure.is_near and self._is_safe,
        )

    def begin(self) -> None:
        """Hand on everything."""
        self._departure.is_near = True
        self._is_safe = False
        self._alarm.ring()

    def end(self) -> None:
        """Stay, after all."""
        self._departure.is_near = False

    def state(self) -> dict[str, Any]:
        """What is to be remembered over a restart."""
        return {"draining": self._departure.is_near}

    def stop(self) -> None:
        """Wait no more."""
        self._alarm.close()

    async def run(self) -> None:
        """Go on until cancelled."""
        while True:
            if not self._departure.is_near:
                await self._alarm.pause(IDLE_S)
                continue
            await self.round()
            await self._alarm.pause(AGAIN_S)

    async def round(self) -> None:
        """Look at all images once."""
        self._images = self._safe = 0
        position: ImageId | None = None
        while True:
            page = await self._here.originals.page(position, PAGE)
            image_ids = [original.image_id for original in page]
            await self._tending.tend(image_ids, eager=True)
            for image_id in image_ids:
                self._images += 1
                self._safe += await self._is_kept(image_id)
            if len(page) < PAGE:
                break
            position = image_ids[-1]
        self._is_safe = self._safe == self._images
        _log.info("drain.round images={images} safe={safe}", images=self._images, safe=self._safe)

    async def _is_kept(self, image_id: ImageId) -> bool:
        health = await self._tending.health(image_id, verify=True)
        sound = sum(copy.holding is Holding.VERIFIED for copy in health.keepers)
        return sound >= health.wanted or self._here.is_deleted(image_id)
