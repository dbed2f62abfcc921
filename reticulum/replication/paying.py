"""Paying debts: copies that a node could not take at their time are given when it is back."""

import random

import attrs
from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger

from reticulum.errors import NotTaken, UnknownImage
from reticulum.interfaces import Hints, Members
from reticulum.model import ImageId, Member
from reticulum.overlay.pauses import Alarm, about
from reticulum.replication.handover import Handover
from reticulum.replication.pace import own_alarm
from reticulum.replication.spread import Spread
from reticulum.replication.tending import Tending

PAUSE_S = 10.0
AT_ONCE = 50
"""Images given to one node before the next has its turn."""

_log = Logger()


@attrs.define(kw_only=True)
class Paying:
    """
    Looks after the hints of this node.

    Args:
        hints: Who is to get what.
        members: Who is there.
        tending: Knows who should have an image.
        handover: Moves copies.
        spread: Has images that had nowhere to go.
        clock: For pauses.
        rng: For pauses.
    """

    _hints: Hints
    _members: Members
    _tending: Tending
    _handover: Handover
    _spread: Spread
    _clock: IReactorTime
    _rng: random.Random
    _alarm: Alarm = attrs.field(default=attrs.Factory(own_alarm, takes_self=True), init=False)
    paid: int = attrs.field(default=0, init=False)

    def stir(self) -> None:
        """Somebody came back."""
        self._alarm.ring()

    def stop(self) -> None:
        """Wait no more."""
        self._alarm.close()

    async def run(self) -> None:
        """Go on until cancelled."""
        while True:
            await self._alarm.pause(about(PAUSE_S, self._rng))
            await self.pay()

    async def pay(self) -> None:
        """Give what can be given now."""
        await self._spread.finish()
        creditors = set(self._hints.creditors())
        for member in self._members.alive():
            if member.node_id in creditors:
                await self._pay_one(member)

    async def _pay_one(self, member: Member) -> None:
        for image_id in self._hints.of(member.node_id, AT_ONCE):
            try:
                if await self._is_owed(member, image_id):
                    if not await self._handover.give(member.contact, image_id):
                        return
                    self.paid += 1
            except NotTaken:
                return
            except UnknownImage:
                _log.debug("hint.void image={image}", image=str(image_id))
            await self._hints.done(member.node_id, [image_id])
            # Whoever kept it instead is found by the census, and lets go of it.

    async def _is_owed(self, member: Member, image_id: ImageId) -> bool:
        """Placement may have moved on since."""
        health = await self._tending.health(image_id)
        return any(copy.member.node_id == member.node_id for copy in health.lacking)
