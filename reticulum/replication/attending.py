"""
Being back: what was deleted while a node was away is learned before it serves anything.

The other keepers of whatever it holds are near to it, so it asks those, about the time since it
was last alive; later on it asks now and then, for whatever never reached it.
"""

import random
from collections.abc import Awaitable, Callable, Sequence
from functools import partial

import attrs
from twisted.internet.defer import Deferred
from twisted.internet.defer import TimeoutError as DeferredTimeoutError
from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger

from reticulum.errors import HolderFailed, NoSpace
from reticulum.interfaces import Graveyard, Members
from reticulum.model import Member, NodeId
from reticulum.overlay.pauses import Alarm
from reticulum.replication.burial import Burial
from reticulum.replication.pace import own_alarm
from reticulum.replication.together import together

EVERY_S = 300.0
STAMP_S = 30.0
TICK_S = 2.0
STOPPED_S = 6.0
MOST_SILENT = 2048
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
    _silent: dict[NodeId, float] = attrs.field(factory=dict, init=False)
    """Since when, in seconds since 1970."""
    _last: float | None = attrs.field(default=None, init=False)
    """When the life before this one ended; None if there was none."""
    _met: set[NodeId] = attrs.field(factory=set, init=False)
    """Nodes that were asked in this life for what was deleted before it."""
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
        self._last = last
        alive = self._members.alive()
        self._met.update(member.node_id for member in alive)
        asking = Deferred.fromCoroutine(self._ask(alive, last))
        try:
            return await asking.addTimeout(within_s, self._clock) > 0
        except DeferredTimeoutError:
            return False

    async def run(self) -> None:
        """Go on until cancelled."""
        woke_at = stamped_at = asked_at = self._clock.seconds()
        await self._note()
        while True:
            await self._alarm.pause(TICK_S)
            before, woke_at = woke_at, self._clock.seconds()
            if woke_at - before > STOPPED_S:
                # The process was stopped, or its machine asleep: nobody could reach it.
                _log.warn("attendance.stopped seconds={seconds:.0f}", seconds=woke_at - before)
                await self._ask(self._members.alive(), self._now() - (woke_at - before))
            await self._ask_returned()
            if woke_at - stamped_at >= STAMP_S:
                stamped_at = woke_at
                await self._note()
            if woke_at - asked_at >= EVERY_S:
                since, asked_at = self._now() - (woke_at - asked_at), woke_at
                alive = list(self._members.alive())
                await self._ask(self._rng.sample(alive, min(ASKED_AGAIN, len(alive))), since)
                await self._graveyard.expire()

    async def _note(self) -> None:
        try:
            await self._stamp()
        except (NoSpace, OSError) as error:
            _log.warn("attendance.not_kept reason={reason}", reason=str(error))

    async def _ask_returned(self) -> None:
        """Ask those who were silent: perhaps it was this node that was cut off."""
        now = self._now()
        for member in self._members.known():
            if member.silent_s:
                self._silent.setdefault(member.node_id, now - member.silent_s)
        while len(self._silent) > MOST_SILENT:
            del self._silent[next(iter(self._silent))]
        alive = self._members.alive()
        self._met &= self._silent.keys() | {member.node_id for member in alive}
        for member in alive:
            since = self._silent.get(member.node_id)
            if member.node_id not in self._met:
                # Found only after the start: it may know what those asked then had missed, too.
                since = self._last if since is None else min(since, self._last or since)
            if since is None or await self._ask([member], since):
                self._silent.pop(member.node_id, None)
                self._met.add(member.node_id)

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

        works = [partial(ask, member) for member in members]
        return sum(await together(works, most=AT_ONCE))
