"""The course of one image from the node it came to, to those who should have it."""

from collections.abc import Callable, Coroutine, Iterator, Sequence
from functools import partial
from typing import Any

import attrs
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorTime

from reticulum.model import ImageId, Member, NodeId, Shelf
from reticulum.replication.together import together

HEAD_START_S = 0.05
"""The nodes that an answer waits for are given to first: they would share the way with others."""

Work = Coroutine[Deferred[Any], Any, None]
Give = Callable[[Member, ImageId], Coroutine[Deferred[Any], Any, bool]]
"""Gives an image to a node; whether that has it now."""


@attrs.define
class Course:
    """
    Gives to all at once, but for a head start; whoever fails is owed the image, and replaced.

    Args:
        image_id: Of an image that is on this node.
        own: The id of this node.
        order: Who should have it, best first, then who stands by.
        copies: How many should.
        needed: How many of them somebody waits for, this node's included.
        clock: For the head start.
    """

    image_id: ImageId
    _own: NodeId
    _order: Sequence[Member]
    _copies: int
    _needed: int
    _clock: IReactorTime
    _first: list[Member] = attrs.field(init=False)
    _standby: Iterator[Member] = attrs.field(init=False)
    _rest: Deferred[None] = attrs.field(factory=Deferred, init=False)
    confirmed: set[NodeId] = attrs.field(factory=set, init=False)
    """Other nodes that have it."""
    owed: list[NodeId] = attrs.field(factory=list, init=False)
    """Nodes that should have it, and could not take it."""
    enough: Deferred[None] = attrs.field(factory=Deferred, init=False)
    """Fires when as many have it as somebody waits for, or nobody is left to ask."""

    def __attrs_post_init__(self) -> None:
        """Choose."""
        open_ = [member for member in self._order if member.shelf is Shelf.OPEN]
        self._first = open_[: self._copies]
        self._standby = (one for one in open_[self._copies :] if one.node_id != self._own)
        self._settle(done=False)

    @property
    def stored(self) -> int:
        """Copies that are on disk, this node's included."""
        return 1 + len(self.confirmed)

    @property
    def kept(self) -> int:
        """Copies that will stay: without this node's, if it should not have one."""
        return len(self.confirmed) + any(one.node_id == self._own for one in self._first)

    @property
    def is_surplus_here(self) -> bool:
        """Whether all who should have it do, and this node is none of them."""
        first = {member.node_id for member in self._first}
        has_all = len(first) == self._copies and first <= self.confirmed
        return has_all and self._own not in first

    async def run(self, give: Give) -> None:
        """Go to the end."""
        others = [member for member in self._first if member.node_id != self._own]
        lead = max(self._needed - 1, 1)

        async def later() -> None:
            await self._rest
            await together(
                [partial(self._go, give, one) for one in others[lead:]], most=len(others)
            )

        head_start = self._clock.callLater(HEAD_START_S, self._go_on)
        works: list[Callable[[], Work]] = [partial(self._go, give, one) for one in others[:lead]]
        try:
            await together([*works, later] if others[lead:] else works, most=len(others) + 1)
        finally:
            if head_start.active():
                head_start.cancel()
            self._settle(done=True)

    async def _go(self, give: Give, member: Member) -> None:
        choice: Member | None = member
        while choice is not None:
            if not choice.silent_s and await give(choice, self.image_id):
                self.confirmed.add(choice.node_id)
                self._settle(done=False)
                return
            self._go_on()
            if choice in self._first:
                self.owed.append(choice.node_id)
            choice = next(self._standby, None)

    def _settle(self, *, done: bool) -> None:
        if (done or self.stored >= self._needed) and not self.enough.called:
            self.enough.callback(None)
            self._go_on()

    def _go_on(self) -> None:
        """Let the others have it, too."""
        if not self._rest.called:
            self._rest.callback(None)
