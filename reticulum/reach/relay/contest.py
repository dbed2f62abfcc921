"""Two runs with one node key claim one place: whoever has it is asked whether he is there."""

from collections.abc import Callable
from typing import Any

import attrs
from twisted.internet.interfaces import IReactorTime

from reticulum.reach.relay.hello import Hello
from reticulum.reach.relay.line import Line
from reticulum.reach.relay.status import ANCHOR_SILENT_S


@attrs.frozen(kw_only=True)
class Claimant:
    """
    Somebody who wants to attach.

    Args:
        hello: What he said.
        transport: His anchor to be.
        data: What he sent behind it.
    """

    hello: Hello
    transport: Any
    data: bytes


class Contest:
    """
    A place that is taken, and somebody else who wants it.

    Args:
        claimant: Who.
        clock: For the deadline.
        answers_s: In which the one who has the place must answer.
        won: Called if he does not.
        over: Called, after it or instead of it, when the contest is over without an answer.
    """

    __slots__ = ("_over", "_timer", "_won", "claimant")

    def __init__(
        self,
        claimant: Claimant,
        *,
        clock: IReactorTime,
        answers_s: float,
        won: Callable[[Claimant], None],
        over: Callable[[], None],
    ) -> None:
        self.claimant = claimant
        self._won = won
        self._over = over
        self._timer = clock.callLater(answers_s, self._late)
        Line(
            claimant.transport,
            clock=clock,
            silent_s=ANCHOR_SILENT_S,
            beaten=lambda _: None,
            lost=lambda _: self._gone(),
        )

    def end(self) -> None:
        """Call it off; the claimant's transport is the caller's again."""
        if self._timer.active():
            self._timer.cancel()

    def _late(self) -> None:
        self._over()
        self._won(self.claimant)

    def _gone(self) -> None:
        if self._timer.active():
            self._timer.cancel()
            self._over()
