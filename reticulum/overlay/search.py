"""Drives one lookup: sends what it says, feeds it what comes, wakes it when it wants."""

from collections.abc import Callable, Iterable
from functools import partial

import attrs
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IDelayedCall, IReactorTime

from reticulum.model import Contact, Key, NodeId
from reticulum.overlay.exchange import Exchange
from reticulum.overlay.findings import Findings
from reticulum.overlay.inquiry import Ask, Limits, Result, Want
from reticulum.overlay.lookup import Lookup
from reticulum.overlay.messages import Find, Found
from reticulum.overlay.messages import Want as Wanted
from reticulum.overlay.question import Outcome, Reply
from reticulum.overlay.records import ProviderRecord
from reticulum.overlay.trace import DownHint, Hop
from reticulum.overlay.views import Holder

_WANTED = {
    Want.NODES: Wanted.NODES,
    Want.EVERYBODY: Wanted.NODES | Wanted.RELAYED,
    Want.NODE: Wanted.NODES | Wanted.RECORD,
    Want.HOLDERS: Wanted.NODES | Wanted.HOLDERS,
}


@attrs.frozen(kw_only=True)
class Aim:
    """
    What a search is for; two searches with one aim are one.

    Args:
        target: What to get close to.
        want: What for.
        limits: How wide and how long.
        without: Holders that have turned out to have nothing.
    """

    target: Key
    want: Want
    limits: Limits
    without: frozenset[NodeId] = frozenset()


class Search:
    """
    A lookup under way, and who waits for it.

    Args:
        aim: What for.
        own: The id of this node.
        start: Contacts to begin with.
        known: Provider records this node keeps itself.
        findings: Believes what is said.
        exchange: To ask with.
        clock: What it is woken by.
        timeout_s: Soft time-out for a question to a peer, in seconds.
        settled: Called when nothing more will come.
    """

    def __init__(
        self,
        aim: Aim,
        *,
        own: NodeId,
        start: Iterable[Contact],
        known: Iterable[ProviderRecord],
        findings: Findings,
        exchange: Exchange,
        clock: IReactorTime,
        timeout_s: Callable[[NodeId], float],
        settled: Callable[["Search"], None],
    ) -> None:
        self.aim = aim
        self.findings = findings
        self._exchange = exchange
        self._clock = clock
        self._settled = settled
        self._at = clock.seconds()
        self._lookup: Lookup[Holder] = Lookup(
            aim.target,
            want=aim.want,
            own=own,
            start=start,
            timeout_s=timeout_s,
            at=self._at,
            limits=aim.limits,
        )
        self._records = tuple(known)
        self._known: dict[NodeId, Holder] | None = None
        self._timer: IDelayedCall | None = None
        self._result_waiters: list[Deferred[None]] = []
        self._end_waiters: list[Deferred[None]] = []
        self._is_over = False
        self.took_s = 0.0

    def begin(self) -> None:
        """Ask the first ones."""
        asks = [ask for who in self.aim.without for ask in self._lookup.disproved(who, self._at)]
        self._go_on([*asks, *self._lookup.tick(self._at)])

    @property
    def is_finished(self) -> bool:
        """Whether the result is there."""
        return self._lookup.finished

    async def finished(self) -> None:
        """Wait for the result. Cancelling gives up the waiting, not the search."""
        if not self._lookup.finished:
            await self._wait(self._result_waiters)

    async def settled(self) -> None:
        """Wait until of every peer asked it is known whether it lives."""
        if not self._is_over:
            await self._wait(self._end_waiters)

    def stop(self) -> None:
        """End now, with what there is."""
        self._lookup.stop(self._clock.seconds())
        self._fire(self._result_waiters)
        self._end()

    def result(self) -> Result[Holder]:
        """What was found."""
        return self._lookup.result()

    def holders(self) -> tuple[Holder, ...]:
        """Who holds the image: those heard of, then those this node itself kept records of."""
        if self._known is None:
            self._known = self.findings.take_providers(self._records)
        heard = dict(self.result().holders)
        for who, holder in self._known.items():
            heard.setdefault(who, holder)
        gone = self.aim.without.union(self.findings.withdrawn())
        return tuple(holder for who, holder in heard.items() if who not in gone)

    def hops(self) -> tuple[Hop, ...]:
        """Every peer heard of."""
        return self._lookup.trace()

    def down_hints(self) -> tuple[DownHint, ...]:
        """Dead referrals and who gave them."""
        return self._lookup.down_hints()

    async def _wait(self, waiters: list[Deferred[None]]) -> None:
        waiter: Deferred[None] = Deferred()
        waiters.append(waiter)
        await waiter

    def _fire(self, waiters: list[Deferred[None]]) -> None:
        fired, waiters[:] = list(waiters), []
        for waiter in fired:
            if not waiter.called:  # given up meanwhile
                waiter.callback(None)

    def _go_on(self, asks: Iterable[Ask]) -> None:
        whole = Find(target=self.aim.target, want=_WANTED[self.aim.want])
        for ask in asks:
            find, take = whole, self._heard
            if ask.page is not None:
                find = Find(target=self.aim.target, want=Wanted.HOLDERS, page=ask.page)
                take = self._read
            self._exchange.ask(
                ask.contact.address,
                find,
                partial(take, ask.contact),
                node_id=ask.contact.node_id,
                soft_s=ask.soft_s,
                hard_s=ask.hard_s,
            )
        if self._lookup.finished and not self.took_s:
            self.took_s = max(self._clock.seconds() - self._at, 1e-9)
            self._fire(self._result_waiters)
        if self._is_over:
            return  # whoever was told has stopped the node
        if self._lookup.settled:
            self._end()
        else:
            self._wake_later()

    def _heard(self, contact: Contact, outcome: Outcome) -> None:
        if self._is_over:
            return
        now = self._clock.seconds()
        if not isinstance(outcome, Reply):
            silent = outcome.name == "SILENT"
            give_up = self._lookup.timed_out if silent else self._lookup.refused
            self._go_on(give_up(contact, now))
            return
        if not outcome.server or not isinstance(outcome.body, Found):
            self._go_on(self._lookup.refused(contact, now))
            return
        found = outcome.body
        if self.aim.want is Want.EVERYBODY:
            self.findings.hearsay.take(contact, found)
        holders = self.findings.take(outcome, found)
        rest = found.next_page if self.aim.want is Want.HOLDERS else None
        asks = self._lookup.answered(contact, now, found.closer, holders, rest)
        self._go_on([*asks, *self._strike(now)])

    def _read(self, contact: Contact, outcome: Outcome) -> None:
        if self._is_over:
            return
        now = self._clock.seconds()
        if not isinstance(outcome, Reply) or not isinstance(outcome.body, Found):
            self._go_on(self._lookup.read(contact, now))
            return
        holders = self.findings.take(outcome, outcome.body)
        asks = self._lookup.read(contact, now, holders, outcome.body.next_page)
        self._go_on([*asks, *self._strike(now)])

    def _strike(self, now: float) -> list[Ask]:
        """Strike those who took their word back; returns whom to ask instead."""
        asks: list[Ask] = []
        for speaker in self.findings.withdrawn():
            if speaker in self._lookup.holders:
                asks += self._lookup.disproved(speaker, now)
        return asks

    def _wake_later(self) -> None:
        wake_at = self._lookup.wake_at
        if wake_at is None:
            return
        if self._timer is not None and self._timer.active():
            if self._timer.getTime() <= wake_at:
                return
            self._timer.cancel()
        self._timer = self._clock.callLater(max(wake_at - self._clock.seconds(), 0.0), self._wake)

    def _wake(self) -> None:
        self._timer = None
        self._go_on(self._lookup.tick(self._clock.seconds()))

    def _end(self) -> None:
        if self._is_over:
            return
        self._is_over = True
        if self._timer is not None and self._timer.active():
            self._timer.cancel()
        self._settled(self)
        self._fire(self._end_waiters)
