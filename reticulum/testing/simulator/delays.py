"""How long a datagram is on its way: a matrix of all pairs that is never written down."""

import attrs

_MASK = 2**64 - 1


def _mixed(number: int) -> int:
    """64 bits that look random (Steele, Lea and Flood, SplitMix, 2014)."""
    number = (number ^ number >> 30) * 0xBF58476D1CE4E5B9 & _MASK
    number = (number ^ number >> 27) * 0x94D049BB133111EB & _MASK
    return number ^ number >> 31


@attrs.frozen(kw_only=True)
class Delays:
    """
    One-way delays, the same in both directions and as long as the matrix lives.

    Args:
        seed: One seed, one matrix.
        shortest_s: Of all pairs, in seconds.
        longest_s: Of all pairs, in seconds.
    """

    seed: int
    shortest_s: float = 0.020
    longest_s: float = 0.080

    def between(self, one: int, other: int) -> float:
        """Seconds from place *one* to place *other*, uniformly spread over the pairs."""
        low, high = (one, other) if one < other else (other, one)
        mixed = _mixed(self.seed * 0x9E3779B97F4A7C15 + (low << 32 | high) + 1 & _MASK)
        return self.shortest_s + (self.longest_s - self.shortest_s) * mixed / _MASK
