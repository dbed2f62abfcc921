"""From what a person said to a client: over TCP, over TLS, or over a node's control socket."""

import os
from pathlib import Path
from typing import Any

import attrs
from twisted.internet.endpoints import UNIXClientEndpoint
from twisted.internet.interfaces import IStreamClientEndpoint
from twisted.web.client import URI, Agent, HTTPConnectionPool
from twisted.web.iweb import IAgentEndpointFactory
from zope.interface import implementer

from reticulum.cli.node import Unreachable
from reticulum.cli.node_client import NodeClient
from reticulum.cli.target import Target
from reticulum.settings.names import CONTROL_NAME

CONNECT_S = 10
# sockaddr_un has 108 bytes for the path and its closing NUL.
_MAX_SOCKET_PATH_BYTES = 107
# At least as many as `put` has uploads under way.
_MAX_IDLE_CONNECTIONS = 64
# Shorter than any server's: an upload must not begin on a connection that is being closed.
_KEEP_S = 4


@attrs.frozen
class Connection:
    """
    A client and what it holds open.

    Args:
        node: To talk with.
    """

    node: NodeClient
    _pool: HTTPConnectionPool

    async def close(self) -> None:
        """Close the connections kept for a next request."""
        await self._pool.closeCachedConnections()


def connect(target: Target, reactor: Any) -> Connection:
    """
    A client for the node at *target*; nothing is sent yet.

    Raises:
        Unreachable: There is no control socket in the data directory.
    """
    pool = HTTPConnectionPool(reactor, persistent=True)
    pool.maxPersistentPerHost = _MAX_IDLE_CONNECTIONS
    pool.cachedConnectionTimeout = _KEEP_S
    if target.data is None:
        agent = Agent(reactor, connectTimeout=CONNECT_S, pool=pool)
        client = NodeClient(
            agent=agent, root=target.url, name=target.url, key=target.key, clock=reactor
        )
        return Connection(client, pool)
    path = _control_socket(target.data)
    agent = Agent.usingEndpointFactory(reactor, _OneSocket(reactor, path), pool)
    client = NodeClient(agent=agent, root="http://localhost", name=str(path), clock=reactor)
    return Connection(client, pool)


@implementer(IAgentEndpointFactory)
@attrs.frozen
class _OneSocket:
    """Leads every URL to one unix socket."""

    _reactor: Any
    _path: Path

    def endpointForURI(self, uri: URI) -> IStreamClientEndpoint:  # noqa: N802  (Twisted's name)
        del uri
        return UNIXClientEndpoint(self._reactor, str(self._path), timeout=CONNECT_S)


def _control_socket(data: Path) -> Path:
    path = data.absolute() / CONTROL_NAME
    if len(os.fsencode(path)) > _MAX_SOCKET_PATH_BYTES:
        raise Unreachable(
            f"{path} is too long a path for a socket, so the node has none; use --node URL"
        )
    try:
        there = path.is_socket()
    except OSError as error:
        raise Unreachable(f"can't look for {path}: {error.strerror}") from None
    if not there:
        raise Unreachable(
            f"no node runs on {data}: {path} is not there; start one with "
            f"'twistd -n reticulum --data {data}'"
        )
    return path
