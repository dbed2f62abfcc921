"""Keys in the order in which a full store gives them up: the farthest from its own node first."""

import heapq

from reticulum.model import Key, NodeId

_SLACK = 64


class Farthest:
    """
    A set of keys that knows the farthest.

    Args:
        own: The node that the distances are from.
    """

    def __init__(self, own: NodeId) -> None:
        self._own = own
        self._keys: set[Key] = set()
        # Negative distances; those of keys that have left stay until they come up.
        self._heap: list[tuple[int, Key]] = []

    def add(self, key: Key) -> None:
        """Take a key in; once is enough."""
        if key in self._keys:
            return
        self._keys.add(key)
        heapq.heappush(self._heap, (-key.distance(self._own), key))

    def discard(self, key: Key) -> None:
        """Let a key go, whether it is here or not."""
        self._keys.discard(key)
        if len(self._heap) > 2 * len(self._keys) + _SLACK:
            self._heap = [(-held.distance(self._own), held) for held in self._keys]
            heapq.heapify(self._heap)

    def farthest(self) -> Key | None:
        """Name the key that goes next; None if there is none."""
        while self._heap and self._heap[0][1] not in self._keys:
            heapq.heappop(self._heap)
        return self._heap[0][1] if self._heap else None
