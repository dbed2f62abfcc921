"""Two connections made one: what arrives on either goes out on the other, unread."""

from collections.abc import Callable
from typing import Any

from twisted.internet.interfaces import IDelayedCall, IPushProducer, IReactorTime
from twisted.internet.protocol import Protocol, connectionDone
from twisted.python.failure import Failure
from zope.interface import implementer

from reticulum.reach.relay.accounts import Account
from reticulum.reach.relay.limits import LEAST_AT_ONCE, MOST_AT_ONCE, READS_PER_S, Limits


class Splice:
    """
    A circuit while bytes go through it.

    Memory is bounded: whoever sends faster than the other end takes, or than his account allows,
    is not read from. When one end closes, the other gets what was sent before, and then the same;
    what it sends itself meanwhile is thrown away, since a socket closed over unread bytes loses
    those which it was to send.

    Args:
        dialler: The transport of whoever dialled.
        node: The transport of a spare.
        account: Pays.
        clock: For time.
        ended: Called once, when both ends are gone.
    """

    __slots__ = (
        "_account",
        "_began_at",
        "_clock",
        "_closing_at",
        "_ended",
        "_ends",
        "_window_at",
        "_window_from",
        "moved",
    )

    def __init__(
        self,
        dialler: Any,
        node: Any,
        *,
        account: Account,
        clock: IReactorTime,
        ended: Callable[["Splice"], None],
    ) -> None:
        self.moved = 0
        self._account = account
        self._clock = clock
        self._ended = ended
        self._began_at = self._window_at = clock.seconds()
        self._window_from = 0
        self._closing_at: float | None = None
        here, there = _End(self, dialler, clock), _End(self, node, clock)
        self._ends = [here, there]
        here.meet(there)
        there.meet(here)

    def start(self, from_dialler: bytes, from_node: bytes) -> None:
        """Begin with what has arrived already."""
        dialler, node = self._ends
        for end, early in ((dialler, from_dialler), (node, from_node)):
            if early:
                end.dataReceived(early)
            end.resume()

    def passed(self, amount: int) -> float:
        """Count bytes; gives the seconds until more may be read."""
        self.moved += amount
        return self._account.pay(amount)

    def at_once(self) -> int:
        """How many bytes to read, and to hold for an end that does not take them."""
        share = self._account.bytes_per_s // READS_PER_S
        return max(LEAST_AT_ONCE, min(share, MOST_AT_ONCE))

    def lost(self, end: "_End") -> None:
        """One end is gone."""
        self._ends.remove(end)
        if not self._ends:
            self._ended(self)
            return
        self._closing_at = self._clock.seconds()
        self._ends[0].finish()

    def overdue(self, now: float, limits: Limits) -> str | None:
        """Why it should be hung up on *now*, if it should."""
        if self._closing_at is not None:
            return "not read to its end" if now - self._closing_at >= limits.flush_s else None
        if now - self._began_at >= limits.longest_s:
            return "too long"
        if now - self._window_at >= limits.trickle_s:
            moved = self.moved - self._window_from
            self._window_at, self._window_from = now, self.moved
            if moved < limits.trickle_bytes:
                return "trickles"
        return None

    def hang_up(self) -> None:
        """Close both ends at once."""
        for end in list(self._ends):
            end.abort()


@implementer(IPushProducer)
class _End(Protocol):
    """One end: reads from its own transport, and writes to that of the other one."""

    transport: Any

    def __init__(self, splice: Splice, transport: Any, clock: IReactorTime) -> None:
        self.transport = transport
        self._splice = splice
        self._clock = clock
        self._to: Any = None
        self._is_full = False
        self._hold: IDelayedCall | None = None

    def meet(self, other: "_End") -> None:
        """Become the one who reads from our transport, for *other*'s."""
        self._to = other.transport
        self.transport.setTcpNoDelay(True)
        self.transport.bufferSize = self._splice.at_once()
        self.transport.protocol = self
        self._to.registerProducer(self, True)

    def dataReceived(self, data: bytes) -> None:  # noqa: N802  (Twisted's name)
        """Pass on, and pay; a transport that is lost throws away what it gets."""
        self._to.write(data)
        wait = self._splice.passed(len(data))
        if wait and self._hold is None:
            self.transport.pauseProducing()
            self._hold = self._clock.callLater(wait, self._let_go)

    def connectionLost(self, reason: Failure = connectionDone) -> None:  # noqa: N802
        """Tell."""
        del reason
        if self._hold is not None:
            self._hold.cancel()
        self._splice.lost(self)

    def pauseProducing(self) -> None:  # noqa: N802  (Twisted's name)
        """The other end has enough for now."""
        self._is_full = True
        self.transport.pauseProducing()

    def resumeProducing(self) -> None:  # noqa: N802  (Twisted's name)
        """The other end has room."""
        self._is_full = False
        self.resume()

    def stopProducing(self) -> None:  # noqa: N802  (Twisted's name)
        """The other end is lost; it says so itself."""

    def resume(self) -> None:
        """Read, unless there is a reason not to."""
        if not self._is_full and self._hold is None:
            self.transport.resumeProducing()

    def finish(self) -> None:
        """The other end is gone: send what it has sent, and say that there is no more."""
        self.transport.unregisterProducer()
        self.transport.loseWriteConnection()
        self.resumeProducing()

    def abort(self) -> None:
        """Close at once."""
        self.transport.abortConnection()

    def _let_go(self) -> None:
        self._hold = None
        self.resume()
