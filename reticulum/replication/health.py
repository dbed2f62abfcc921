"""How an image does: who should keep it, and who does."""

from collections.abc import Iterable, Sequence

import attrs

from reticulum.model import Holding, ImageId, Member, NodeId, Shelf

_HAS = frozenset({Holding.HELD, Holding.VERIFIED})


@attrs.frozen(kw_only=True)
class Copy:
    """
    What is known of one node and one image.

    Args:
        member: The node.
        holding: What it said; None if it did not answer, or was not asked, being silent.
    """

    member: Member
    holding: Holding | None

    @property
    def has(self) -> bool:
        """Whether it said that it has the image."""
        return self.holding in _HAS


@attrs.frozen(kw_only=True)
class Health:
    """
    One image in the grid, as one node has found it.

    Args:
        image_id: Of the image.
        wanted: Copies it should have.
        copies: Those who were asked, in placement order.
    """

    image_id: ImageId
    wanted: int
    copies: tuple[Copy, ...]

    @property
    def holders(self) -> tuple[Copy, ...]:
        """Those who have it, best first."""
        return tuple(copy for copy in self.copies if copy.has)

    @property
    def keepers(self) -> tuple[Copy, ...]:
        """Those who should have it: the first *wanted* that have it, or will take it."""
        return tuple(keepers(self.copies))[: self.wanted]

    @property
    def lacking(self) -> tuple[Copy, ...]:
        """Those who should have it, and said that they have not."""
        return tuple(copy for copy in self.keepers if copy.holding is Holding.ABSENT)

    @property
    def deleted(self) -> tuple[Copy, ...]:
        """Those who know that it was deleted."""
        return tuple(copy for copy in self.copies if copy.holding is Holding.DELETED)

    @property
    def is_whole(self) -> bool:
        """Whether as many as should have it do."""
        return sum(copy.has for copy in self.keepers) >= self.wanted

    def keeps(self, node_id: NodeId) -> bool:
        """Whether a node is among those who should have it."""
        return any(copy.member.node_id == node_id for copy in self.keepers)


def keepers(copies: Iterable[Copy]) -> Iterable[Copy]:
    """
    Pass over those who neither have an image nor take it.

    Who does not answer is taken to have it: whether it is gone for good, the grace decides.
    """
    for copy in copies:
        if copy.has or copy.holding is None or copy.member.shelf is Shelf.OPEN:
            yield copy


def zones(copies: Sequence[Copy]) -> dict[str, int]:
    """How many of *copies* each zone has."""
    counts: dict[str, int] = {}
    for copy in copies:
        counts[copy.member.zone] = counts.get(copy.member.zone, 0) + 1
    return counts
