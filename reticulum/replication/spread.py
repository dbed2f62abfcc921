"""Spreading a new image: to all who should keep it, the answer after as many as are asked for."""

from collections import OrderedDict
from collections.abc import Callable, Coroutine
from typing import Any

import attrs
from twisted.internet.defer import Deferred
from twisted.internet.defer import TimeoutError as DeferredTimeoutError
from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger

from reticulum.errors import NoSpace, NotTaken, UnknownImage
from reticulum.interfaces import Hints
from reticulum.model import ImageId, Member, NodeId, Spreading, Write
from reticulum.replication.course import Course
from reticulum.replication.handover import Handover
from reticulum.replication.here import Here
from reticulum.replication.tending import Tending

_log = Logger()


MOST_UNFINISHED = 10_000
FINISHED_AT_ONCE = 50


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
    _unfinished: OrderedDict[ImageId, None] = attrs.field(factory=OrderedDict, init=False)

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
        course = Course(image_id, self._own, order, self._copies, needed, self._clock)
        self._start("spread", self._give_all(course))
        if not course.enough.called:
            try:
                await course.enough.addTimeout(self._timeout_s(), self._clock)
            except DeferredTimeoutError:
                _log.info("spread.late image={image}", image=str(image_id))
        return Spreading(wanted=self._copies, stored=course.stored, needed=needed)

    @property
    def unfinished(self) -> int:
        """Images from here that had too few nodes to go to."""
        return len(self._unfinished)

    async def finish(self) -> None:
        """Give some of the images that had too few nodes to go to, now that there may be more."""
        chosen = list(self._unfinished)[:FINISHED_AT_ONCE]
        for health in await self._tending.tend(chosen, eager=True):
            if health.is_whole or self._here.originals.known(health.image_id) is None:
                self._unfinished.pop(health.image_id, None)
            else:
                self._unfinished.move_to_end(health.image_id)

    async def again(self, image_id: ImageId, write: Write) -> Spreading:
        """Count, and complete, the copies of an image that was uploaded once more."""
        counting = Deferred.fromCoroutine(self._count(image_id))
        try:
            stored = await counting.addTimeout(self._timeout_s(), self._clock)
        except DeferredTimeoutError:
            # The census does the rest.
            stored = 1
        return Spreading(wanted=self._copies, stored=stored, needed=self._needed(write))

    async def _count(self, image_id: ImageId) -> int:
        health = (await self._tending.tend([image_id], eager=True))[0]
        return min(len(health.holders) + (not health.keeps(self._own)), self._copies)

    def _needed(self, write: Write) -> int:
        return 1 if self._is_alone() else write.of(self._copies)

    async def _give_all(self, course: Course) -> None:
        """See it through, then note what is still to be done."""
        await course.run(self._give)
        for node_id in course.owed:
            await self._owe(node_id, course.image_id)
        if course.kept < self._copies:
            self._unfinished[course.image_id] = None
            if len(self._unfinished) > MOST_UNFINISHED:
                self._unfinished.popitem(last=False)
        if course.is_surplus_here:
            # Each of the others has just hashed what came.
            self.released += await self._here.drop(course.image_id)

    async def _give(self, member: Member, image_id: ImageId) -> bool:
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
