"""How often routers are bothered."""

import random
from collections.abc import Iterator

import attrs

_GROWTH = 2.0
_SPREAD = 0.2


@attrs.frozen(kw_only=True)
class Pace:
    """
    How often routers are bothered; all in seconds.

    Args:
        glance_s: Between looks at whether the mapping is still there.
        least_s: Between the beginnings of any two rounds of asking, whatever happens; RFC 6887
            section 11.2.1 wants 4 s between renewals at least.
        retry_s: From the first round that was in vain to the next; grows with each.
        longest_retry_s: What it grows to.
        stop_s: For the mapping to be given back at the end.
    """

    glance_s: float = 60.0
    least_s: float = 4.0
    retry_s: float = 10.0
    longest_retry_s: float = 600.0
    stop_s: float = 3.0

    def glance(self, rng: random.Random) -> float:
        """A pause between two looks."""
        return _about(self.glance_s, rng)

    def retries(self, rng: random.Random) -> Iterator[float]:
        """Pauses after rounds in vain, for ever."""
        pause_s = self.retry_s
        while True:
            yield _about(pause_s, rng)
            pause_s = min(pause_s * _GROWTH, self.longest_retry_s)


def _about(seconds: float, rng: random.Random) -> float:
    return seconds * rng.uniform(1 - _SPREAD, 1 + _SPREAD)
