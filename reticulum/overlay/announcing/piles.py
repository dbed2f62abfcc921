"""Who gets which records, and in which datagrams: piles by node, sent as they fill."""

import heapq
from collections.abc import Iterable, Iterator, Sequence

from reticulum.model import NodeId
from reticulum.overlay.records import ProviderRecord

COPIES = 8
PER_DATAGRAM = 12
"""Of the 1,167 bytes of a body, head, token and the pile's own head leave room for 12.3."""


def piles(
    records: Iterable[ProviderRecord],
    nodes: Sequence[NodeId],
    copies: int = COPIES,
    per_datagram: int = PER_DATAGRAM,
) -> Iterator[tuple[NodeId, tuple[ProviderRecord, ...]]]:
    """
    Deal records out to the nodes closest to their keys.

    Works as it is consumed: *records* may sign each record when it is asked for the next, and
    no more than a datagram a node is in memory.

    Args:
        records: Of one provider, all signed alike but for key and size.
        nodes: Of the region, each once.
        copies: Nodes that get each record.
        per_datagram: Records.

    Returns:
        Node and records, one datagram each; whole ones first, then what is left.
    """
    waiting: dict[int, list[ProviderRecord]] = {node_id.number: [] for node_id in nodes}
    names = {node_id.number: node_id for node_id in nodes}
    for record in records:
        for number in heapq.nsmallest(copies, waiting, key=record.key.number.__xor__):
            pile = waiting[number]
            pile.append(record)
            if len(pile) == per_datagram:
                yield names[number], tuple(pile)
                waiting[number] = []
    for number, pile in waiting.items():
        if pile:
            yield names[number], tuple(pile)
