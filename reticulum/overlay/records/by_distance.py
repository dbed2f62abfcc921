"""Node ids in the order of their distance to any key: only as many are looked at as are wanted."""

from bisect import bisect_left, insort
from collections.abc import Iterator

from reticulum.model import Key, NodeId


class ByDistance:
    """A sorted set of node ids."""

    def __init__(self) -> None:
        self._numbers: list[int] = []

    def __len__(self) -> int:
        return len(self._numbers)

    def add(self, node_id: NodeId) -> None:
        """Take one in; once is enough."""
        if not self._has(self._place(node_id), node_id):
            insort(self._numbers, node_id.number)

    def discard(self, node_id: NodeId) -> None:
        """Let one go, whether it is here or not."""
        at = self._place(node_id)
        if self._has(at, node_id):
            del self._numbers[at]

    def nearest(self, target: Key) -> Iterator[NodeId]:
        """All of them, the one closest to *target* first; the set may change meanwhile."""
        numbers = tuple(self._numbers)
        # Parts that share a prefix, the nearest on top: XOR keeps such parts in one piece.
        parts = [(0, len(numbers))] if numbers else []
        while parts:
            first, end = parts.pop()
            if end - first == 1:
                yield NodeId(numbers[first].to_bytes(len(target.digest)))
                continue
            bit = (numbers[first] ^ numbers[end - 1]).bit_length() - 1
            middle = bisect_left(numbers, numbers[end - 1] >> bit << bit, first, end)
            zeros, ones = (first, middle), (middle, end)
            parts += [zeros, ones] if target.number >> bit & 1 else [ones, zeros]

    def _place(self, node_id: NodeId) -> int:
        return bisect_left(self._numbers, node_id.number)

    def _has(self, at: int, node_id: NodeId) -> bool:
        return at < len(self._numbers) and self._numbers[at] == node_id.number
