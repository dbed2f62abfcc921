"""The dialler's side of the door: a connection that begins when both ends have proved the grid."""

from collections.abc import Callable, Container
from typing import Any, cast

import attrs
from OpenSSL import SSL
from twisted.internet.defer import Deferred
from twisted.internet.endpoints import wrapClientTLS
from twisted.internet.interfaces import (
    IHandshakeListener,
    IProtocol,
    IProtocolFactory,
    IReactorTime,
    IStreamClientEndpoint,
    ITransport,
)
from twisted.internet.protocol import Factory, Protocol, connectionDone
from twisted.python.failure import Failure
from zope.interface import implementer

from reticulum.errors import HolderFailed
from reticulum.model import NodeId
from reticulum.reach.proof import (
    EXPORTER_BYTES,
    EXPORTER_LABEL,
    PROOF_BYTES,
    Session,
    dialler_proof,
    is_listener_proof,
)
from reticulum.reach.tls import NodeTls, other_end


@attrs.frozen(kw_only=True)
class Introduction:
    """
    Who we are, for those we dial.

    Args:
        own_id: Of this node.
        tls: Made from its key.
        key: Asked for each connection: the grid's key for peer HTTP that is in use now.
        clock: For the deadline.
        deadline_s: From the first byte of TCP to the listener's proof.
    """

    own_id: NodeId
    tls: NodeTls
    key: Callable[[], bytes]
    clock: IReactorTime
    deadline_s: float = 5.0
    visits: "set[_Visitor]" = attrs.field(factory=set, init=False, eq=False)
    """Under way now."""

    def leave(self, hosts: Container[str]) -> None:
        """Abort every connection from one of *hosts*, which this machine has no more."""
        for visit in list(self.visits):
            visit.leave(hosts)

    def through(self, pipe: IStreamClientEndpoint, node_id: NodeId) -> "MemberEndpoint":
        """
        Speak with *node_id*, and with nobody else, through *pipe*.

        Args:
            pipe: Any stream of bytes that should end at *node_id*: direct, punched or relayed.
            node_id: Whose key the other end must show.
        """
        return MemberEndpoint(self, pipe, node_id)


@implementer(IStreamClientEndpoint)
@attrs.frozen
class MemberEndpoint:
    """Connects to one node; see `Introduction.through`."""

    _introduction: Introduction
    _pipe: IStreamClientEndpoint
    _node_id: NodeId

    def connect(self, protocolFactory: IProtocolFactory) -> "Deferred[IProtocol]":  # noqa: N803
        """
        Connect, and give the protocol only once the other end has proved to be who we want.

        Returns:
            Fails with what the pipe failed with, or with `HolderFailed`.
        """
        return Deferred.fromCoroutine(self._connect(protocolFactory))

    async def _connect(self, factory: IProtocolFactory) -> IProtocol:
        tls = self._introduction.tls.dialling(self._node_id)
        waiting = Factory.forProtocol(lambda: _Visitor(self._introduction, self._node_id, factory))
        waiting.noisy = False
        visitor: Any = await wrapClientTLS(tls, self._pipe).connect(waiting)
        member: IProtocol = await visitor.admitted
        return member


@implementer(IHandshakeListener)
class _Visitor(Protocol):
    """One connection until the listener has proved itself; from then on it is passed through."""

    transport: Any

    def __init__(
        self, introduction: Introduction, wanted: NodeId, factory: IProtocolFactory
    ) -> None:
        self.admitted: Deferred[IProtocol] = Deferred(lambda _: self._close())
        self._introduction = introduction
        self._wanted = wanted
        self._factory = factory
        self._key = b""
        self._session: Session | None = None
        self._received = b""
        self._member: IProtocol | None = None
        self._abrupt: _Abrupt | None = None
        self._deadline = introduction.clock.callLater(
            introduction.deadline_s, self._give_up, "no proof in time"
        )

    def connectionMade(self) -> None:  # noqa: N802  (Twisted's name)
        """Note it."""
        self._introduction.visits.add(self)

    def leave(self, hosts: Container[str]) -> None:
        """Close at once if this end is at one of *hosts*."""
        if self.transport is not None and self.transport.getHost().host in hosts:
            self.transport.abortConnection()

    def handshakeCompleted(self) -> None:  # noqa: N802  (Twisted's name)
        """Prove that we are of the grid."""
        connection: SSL.Connection = self.transport.getHandle()
        if other_end(connection) != self._wanted:
            self._give_up("another node answers there")
            return
        self._key = self._introduction.key()
        exported = connection.export_keying_material(EXPORTER_LABEL, EXPORTER_BYTES)
        self._session = Session(
            exported=exported, dialler=self._introduction.own_id, listener=self._wanted
        )
        self.transport.write(dialler_proof(self._key, self._session))

    def dataReceived(self, data: bytes) -> None:  # noqa: N802  (Twisted's name)
        """Take the listener's proof; from then on, pass on what it says."""
        if self._member is not None:
            self._member.dataReceived(data)
            return
        self._received += data[: PROOF_BYTES + 1]
        if self._session is None or len(self._received) < PROOF_BYTES:
            return
        if not is_listener_proof(self._received, self._key, self._session):
            self._give_up("it is not of this grid")
            return
        self._deadline.cancel()
        self._member = self._factory.buildProtocol(self.transport.getPeer())
        if self._member is None:
            self._give_up("nobody wants the connection any more")
            return
        self._abrupt = _Abrupt(self.transport)
        self._member.makeConnection(cast("ITransport", self._abrupt))
        self.admitted.callback(self._member)

    def connectionLost(self, reason: Failure = connectionDone) -> None:  # noqa: N802
        """Tell whoever waits, or whoever is connected."""
        self._introduction.visits.discard(self)
        if self._abrupt is not None:
            self._abrupt.is_lost = True
        if self._member is not None:
            self._member.connectionLost(reason)
        else:
            self.transport = None
            self._give_up(f"no introduction: {_said(reason)}")

    def _give_up(self, why: str) -> None:
        self._close()
        if not self.admitted.called:
            self.admitted.errback(HolderFailed(f"node {self._wanted}: {why}"))

    def _close(self) -> None:
        if self._deadline.active():
            self._deadline.cancel()
        if self.transport is not None:
            self.transport.abortConnection()


class _Abrupt:
    """
    A transport that closes at once: who only asks has nothing left to send.

    To part with TLS's own farewell is to wait for the other end, which may be stopped.
    """

    def __init__(self, transport: Any) -> None:
        self._transport = transport
        self.is_lost = False

    def __getattr__(self, name: str) -> Any:
        return getattr(self._transport, name)

    def loseConnection(self) -> None:  # noqa: N802  (Twisted's name)
        """Close at once, unless it is closed: a pool closes also what broke while it lay there."""
        if not self.is_lost:
            self._transport.abortConnection()

    stopProducing = loseConnection  # noqa: N815  (Twisted's name)


def _said(reason: Failure) -> str:
    """The text of a lost connection; OpenSSL's is a list of triples."""
    error: Any = reason.value
    if reason.check(SSL.Error) and error.args and error.args[0]:
        return str(error.args[0][0][-1])
    return str(reason.getErrorMessage())
