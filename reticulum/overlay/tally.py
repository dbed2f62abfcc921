"""Counts of what a node of the overlay said and heard."""

from collections import Counter

import attrs

from reticulum.model import Address, reach_of


@attrs.frozen
class Heard:
    """
    What became of the questions to those farthest away: who is near proves nothing about them.

    Args:
        reach: How far their addresses carry; see `reach_of`.
        asked: Questions so far.
        answered: Of these, answered.
    """

    reach: int = 0
    asked: int = 0
    answered: int = 0


@attrs.define
class Tally:
    """
    What was counted.

    Args:
        questions: Asked.
        answered: Of these, answered.
        served: Questions of others answered.
        dropped: Sound questions over a limit, or whose answer would be too long.
        nonsense: Datagrams of members that are no message.
    """

    questions: int = 0
    answered: int = 0
    served: int = 0
    dropped: int = 0
    nonsense: int = 0
    _asked: Counter[int] = attrs.field(factory=Counter, init=False)
    _answered: Counter[int] = attrs.field(factory=Counter, init=False)

    def asked(self, to: Address) -> None:
        """Count a question."""
        self.questions += 1
        self._asked[reach_of(to.host)] += 1

    def got_answer(self, from_: Address) -> None:
        """Count an answer to one."""
        self.answered += 1
        self._answered[reach_of(from_.host)] += 1

    @property
    def heard(self) -> Heard:
        """What became of the questions to those farthest away."""
        reach = max(self._asked, default=0)
        return Heard(reach, self._asked[reach], self._answered[reach])
