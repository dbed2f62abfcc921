"""How much is carried for others: every number of it, with its unit."""

from typing import Final

import attrs
from attrs import validators as v


@attrs.frozen(kw_only=True)
class Limits:
    """
    What a ferryman gives, at most; each member has one ferry.

    Args:
        ferries: At once.
        ferries_per_host: The same, from one address.
        datagrams_per_s: Of one member in the long run, a second, in each direction.
        datagrams_burst: The same, at once after a rest.
        bytes_per_s: Of one member's datagrams in the long run, a second, in each direction.
        bytes_burst: The same, at once after a rest.
        pause_s: Whoever is faster is not read from for so long.
        closing_s: For which a ferryman that no longer is one carries on for those who are there:
            they have this long to find another.
    """

    ferries: int = attrs.field(default=64, validator=v.ge(0))
    ferries_per_host: int = 8
    datagrams_per_s: float = 200.0
    datagrams_burst: float = 400.0
    bytes_per_s: float = 200_000.0
    bytes_burst: float = 400_000.0
    pause_s: float = 0.25
    closing_s: float = 60.0


SAYS_S: Final = 10.0
"""Between two `STILL_HERE` of who is carried, in seconds; the ferryman says the same at once."""
SILENT_S: Final = 25.0
"""Without a byte, after which either end gives a ferry up."""
SWEEP_S: Final = 1.0
"""Between two looks at who is silent, in seconds."""
MOST_WAITING_BYTES: Final = 262_144
"""For an end of a ferry that reads too slowly; datagrams on top are lost, as they are anywhere."""
AT_ONCE_BYTES: Final = 16_384
"""Read at once: so much comes at most of whoever is too fast before he is not read from."""
MOST_MEMBERS: Final = 1_024
"""Whose use of ferries is remembered."""
