"""Lanes: the connections to each node, kept open for a while, bounded in every direction."""

from collections import OrderedDict
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import attrs
from treq.client import HTTPClient
from twisted.internet.defer import CancelledError, Deferred, DeferredList, DeferredSemaphore
from twisted.internet.interfaces import IReactorTime, IStreamClientEndpoint
from twisted.python.failure import Failure
from twisted.web.client import URI, Agent, HTTPConnectionPool, ResponseFailed
from twisted.web.iweb import IAgentEndpointFactory
from zope.interface import implementer

from reticulum.errors import HolderFailed
from reticulum.model import NodeId

# Below what the other end waits for (`idle_timeout_s` in [http]), so that it is seldom the one
# who closes, with our next request under way to it.
_KEPT_S = 30


@attrs.frozen
class Bounds:
    """
    How much goes on at once.

    Args:
        per_node: Requests, and so connections, to one node.
        waiting_per_node: Requests that may wait for their turn.
        kept_per_node: Silent connections kept to one node.
        nodes: Nodes to keep silent connections to.
    """

    per_node: int = 16
    waiting_per_node: int = 1_000
    kept_per_node: int = 4
    nodes: int = 64


class Lane:
    """
    The connections to one node.

    Args:
        reactor: For the time that silent connections are kept.
        node_id: Whose.
        bounds: See `Bounds`.
    """

    def __init__(self, reactor: IReactorTime, node_id: NodeId, bounds: Bounds) -> None:
        self._reactor = reactor
        self._node_id = node_id
        self.users = 0
        self.turn = DeferredSemaphore(bounds.per_node)
        self.pool = HTTPConnectionPool(reactor, persistent=True)
        self.pool.maxPersistentPerHost = bounds.kept_per_node
        self.pool.cachedConnectionTimeout = _KEPT_S

    def get(self, endpoint: IStreamClientEndpoint, path: str) -> Deferred[Any]:
        """
        Send one GET, on a connection that is there or a new one over *endpoint*.

        Returns:
            The response, its body still to come. Cancelling it closes the connection.
        """
        agent = Agent.usingEndpointFactory(self._reactor, _One(endpoint), pool=self.pool)
        # A client for each request: what one of them remembers, cookies, is forgotten with it.
        response: Deferred[Any] = HTTPClient(agent).get(
            f"http://{self._node_id}{path}", allow_redirects=False, unbuffered=True
        )
        return response.addErrback(_cancelled)


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
    async def turn(self, node_id: NodeId) -> AsyncIterator[Lane]:
        """
        Wait for a turn on the lane to *node_id*.

        Raises:
            HolderFailed: Too many wait already.
        """
        lane = self._lanes.get(node_id)
        if lane is None:
            lane = self._lanes[node_id] = Lane(self._reactor, node_id, self._bounds)
        self._lanes.move_to_end(node_id)
        if len(lane.turn.waiting) >= self._bounds.waiting_per_node:
            raise HolderFailed(f"node {node_id}: too many requests of ours wait for it")
        lane.users += 1
        try:
            await lane.turn.acquire()
            try:
                yield lane
            finally:
                lane.turn.release()
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
            await DeferredList([_heard(one) for one in self._closing])


@implementer(IAgentEndpointFactory)
@attrs.frozen
class _One:
    """Every request goes to the one endpoint, whatever its URI says."""

    _endpoint: IStreamClientEndpoint

    def endpointForURI(self, uri: URI) -> IStreamClientEndpoint:  # noqa: N802  (Twisted's name)
        """The endpoint."""
        del uri
        return self._endpoint


def _cancelled(failure: Failure) -> Failure:
    """Find out what was cancelled by us: Twisted wraps that like any other end of a connection."""
    if failure.check(ResponseFailed) is None:
        return failure
    reasons: list[Failure] = getattr(failure.value, "reasons", [])
    return next((reason for reason in reasons if reason.check(CancelledError)), failure)


def _heard(source: Deferred[Any]) -> Deferred[None]:
    """Fires with *source*, which keeps its own readers."""
    heard: Deferred[None] = Deferred()

    def hear(result: Any) -> Any:
        heard.callback(None)
        return result

    source.addBoth(hear)
    return heard
