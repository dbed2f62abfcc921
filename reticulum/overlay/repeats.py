"""Answers given lately: a question that comes once more gets the same one, without work."""

from collections import OrderedDict

from reticulum.model import Address

KEPT_S = 5.0
"""Longer than anybody waits for an answer."""
MOST_KEPT = 2048
"""About 1.5 kB each."""


class Repeats:
    """Answers by address and question, to the byte; bounded in number and age."""

    def __init__(self, most: int = MOST_KEPT) -> None:
        self._most = most
        self._answers: OrderedDict[tuple[Address, bytes], tuple[float, bytes]] = OrderedDict()

    def __len__(self) -> int:
        return len(self._answers)

    def get(self, from_: Address, question: bytes, now: float) -> bytes | None:
        """The answer that this very question from there got; None if it is new or forgotten."""
        kept = self._answers.get((from_, question))
        return kept[1] if kept is not None and now - kept[0] < KEPT_S else None

    def keep(self, from_: Address, question: bytes, answer: bytes, now: float) -> None:
        """Remember an answer; forget what is old."""
        self._answers[from_, question] = (now, answer)
        while self._answers:
            oldest = next(iter(self._answers.values()))
            if len(self._answers) <= self._most and now - oldest[0] < KEPT_S:
                break
            self._answers.popitem(last=False)
