"""Lanes: the connections to each node, kept open for a while, bounded in every direction."""

from collections import OrderedDict
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any

import attrs
from twisted.internet.defer import Deferred, DeferredList
from twisted.internet.interfaces import IReactorTime

from reticulum.aio import heard
from reticulum.errors import HolderFailed
from reticulum.model import NodeId
from reticulum.reach.lane import Bounds, Lane, Question
from reticulum.reach.ways import Way

__all__ = ["Bounds", "Lanes"]


@attrs.define
class Turn:
    """
    The right to ask one thing.

    Args:
        lane: Whom.
    """

    lane: Lane
    _close_detours: Callable[[Lane], None]
    _way: Way | None = attrs.field(default=None, init=False)

    @property
    def straight_users(self) -> int:
        """How many others are on straight connections now."""
        return self.lane.on_straight[True]

    async def send(self, way: Way, question: Question) -> Any:
        """Send one request by *way*; see `Lane.send`. Once."""
        self._way = way
        if self.lane.enter(way):
            self._close_detours(self.lane)
        return await self.lane.send(way, question)

    def end(self) -> None:
        """Make room for the next one."""
        if self._way is not None:
            self.lane.leave(self._way)


class Lanes:
    """
    A lane for each node that was asked of late.

    Args:
        reactor: See `Lane`.
        bounds: See `Bounds`.
    """

    def __init__(self, reactor: IReactorTime, bounds: Bounds) -> None:
        self._reactor = reactor
        self._bounds = bounds
        self._lanes: OrderedDict[NodeId, Lane] = OrderedDict()
        self._closing: set[Deferred[Any]] = set()

    def __len__(self) -> int:
        return len(self._lanes)

    @asynccontextmanager
    async def turn(self, node_id: NodeId, *, is_copy: bool = False) -> AsyncIterator[Turn]:
        """
        Wait for a turn on the lane to *node_id*; *is_copy* is as in `Question`.

        Raises:
            HolderFailed: Too many wait already.
        """
        lane = self._lanes.get(node_id)
        if lane is None:
            lane = self._lanes[node_id] = Lane(self._reactor, node_id, self._bounds)
        self._lanes.move_to_end(node_id)
        if lane.waiting >= self._bounds.waiting_per_node:
            raise HolderFailed(f"node {node_id}: too many requests of ours wait for it")
        lane.users += 1
        try:
            async with AsyncExitStack() as held:
                for place in (lane.copy_turn, lane.turn) if is_copy else (lane.turn,):
                    await place.acquire()
                    held.callback(place.release)
                turn = Turn(lane, self._close_detours)
                held.callback(turn.end)
                yield turn
        finally:
            lane.users -= 1
            self._forget()

    def _forget(self) -> None:
        """Close the lanes that were not used for longest, if there are too many."""
        idle = [node_id for node_id, lane in self._lanes.items() if not lane.users]
        for node_id in idle[: max(0, len(self._lanes) - self._bounds.nodes)]:
            self._close(self._lanes.pop(node_id))

    def close_detours(self) -> None:
        """Close all that is kept on detours."""
        for lane in self._lanes.values():
            self._close_detours(lane)

    def _close_detours(self, lane: Lane) -> None:
        self._see_closed(lane.close_detours())

    def _close(self, lane: Lane) -> None:
        self._see_closed(lane.close())

    def _see_closed(self, closed: Deferred[Any]) -> None:
        self._closing.add(closed)
        closed.addBoth(lambda _: self._closing.discard(closed))

    async def close(self) -> None:
        """Close every silent connection; nobody may ask for a turn afterwards."""
        while self._lanes:
            self._close(self._lanes.popitem()[1])
        if self._closing:
            await DeferredList([heard(one) for one in self._closing])
