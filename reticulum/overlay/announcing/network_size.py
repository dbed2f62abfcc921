"""How many nodes a grid has, estimated from how close the closest nodes of lookups are."""

import statistics
from collections import deque
from collections.abc import Sequence

from reticulum.model import Key, NodeId
from reticulum.overlay.announcing.region import PEERS, SPACE


class NetworkSize:
    """
    Running estimate.

    Node ids are spread evenly, so the k-th closest of N nodes is at about k/N of the key space,
    and (k - 1) / d, with d the distance as a part of the space, estimates N without bias and
    with a relative error of 1 / sqrt(k - 2): 24 % at k = 20. The median of 64 lookups brings
    this to 4 %, and keeps out the few whose neighbourhood is crowded with made-up nodes.

    Args:
        remembered: Lookups that count, the last ones.

    Source: order statistics of uniform variables; go-libp2p-kad-dht, `netsize`, and
    https://eli.sohl.com/2020/06/05/dht-size-estimation.html fit a line to all k instead.
    """

    def __init__(self, remembered: int = 64) -> None:
        self._estimates: deque[float] = deque(maxlen=remembered)

    def learn(self, target: Key, found: Sequence[NodeId], wanted: int = PEERS) -> None:
        """
        Note what a lookup found.

        Args:
            target: Chosen regardless of any node: a random key, or that of an image.
            found: The closest nodes, live.
            wanted: As many as it looked for, at least 2.
        """
        if len(found) < wanted:
            self._estimates.append(len(found))
            return
        distance = sorted(map(target.distance, found))[wanted - 1]
        self._estimates.append((wanted - 1) * SPACE / max(distance, 1))

    @property
    def nodes(self) -> float:
        """The estimate, at least 1; 1 before the first lookup."""
        return max(statistics.median(self._estimates), 1.0) if self._estimates else 1.0
