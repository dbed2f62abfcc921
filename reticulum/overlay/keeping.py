"""The records this node keeps for the grid: believed first, then kept, given out in answers."""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping

from reticulum.errors import BadRecord, RecordFault
from reticulum.model import Key, NodeId
from reticulum.overlay.records import (
    RENEW_RELAYED_S,
    NodeRecord,
    ProviderRecord,
    Verification,
)
from reticulum.overlay.records.node_store import NodeStore
from reticulum.overlay.records.provider_store import Bounds, ProviderStore

FRESH_S = 3 * RENEW_RELAYED_S
"""A node that is reached through relays lives as long as this after its last record, as far as
others know: two may get lost."""
MOST_TOLD = 12
"""Provider records in one answer: no datagram has room for more."""


class Keeping:
    """
    Both stores and the check before them.

    Args:
        own: The id of this node.
        secret: 32 random bytes of this start.
        now: Seconds since 1970.
        bounds: How many provider records are kept.
    """

    def __init__(
        self, own: NodeId, secret: bytes, now: Callable[[], float], bounds: Bounds | None = None
    ) -> None:
        self._now = now
        self._verification = Verification()
        self._providers = ProviderStore(own, secret, bounds or Bounds())
        self._nodes = NodeStore(own)

    def __len__(self) -> int:
        return len(self._providers) + len(self._nodes)

    def __iter__(self) -> Iterator[ProviderRecord | NodeRecord]:
        yield from self._nodes
        yield from self._providers

    def believed(self, record: ProviderRecord | NodeRecord, speaker: NodeId | None = None) -> bool:
        """Whether a record is sound now, and of *speaker*, if that is given."""
        try:
            self._verification.verify(record, self._now(), speaker)
        except BadRecord:
            return False
        return True

    def keep(
        self, records: Iterable[ProviderRecord | NodeRecord]
    ) -> tuple[int, Mapping[RecordFault, int]]:
        """
        Check records and keep the sound ones.

        Returns:
            How many are kept now, and how many are not, by reason.
        """
        kept, refused = 0, Counter[RecordFault]()
        now = self._now()
        for record in records:
            try:
                self._verification.verify(record, now)
            except BadRecord as bad:
                refused[bad.fault] += 1
                continue
            fault = self._put(record, now)
            if fault is None:
                kept += 1
            else:
                refused[fault] += 1
        return kept, refused

    def restore(self, records: Iterable[ProviderRecord | NodeRecord]) -> None:
        """Take back what was kept, and checked, before a restart."""
        for record in records:
            self._put(record, self._now())

    def _put(self, record: ProviderRecord | NodeRecord, now: float) -> RecordFault | None:
        try:
            if isinstance(record, NodeRecord):
                self._nodes.put(record, now)
            else:
                self._providers.put(record, now)
        except BadRecord as bad:
            return bad.fault
        return None

    def providers(
        self, key: Key, *, seed: int, offset: int = 0
    ) -> tuple[tuple[ProviderRecord, ...], int]:
        """Name holders of an image, and how many more are known; see `ProviderStore.select`."""
        records, left = self._providers.select(
            key, self._now(), seed=seed, offset=offset, most=MOST_TOLD
        )
        return tuple(records), min(left, 255)

    def all_providers(self, key: Key) -> tuple[ProviderRecord, ...]:
        """Name every holder of an image that is known here."""
        return tuple(self._providers.select(key, self._now(), seed=0)[0])

    def node(self, node_id: NodeId) -> NodeRecord | None:
        """The record of a node, if it is here."""
        return self._nodes.get(node_id, self._now())

    @property
    def relayed_count(self) -> int:
        """How many nodes `relayed` may name."""
        return self._nodes.relayed_count

    def relayed(self, target: Key) -> Iterator[NodeRecord]:
        """Name nodes that are reached through relays, and live; the closest to *target* first."""
        return self._nodes.relayed(target, self._now(), FRESH_S)

    def is_fresh(self, record: NodeRecord) -> bool:
        """Whether the record of a relayed node is younger than `FRESH_S`: it is alive, then."""
        return self._now() - record.issued < FRESH_S

    def expire(self) -> None:
        """Drop some of what has expired."""
        self._providers.expire(self._now())
        self._nodes.expire(self._now())
