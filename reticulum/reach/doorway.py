"""What the peer port listens with: TLS of members, and hellos on plain connections."""

from collections import Counter
from collections.abc import Callable
from typing import Any, Final

from twisted.internet.interfaces import IAddress, IDelayedCall, IProtocol, IProtocolFactory
from twisted.internet.protocol import Factory, Protocol, connectionDone
from twisted.logger import Logger
from twisted.python.failure import Failure

from reticulum.model import NodeId
from reticulum.reach.admission import Admission
from reticulum.reach.relay.hello import FIRST_BYTE, HELLO_BYTES, Hello, Kind
from reticulum.reach.relay.judge import Judge

_HANDSHAKE: Final = 0x16
"""First byte of a TLS session (RFC 8446 section 5.1)."""

_log = Logger()


class Doorway(Factory):
    """
    Tells by the first byte what a connection is, and gives it to those who know.

    Whoever has said nothing yet, or no whole hello, is a stranger like those of *admission*: they
    share its bounds, and have its deadline, which begins anew with TLS.

    Args:
        admission: Whose strangers there are beside ours; has the clock and the grid's keys.
        porch: Gets connections that begin with TLS.
        judge: Believes hellos.
        now_ms: Milliseconds since 1970.
        received: Gets a hello that was believed, the transport of it, whose protocol it replaces
            before it returns, and what came behind it.
        knocked: Gets the nonce of a knock, and whose it is.
    """

    noisy = False

    def __init__(
        self,
        admission: Admission,
        porch: IProtocolFactory,
        *,
        judge: Judge,
        now_ms: Callable[[], int],
        received: Callable[[Hello, Any, bytes], None],
        knocked: Callable[[bytes, NodeId], None],
    ) -> None:
        self.admission = admission
        self.porch = porch
        self.received = received
        self.knocked = knocked
        self.callers: set[Caller] = set()
        self.hosts: Counter[str] = Counter()
        self._judge = judge
        self._now_ms = now_ms

    def buildProtocol(self, addr: IAddress | None) -> Any:  # noqa: N802  (Twisted's name)
        """Let one more stranger step up, if there is room."""
        admission, host = self.admission, str(getattr(addr, "host", ""))
        strangers = len(self.callers) + len(admission.strangers)
        of_host = self.hosts[host] + admission.hosts[host]
        if strangers >= admission.max_strangers or of_host >= admission.max_strangers_per_host:
            return None
        return Caller(self, addr, host)

    def judge(self, data: bytes) -> Hello | None:
        """What a hello says, if it is to be believed."""
        return self._judge.judge(data, self.admission.keys(), self._now_ms())

    def hang_up(self) -> None:
        """Send every stranger away who has not said what he wants."""
        for caller in list(self.callers):
            caller.hang_up("the node is stopping")


class Caller(Protocol):
    """One connection until it is clear what it is for."""

    transport: Any

    def __init__(self, doorway: Doorway, address: Any, host: str) -> None:
        self._doorway = doorway
        self._address = address
        self._host = host
        self._received = b""
        self._deadline: IDelayedCall | None = None

    def connectionMade(self) -> None:  # noqa: N802  (Twisted's name)
        """Count in, and start the clock."""
        doorway = self._doorway
        doorway.callers.add(self)
        doorway.hosts[self._host] += 1
        admission = doorway.admission
        self._deadline = admission.clock.callLater(
            admission.deadline_s, self.hang_up, "no hello in time"
        )

    def dataReceived(self, data: bytes) -> None:  # noqa: N802  (Twisted's name)
        """Look at the first byte; of a hello, wait for the rest."""
        self._received += data
        first = self._received[0]
        if first == _HANDSHAKE:
            self._to_porch()
        elif first != FIRST_BYTE:
            self.hang_up("neither TLS nor a hello")
        elif len(self._received) >= HELLO_BYTES:
            self._hear()

    def connectionLost(self, reason: Failure = connectionDone) -> None:  # noqa: N802
        """Count out."""
        del reason
        self._step_off()

    def hang_up(self, why: str) -> None:
        """Close at once, without a word; *why* is for our own log."""
        _log.debug("peer.refused host={host} reason={reason}", host=self._host, reason=why)
        self._step_off()
        self.transport.abortConnection()

    def _to_porch(self) -> None:
        self._step_off()
        protocol: IProtocol | None = self._doorway.porch.buildProtocol(self._address)
        if protocol is None:
            self.transport.abortConnection()
            return
        # From here on the transport speaks with it alone: nothing of ours stays in between.
        self.transport.protocol = protocol
        protocol.makeConnection(self.transport)
        protocol.dataReceived(self._received)

    def _hear(self) -> None:
        doorway = self._doorway
        hello = doorway.judge(self._received[:HELLO_BYTES])
        if hello is None:
            self.hang_up("no good hello")
            return
        self._step_off()
        if hello.kind is Kind.KNOCK:
            self.transport.loseConnection()
            doorway.knocked(hello.nonce, hello.sender)
            return
        doorway.received(hello, self.transport, self._received[HELLO_BYTES:])

    def _step_off(self) -> None:
        doorway = self._doorway
        if self in doorway.callers:
            doorway.callers.remove(self)
            doorway.hosts[self._host] -= 1
            if not doorway.hosts[self._host]:
                del doorway.hosts[self._host]
        if self._deadline is not None and self._deadline.active():
            self._deadline.cancel()
        self._deadline = None
