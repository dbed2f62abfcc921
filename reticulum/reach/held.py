"""A connection that is ready before anybody asks for it."""

from collections.abc import Callable
from typing import Any

from twisted.internet.defer import Deferred, execute
from twisted.internet.interfaces import IProtocol, IProtocolFactory, IStreamClientEndpoint
from twisted.internet.protocol import Protocol, connectionDone
from twisted.python.failure import Failure
from zope.interface import implementer

from reticulum.errors import HolderFailed


class Held(Protocol):
    """
    Holds a connection until somebody takes it; passes everything on from then.

    Args:
        lost: Called once, when the connection is gone, or about to be, taken or not.
    """

    transport: Any

    def __init__(self, lost: Callable[["Held"], None]) -> None:
        self._lost = lost
        self._taken: Any = None
        self._is_told = False
        self.is_lost = False

    def take(self, factory: IProtocolFactory) -> IProtocol:
        """
        Give the connection to what *factory* makes.

        Raises:
            HolderFailed: It is gone, or nobody wants it.
        """
        if self.is_lost:
            raise HolderFailed("the connection is gone")
        self._taken = factory.buildProtocol(self.transport.getPeer())
        if self._taken is None:
            self.close()
            raise HolderFailed("nobody wants the connection any more")
        self._taken.makeConnection(_Lent(self, self.transport))
        taken: IProtocol = self._taken
        return taken

    @property
    def is_taken(self) -> bool:
        """Whether somebody uses it."""
        return self._taken is not None

    def close(self) -> None:
        """Close it at once."""
        self.part()
        if not self.is_lost and self.transport is not None:
            self.transport.abortConnection()

    def part(self) -> None:
        """Tell, once, that it is gone: also before it is, as soon as somebody closes it."""
        if not self._is_told:
            self._is_told = True
            self._lost(self)

    def dataReceived(self, data: bytes) -> None:  # noqa: N802  (Twisted's name)
        """Pass on; who speaks without having been asked is hung up on."""
        if self._taken is None:
            self.close()
        else:
            self._taken.dataReceived(data)

    def connectionLost(self, reason: Failure = connectionDone) -> None:  # noqa: N802
        """Tell."""
        self.is_lost = True
        self.part()
        if self._taken is not None:
            self._taken.connectionLost(reason)


class _Lent:
    """The transport of whoever has taken a connection: nobody counts on what he closes."""

    def __init__(self, held: Held, transport: Any) -> None:
        self._held = held
        self._transport = transport

    def __getattr__(self, name: str) -> Any:
        return getattr(self._transport, name)

    def loseConnection(self) -> None:  # noqa: N802  (Twisted's name)
        """Close it."""
        self._held.part()
        self._transport.loseConnection()

    stopProducing = loseConnection  # noqa: N815  (Twisted's name)

    def abortConnection(self) -> None:  # noqa: N802  (Twisted's name)
        """Close it at once."""
        self._held.part()
        self._transport.abortConnection()


@implementer(IStreamClientEndpoint)
class HeldEndpoint:
    """
    Gives one connection that is there already.

    Args:
        held: The connection.
    """

    def __init__(self, held: Held) -> None:
        self._held = held

    def connect(self, protocolFactory: IProtocolFactory) -> "Deferred[IProtocol]":  # noqa: N803
        """Give it."""
        return execute(self._held.take, protocolFactory)
