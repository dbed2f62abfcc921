"""Lanes: the connections to each node, kept open for a while, bounded in every direction."""

from collections import OrderedDict
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any

from twisted.internet.defer import Deferred, DeferredList
from twisted.internet.interfaces import IReactorTime

from reticulum.aio import heard
from reticulum.errors import HolderFailed
from reticulum.model import NodeId
from reticulum.reach.lane import Bounds, Lane

__all__ = ["Bounds", "Lanes"]


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
    async def turn(self, node_id: NodeId, *, is_copy: bool = False) -> AsyncIterator[Lane]:
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
                for turn in (lane.copy_turn, lane.turn) if is_copy else (lane.turn,):
                    await turn.acquire()
                    held.callback(turn.release)
                yield lane
        finally:
            lane.users -= 1
            self._forget()

    def _forget(self) -> None:
        """Close the lanes that were not used for longest, if there are too many."""
        idle = [node_id for node_id, lane in self._lanes.items() if not lane.users]
        for node_id in idle[: max(0, len(self._lanes) - self._bounds.nodes)]:
            self._close(self._lanes.pop(node_id))

    def _close(self, lane: Lane) -> None:
        closed = lane.pool.closeCachedConnections()
        self._closing.add(closed)
        closed.addBoth(lambda _: self._closing.discard(closed))

    async def close(self) -> None:
        """Close every silent connection; nobody may ask for a turn afterwards."""
        while self._lanes:
            self._close(self._lanes.popitem()[1])
        if self._closing:
            await DeferredList([heard(one) for one in self._closing])
