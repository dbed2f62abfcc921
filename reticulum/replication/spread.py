"""Spreading a new image: to all who should keep it, the answer after as many as are asked for."""

from collections.abc import Callable, Coroutine
from functools import partial
from typing import Any

import attrs
from twisted.internet.defer import Deferred
from twisted.internet.defer import TimeoutError as DeferredTimeoutError
from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger

from reticulum.errors import NoSpace, NotTaken, UnknownImage
from reticulum.interfaces import Hints
from reticulum.model import ImageId, Member, NodeId, Shelf, Spreading, Write
from reticulum.replication.handover import Handover
from reticulum.replication.here import Here
from reticulum.replication.tending import Tending
from reticulum.replication.together import together

_log = Logger()


HEAD_START_S = 0.05
"""The nodes that an answer waits for are given to first: they would share the way with others."""


@attrs.define
class _Progress:
    """One image on its way; tells as soon as enough have it."""

    needed: int
    stored: int = 1
    enough: Deferred[None] = attrs.field(factory=Deferred)
    rest: Deferred[None] = attrs.field(factory=Deferred)

    def confirm(self) -> None:
        self.stored += 1
        self.settle(done=False)

    def settle(self, *, done: bool) -> None:
        if (done or self.stored >= self.needed) and not self.enough.called:
            self.enough.callback(None)
            self.go_on()

    def go_on(self) -> None:
        """Let the others have it, too."""
        if not self.rest.called:
            self.rest.callback(None)


@attrs.define(kw_only=True)
class Spread:
    """
    Copies what was uploaded here.

    Args:
        own: The id of this node.
        copies: Of each image.
        tending: Knows who should have an image.
        handover: Moves copies.
        here: The copies on this node.
        hints: Who is still to get what.
        clock: For the time-out.
        timeout_s: How long an upload waits for others, in seconds.
        is_alone: Whether this node has never met another one: then one copy is all there can be.
        start: Begins work that nobody waits for: its name, and the work.
    """

    _own: NodeId
    _copies: int
    _tending: Tending
    _handover: Handover
    _here: Here
    _hints: Hints
    _clock: IReactorTime
    _timeout_s: Callable[[], float]
    _is_alone: Callable[[], bool]
    _start: Callable[[str, Coroutine[Deferred[Any], Any, None]], None]
    released: int = attrs.field(default=0, init=False)

    async def __call__(self, image_id: ImageId, write: Write) -> Spreading:
        """
        Give a new image to all who should have it.

        Args:
            image_id: Of an image that is here.
            write: Copies to wait for, this node's included.

        Returns:
            What was confirmed when enough had it, when nobody was left to ask, or when the time
            was up. The rest goes on.
        """
        order = await self._tending.order(image_id)
        needed = self._needed(write)
        progress = _Progress(needed)
        progress.settle(done=False)
        self._start("spread", self._give_all(image_id, order, progress))
        if not progress.enough.called:
            waiting = progress.enough.addTimeout(self._timeout_s(), self._clock)
            try:
                await waiting
            except DeferredTimeoutError:
                _log.info("spread.late image={image}", image=str(image_id))
        return Spreading(wanted=self._copies, stored=progress.stored, needed=needed)

    async def again(self, image_id: ImageId, write: Write) -> Spreading:
        """Count, and complete, the copies of an image that was uploaded once more."""
        health = (await self._tending.tend([image_id], eager=True))[0]
        stored = len(health.holders)
        if not health.keeps(self._own):
            stored += 1
        stored = min(stored, self._copies)
        return Spreading(wanted=self._copies, stored=stored, needed=self._needed(write))

    def _needed(self, write: Write) -> int:
        return 1 if self._is_alone() else write.of(self._copies)

    async def _give_all(
        self, image_id: ImageId, order: tuple[Member, ...], progress: _Progress
    ) -> None:
        """All at once; whoever fails is replaced by the next in order, and owed the image."""
        keepers = [member for member in order if member.shelf is Shelf.OPEN]
        first = keepers[: self._copies]
        others = [member for member in first if member.node_id != self._own]
        standby = iter(keepers[self._copies :])
        confirmed: set[NodeId] = set()
        owed: list[NodeId] = []

        async def give(member: Member | None) -> None:
            while member is not None:
                if not member.silent_s and await self._gave(member, image_id):
                    confirmed.add(member.node_id)
                    progress.confirm()
                    return
                progress.go_on()
                if member in first:
                    owed.append(member.node_id)
                member = next(standby, None)
                if member is not None and member.node_id == self._own:
                    member = next(standby, None)

        async def give_later() -> None:
            await progress.rest
            await together([partial(give, member) for member in others[lead:]], most=self._copies)

        lead = max(progress.needed - 1, 1)
        head_start = self._clock.callLater(HEAD_START_S, progress.go_on)
        try:
            works: list[Callable[[], Coroutine[Deferred[Any], Any, None]]] = [
                partial(give, member) for member in others[:lead]
            ]
            await together([*works, give_later], most=self._copies + 1)
        finally:
            if head_start.active():
                head_start.cancel()
            progress.settle(done=True)
        for node_id in owed:
            await self._owe(node_id, image_id)
        keeps_one = any(member.node_id == self._own for member in first)
        if not keeps_one and len(confirmed & {m.node_id for m in first}) >= self._copies:
            # Each of them has just hashed what came.
            self.released += await self._here.drop(image_id)

    async def _gave(self, member: Member, image_id: ImageId) -> bool:
        try:
            return await self._handover.give(member.contact, image_id)
        except (NotTaken, UnknownImage) as error:
            _log.debug("spread.refused node={node} reason={reason}", node=member, reason=error)
            return False

    async def _owe(self, node_id: NodeId, image_id: ImageId) -> None:
        try:
            await self._hints.add(node_id, [image_id])
        except NoSpace as error:
            _log.warn("hint.not_kept image={image} reason={reason}", image=image_id, reason=error)
