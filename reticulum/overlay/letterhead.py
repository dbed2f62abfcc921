"""What stands on every message of this node: who speaks, as what, and where it is dialled."""

from typing import Protocol

import attrs

from reticulum.model import NodeId
from reticulum.overlay.messages import Body, Envelope, Find, Found, Message, Ping, Pong
from reticulum.overlay.standing import Standing
from reticulum.overlay.vantage import Vantage


class Stamp(Protocol):
    """Makes a message of what is to be said."""

    def __call__(self, transaction: bytes, body: Body, /) -> Message:
        """Of *body*, about the request with *transaction*."""


@attrs.frozen(kw_only=True)
class Letterhead:
    """
    A `Stamp`.

    A router may pass a port on to a server, and yet let its own datagrams out from another one.
    Who is reached in that way says so: others would dial where the datagrams came from.

    Args:
        own: The id of this node.
        standing: Its role, and its port as others dial it.
        vantage: From which ports others see it send.
    """

    _own: NodeId
    _standing: Standing
    _vantage: Vantage

    def __call__(self, transaction: bytes, body: Body, /) -> Message:
        """See `Stamp`."""
        envelope = Envelope(transaction, self._own, self._standing.server)
        port = self._port()
        if port and isinstance(body, Ping | Pong | Find | Found):
            body = attrs.evolve(body, port=port)
        return Message(envelope, body)

    def _port(self) -> int:
        port = self._standing.port
        is_elsewhere = any(seen != port for seen in self._vantage.ports)
        return port if self._standing.server and is_elsewhere else 0
