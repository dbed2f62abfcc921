"""Hedging: when a node is slower than usual, somebody else is set to work as well."""

from collections.abc import Callable, Coroutine
from typing import Any, Generic, TypeVar

import attrs
from attrs import validators as v
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorTime
from twisted.internet.task import deferLater
from twisted.logger import Logger

from reticulum.errors import (
    BadSpec,
    BeyondLimits,
    BrokenOff,
    HolderFailed,
    HolderLied,
    UnknownImage,
)
from reticulum.interfaces import Sink
from reticulum.model import Contact, ImageId, NodeId
from reticulum.node.promptness import SILENT_S, Promptness, Question

T = TypeVar("T")

SHARE = 0.05
"""Extra questions for each ordinary one, over time."""
MOST_SAVED = 10.0

_log = Logger()

Ask = Callable[[Contact, Callable[[], None]], Coroutine[Deferred[Any], Any, T]]
"""Asks a node, and calls what it is given when the answer begins."""


@attrs.define
class Budget:
    """
    Extra questions that may be asked: a share of the ordinary ones, saved up to a bound.

    Args:
        saved: To begin with.
    """

    saved: float = attrs.field(default=0.0, validator=[v.ge(0), v.le(MOST_SAVED)])

    def earn(self) -> None:
        """Note an ordinary question."""
        self.saved = min(self.saved + SHARE, MOST_SAVED)

    def spend(self) -> bool:
        """Take one extra question; whether there was one."""
        # Twenty times 0.05 is a bit less than 1.
        if self.saved < 1 - SHARE / 2:
            return False
        self.saved = max(self.saved - 1, 0.0)
        return True


@attrs.frozen(kw_only=True)
class Hedging:
    """
    Decides how long one node is waited for alone.

    Args:
        promptness: How long each usually takes.
        budget: Bounds what is asked in vain while all is well.
        clock: For pauses.
        silent_s: Seconds after which a node that says nothing at all is not waited for, whatever
            the budget.
    """

    promptness: Promptness
    _budget: Budget
    _clock: IReactorTime
    _silent_s: float = SILENT_S

    def ask(self, node_id: NodeId) -> Question:
        """Note a question, which earns a part of an extra one."""
        self._budget.earn()
        return self.promptness.ask(node_id)

    async def late(self, node_id: NodeId, question: Question) -> None:
        """Wait until somebody else is to be asked as well; for ever once the answer begins."""
        was_silent = self.promptness.is_silent(node_id)
        await self._pause(self.promptness.p95_s(node_id))
        if question.is_open and not was_silent and not self._budget.spend():
            await self._silence(question)
        if not question.is_open:
            await Deferred()

    async def _silence(self, question: Question) -> None:
        while question.is_open:
            left_s = self._silent_s - question.silence_s()
            if left_s <= 0:
                return
            await self._pause(left_s)

    async def _pause(self, seconds: float) -> None:
        await deferLater(self._clock, seconds)


@attrs.define
class Tally:
    """
    Who gave nothing.

    Args:
        missed: Who has not the image, or failed.
        failed: How many of them failed.
        cut: Those who had begun, and are reached through relays: it may have been a relay that
            failed, and there is another.
    """

    missed: set[NodeId] = attrs.field(factory=set)
    failed: int = 0
    cut: list[Contact] = attrs.field(factory=list)


@attrs.define(eq=False, kw_only=True)
class Asking(Generic[T]):
    """
    One node, asked for one thing; a `Runner`.

    Args:
        hedging: Measures it, and knows when it is late.
        contact: Whom to ask.
        image_id: What about, for the log.
        ask: Does it.
        tally: Told if it gives nothing.
    """

    _hedging: Hedging
    _contact: Contact
    _image_id: ImageId
    _ask: Ask[T]
    _tally: Tally
    _question: Question | None = attrs.field(default=None, init=False)

    async def run(self) -> tuple[Contact, T] | None:
        """Ask; who answered, and what."""
        question = self._question = self._hedging.ask(self._contact.node_id)
        try:
            answer = await self._ask(self._contact, question.answered)
        except UnknownImage:
            question.answered()
            self._tally.missed.add(self._contact.node_id)
            return None
        except HolderFailed as error:
            question.failed()
            self._tally.missed.add(self._contact.node_id)
            self._tally.failed += 1
            if isinstance(error, BrokenOff) and self._contact.via is not None:
                self._tally.cut.append(self._contact)
            _tell(self._contact, self._image_id, error)
            return None
        except (BadSpec, BeyondLimits):
            question.answered()
            raise
        except BaseException:
            question.given_up()
            raise
        question.answered()
        return self._contact, answer

    async def late(self) -> None:
        """Wait until it is late; see `Runner`."""
        if self._question is not None:
            await self._hedging.late(self._contact.node_id, self._question)


@attrs.frozen
class Noticed:
    """
    A `Sink` that tells when something comes.

    Args:
        sink: Where it goes.
        begun: Told.
    """

    _sink: Sink
    _begun: Callable[[], None]

    def write(self, chunk: bytes, /) -> object:
        """Pass it on; see `Sink`."""
        self._begun()
        return self._sink.write(chunk)


def _tell(holder: Contact, image_id: ImageId, error: HolderFailed) -> None:
    lied = isinstance(error, HolderLied)
    (_log.warn if lied else _log.info)(
        "fetch.{event} node={node} address={address} image={image} reason={reason}",
        event="liar" if lied else "holder_failed",
        node=str(holder.node_id),
        address=str(holder.address),
        image=str(image_id),
        reason=str(error),
    )
