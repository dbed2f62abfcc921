"""What a ferryman has done, in numbers."""

from collections import Counter
from collections.abc import Mapping

import attrs


@attrs.frozen(kw_only=True)
class FerrymanView:
    """
    A ferryman as he is now.

    Args:
        ferries: Of as many members.
        ferries_total: Begun since the start.
        datagrams_out: Of members, sent on since the start.
        datagrams_in: For members, passed on since the start.
        bytes_carried: In all of these.
        dropped: Datagrams that were not, by why.
        refused: Hellos since the start, by the name of the status in small letters.
    """

    ferries: int
    ferries_total: int
    datagrams_out: int
    datagrams_in: int
    bytes_carried: int
    dropped: Mapping[str, int]
    refused: Mapping[str, int]


@attrs.define
class LogBook:
    """Counts; there are few reasons, so there are few counters."""

    ferries: int = 0
    datagrams_out: int = 0
    datagrams_in: int = 0
    bytes_carried: int = 0
    dropped: Counter[str] = attrs.field(factory=Counter)
