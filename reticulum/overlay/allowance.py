"""How much others may ask: so much a second from each address, so much from all together."""

from collections import OrderedDict

import attrs

MOST_SOURCES = 4096


@attrs.frozen
class Rate:
    """
    How often something may happen.

    Args:
        per_s: In the long run, a second.
        burst: At once, after a rest.
    """

    per_s: float
    burst: float


EACH_HOST = Rate(300, 900)
"""A whole grid may be on one machine."""
TOGETHER = Rate(1000, 2000)
"""An answer takes about 150 us of one core: questions never take more than a sixth of it."""


class Allowance:
    """
    A bucket of tokens: full at first, refilled steadily.

    Args:
        rate: How fast, and up to how many.
        at: Now, in seconds of any clock that never goes back.
    """

    __slots__ = ("_at", "_left", "_rate")

    def __init__(self, rate: Rate, at: float) -> None:
        self._rate = rate
        self._left = rate.burst
        self._at = at

    def take(self, at: float) -> bool:
        """Use one, or say that there is none."""
        self._left = min(self._left + (at - self._at) * self._rate.per_s, self._rate.burst)
        self._at = at
        if self._left < 1:
            return False
        self._left -= 1
        return True


class Allowances:
    """
    Allowances by source, of those heard last, and one for all together.

    Only what a member sealed is to be charged: a stranger writes any source into his packets.

    Args:
        at: Now, in seconds of any clock that never goes back.
        each: For every source.
        together: For all.
        most: Sources remembered.
    """

    def __init__(
        self,
        at: float,
        each: Rate = EACH_HOST,
        together: Rate = TOGETHER,
        most: int = MOST_SOURCES,
    ) -> None:
        self._each = each
        self._together = Allowance(together, at)
        self._most = most
        self._sources: OrderedDict[str, Allowance] = OrderedDict()

    def take(self, source: str, at: float) -> bool:
        """Use one of *source* and one of all, or say that one of them is used up."""
        allowance = self._sources.pop(source, None) or Allowance(self._each, at)
        self._sources[source] = allowance
        if len(self._sources) > self._most:
            self._sources.popitem(last=False)
        return allowance.take(at) and self._together.take(at)
