"""How much a relay does for others: every number of it, with its unit."""

from typing import Final

import attrs
from attrs import validators as v


@attrs.frozen(kw_only=True)
class Limits:
    """
    What a relay gives, at most. What is both ends' business is in `status`.

    Args:
        nodes: Attached at once.
        nodes_per_host: The same, from one address.
        spares_per_node: Idle connections of one node.
        circuits: At once, those that wait for a spare included.
        circuits_per_dialler: The same, of one member who dials.
        circuits_per_node: The same, to one node.
        opens_per_s: Circuits that a member may ask for in the long run, a second.
        opens_burst: The same, at once after a rest.
        bytes_per_s: Of all circuits that one member dialled, both directions together, a second;
            at once after a rest, as much as in one second.
        looks: Kept open at once.
        looks_per_node: The same, of one member: as many as it may try to meet, or be asked to.
        wait_for_spare_s: For which a circuit waits for the node to open one more spare.
        spare_answers_s: In which a spare must answer a go.
        circuit_answers_s: In which the dialler gets his answer, whatever happens.
        anchor_answers_s: In which an anchor must answer, if another run claims its place.
        early_bytes: Taken from a dialler before there is somebody to give them to.
        trickle_bytes: A circuit that moves fewer than these...
        trickle_s: ...within so many seconds is closed.
        longest_s: For which a circuit may last.
        flush_s: In which one end takes what the other has sent before it closed.
        leaving_s: For which those who are refused get time to read why.
        leaving: How many get that time, at once; the others are hung up on.
        closing_s: For which a relay that no longer is one serves those who are attached: they have
            this long to find another.
    """

    nodes: int = attrs.field(default=256, validator=v.ge(0))
    nodes_per_host: int = 256
    spares_per_node: int = 4
    circuits: int = 512
    circuits_per_dialler: int = 32
    circuits_per_node: int = 64
    opens_per_s: float = 10.0
    opens_burst: int = 60
    bytes_per_s: int = attrs.field(default=125_000_000, validator=v.ge(1))
    looks: int = 512
    looks_per_node: int = 32
    wait_for_spare_s: float = 3.0
    spare_answers_s: float = 3.0
    circuit_answers_s: float = 6.0
    anchor_answers_s: float = 3.0
    early_bytes: int = 65_536
    trickle_bytes: int = 1_024
    trickle_s: float = 60.0
    longest_s: float = 3_600.0
    flush_s: float = 30.0
    leaving_s: float = 2.0
    leaving: int = 64
    closing_s: float = 60.0


SWEEP_S: Final = 1.0
"""Between two looks at who is silent, who trickles and who has stayed too long, in seconds."""
SPARES_TRIED: Final = 2
"""For one circuit: a spare may be dead without anybody's knowing."""
MOST_AT_ONCE: Final = 65_536
"""Bytes read at once from one end of a circuit, and held for one that does not take them."""
LEAST_AT_ONCE: Final = 4_096
READS_PER_S: Final = 256
"""So many make a second's worth of bytes: with larger ones, who shares a small rate waits long."""
MOST_BEATS: Final = 32
"""Keepalives that a node may send within `BEATS_S`, in bytes."""
BEATS_S: Final = 10.0
OFF_MS: Final = 60_000
"""How far the clocks of two nodes may be apart, in milliseconds."""
MOST_NONCES: Final = 32_768
"""Remembered of all senders of hellos; about 8 MB if all are there."""
MOST_NONCES_PER_SENDER: Final = 2_048
"""Remembered of one sender: 17 hellos a second, for ever."""
MOST_MEMBERS: Final = 4_096
"""Whose use of the relay is remembered."""
SAID_AGAIN_S: Final = 60.0
"""Between two lines in the log about the same thing of the same member, in seconds."""
CONFLICT_SAID_AGAIN_S: Final = 3_600.0
"""The same, about two nodes with one key."""
MOST_SAID: Final = 1_024
"""Things that were said of late, which are remembered so as not to be said again."""
