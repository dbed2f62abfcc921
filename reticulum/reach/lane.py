"""A lane: the connections to one node, and what goes over them."""

from collections import Counter
from collections.abc import Mapping
from http import HTTPMethod
from typing import Any, BinaryIO

import attrs
from treq.client import HTTPClient
from twisted.internet.defer import CancelledError, Deferred, DeferredList, DeferredSemaphore
from twisted.internet.interfaces import (
    IProtocol,
    IProtocolFactory,
    IReactorTime,
    IStreamClientEndpoint,
)
from twisted.python.failure import Failure
from twisted.web.client import (
    URI,
    Agent,
    HTTPConnectionPool,
    RequestGenerationFailed,
    RequestTransmissionFailed,
    ResponseFailed,
    ResponseNeverReceived,
)
from twisted.web.http_headers import Headers
from twisted.web.iweb import IAgentEndpointFactory
from zope.interface import implementer

from reticulum.model import NodeId
from reticulum.reach.outgoing import Outgoing
from reticulum.reach.ways import Way

# Below what the other end waits for (`idle_timeout_s` in [http]), so that it is seldom the one
# who closes, with our next request under way to it.
_KEPT_S = 30
# On a detour, for the next time that the straight ones are not enough.
_OVERFLOW_KEPT_S = 5
# How a connection ends on which the other end has not said a word.
_UNHEARD = (RequestTransmissionFailed, ResponseNeverReceived)


@attrs.frozen
class Question:
    """
    One request.

    Args:
        path: With its query.
        method: Asked twice, it does no more than asked once.
        headers: Beside those of HTTP itself.
        body: Read from its first byte on, and left open; None for none.
        length: Of the body.
        is_copy: It carries an original; see `Bounds.copies_per_node`.
    """

    path: str
    method: HTTPMethod = HTTPMethod.GET
    headers: Mapping[str, str] = attrs.field(factory=dict)
    body: BinaryIO | None = None
    length: int = 0
    is_copy: bool = False


@attrs.frozen
class Bounds:
    """
    How much goes on at once.

    Args:
        per_node: Requests, and so connections, to one node.
        copies_per_node: How many of them may carry originals there: these may take minutes, and
            who looks at a picture shall not wait for them.
        waiting_per_node: Requests that may wait for their turn.
        kept_per_node: Silent connections kept to one node; on a detour, as many as were needed.
        nodes: Nodes to keep silent connections to.
    """

    per_node: int = 16
    copies_per_node: int = 4
    waiting_per_node: int = 1_000
    kept_per_node: int = 4
    nodes: int = 64


class Lane:
    """
    The connections to one node: those straight to it, and those that make a detour.

    As soon as there is a straight one, nothing more is asked over a detour as long as a straight
    one is free; what is under way there is finished. While straight ones are too few, those on
    detours are used again and again: to open one costs a relay, which counts.

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
        self.copy_turn = DeferredSemaphore(bounds.copies_per_node)
        self.on_straight: Counter[bool] = Counter()
        """Requests under way: on a straight connection, and not."""
        self._is_straight = False
        self._straight = _pool(reactor, bounds.kept_per_node)
        self._detour = _pool(reactor, bounds.per_node)

    @property
    def waiting(self) -> int:
        """Requests that wait for their turn."""
        return len(self.turn.waiting) + len(self.copy_turn.waiting)

    def enter(self, way: Way) -> bool:
        """
        Count a request in.

        Returns:
            Whether it is the first one that finds a straight connection: what is kept on detours
            may be closed.
        """
        was_straight, self._is_straight = (
            self._is_straight,
            way.is_straight or self.on_straight[True] > 0,
        )
        self.on_straight[way.is_straight] += 1
        self._detour.cachedConnectionTimeout = _OVERFLOW_KEPT_S if self._is_straight else _KEPT_S
        return self._is_straight and not was_straight

    def leave(self, way: Way) -> None:
        """Count it out."""
        self.on_straight[way.is_straight] -= 1

    def close(self) -> Deferred[Any]:
        """Close every connection that is kept; fires when they are closed."""
        return DeferredList([pool.closeCachedConnections() for pool in self._pools])

    def close_detours(self) -> Deferred[Any]:
        """The same for those that are kept on a detour."""
        closed: Deferred[Any] = self._detour.closeCachedConnections()
        return closed

    @property
    def _pools(self) -> tuple[HTTPConnectionPool, HTTPConnectionPool]:
        return self._straight, self._detour

    async def send(self, way: Way, question: Question) -> Any:
        """
        Send one request, on a connection that is there or a new one by *way*.

        A kept connection may be gone without our knowing; then it is sent once more, on a new one.

        Returns:
            The response of treq, its body still to come. Cancelling closes the connection.

        Raises:
            OSError: The body can't be read.
            Exception: Whatever Twisted's `Agent` fails with.
        """
        dialled = _Dialled(way.endpoint)
        pool = self._straight if way.is_straight else self._detour
        try:
            return await self._send(dialled, question, pool)
        except _UNHEARD:
            if dialled.times:
                raise
        return await self._send(dialled, question, None)

    async def _send(
        self, dialled: "_Dialled", question: Question, pool: HTTPConnectionPool | None
    ) -> Any:
        agent = Agent.usingEndpointFactory(self._reactor, _One(dialled), pool=pool)
        body = None
        if question.body is not None:
            question.body.seek(0)
            body = Outgoing(question.body, question.length)
        try:
            # A client for each request: what one remembers, cookies, is forgotten with it.
            response: Deferred[Any] = HTTPClient(agent).request(
                question.method,
                f"http://{self._node_id}{question.path}",
                headers=Headers({name: [value] for name, value in question.headers.items()}),
                data=body,
                allow_redirects=False,
                unbuffered=True,
            )
            return await response.addErrback(_ours)
        finally:
            # The answer may be here before the last byte is sent.
            if body is not None:
                body.stopProducing()


def _pool(reactor: IReactorTime, kept: int) -> HTTPConnectionPool:
    pool = HTTPConnectionPool(reactor, persistent=True)
    pool.maxPersistentPerHost = kept
    pool.cachedConnectionTimeout = _KEPT_S
    # Twisted's own way to ask once more is not for questions with a body.
    pool.retryAutomatically = False
    return pool


@implementer(IAgentEndpointFactory)
@attrs.frozen
class _One:
    """Every request goes to the one endpoint, whatever its URI says."""

    _endpoint: IStreamClientEndpoint

    def endpointForURI(self, uri: URI) -> IStreamClientEndpoint:  # noqa: N802  (Twisted's name)
        """The endpoint."""
        del uri
        return self._endpoint


@implementer(IStreamClientEndpoint)
@attrs.define
class _Dialled:
    """An endpoint that counts how often it was used."""

    _endpoint: IStreamClientEndpoint
    times: int = 0

    def connect(self, protocolFactory: IProtocolFactory) -> "Deferred[IProtocol]":  # noqa: N803
        """Connect."""
        self.times += 1
        return self._endpoint.connect(protocolFactory)


def _ours(failure: Failure) -> Failure:
    """
    Find out what came from us: a cancelled request, a body that can't be read.

    Twisted wraps it like any other end of a connection.
    """
    reasons: list[Failure] = getattr(failure.value, "reasons", [])
    if failure.check(RequestGenerationFailed) is not None:
        return next(iter(reasons), failure)
    if failure.check(ResponseFailed) is None:
        return failure
    return next((reason for reason in reasons if reason.check(CancelledError)), failure)
