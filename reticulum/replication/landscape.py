"""The nodes that placement may choose among: found, asked again, given up after a grace."""

import random
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from typing import Protocol

from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger

from reticulum.model import Contact, Key, Member, NodeId, Shelf
from reticulum.overlay.pauses import Alarm, about, growing
from reticulum.replication.placement import CANDIDATES, nearest
from reticulum.replication.roster import Roster
from reticulum.replication.together import together
from reticulum.replication.vicinity import KEY_BITS, look_around, shared_bits

MOST_MEMBERS = 2048
HOME = 128
"""So many nodes nearest to this one are asked in every round, and their changes are told."""
FRESH_S = 600.0
"""What another node said about itself is believed so long."""
AT_ONCE = 8
SOON_S = 1.5
EARLY_S = 30.0
"""After the start rounds follow each other quickly for so long."""
LONGEST_ROUND_S = 60.0

_log = Logger()


class Surveyor(Protocol):
    """Looks around in the grid."""

    async def closest(self, target: Key) -> Sequence[Contact]:
        """
        Other nodes closest to *target*, nearest first: up to 20 that answer, and about as many
        that are reached through relays, of which nobody has found out yet whether they are there.
        """

    async def describe(self, contact: Contact) -> Member | None:
        """
        What a node says about itself now, and how it is reached: perhaps through another relay.

        None if it can't be reached, or nothing sound comes.
        """

    def neighbours(self) -> Sequence[Contact]:
        """Everybody in the routing table."""


class Landscape:
    """
    A `reticulum.interfaces.Members`, and a `Part`.

    In a grid of up to 20 nodes everybody is known. In a larger one the 40 to 100 nodes nearest to
    this one are, and about as many of those that are reached through relays; and with them the
    placement of nearly all that it keeps. For other images it takes a lookup.

    Args:
        own: This node, as others see it, now.
        surveyor: Looks around.
        clock: For pauses, and for how long somebody is silent.
        rng: For pauses.
        grace_s: Seconds after which a silent node is given up.
        changed: Called when one of the nearest nodes is new, was given up, or says something else
            about its zone, its capacity or what it keeps.
    """

    def __init__(
        self,
        *,
        own: Callable[[], Member],
        surveyor: Surveyor,
        clock: IReactorTime,
        rng: random.Random,
        grace_s: float,
        changed: Callable[[], None],
    ) -> None:
        self._own = own
        self._own_id = own().node_id
        self.surveyor = surveyor
        self._clock = clock
        self._rng = rng
        self._grace_s = grace_s
        self._changed = changed
        self._round_s = min(LONGEST_ROUND_S, grace_s / 4)
        self._roster = Roster(self._own_id, most=MOST_MEMBERS, home=HOME)
        self._known_bits = KEY_BITS
        self._to_ask: dict[NodeId, Contact] = {}
        self._pauses = growing(SOON_S, self._round_s)
        self._alarm = Alarm(clock)
        self._started_at = clock.seconds()
        self._running: Deferred[None] | None = None
        self.settled = False
        """Whether a round has met nobody new, some time after the start."""

    async def start(self) -> None:
        """Begin to look around."""
        self._started_at = self._clock.seconds()
        self._running = Deferred.fromCoroutine(self._run()).addErrback(
            lambda failure: failure.trap(CancelledError) and None
        )

    async def stop(self) -> None:
        """End."""
        self._alarm.close()
        if self._running is not None:
            self._running.cancel()

    async def near(self, key: Key) -> Sequence[Member]:
        """See `Members.near`."""
        met = [] if self._covers(key) else await self._meet(key)
        members = {member.node_id: member for member in met}
        members |= {member.node_id: member for member in self._all()}
        storing = (one for one in members.values() if one.shelf is not Shelf.CLOSED)
        return nearest(key, storing)

    def alive(self) -> Sequence[Member]:
        """See `Members.alive`."""
        members = self._roster.members(self._clock.seconds())
        return [member for member in members if not member.silent_s]

    def known(self) -> Sequence[Member]:
        """See `Members.known`; also for `recall` after a restart."""
        return list(self._roster.members(self._clock.seconds()))

    def recall(self, members: Iterable[Member]) -> None:
        """Take whom this node knew when it stopped: they count until the grace has passed again."""
        for member in members:
            if member.node_id != self._own_id:
                self._roster.recalled(member, self._clock.seconds())

    def heard(self, contact: Contact) -> None:
        """Note that a node has just answered, whatever it was asked."""
        known = self._roster.contact(contact.node_id)
        if known is not None and _is_same_way(known, contact):
            self._roster.heard(contact.node_id, self._clock.seconds())
        elif contact.node_id != self._own_id:
            self._ask_soon(contact)

    def failed(self, node_id: NodeId) -> None:
        """Note that a node did not answer; it is asked soon whether it is there."""
        contact = self._roster.contact(node_id)
        if contact is not None and not self._roster.is_silent(node_id):
            self._roster.unheard(node_id)
            self._ask_soon(contact)

    async def look(self) -> None:
        """Look around now: find everybody near, and ask them all. Takes a few seconds at most."""
        asked, self._to_ask = self._to_ask, {}
        around = await look_around(self._own_id, self.surveyor.closest)
        near = {contact.node_id: contact for contact in around.contacts}
        found = {contact.node_id: contact for contact in self.surveyor.neighbours()} | near
        # Far away and not in the routing table: it was of use once, for one image.
        self._roster.forget(self._clock.seconds(), FRESH_S, found)
        known = {contact.node_id: contact for contact in self._roster.contacts()}
        always = near.keys() | asked.keys()
        has_changed = await self._ask(
            contact
            for node_id, contact in (known | asked | found).items()
            if node_id in always or self._is_due(node_id)
        )
        self._known_bits = around.bits
        if self._roster.give_up(self._clock.seconds(), self._grace_s):
            has_changed = True
            self._changed()
        if has_changed:
            self._pauses = growing(SOON_S, self._round_s)
        elif not self._is_early():
            self.settled = True

    def _all(self) -> list[Member]:
        return [self._own(), *self._roster.members(self._clock.seconds())]

    def _covers(self, key: Key) -> bool:
        own, bits = self._own_id, self._known_bits
        if bits == 0:
            return True
        if shared_bits(own, key) < bits:
            return False
        inside = sum(
            shared_bits(own, member.node_id) >= bits and member.shelf is not Shelf.CLOSED
            for member in self._all()
        )
        return inside >= CANDIDATES

    async def _meet(self, key: Key) -> list[Member]:
        met: list[Member] = []
        to_ask: list[Contact] = []
        for contact in await self.surveyor.closest(key):
            if self._is_due(contact.node_id, home=False):
                to_ask.append(contact)
            elif contact.via is None:  # it has answered; of others it is only said that they exist
                self.heard(contact)
        await self._ask(to_ask, met)
        return met

    def _is_due(self, node_id: NodeId, *, home: bool = True) -> bool:
        roster = self._roster
        return (
            (home and roster.is_home(node_id))
            or roster.is_silent(node_id)
            or roster.age_s(node_id, self._clock.seconds()) >= FRESH_S
        )

    def _ask_soon(self, contact: Contact) -> None:
        if len(self._to_ask) < MOST_MEMBERS:
            self._to_ask[contact.node_id] = contact
        if len(self._to_ask) == 1:
            self._alarm.ring()

    async def _run(self) -> None:
        due = self._clock.seconds()
        while True:
            is_due = self._clock.seconds() >= due
            try:
                if is_due:
                    await self.look()
                else:
                    asked, self._to_ask = self._to_ask, {}
                    await self._ask(asked.values())
            except CancelledError:
                raise
            except Exception:  # noqa: BLE001  (a defect: into the log, and go on looking around)
                _log.failure("landscape.failed")
            if is_due:
                due = self._clock.seconds() + about(self._pause_s(), self._rng)
            if not self._to_ask:
                await self._alarm.pause(due - self._clock.seconds())
            if self._to_ask:
                self._alarm.hush()
                await self._alarm.pause(about(SOON_S, self._rng))

    def _pause_s(self) -> float:
        if self._is_early():
            return min(SOON_S, self._round_s)
        return next(self._pauses)

    def _is_early(self) -> bool:
        return self._clock.seconds() - self._started_at < min(EARLY_S, self._grace_s)

    async def _ask(self, contacts: Iterable[Contact], met: list[Member] | None = None) -> bool:
        async def ask(contact: Contact) -> bool:
            member = await self.surveyor.describe(contact)
            if member is None:
                self._roster.unheard(contact.node_id)
                return False
            if met is not None:
                met.append(member)
            return self._roster.described(member, self._clock.seconds())

        own = self._own_id
        works = [partial(ask, contact) for contact in contacts if contact.node_id != own]
        has_changed = any(await together(works, most=AT_ONCE))
        if has_changed:
            self._changed()
        return has_changed


def _is_same_way(one: Contact, other: Contact) -> bool:
    # Which of its relays was used does not matter: the node is there.
    return one == other or (one.via is not None and other.via is not None)
