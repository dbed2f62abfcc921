"""How long nodes stay and how long they are away: churn as it is measured in the wild."""

import random
from collections.abc import Callable

Session = Callable[[random.Random], float]
"""Draws the length of one session, in seconds."""
_LN2 = 0.6931471805599453


def exponential(median_s: float) -> Session:
    """Sessions that end with the same probability in every second; median in seconds."""
    return lambda random_: random_.expovariate(_LN2 / median_s)


def heavy_tailed(median_s: float, shape: float = 0.5) -> Session:
    """
    Sessions of which most are short and a few very long: a Weibull distribution.

    Args:
        median_s: Median, in seconds.
        shape: Below 1; the smaller, the heavier the tail.

    Source: Stutzbach and Rejaie, Understanding churn in peer-to-peer networks, 2006: it fits the
    sessions measured in three networks, an exponential distribution does not.
    """
    scale = median_s / _LN2 ** (1 / shape)
    return lambda random_: random_.weibullvariate(scale, shape)
