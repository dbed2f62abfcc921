"""Which node is still to get which image: the oldest debts first, and forgotten first."""

from collections import Counter, OrderedDict
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice

from reticulum.model import ImageId, NodeId

Debt = tuple[NodeId, ImageId]


class Debts:
    """
    Debts in memory.

    Args:
        most: How many, at least 1.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self._all: OrderedDict[Debt, None] = OrderedDict()
        self._of: dict[NodeId, OrderedDict[ImageId, None]] = {}
        self._owed: Counter[ImageId] = Counter()

    def __len__(self) -> int:
        return len(self._all)

    def __iter__(self) -> Iterator[Debt]:
        return iter(self._all)

    def add(self, node_id: NodeId, image_ids: Iterable[ImageId]) -> Sequence[ImageId]:
        """Note debts, forgetting the oldest if there are too many; returns those that are new."""
        new = []
        for image_id in image_ids:
            if (node_id, image_id) not in self._all:
                self._all[node_id, image_id] = None
                self._of.setdefault(node_id, OrderedDict())[image_id] = None
                self._owed[image_id] += 1
                new.append(image_id)
                if len(self._all) > self._most:
                    oldest = next(iter(self._all))
                    self.done(oldest[0], [oldest[1]])
        return new

    def done(self, node_id: NodeId, image_ids: Iterable[ImageId]) -> Sequence[ImageId]:
        """Forget debts; returns those that there were."""
        gone = []
        for image_id in image_ids:
            if (node_id, image_id) in self._all:
                del self._all[node_id, image_id]
                del self._of[node_id][image_id]
                if not self._of[node_id]:
                    del self._of[node_id]
                self._owed[image_id] -= 1
                if not self._owed[image_id]:
                    del self._owed[image_id]
                gone.append(image_id)
        return gone

    def of(self, node_id: NodeId, most: int) -> Sequence[ImageId]:
        """Up to *most* images that a node is to get, the oldest debts first."""
        return list(islice(self._of.get(node_id, ()), most))

    def creditors(self) -> Sequence[NodeId]:
        """Nodes that are owed something."""
        return list(self._of)

    def owed(self, image_id: ImageId) -> bool:
        """Whether anybody is owed an image."""
        return image_id in self._owed
