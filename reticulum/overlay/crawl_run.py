"""Drives a crawl: asks what it wants to have asked, many at a time, until it ends or time is up."""

from collections.abc import AsyncGenerator, Awaitable, Callable
from typing import Generic, Protocol, TypeVar

from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.interfaces import IReactorTime
from twisted.python.failure import Failure

from reticulum.errors import OutOfTime, ReticulumError
from reticulum.overlay.crawl import CrawlLimits
from reticulum.overlay.trace import State

Q = TypeVar("Q")
A_contra = TypeVar("A_contra", contravariant=True)
T = TypeVar("T")

EVERY_S = 0.25


class Walk(Protocol[Q, A_contra]):
    """A crawl, or a part of one: says whom to ask next."""

    @property
    def limits(self) -> CrawlLimits:
        """Bounds; of these the deadline counts here."""

    def next(self) -> list[Q]:
        """What to ask now."""

    def answered(self, question: Q, answer: A_contra, /) -> None:
        """Take an answer."""

    def failed(self, question: Q, state: State, /) -> None:
        """Take silence (`DEAD`), or an answer of no use (`REFUSED`)."""

    @property
    def finished(self) -> bool:
        """Whether nothing is out and nothing is left to ask; only to be read after `next`."""


class CrawlRun(Generic[Q, T]):
    """
    One crawl on its way.

    Args:
        crawl: Whom to ask.
        ask: Asks; raises `OutOfTime` for silence, another error of ours for nonsense. Awaits
            Deferreds only.
        clock: For the deadline and the pace of progress.
    """

    def __init__(
        self, crawl: Walk[Q, T], ask: Callable[[Q], Awaitable[T]], clock: IReactorTime
    ) -> None:
        self.crawl = crawl
        self._ask = ask
        self._clock = clock
        self._began = clock.seconds()
        self._under_way: set[Deferred[None]] = set()
        self._wake: Deferred[None] | None = None
        self._sending = False
        self._defect: Failure | None = None
        self.out_of_time = False

    @property
    def took_s(self) -> float:
        """Seconds since it began."""
        return self._clock.seconds() - self._began

    async def steps(self) -> AsyncGenerator[None, None]:
        """
        Yield every quarter of a second until it is over; to stop reading ends it.

        Raises:
            Exception: What `ask` raises that is no error of ours: a defect.
        """
        try:
            while self._step():
                await self._pause()
                yield
        finally:
            self._wake = None
            for asking in list(self._under_way):
                asking.cancel()

    def _step(self) -> bool:
        """Whether it goes on."""
        self.out_of_time = self.took_s >= self.crawl.limits.deadline_s
        if self.out_of_time:
            return False
        self._send()
        if self._defect is not None:
            self._defect.raiseException()
        return not self.crawl.finished

    async def _pause(self) -> None:
        left_s = self.crawl.limits.deadline_s - self.took_s
        self._wake = Deferred()
        alarm = self._clock.callLater(max(0.0, min(EVERY_S, left_s)), self._rouse)
        try:
            await self._wake
        finally:
            self._wake = None
            if alarm.active():
                alarm.cancel()

    def _rouse(self) -> None:
        if self._wake is not None and not self._wake.called:
            self._wake.callback(None)

    def _send(self) -> None:
        # Answers may be here before the question is out: then there is more to ask.
        self._sending = True
        while questions := self.crawl.next():
            for question in questions:
                asking = Deferred.fromCoroutine(self._one(question))
                self._under_way.add(asking)
                asking.addBoth(self._ended, asking)
        self._sending = False

    async def _one(self, question: Q) -> None:
        try:
            answer = await self._ask(question)
        except OutOfTime:
            self.crawl.failed(question, State.DEAD)
        except ReticulumError:
            self.crawl.failed(question, State.REFUSED)
        else:
            self.crawl.answered(question, answer)

    def _ended(self, result: object, asking: "Deferred[None]") -> None:
        self._under_way.discard(asking)
        if isinstance(result, Failure) and not result.check(CancelledError):
            self._defect = self._defect or result
            self._rouse()
        if self._wake is not None and not self._sending:
            self._send()
            if self.crawl.finished:
                self._rouse()
