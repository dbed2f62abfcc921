"""Node records that this node keeps for the grid: bounded, the latest of each node."""

from collections.abc import Iterator

from reticulum.errors import BadRecord, RecordFault
from reticulum.model import Key, NodeId
from reticulum.overlay.records.by_distance import ByDistance
from reticulum.overlay.records.farthest import Farthest
from reticulum.overlay.records.node import NodeRecord


class NodeStore:
    """
    Records by node. A full store gives up the nodes that are farthest from its own first.

    Args:
        own: The node whose store this is.
        most: Records kept; each is at most 512 bytes on the wire, about 2 kB in memory.
    """

    def __init__(self, own: NodeId, most: int = 4096) -> None:
        self._own = own
        self._most = most
        self._records: dict[NodeId, NodeRecord] = {}
        self._farthest = Farthest(own)
        self._relayed = ByDistance()

    def __len__(self) -> int:
        return len(self._records)

    def __iter__(self) -> Iterator[NodeRecord]:
        """All records; the store may change meanwhile."""
        return iter(list(self._records.values()))

    def put(self, record: NodeRecord, now: float) -> bool:
        """
        Keep a record.

        Args:
            record: Verified.
            now: Seconds since 1970.

        Returns:
            Whether it says anything new; the same record once more does not.

        Raises:
            BadRecord: `RecordFault.OUTDATED`, `NO_ROOM` or `EXPIRED`.
        """
        if record.expires <= now:
            raise BadRecord(RecordFault.EXPIRED)
        node_id = record.speaker
        here = self._records.get(node_id)
        if here == record:
            return False
        if here is not None and record.sequence <= here.sequence:
            raise BadRecord(RecordFault.OUTDATED)
        if here is None:
            self._make_room(node_id)
        self._records[node_id] = record
        self._farthest.add(node_id)
        if record.ways:
            self._relayed.add(node_id)
        else:
            self._relayed.discard(node_id)
        return True

    def get(self, node_id: NodeId, now: float) -> NodeRecord | None:
        """Look one up, unless it has expired by *now*, seconds since 1970."""
        record = self._records.get(node_id)
        return record if record is not None and record.expires > now else None

    @property
    def relayed_count(self) -> int:
        """How many nodes `relayed` may name."""
        return len(self._relayed)

    def relayed(self, target: Key, now: float, fresh_s: float) -> Iterator[NodeRecord]:
        """
        Name nodes that are reached through relays.

        Args:
            target: The closest to it come first.
            now: Seconds since 1970.
            fresh_s: Those whose records are older, in seconds, are named no more.
        """
        for node_id in self._relayed.nearest(target):
            record = self.get(node_id, now)
            if record is None or now - record.issued > fresh_s:
                # Not until it says something new: whoever asks next need not come by here.
                self._relayed.discard(node_id)
            else:
                yield record

    def expire(self, now: float) -> int:
        """Drop what has expired, and tell how many."""
        expired = [node_id for node_id, r in self._records.items() if r.expires <= now]
        for node_id in expired:
            self._forget(node_id)
        return len(expired)

    def _make_room(self, newcomer: NodeId) -> None:
        farthest = self._farthest.farthest()
        if farthest is None or len(self._records) < self._most:
            return
        if farthest.distance(self._own) < newcomer.distance(self._own):
            raise BadRecord(RecordFault.NO_ROOM)
        self._forget(farthest)

    def _forget(self, node_id: NodeId) -> None:
        del self._records[node_id]
        self._farthest.discard(node_id)
        self._relayed.discard(node_id)
