"""The listener's door: only members of the grid get to speak with what is behind it."""

from collections import Counter
from collections.abc import Callable, Container, Sequence
from typing import Any

from OpenSSL import SSL
from twisted.internet.interfaces import (
    IAddress,
    IDelayedCall,
    IHandshakeListener,
    IProtocol,
    IProtocolFactory,
    IReactorTime,
)
from twisted.internet.protocol import Factory, Protocol, connectionDone
from twisted.logger import Logger
from twisted.protocols.tls import TLSMemoryBIOFactory
from twisted.python.failure import Failure
from zope.interface import implementer

from reticulum.model import NodeId
from reticulum.reach.proof import (
    EXPORTER_BYTES,
    EXPORTER_LABEL,
    PROOF_BYTES,
    Session,
    key_proved,
    listener_proof,
)
from reticulum.reach.tls import NodeTls, other_end

_log = Logger()


class Admission(Factory):
    """
    Lets members through to *inside*, each on a connection whose other end has shown its node key
    and proved the grid's secret; everybody else is hung up on without a word.

    Args:
        inside: Speaks with members.
        own_id: Of this node.
        keys: Asked for each proof: the grid's keys for peer HTTP that are accepted now.
        clock: For the deadline.
        deadline_s: From the first byte of TCP to the proof.
        max_strangers: Connections without a proof yet, at once.
        max_strangers_per_host: The same, from one address.
        max_per_node: Connections of one member, at once.
    """

    noisy = False

    def __init__(
        self,
        inside: IProtocolFactory,
        *,
        own_id: NodeId,
        keys: Callable[[], Sequence[bytes]],
        clock: IReactorTime,
        deadline_s: float = 10.0,
        max_strangers: int = 256,
        max_strangers_per_host: int = 64,
        max_per_node: int = 32,
    ) -> None:
        self.inside = inside
        self.own_id = own_id
        self.keys = keys
        self.clock = clock
        self.deadline_s = deadline_s
        self.max_strangers = max_strangers
        self.max_strangers_per_host = max_strangers_per_host
        self.max_per_node = max_per_node
        self.strangers: set[Doorstep] = set()
        self.hosts: Counter[str] = Counter()
        self.nodes: Counter[NodeId] = Counter()
        self.members: set[Doorstep] = set()

    def has_room(self, address: Any) -> bool:
        """Whether one more stranger may step up, from *address*."""
        if len(self.strangers) >= self.max_strangers:
            return False
        return self.hosts[_host(address)] < self.max_strangers_per_host

    def buildProtocol(self, addr: IAddress | None) -> Any:  # noqa: N802  (Twisted's name)
        """Let one more stranger step up."""
        return Doorstep(self, addr, _host(addr))

    def hang_up(self) -> None:
        """Send every stranger away; members are for *inside* to send."""
        for stranger in list(self.strangers):
            stranger.hang_up("the node is stopping")

    def leave(self, hosts: Container[str]) -> None:
        """Abort every member's connection to one of *hosts*, which this machine has no more."""
        for member in list(self.members):
            member.leave(hosts)


class Porch(Factory):
    """
    What to listen with on a stream that nobody has spoken on: room, then TLS, then *admission*.

    Args:
        admission: To whom TLS leads.
        tls: Of this node.
    """

    noisy = False

    def __init__(self, admission: Admission, tls: NodeTls) -> None:
        self._admission = admission
        self._tls = TLSMemoryBIOFactory(
            tls.listening(), isClient=False, wrappedFactory=admission, clock=admission.clock
        )

    def buildProtocol(self, addr: IAddress | None) -> Any:  # noqa: N802  (Twisted's name)
        """Begin a TLS session, unless there is no room: that costs a stranger more than us."""
        if not self._admission.has_room(addr):
            return None
        return self._tls.buildProtocol(addr)


@implementer(IHandshakeListener)
class Doorstep(Protocol):
    """One connection: a stranger's until the proof is here, then passed on as it is."""

    transport: Any

    def __init__(self, admission: Admission, address: Any, host: str) -> None:
        self._admission = admission
        self._address = address
        self._host = host
        self._received = b""
        self._session: Session | None = None
        self._member: IProtocol | None = None
        self._deadline: IDelayedCall | None = None

    def connectionMade(self) -> None:  # noqa: N802  (Twisted's name)
        """Count in, and start the clock."""
        admission = self._admission
        admission.strangers.add(self)
        admission.hosts[self._host] += 1
        self._deadline = admission.clock.callLater(
            admission.deadline_s, self.hang_up, "no proof in time"
        )

    def handshakeCompleted(self) -> None:  # noqa: N802  (Twisted's name)
        """Learn who it is."""
        connection: SSL.Connection = self.transport.getHandle()
        dialler = other_end(connection)
        if dialler is None:
            self.hang_up("no node key")
            return
        exported = connection.export_keying_material(EXPORTER_LABEL, EXPORTER_BYTES)
        self._session = Session(exported=exported, dialler=dialler, listener=self._admission.own_id)

    def dataReceived(self, data: bytes) -> None:  # noqa: N802  (Twisted's name)
        """Pass on what a member says; take a stranger's proof, and not a byte more."""
        if self._member is not None:
            self._member.dataReceived(data)
            return
        self._received += data[: PROOF_BYTES + 1]
        if len(self._received) > PROOF_BYTES:
            self.hang_up("more than a proof")
        elif len(self._received) == PROOF_BYTES:
            self._judge()

    def _judge(self) -> None:
        admission, session = self._admission, self._session
        if session is None:
            return
        key = key_proved(self._received, admission.keys(), session)
        if key is None:
            self.hang_up("not of this grid")
            return
        if admission.nodes[session.dialler] >= admission.max_per_node:
            self.hang_up("too many connections")
            return
        member = admission.inside.buildProtocol(self._address)
        if member is None:
            self.hang_up("too many members")
            return
        self._step_off()
        admission.nodes[session.dialler] += 1
        admission.members.add(self)
        self._member = member
        self.transport.write(listener_proof(key, session))
        member.makeConnection(self.transport)

    def connectionLost(self, reason: Failure = connectionDone) -> None:  # noqa: N802
        """Count out."""
        self._step_off()
        if self._member is not None and self._session is not None:
            self._admission.members.discard(self)
            nodes = self._admission.nodes
            nodes[self._session.dialler] -= 1
            nodes += Counter()  # drops what is zero
            self._member.connectionLost(reason)

    def leave(self, hosts: Container[str]) -> None:
        """Close at once if this end is at one of *hosts*."""
        if self.transport.getHost().host in hosts:
            self.transport.abortConnection()

    def hang_up(self, why: str) -> None:
        """Close at once, without a word; *why* is for our own log."""
        _log.debug(
            "peer.refused host={host} node={node} reason={reason}",
            host=self._host,
            node=str(self._session.dialler) if self._session else "unknown",
            reason=why,
        )
        self.transport.abortConnection()

    def _step_off(self) -> None:
        admission = self._admission
        if self in admission.strangers:
            admission.strangers.remove(self)
            admission.hosts[self._host] -= 1
            admission.hosts += Counter()
        if self._deadline is not None and self._deadline.active():
            self._deadline.cancel()
        self._deadline = None


def _host(address: Any) -> str:
    return str(getattr(address, "host", ""))
