"""
Being back: what was deleted while a node was away is learned before it serves anything.

The other keepers of whatever it holds are near to it, so it asks those, about the time since it
was last alive; later on it asks now and then, for whatever never reached it.
"""

import random
from collections.abc import Awaitable, Callable, Sequence

import attrs
from twisted.internet.defer import Deferred
from twisted.internet.defer import TimeoutError as DeferredTimeoutError
from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger

from reticulum.errors import HolderFailed, NoSpace
from reticulum.interfaces import Graveyard, Members
from reticulum.model import Member
from reticulum.overlay.pauses import Alarm, about
from reticulum.replication.burial import Burial
from reticulum.replication.pace import own_alarm
from reticulum.replication.together import together

EVERY_S = 300.0
STAMP_S = 30.0
ASKED_AGAIN = 4
"""Members asked each time."""
AT_ONCE = 8

_log = Logger()


@attrs.define(kw_only=True)
class Attending:
    """
    Keeps track of when this node was there, and asks for what it missed.

    Args:
        members: Whom to ask.
        burial: Asks.
        graveyard: Expires.
        stamp: Notes on disk that this node is alive now.
        now: Seconds since 1970.
        clock: For pauses.
        rng: For pauses, and for whom to ask.
    """

    _members: Members
    _burial: Burial
    _graveyard: Graveyard
    _stamp: Callable[[], Awaitable[None]]
    _now: Callable[[], float]
    _clock: IReactorTime
    _rng: random.Random
    _alarm: Alarm = attrs.field(default=attrs.Factory(own_alarm, takes_self=True), init=False)
    missed: int = attrs.field(default=0, init=False)

    def stop(self) -> None:
        """Wait no more."""
        self._alarm.close()

    async def return_(self, last: float, within_s: float) -> bool:
        """
        Ask all who are near for what was deleted since this node was last there.

        Args:
            last: When that was, in seconds since 1970.
            within_s: Seconds it may take.

        Returns:
            Whether anybody answered.
        """
        asking = Deferred.fromCoroutine(self._ask(self._members.alive(), last))
        try:
            return await asking.addTimeout(within_s, self._clock) > 0
        except DeferredTimeoutError:
            return False

    async def run(self) -> None:
        """Go on until cancelled."""
        asked_at = self._clock.seconds()
        while True:
            try:
                await self._stamp()
            except (NoSpace, OSError) as error:
                _log.warn("attendance.not_kept reason={reason}", reason=str(error))
            await self._alarm.pause(about(STAMP_S, self._rng))
            if self._clock.seconds() - asked_at >= EVERY_S:
                since = self._now() - (self._clock.seconds() - asked_at)
                asked_at = self._clock.seconds()
                alive = list(self._members.alive())
                chosen = self._rng.sample(alive, min(ASKED_AGAIN, len(alive)))
                await self._ask(chosen, since)
                await self._graveyard.expire()

    async def _ask(self, members: Sequence[Member], since: float) -> int:
        async def ask(member: Member) -> bool:
            try:
                self.missed += await self._burial.catch_up(member.contact, since)
            except (HolderFailed, NoSpace) as error:
                _log.info(
                    "attendance.unheard node={node} reason={reason}",
                    node=str(member.node_id),
                    reason=str(error),
                )
                return False
            return True

        works = [lambda m=member: ask(m) for member in members]
        return sum(await together(works, most=AT_ONCE))
