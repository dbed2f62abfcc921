"""The routing table's tree of buckets: the package's, with neighbours and splits set right."""

from bisect import bisect_right
from collections import Counter
from collections.abc import Callable
from itertools import chain
from typing import Any

from kademlia.node import Node
from kademlia.routing import RoutingTable

from reticulum.model import Contact, Key, NodeId
from reticulum.overlay.bucket import KEY_BITS, Bucket, Entry

STALE_S = 3600
"""Seconds without a lookup after which a bucket is refreshed (paper, section 2.3)."""
RELAXED_BITS = 5
"""b of the paper's section 4.2: buckets away from the own id split down to multiples of it."""
MOST_BUCKETS = 1024
FEW = 5
"""Contacts of a far range with which a node can do: one of them lives, and knows the others."""

MOST_RANGES = 24
"""Ranges beside one's own that are explored: enough for a hundred million nodes."""


class BucketTree(RoutingTable):  # type: ignore[misc]  # the package has no types
    """
    Buckets that together cover the key space, in the order of keys (paper, section 2.4).

    Overrides what is wrong in kademlia 2.2.3: neighbours that are not the closest, the target
    left out, splits by the depth of nodes, the last key of a bucket sought in the next one,
    questions of others freshening buckets, the clock of the process.

    Args:
        own: The id of this node; its bucket always splits.
        clock: Seconds that never go back.
        k: Entries of a bucket.
        protocol: Kept for the package's sake; nothing is called.
    """

    def __init__(
        self, own: NodeId, *, clock: Callable[[], float], k: int = 20, protocol: Any = None
    ) -> None:
        self._clock = clock
        super().__init__(protocol, k, Node(own.digest))

    def flush(self) -> None:
        """Forget everything."""
        self.buckets = [Bucket(0, 2**KEY_BITS - 1, self.ksize, self._clock())]

    def get_bucket_for(self, node: Node) -> int:
        """Index of the bucket in whose range *node* is."""
        return bisect_right(self.buckets, node.long_id, key=lambda b: b.range[0]) - 1

    def bucket(self, key: Key) -> Bucket:
        """The bucket in whose range *key* is."""
        return self.buckets[bisect_right(self.buckets, key.number, key=lambda b: b.range[0]) - 1]

    def may_split(self, bucket: Bucket) -> bool:
        """Whether *bucket*, being full, becomes two (paper, section 4.2)."""
        relaxed = bucket.depth() % RELAXED_BITS != 0
        return len(self.buckets) < MOST_BUCKETS and (relaxed or bucket.has_in_range(self.node))

    def place(self, entry: Entry) -> bool:
        """
        Put *entry* into its bucket, splitting that as far as it needs and may.

        Returns:
            False if it has answered, and yet has to wait for a place.
        """
        while True:
            index = self.get_bucket_for(entry)
            if self.buckets[index].add_node(entry):
                return True
            if not self.may_split(self.buckets[index]):
                return False
            self.split_bucket(index)

    def closest(self, target: Key, k: int | None = None, *, sound: bool = False) -> list[Contact]:
        """
        The *k* contacts closest to *target*, the target itself included, nearest first.

        Args:
            target: Any key.
            k: How many at most; the k of the table if not given.
            sound: Leave out those that left their latest question unanswered.
        """
        return [
            entry.contact for entry in self._nearest(target.number, k or self.ksize, sound=sound)
        ]

    def _nearest(self, target: int, k: int, *, sound: bool = False) -> list[Entry]:
        # Ranges are aligned powers of two: seen from the target, no two of them overlap.
        nearest: list[Entry] = []
        for bucket in sorted(self.buckets, key=lambda b: b.distance(target)):
            entries = (e for e in bucket.entries() if not (sound and e.failing()))
            nearest += sorted(entries, key=lambda entry: entry.long_id ^ target)
            if len(nearest) >= k:
                break
        return nearest[:k]

    def find_neighbors(
        self, node: Node, k: int | None = None, exclude: Node | None = None
    ) -> list[Entry]:
        """`closest`, in the package's words; without whoever is at the address of *exclude*."""
        k = k or self.ksize
        nearest = self._nearest(node.long_id, k + (exclude is not None))
        return [n for n in nearest if exclude is None or not n.same_home_as(exclude)][:k]

    def looked_up(self, target: Key) -> None:
        """Note that a lookup of our own went to *target*."""
        self.bucket(target).last_updated = self._clock()

    def lonely_buckets(self) -> list[Bucket]:
        """Buckets into which no lookup went for an hour."""
        latest = self._clock() - STALE_S
        return [bucket for bucket in self.buckets if bucket.last_updated < latest]

    def refresh_keys(self, random_below: Callable[[int], int]) -> list[Key]:
        """
        A random key of each bucket into which no lookup went for an hour.

        Args:
            random_below: A random whole number from 0 to one below its argument.
        """
        return [
            Key((low + random_below(high - low + 1)).to_bytes(KEY_BITS // 8))
            for low, high in (bucket.range for bucket in self.lonely_buckets())
        ]

    def unexplored_keys(self, random_below: Callable[[int], int]) -> list[Key]:
        """
        A random key of each range beside one's own with few contacts, the widest range first.

        A newcomer looks there (paper, section 2.3). Whoever let it in named its neighbours, and
        those may know nobody but each other: without this a lookup for a key far away ends
        among them, and none of the nodes near that key is found.

        Args:
            random_below: A random whole number from 0 to one below its argument.
        """
        own: int = self.node.long_id
        entries = chain.from_iterable(bucket.entries() for bucket in self.buckets)
        known = Counter((entry.long_id ^ own).bit_length() for entry in entries)
        nearer, keys = known.total(), []
        for bits in range(KEY_BITS, KEY_BITS - MOST_RANGES, -1):
            nearer -= known[bits]
            if nearer < self.ksize // 2:
                break  # what is left was seen when this node looked at its own place
            if known[bits] < FEW:
                size = 1 << (bits - 1)
                low = (own ^ size) & -size
                keys.append(Key((low + random_below(size)).to_bytes(KEY_BITS // 8)))
        return keys
