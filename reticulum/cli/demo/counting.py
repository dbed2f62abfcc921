"""How many copies each image has on the nodes that live, from what each node says that it holds."""

from collections import Counter
from collections.abc import Iterable
from typing import Any, Self

import attrs

COPIES = 3
"""Copies the nodes of a demo keep of each image."""

MOST_TOLD = 4
"""As many copies, and more, are counted together."""


@attrs.frozen(kw_only=True)
class Facts:
    """
    What a node said of itself at one moment.

    Args:
        is_member: Whether it is in the grid, and others can ask it.
        others: How many other nodes it could give copies to; as far as it does not say, how many
            it knows.
        images: Ids of the images it holds.
        given: Copies it gave to other nodes; None if it does not say.
        repaired: Copies it restored; None if it does not say.
    """

    is_member: bool
    others: int
    images: frozenset[str]
    given: int | None = None
    repaired: int | None = None

    @classmethod
    def of(cls, status: dict[str, Any], images: Iterable[str]) -> Self:
        """Read them from `GET /v1/status` and `GET /v1/images`."""
        grid = status.get("grid", {})
        copies = status.get("replication", {})
        return cls(
            is_member=bool(grid.get("joined")) and grid.get("role") == "server",
            others=copies.get("members", grid.get("peers", 0) + 1) - 1,
            images=frozenset(images),
            given=copies.get("given"),
            repaired=copies.get("repaired"),
        )

    def sees(self, others: int) -> bool:
        """Whether it knows the grid it is in, as far as uploads need: a few of *others*."""
        return others == 0 or (self.is_member and self.others >= min(others, COPIES))


@attrs.frozen(kw_only=True)
class Tally:
    """
    How the images do.

    Args:
        wanted: Copies each should have; fewer than `COPIES` if there are fewer nodes.
        by_copies: How many images have 0, 1, 2, 3, and 4 or more copies.
    """

    wanted: int
    by_copies: tuple[int, ...]

    @classmethod
    def of(cls, images: Iterable[str], holdings: Iterable[frozenset[str]]) -> Self:
        """
        Count.

        Args:
            images: All that there should be.
            holdings: What each live node holds.
        """
        held = list(holdings)
        copies = Counter(sum(image in one for one in held) for image in images)
        counts = [copies[number] for number in range(MOST_TOLD)]
        counts.append(copies.total() - sum(counts))
        return cls(wanted=min(COPIES, len(held)), by_copies=tuple(counts))

    @property
    def images(self) -> int:
        """How many there are."""
        return sum(self.by_copies)

    @property
    def short(self) -> int:
        """Images with fewer copies than wanted."""
        return sum(self.by_copies[: max(self.wanted, 1)])

    @property
    def lost(self) -> int:
        """Images that no live node holds."""
        return self.by_copies[0]

    @property
    def is_safe(self) -> bool:
        """Whether no image is short."""
        return not self.short

    def in_words(self) -> str:
        """One line."""
        if not self.images:
            return "no images yet"
        if self.is_safe:
            return f"{self.images} images x {self.wanted} copies: all safe"
        gone = f", {self.lost} on no live node" if self.lost else ""
        return f"{self.short} of {self.images} images short{gone}, healing…"
