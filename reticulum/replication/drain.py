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
        rounds: Rounds over all images since it began.
        fewest: Copies on other nodes, their bytes read, of the image that had fewest of them in
            the last round; None if there was no image, or no round yet.
        is_safe: Whether the node can be switched off: the last round found all of them safe, and
            the others know by now that it leaves.
    """

    draining: bool
    images: int
    safe: int
    rounds: int
    fewest: int | None
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
        notice_s: In so many seconds all neighbours have heard that this node leaves. Until then
            one of them may take a copy that it was given for one too many, and let go of it.
    """

    _here: Here
    _tending: Tending
    _departure: Departure
    _clock: IReactorTime
    _notice_s: float = 0.0
    _alarm: Alarm = attrs.field(default=attrs.Factory(own_alarm, takes_self=True), init=False)
    _images: int = attrs.field(default=0, init=False)
    _safe: int = attrs.field(default=0, init=False)
    _rounds: int = attrs.field(default=0, init=False)
    _fewest: int | None = attrs.field(default=None, init=False)
    _is_safe: bool = attrs.field(default=False, init=False)
    _began_at: float = attrs.field(default=0.0, init=False)
    _times: int = attrs.field(default=0, init=False)
    """How often it was begun or ended."""

    @property
    def report(self) -> DrainReport:
        """Where it is now."""
        return DrainReport(
            draining=self._departure.is_near,
            images=self._images,
            safe=self._safe,
            rounds=self._rounds,
            fewest=self._fewest,
            is_safe=self._departure.is_near and self._is_safe,
        )

    def begin(self) -> None:
        """Hand on everything; nothing changes if that goes on already."""
        if self._departure.is_near:
            return
        self._departure.is_near = True
        self._forget()
        self._alarm.ring()

    def end(self) -> None:
        """Stay, after all."""
        self._departure.is_near = False
        self._forget()

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
        has_notice = self._clock.seconds() - self._began_at >= self._notice_s
        times = self._times
        self._images = self._safe = 0
        fewest: int | None = None
        position: ImageId | None = None
        while True:
            page = await self._here.originals.page(position, PAGE)
            image_ids = [original.image_id for original in page]
            await self._tending.tend(image_ids, eager=True)
            for image_id in image_ids:
                sound, wanted = await self._kept(image_id)
                self._images += 1
                self._safe += sound >= wanted
                fewest = sound if fewest is None else min(fewest, sound)
            if len(page) < PAGE:
                break
            position = image_ids[-1]
        if times != self._times:
            # Of a drain that was called off meanwhile.
            self._images = self._safe = 0
            return
        self._fewest = fewest
        self._rounds += 1
        self._is_safe = has_notice and self._safe == self._images
        _log.info("drain.round images={images} safe={safe}", images=self._images, safe=self._safe)

    def _forget(self) -> None:
        self._is_safe = False
        self._images = self._safe = self._rounds = 0
        self._fewest = None
        self._began_at = self._clock.seconds()
        self._times += 1

    async def _kept(self, image_id: ImageId) -> tuple[int, int]:
        """Sound copies on other nodes, and how many there should be."""
        health = await self._tending.health(image_id, verify=True)
        if self._here.is_deleted(image_id):
            return health.wanted, health.wanted
        return sum(copy.holding is Holding.VERIFIED for copy in health.keepers), health.wanted
