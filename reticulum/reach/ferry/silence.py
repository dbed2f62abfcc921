"""Whether what a node asks by datagrams is answered, told from two numbers that grow."""

from typing import Final, Protocol

LATER_S: Final = 60.0
"""Without an answer, after which a node that had got some counts as cut off."""
LEAST_FIRST: Final = 2
"""Questions that have to be in vain, if nothing was ever answered."""
LEAST_LATER: Final = 4
"""The same, if something was."""


class Heard(Protocol):
    """What became of the questions to those farthest away: who is near proves nothing."""

    @property
    def reach(self) -> int:
        """How far their addresses carry; see `reach_of`."""

    @property
    def asked(self) -> int:
        """Questions so far."""

    @property
    def answered(self) -> int:
        """Of these, answered."""


class Silence:
    """
    How long nothing was answered although something was asked.

    Times are in seconds of any clock that never goes back.

    Args:
        heard: Where the counting begins.
        first_s: For which nothing at all may be answered.
        is_broken: Whether something was answered before.
    """

    def __init__(self, heard: Heard, *, first_s: float, is_broken: bool = False) -> None:
        self.is_broken = is_broken
        """Whether anything was answered."""
        self._first_s = first_s
        self._reach = heard.reach
        self._answered = heard.answered
        self._asked = self._asked_from = heard.asked
        self._since: float | None = None

    def look(self, heard: Heard, now: float) -> None:
        """Take note of the numbers as they are *now*."""
        if heard.reach > self._reach:
            # Somebody farther away was asked for the first time: all before says nothing of him.
            self.is_broken, self._since = False, None
            self._reach, self._answered, self._asked_from = heard.reach, 0, 0
        self._asked = heard.asked
        if heard.answered > self._answered:
            self.is_broken, self._since = True, None
            self._answered, self._asked_from = heard.answered, heard.asked
        elif self._since is None and heard.asked > self._asked_from:
            self._since = now

    def is_long(self, now: float) -> bool:
        """Whether it has lasted so long *now* that datagrams can't get through."""
        if self._since is None:
            return False
        longest_s, least = (
            (LATER_S, LEAST_LATER) if self.is_broken else (self._first_s, LEAST_FIRST)
        )
        return now - self._since >= longest_s and self._asked - self._asked_from >= least
