"""Copies that are owed, in memory, for tests: as strict as those on disk."""

from collections.abc import Sequence

from reticulum.model import ImageId, NodeId
from reticulum.storage.debts import Debts


class HintsInMemory:
    """
    Debts; a `Hints`.

    Args:
        most: How many; beyond that the oldest is forgotten.
    """

    def __init__(self, *, most: int = 100_000) -> None:
        self._debts = Debts(most)

    def __len__(self) -> int:
        return len(self._debts)

    async def add(self, node_id: NodeId, image_ids: Sequence[ImageId]) -> None:
        """Note that a node is to get images."""
        self._debts.add(node_id, image_ids)

    async def done(self, node_id: NodeId, image_ids: Sequence[ImageId]) -> None:
        """Forget debts."""
        self._debts.done(node_id, image_ids)

    def of(self, node_id: NodeId, most: int) -> Sequence[ImageId]:
        """Up to *most* images that a node is to get, the oldest debts first."""
        return self._debts.of(node_id, most)

    def creditors(self) -> Sequence[NodeId]:
        """Nodes that are owed something."""
        return self._debts.creditors()

    def owed(self, image_id: ImageId) -> bool:
        """Whether anybody is owed an image."""
        return self._debts.owed(image_id)
