"""What a relay has done, in numbers."""

from collections import Counter
from collections.abc import Mapping

import attrs

from reticulum.reach.relay.status import Status


@attrs.frozen(kw_only=True)
class RelayView:
    """
    A relay as it is now.

    Args:
        attached: Nodes.
        spares: Idle connections of them.
        circuits: Through which bytes go.
        waiting: Circuits that wait for the node to answer.
        looks: Kept open.
        circuits_total: Begun since the start, by others and by this node itself.
        bytes_relayed: Since the start, both directions together.
        refused: Hellos since the start, by the name of the status in small letters.
        hung_up: Circuits cut since the start, by why.
    """

    attached: int
    spares: int
    circuits: int
    waiting: int
    looks: int
    circuits_total: int
    bytes_relayed: int
    refused: Mapping[str, int]
    hung_up: Mapping[str, int]


@attrs.define
class Tally:
    """Counts; there are few reasons, so there are few counters."""

    circuits: int = 0
    bytes_relayed: int = 0
    refused: Counter[Status] = attrs.field(factory=Counter)
    hung_up: Counter[str] = attrs.field(factory=Counter)
