"""Asks nodes what they say about themselves: directly, or by way of the relays that have them."""

from collections import OrderedDict
from collections.abc import Callable, Iterable

import attrs
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorTime

from reticulum.model import Contact, NodeId
from reticulum.overlay.exchange import Exchange
from reticulum.overlay.keeping import Keeping
from reticulum.overlay.messages import Find, Found, Ping, Pong, Want
from reticulum.overlay.question import Reply
from reticulum.overlay.records import NodeRecord
from reticulum.overlay.relayed import Relayed
from reticulum.overlay.seeking import Seeking
from reticulum.overlay.views import Described

LOOK_AGAIN_S = 300.0
"""A node that none of its relays has is looked up once in so many seconds."""
MOST_REMEMBERED = 1024


@attrs.frozen
class _Word:
    """What a relay says about a node: whether it has it, and the newest record it knows."""

    contact: Contact
    attached: bool
    record: NodeRecord | None


class Whereabouts:
    """
    Finds out whether nodes are there, and how they are reached now.

    Args:
        own: The id of this node; it may be the relay itself.
        exchange: To ask with.
        ping: What to say.
        keeping: Believes records, and has some itself.
        relayed: Whom this node relays for.
        seeking: Finds newer records.
        clock: Says how long ago a node was looked up.
    """

    def __init__(
        self,
        own: NodeId,
        *,
        exchange: Exchange,
        ping: Callable[[], Ping],
        keeping: Keeping,
        relayed: Relayed,
        seeking: Seeking,
        clock: IReactorTime,
    ) -> None:
        self._own = own
        self._exchange = exchange
        self._ping = ping
        self._keeping = keeping
        self._relayed = relayed
        self._seeking = seeking
        self._clock = clock
        self._looked_up: OrderedDict[NodeId, float] = OrderedDict()

    async def describe(self, contact: Contact, *, search: bool) -> Described | None:
        """
        What a node says about itself, and how it is reached now.

        Asked of itself, or of all its relays that are known.

        Args:
            contact: Where it should be; another relay may have it by now.
            search: Look it up if none of those has it; once in a few minutes.

        Returns:
            None if it can't be reached, or nothing sound comes.
        """
        if contact.via is not None:
            described = await self._by_relays(contact, search=search)
            # A relay that goes on saying that it has a node does not bring it back to life.
            is_alive = described is not None and self._keeping.is_fresh(described.record)
            return described if is_alive else None
        record = await self._of_itself(contact)
        if record is None:
            return None
        through = await self._first_that_has_it(record.ways)
        return Described(contact if through is None else through.contact, record)

    async def _of_itself(self, contact: Contact) -> NodeRecord | None:
        ping = attrs.evolve(self._ping(), wants_record=True)
        outcome = await self._exchange.asking(contact.address, ping, node_id=contact.node_id)
        if not isinstance(outcome, Reply) or not isinstance(outcome.body, Pong):
            return None
        return self._believed(outcome.body.record, contact.node_id)

    async def _by_relays(self, contact: Contact, *, search: bool) -> Described | None:
        node_id = contact.node_id
        word = await self._ask(contact)
        record = _newest(word.record, self._keeping.node(node_id))
        if word.attached and record is not None:
            return Described(contact, record)
        asked = {contact.via}
        if not word.attached and record is not None:
            others = [way for way in record.ways if way.via not in asked]
            asked.update(way.via for way in others)
            there = await self._first_that_has_it(others)
            if there is not None:
                return Described(there.contact, _newest(there.record, record) or record)
        return await self._looked_for(contact, word, asked) if search else None

    async def _looked_for(
        self, contact: Contact, word: _Word, asked: set[NodeId | None]
    ) -> Described | None:
        """Ask the grid: the node has moved, or its relay has lost its record, or it is gone."""
        node_id, now = contact.node_id, self._clock.seconds()
        is_late = now - self._looked_up.get(node_id, float("-inf")) >= LOOK_AGAIN_S
        if not (is_late or word.attached):
            return None
        self._note(node_id, now)
        located = await self._seeking.node(node_id)
        record, at = located.record, contact if word.attached else None
        if located.address is not None:
            at = Contact(node_id, located.address)
            record = await self._of_itself(at)
        elif at is None:
            there = await self._first_that_has_it(
                way for way in located.relays if way.via not in asked
            )
            at = None if there is None else there.contact
        if at is None or record is None:
            return None
        self._looked_up.pop(node_id, None)
        return Described(at, record)

    async def _first_that_has_it(self, ways: Iterable[Contact]) -> _Word | None:
        """Ask all relays at once; the first one in the order of *ways* counts that has the node."""
        asked = [Deferred.fromCoroutine(self._ask(way)) for way in ways]
        words = [await answer for answer in asked]
        return next((word for word in words if word.attached), None)

    async def _ask(self, contact: Contact) -> _Word:
        """Ask the relay in *contact*."""
        node_id = contact.node_id
        if contact.via == self._own:
            return _Word(contact, node_id in self._relayed, self._keeping.node(node_id))
        outcome = await self._exchange.asking(
            contact.address, Find(target=node_id, want=Want.RECORD), node_id=contact.via
        )
        if not isinstance(outcome, Reply) or not isinstance(outcome.body, Found):
            return _Word(contact, attached=False, record=None)
        found = outcome.body
        return _Word(contact, found.attached, self._believed(found.record, node_id))

    def _believed(self, record: NodeRecord | None, speaker: NodeId) -> NodeRecord | None:
        is_sound = record is not None and self._keeping.believed(record, speaker)
        return record if is_sound else None

    def _note(self, node_id: NodeId, now: float) -> None:
        self._looked_up[node_id] = now
        self._looked_up.move_to_end(node_id)
        if len(self._looked_up) > MOST_REMEMBERED:
            self._looked_up.popitem(last=False)


def _newest(one: NodeRecord | None, other: NodeRecord | None) -> NodeRecord | None:
    if one is None or other is None:
        return one or other
    return one if one.sequence >= other.sequence else other
