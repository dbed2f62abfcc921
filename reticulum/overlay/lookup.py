"""Lookup in the key space as a pure state machine: fed answers and time, it says whom to ask."""

from collections.abc import Callable, Iterable, Mapping
from itertools import islice
from types import MappingProxyType
from typing import Generic, TypeVar

from reticulum.model import Contact, Key, NodeId
from reticulum.overlay.inquiry import Ask, Ending, Limits, Result, Want
from reticulum.overlay.messages.bodies import Page
from reticulum.overlay.pages import Pages
from reticulum.overlay.questions import Questions
from reticulum.overlay.shortlist import Shortlist
from reticulum.overlay.trace import DownHint, Hop, State

R = TypeVar("R")

MOST_HOLDERS = 1024


class Lookup(Generic[R]):
    """
    One lookup (Maymounkov and Mazieres, Kademlia, section 2.3), without rounds.

    Every input returns the questions to send next; the first ones come from the first `tick`.
    Times are seconds of any one clock that never goes back. The caller sends what it is told,
    passes on what comes, and calls `tick` at `wake_at` until `settled`. It vouches for an
    answer being from the node it asked (id and address) and for that node being a server;
    otherwise it calls `refused`.

    Args:
        target: What to get close to.
        want: What for.
        own: The id of the node that looks; never asked.
        start: Contacts to begin with, the closest ones the node knows.
        timeout_s: Soft time-out for a question to a peer, in seconds.
        at: Now.
        limits: How wide and how long.
    """

    def __init__(
        self,
        target: Key,
        *,
        want: Want,
        own: NodeId,
        start: Iterable[Contact],
        timeout_s: Callable[[NodeId], float],
        at: float,
        limits: Limits | None = None,
    ) -> None:
        self._target = target
        self._want = want
        self._limits = limits or Limits()
        self._shortlist = Shortlist(target, own)
        self._shortlist.hear(start, None)
        self._holders: dict[NodeId, R] = {}
        self._disproved: set[NodeId] = set()
        self._pages = Pages(self._limits.most_pages)
        self._questions = Questions(timeout_s)
        self._now = at
        self._deadline = at + self._limits.deadline_s
        self._result: Result[R] | None = None

    def tick(self, at: float) -> list[Ask]:
        """Let time pass: also the soft and hard time-outs the caller has not told about."""
        self._now = max(at, self._now)
        self._questions.expire(self._now)
        if self._result is None:
            ending = self._reason_to_end()
            self._result = None if ending is None else self._found(ending)
        return self._next() if self._result is None else []

    def answered(
        self,
        peer: Contact,
        at: float,
        contacts: Iterable[Contact] = (),
        holders: Mapping[NodeId, R] | None = None,
        rest: Page | None = None,
    ) -> list[Ask]:
        """
        Take an answer, also a late one; the second of one peer is ignored.

        Args:
            peer: As it stood in the `Ask`.
            at: Now.
            contacts: The servers it knows closest to the target; the first ones are read.
            holders: What it says about holders: each record checked by the caller.
            rest: Where its list of holders goes on; None if that was all.
        """
        known = self._shortlist.get(peer)
        if known is None or known.sent is None or known.state in (State.ANSWERED, State.REFUSED):
            return self.tick(at)
        known.rtt_s = max(0.0, at - known.sent.at)
        self._questions.settle(known, State.ANSWERED)
        self._shortlist.lives(known)
        if self._result is None:
            self._shortlist.hear(islice(contacts, self._limits.most_named), known)
            self._hold(holders or {}, peer, rest)
        return self.tick(at)

    def read(
        self,
        peer: Contact,
        at: float,
        holders: Mapping[NodeId, R] | None = None,
        rest: Page | None = None,
    ) -> list[Ask]:
        """Take a further page of *peer*, as in `answered`; nothing of it if it never came."""
        self._pages.came(peer)
        if self._result is None:
            self._hold(holders or {}, peer, rest)
        return self.tick(at)

    def slow(self, peer: Contact, at: float) -> list[Ask]:
        """Take the soft time-out of *peer*: its slot is free, its answer still counts."""
        self._questions.slow(peer)
        return self.tick(at)

    def timed_out(self, peer: Contact, at: float) -> list[Ask]:
        """Take the hard time-out of *peer*, or the word of its host that nobody listens."""
        self._questions.fail(peer, State.DEAD)
        return self.tick(at)

    def refused(self, peer: Contact, at: float) -> list[Ask]:
        """Take an answer of no use: malformed, from another node id, or from a client."""
        self._questions.fail(peer, State.REFUSED)
        return self.tick(at)

    def disproved(self, holder: NodeId, at: float) -> list[Ask]:
        """Strike a holder that turned out to have nothing; a read goes on if it lacks it now."""
        self._disproved.add(holder)
        self._holders.pop(holder, None)
        if self._result is not None and self._result.ending is Ending.ENOUGH:
            self._result = None
            self._deadline = max(self._deadline, at + self._limits.deadline_s)
        return self.tick(at)

    def stop(self, at: float) -> None:
        """End now, with what there is."""
        self._now = max(at, self._now)
        self._result = self._result or self._found(Ending.STOPPED)

    @property
    def finished(self) -> bool:
        """Whether the result is there."""
        return self._result is not None

    @property
    def settled(self) -> bool:
        """Whether it is finished and of every peer asked it is known whether it lives."""
        return self.finished and not self._questions.out

    @property
    def wake_at(self) -> float | None:
        """When to call `tick` next; None if nothing is waited for."""
        due = self._questions.due_after(self._now)
        if self.finished:
            return due
        return self._deadline if due is None else min(due, self._deadline)

    @property
    def holders(self) -> Mapping[NodeId, R]:
        """The holders so far, live."""
        return MappingProxyType(self._holders)

    def result(self) -> Result[R]:
        """
        What was found; later answers do not change it.

        Raises:
            ValueError: The lookup is not finished.
        """
        if self._result is None:
            raise ValueError("the lookup is not finished")
        return self._result

    def trace(self) -> tuple[Hop, ...]:
        """Every peer heard of, at any time, in the order in which they were heard of."""
        return self._shortlist.hops()

    def down_hints(self) -> tuple[DownHint, ...]:
        """Dead referrals and who gave them; all of them once `settled`."""
        return self._shortlist.down_hints()

    def _hold(self, holders: Mapping[NodeId, R], peer: Contact, rest: Page | None) -> None:
        for holder, record in islice(holders.items(), self._limits.most_named):
            if holder not in self._disproved and len(self._holders) < MOST_HOLDERS:
                self._holders.setdefault(holder, record)
        if len(self._holders) < self._limits.enough:
            self._pages.note(peer, rest)

    def _reason_to_end(self) -> Ending | None:
        if self._now >= self._deadline:
            return Ending.OUT_OF_TIME
        if self._want is Want.HOLDERS and len(self._holders) >= self._limits.enough:
            return Ending.ENOUGH
        return None if self._pages.pending else self._reason_by_distance()

    def _reason_by_distance(self) -> Ending | None:
        limits = self._limits
        read = self._want is Want.HOLDERS and bool(self._holders)
        settles = min(limits.beta, limits.k) if read else limits.k
        answered = 0
        for peer in self._shortlist.nearest():
            if peer.given_up:
                continue
            if peer.state is not State.ANSWERED:
                stuck = self._questions.sent >= limits.most_asked and not self._questions.waiting
                return Ending.TOO_MANY if stuck else None
            if self._want is Want.NODE and peer.distance == 0:
                return Ending.FOUND
            answered += 1
            if answered == settles:
                return Ending.ENOUGH if settles < limits.k else Ending.CLOSEST
        return Ending.CLOSEST

    def _found(self, ending: Ending) -> Result[R]:
        alive = [peer for peer in self._shortlist.nearest() if peer.state is State.ANSWERED]
        return Result(
            closest=tuple(peer.contact for peer in alive[: self._limits.k]),
            found=alive[0].contact if alive and alive[0].distance == 0 else None,
            holders=dict(self._holders),
            ending=ending,
            asked=self._questions.sent,
        )

    def _next(self) -> list[Ask]:
        limits = self._limits
        free = limits.alpha - self._questions.waiting
        left = limits.most_asked - self._questions.sent
        asks: list[Ask] = []
        # Slow peers may be dead: the ones behind them are asked meanwhile.
        quick = (peer for peer in self._shortlist.nearest() if peer.state is not State.SLOW)
        for peer in islice(quick, limits.k):
            if len(asks) >= min(free, left):
                break
            if peer.state is State.HEARD and not peer.held_back(max(1, limits.alpha // 2)):
                asks.append(self._questions.send(peer, self._now))
        # Pages take no slots: they are few, and of peers that have just answered.
        return [*asks, *(self._questions.ask(contact, page) for contact, page in self._pages.ask())]
