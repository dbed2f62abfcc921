"""A walk over all nodes of a grid, as a pure state machine: whom to ask next, for which keys."""

from collections import deque
from collections.abc import Iterable, Iterator
from itertools import islice

import attrs
from attrs import validators as v

from reticulum.model import Address, Contact, Key, NodeId
from reticulum.model.peers import KEY_BYTES
from reticulum.overlay.inquiry import MOST_NAMED
from reticulum.overlay.records import NodeRecord
from reticulum.overlay.trace import State

KEY_BITS = 8 * KEY_BYTES
LOST_AT = 16
"""Dead ones among the nodes somebody named, from which on it may be called a liar."""
SOUND_SHARE = 5
"""It is none as long as one in so many of those it named is alive."""


@attrs.frozen(kw_only=True)
class CrawlLimits:
    """
    How far and how wide a crawl goes, whatever it is told.

    Args:
        most_asked: Contacts asked at most.
        most_heard: Contacts remembered at most.
        most_doubted: Contacts asked for whom only liars speak.
        most_questions: Questions to one contact.
        most_ids: Node ids asked at one address, and addresses asked for one node id.
        most_named: Contacts read of one answer.
        slots: Questions out at a time.
        deadline_s: Seconds until it ends with what there is.
    """

    most_asked: int = attrs.field(default=20_000, validator=v.ge(1))
    most_heard: int = attrs.field(default=60_000, validator=v.ge(1))
    most_doubted: int = attrs.field(default=200, validator=v.ge(0))
    most_questions: int = attrs.field(default=16, validator=v.ge(1))
    most_ids: int = attrs.field(default=4, validator=v.ge(1))
    most_named: int = attrs.field(default=MOST_NAMED, validator=v.ge(1))
    slots: int = attrs.field(default=32, validator=v.ge(1))
    deadline_s: float = attrs.field(default=600.0, validator=v.gt(0))


@attrs.frozen(kw_only=True)
class Told:
    """
    What one node answered.

    Args:
        closer: The nodes it knows closest to the key, closest first.
        holds: Whether it holds the image with that key.
        rtt_s: Seconds from question to answer.
        server: Whether it may be entered in tables.
        record: Its node record, checked, if the key was its own id; None without one.
        clock_off_s: Its clock minus ours, in seconds, give or take half of `rtt_s`.
        boot: Tells its run from every other.
    """

    closer: tuple[Contact, ...]
    holds: bool = False
    rtt_s: float
    server: bool = True
    record: NodeRecord | None = None
    clock_off_s: float
    boot: bytes


@attrs.frozen
class Question:
    """
    To be asked now: which nodes do you know closest to this key?

    Args:
        contact: Whom.
        target: Key; the first time its own id.
    """

    contact: Contact
    target: Key


@attrs.define(eq=False)
class Walked:
    """
    A contact as a crawl knows it.

    Args:
        contact: Node and address.
        state: The latest; WAITING from its first question to its first answer.
        named_by: Who named it; empty for those the crawl started with.
        named: Contacts that it named itself.
        first: Its first answer.
        asked: Questions so far.
        doubted: Whether it was asked although only liars speak for it.
    """

    contact: Contact
    state: State = State.HEARD
    named_by: set[Contact] = attrs.field(factory=set)
    named: set[Contact] = attrs.field(factory=set)
    first: Told | None = None
    asked: int = 0
    doubted: bool = False
    sound: int = 0
    failed: int = 0

    @property
    def is_liar(self) -> bool:
        """Whether nearly all that it named is dead."""
        return self.failed >= LOST_AT and self.sound * SOUND_SHARE < self.failed


class Crawl:
    """
    Asks each node for what it knows near its own id, then far from it, one prefix after another.

    A node knows all that shares a long prefix with it, and a few of everything else; so it is
    asked for its own id, then for ids that part from it at bit 0, 1, 2 and so on, as far out as
    the first answer did not reach. It ends when no answer names anyone new.

    Args:
        own: The id of the node that crawls; never asked.
        start: Contacts to begin with.
        limits: Bounds.
    """

    def __init__(
        self, own: NodeId, start: Iterable[Contact], limits: CrawlLimits | None = None
    ) -> None:
        self._own = own
        self.limits = limits or CrawlLimits()
        self._walked: dict[Contact, Walked] = {}
        self._fresh: deque[Walked] = deque()
        self._doubted: deque[Walked] = deque()
        self._further: deque[Question] = deque()
        self._out: set[Question] = set()
        self._places: dict[Address | NodeId, int] = {}
        self._asked_doubted = 0
        self.asked = 0
        self.questions = 0
        self.ignored = 0
        for contact in start:
            self._hear(contact, None)

    def next(self) -> list[Question]:
        """What to ask now, as many as there are slots free."""
        questions = list(islice(self._ready(), self.limits.slots - len(self._out)))
        self._out.update(questions)
        self.questions += len(questions)
        return questions

    def answered(self, question: Question, answer: Told) -> None:
        """Take an answer; one that was not asked for is ignored."""
        if (walked := self._taken(question)) is None:
            return
        if walked.first is None:
            walked.first = answer
            self._settle(walked, State.ANSWERED)
        named = answer.closer[: self.limits.most_named]
        for contact in named:
            self._hear(contact, walked)
        if question.target == question.contact.node_id:
            self._plan(walked, named)

    def failed(self, question: Question, state: State) -> None:
        """Take silence (`DEAD`), or an answer of no use (`REFUSED`)."""
        walked = self._taken(question)
        if walked is not None and walked.first is None:
            self._settle(walked, state)

    @property
    def finished(self) -> bool:
        """Whether nothing is out and nothing is left to ask; only to be read after `next`."""
        return not self._out

    @property
    def unasked(self) -> int:
        """Contacts that were heard of, but bounds forbade to ask."""
        waiting = sum(walked.state is State.HEARD for walked in self._walked.values())
        return waiting + self.ignored

    @property
    def cut_short(self) -> bool:
        """Whether bounds ended it before it had asked everyone that anyone sound named."""
        return self.asked >= self.limits.most_asked or self.ignored > 0

    def count(self, state: State) -> int:
        """How many contacts are in a state."""
        return sum(walked.state is state for walked in self._walked.values())

    def walked(self) -> tuple[Walked, ...]:
        """Every contact, in the order in which they were heard of."""
        return tuple(self._walked.values())

    def _ready(self) -> Iterator[Question]:
        while self._further:
            yield self._further.popleft()
        while self.asked < self.limits.most_asked and (walked := self._next_contact()):
            self.asked += 1
            walked.asked = 1
            walked.state = State.WAITING
            yield Question(walked.contact, walked.contact.node_id)

    def _next_contact(self) -> Walked | None:
        while self._fresh:
            walked = self._fresh.popleft()
            if self._is_doubted(walked):
                self._doubted.append(walked)
            elif self._placed(walked):
                return walked
        while self._doubted:
            walked = self._doubted.popleft()
            walked.doubted = self._is_doubted(walked)
            if walked.doubted and self._asked_doubted >= self.limits.most_doubted:
                continue
            if self._placed(walked):
                self._asked_doubted += walked.doubted
                return walked
        return None

    def _placed(self, walked: Walked) -> bool:
        """Count the address and the id of *walked* as tried, unless one was often enough."""
        places = (walked.contact.address, walked.contact.node_id)
        if any(self._places.get(place, 0) >= self.limits.most_ids for place in places):
            return False
        for place in places:
            self._places[place] = self._places.get(place, 0) + 1
        return True

    def _is_doubted(self, walked: Walked) -> bool:
        by = walked.named_by
        return bool(by) and all(self._walked[contact].is_liar for contact in by)

    def _hear(self, contact: Contact, by: Walked | None) -> None:
        if contact.node_id == self._own:
            return
        walked = self._walked.get(contact)
        if walked is None:
            if len(self._walked) >= self.limits.most_heard:
                self.ignored += 1
                return
            walked = self._walked[contact] = Walked(contact)
            self._fresh.append(walked)
        # Nobody speaks for itself.
        if by is None or by.contact.node_id == contact.node_id or by.contact in walked.named_by:
            return
        walked.named_by.add(by.contact)
        by.named.add(contact)
        by.sound += walked.state is State.ANSWERED
        by.failed += walked.state.failed

    def _settle(self, walked: Walked, state: State) -> None:
        walked.state = state
        for contact in walked.named_by:
            self._walked[contact].sound += state is State.ANSWERED
            self._walked[contact].failed += state.failed

    def _plan(self, walked: Walked, named: tuple[Contact, ...]) -> None:
        """Questions for what the first answer of *walked* did not reach."""
        own = walked.contact.node_id
        shared = [KEY_BITS - own.distance(contact.node_id).bit_length() for contact in named]
        reach = min(shared, default=-1)
        for bit in range(min(reach + 1, self.limits.most_questions - 1, KEY_BITS)):
            flipped = own.number ^ 1 << (KEY_BITS - 1 - bit)
            walked.asked += 1
            self._further.append(Question(walked.contact, Key(flipped.to_bytes(KEY_BYTES))))

    def _taken(self, question: Question) -> Walked | None:
        if question not in self._out:
            return None
        self._out.remove(question)
        return self._walked[question.contact]
