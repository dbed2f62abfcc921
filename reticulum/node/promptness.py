"""How promptly other nodes answer: measured, bounded, and soon forgotten."""

from collections import OrderedDict, deque
from collections.abc import Callable

import attrs

from reticulum.model import NodeId

SAMPLES = 64
FEW = 8
"""Fewer answers than this tell nothing about one in twenty."""
START_S = 0.150
SHORTEST_S = 0.020
LONGEST_S = 2.0
SILENT_S = 1.0
"""Who was asked and has said nothing at all for so long is silent."""
SHUNNED_SILENT_S = 30.0
SHUNNED_FAILED_S = 5.0
MOST_NODES = 2048


@attrs.define(eq=False)
class _Node:
    """
    What is known of one node.

    Args:
        times: Seconds from a question to the first byte of its answer.
        waiting: Questions that it has not begun to answer.
        since: When the oldest of these was asked, or it was last heard, whichever is later.
        shunned_until: It failed; others are asked first until then.
    """

    times: deque[float] = attrs.field(factory=lambda: deque(maxlen=SAMPLES))
    waiting: int = 0
    since: float = 0.0
    shunned_until: float = 0.0


@attrs.define(eq=False)
class Question:
    """
    One question to one node, from when it is asked. It ends once; what is told later is ignored.

    Args:
        asked_at: Seconds, monotonic.
        is_open: Whether nothing has come yet.
    """

    _node: _Node
    _now: Callable[[], float]
    asked_at: float
    is_open: bool = True

    def answered(self) -> None:
        """Note that the answer begins."""
        if self._end():
            self._node.times.append(self._now() - self.asked_at)
            self._node.since = self._now()
            self._node.shunned_until = 0.0

    def given_up(self) -> None:
        """Note that nobody wants the answer any more: it would have taken this long, or longer."""
        if self._end():
            now = self._now()
            self._node.times.append(now - self.asked_at)
            if now - max(self.asked_at, self._node.since) >= SILENT_S:
                self._node.shunned_until = now + SHUNNED_SILENT_S

    def failed(self) -> None:
        """Note that there will be no answer; how soon that was clear is no measure."""
        self._end()
        self._node.shunned_until = max(self._node.shunned_until, self._now() + SHUNNED_FAILED_S)

    def silence_s(self) -> float:
        """Seconds since the node was asked this, or was heard at all."""
        return self._now() - max(self.asked_at, self._node.since)

    def _end(self) -> bool:
        was_open, self.is_open = self.is_open, False
        self._node.waiting -= was_open
        return was_open


class Promptness:
    """
    Times of the nodes asked last.

    Args:
        now: Seconds, monotonic.
        most_nodes: How many to remember; the one not asked for longest is forgotten.
    """

    def __init__(self, now: Callable[[], float], *, most_nodes: int = MOST_NODES) -> None:
        self._now = now
        self._most_nodes = most_nodes
        self._nodes: OrderedDict[NodeId, _Node] = OrderedDict()

    def __len__(self) -> int:
        return len(self._nodes)

    def ask(self, node_id: NodeId) -> Question:
        """Note that a node is asked something now."""
        node = self._nodes.setdefault(node_id, _Node())
        self._nodes.move_to_end(node_id)
        if len(self._nodes) > self._most_nodes:
            self._nodes.popitem(last=False)
        if not node.waiting:
            node.since = self._now()
        node.waiting += 1
        return Question(node, self._now, self._now())

    def p95_s(self, node_id: NodeId) -> float:
        """Seconds within which 95 % of its answers begin: `SHORTEST_S` to `LONGEST_S`."""
        node = self._nodes.get(node_id)
        if node is None or len(node.times) < FEW:
            return START_S
        return _clamped(sorted(node.times)[len(node.times) * 95 // 100])

    def usual_s(self, node_id: NodeId) -> float:
        """The median, in the same bounds; `START_S` of a node that was never asked."""
        node = self._nodes.get(node_id)
        if node is None or not node.times:
            return START_S
        return _clamped(sorted(node.times)[len(node.times) // 2])

    def is_shunned(self, node_id: NodeId) -> bool:
        """Whether it failed a moment ago, or was given up for its silence."""
        node = self._nodes.get(node_id)
        return node is not None and self._now() < node.shunned_until

    def is_silent(self, node_id: NodeId) -> bool:
        """Whether it is shunned, or leaves questions unanswered now."""
        node = self._nodes.get(node_id)
        if node is None:
            return False
        is_mute = node.waiting > 0 and self._now() - node.since >= SILENT_S
        return is_mute or self.is_shunned(node_id)


def _clamped(seconds: float) -> float:
    return min(max(seconds, SHORTEST_S), LONGEST_S)
