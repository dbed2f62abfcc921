"""Keeps a node in its grid for as long as it runs: joins, looks around, refreshes, pings."""

import random
from collections.abc import Iterable
from itertools import chain

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger

from reticulum.model import Contact, NodeId
from reticulum.overlay.exchange import Exchange
from reticulum.overlay.joining import Joining
from reticulum.overlay.keeping import Keeping
from reticulum.overlay.messages import Dialling, DialMe
from reticulum.overlay.neighbours import Neighbours
from reticulum.overlay.pauses import Alarm, about, growing
from reticulum.overlay.question import Outcome, Reply
from reticulum.overlay.seeking import Seeking
from reticulum.overlay.standing import ENOUGH, Standing

FIRST_PAUSE_S = 1.0
LONGEST_PAUSE_S = 60.0
ROUND_S = 60.0
CHECKS_A_ROUND = 16
REFRESHES_A_ROUND = 1
LOOKS = 2
"""At one's own place: those who came at the same time are only seen at the second."""
LOOK_AGAIN_S = 5.0
ENTRANCE_ROUNDS = 10
"""Rounds between two knocks at an entrance by a node that is in."""

_log = Logger()


class Upkeep:
    """
    The life of a node, as one coroutine.

    Args:
        own: The id of this node.
        neighbours: Whom it knows.
        exchange: To ask with.
        seeking: To look around.
        joining: To find the grid.
        standing: Its role.
        keeping: Records that expire.
        clock: For pauses.
        rng: For pauses and keys.
    """

    def __init__(
        self,
        own: NodeId,
        *,
        neighbours: Neighbours,
        exchange: Exchange,
        seeking: Seeking,
        joining: Joining,
        standing: Standing,
        keeping: Keeping,
        clock: IReactorTime,
        rng: random.Random,
    ) -> None:
        self._own = own
        self._neighbours = neighbours
        self._exchange = exchange
        self._seeking = seeking
        self._joining = joining
        self._standing = standing
        self._keeping = keeping
        self._rng = rng
        self._clock = clock
        self._waiters: list[Deferred[None]] = []
        self.has_joined = False
        self._alarm = Alarm(clock)
        self._looks_due = LOOKS

    def stir(self) -> None:
        """Look around soon: the first neighbour is there, or this node is a server now."""
        self._looks_due = LOOKS
        self._alarm.ring()

    def hurry(self) -> None:
        """Do now what is to be done in the next round."""
        self._alarm.ring()

    @property
    def is_in(self) -> bool:
        """Whether somebody is in the table."""
        return self._neighbours.any

    async def joined(self) -> None:
        """Wait until somebody was found and the neighbourhood explored, once."""
        if not self.has_joined:
            waiter: Deferred[None] = Deferred()
            self._waiters.append(waiter)
            await waiter

    def stop(self) -> None:
        """Wait for nothing any more, even if this is called by what `run` itself has called."""
        self._alarm.close()
        waiters, self._waiters = self._waiters, []
        for waiter in waiters:
            waiter.cancel()

    async def run(self) -> None:
        """Go on until cancelled."""
        rounds = 0
        while True:
            if not self.is_in:
                await self._join()
            if self._looks_due:
                await self._look()
            await self._alarm.pause(self._pause_s())
            rounds += 1
            await self._round(rounds)

    def _pause_s(self) -> float:
        if self._looks_due:
            return about(LOOK_AGAIN_S, self._rng)
        # A node is eager to become a server.
        return about(ROUND_S / 6 if self._standing.wanted else ROUND_S, self._rng)

    async def _join(self) -> None:
        pauses = growing(FIRST_PAUSE_S, LONGEST_PAUSE_S)
        while not self.is_in:
            if self._joining.has_doors:
                answered = await self._joining.knock()
                if not self.is_in:
                    # All are clients, as after a whole grid was off: one has to begin.
                    self._ask_for_dials(answered)
            if not self.is_in:
                self._ask_for_dials(self._standing.peers())
                await self._alarm.pause(about(next(pauses), self._rng))
        self._looks_due = LOOKS

    async def _look(self) -> None:
        # Counted off, and the ring forgotten, before: who stirs it meanwhile, as becoming a
        # server does, asks for every look anew, the second one again some seconds behind.
        self._alarm.hush()
        self._looks_due -= 1
        if not await self._look_around():
            self._looks_due = min(self._looks_due + 1, LOOKS)
            return
        # One after the other: each is shorter for what the one before it has found.
        for key in self._neighbours.table.unexplored_keys(self._rng.randrange):
            await self._seeking.explore(key)

    async def _look_around(self) -> bool:
        result = await self._seeking.nodes(self._own)
        if not result.closest:
            return False
        self._ask_for_dials(self._known())
        if not self.has_joined:
            _log.info("overlay.joined peers={peers}", peers=self._neighbours.count)
        self.has_joined = True
        waiters, self._waiters = self._waiters, []
        for waiter in waiters:
            if not waiter.called:  # given up meanwhile
                waiter.callback(None)
        return True

    async def _round(self, number: int) -> None:
        self._keeping.expire()
        for contact in self._neighbours.table.to_check(CHECKS_A_ROUND):
            self._neighbours.check(contact)
        for key in self._neighbours.table.refresh_keys(self._rng.randrange)[:REFRESHES_A_ROUND]:
            await self._seeking.nodes(key)
        self._ask_for_dials(self._known())
        if number % ENTRANCE_ROUNDS == 0:
            self._joining.remember(saved.contact for saved in self._neighbours.table.saved()[:100])
            if await self._joining.knock_at_one():
                self._looks_due = LOOKS

    def _known(self) -> Iterable[Contact]:
        """Neighbours, then others, now and in earlier days: clients, which no table has."""
        return chain(
            self._neighbours.table.contacts(),
            self._standing.peers(),
            self._joining.remembered(),
        )

    def _ask_for_dials(self, contacts: Iterable[Contact]) -> None:
        now = self._clock.seconds()
        if not self._standing.check(now):
            return
        asked = 0
        for contact in contacts:
            questions = self._standing.dial_me(contact, now)
            for dial_me in questions:
                self._ask_for_dial(contact, dial_me, tries=2)
            asked += bool(questions)
            if asked >= 2 * ENOUGH:
                break

    def _ask_for_dial(self, contact: Contact, dial_me: DialMe, *, tries: int) -> None:
        def answered(outcome: Outcome) -> None:
            # The knock itself is what counts; that it was promised makes its absence count, too.
            if not isinstance(outcome, Reply) or not isinstance(outcome.body, Dialling):
                return
            if outcome.body.agreed:
                self._standing.agreed(dial_me.nonce, self._clock.seconds())
            elif outcome.body.token and tries > 1:
                self._ask_for_dial(contact, dial_me, tries=tries - 1)
            else:
                self._standing.declined(dial_me.nonce)

        self._exchange.ask(contact.address, dial_me, answered, node_id=contact.node_id)
