"""The answer of a peer as it arrives: bounded in bytes and in time."""

from io import BytesIO
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.defer import TimeoutError as DeferredTimeoutError
from twisted.internet.interfaces import IReactorTime
from twisted.internet.protocol import Protocol, connectionDone
from twisted.python.failure import Failure
from twisted.web.client import ResponseDone
from twisted.web.iweb import UNKNOWN_LENGTH

from reticulum.errors import BrokenOff, HolderFailed, HolderLied
from reticulum.interfaces import Sink

# Longer than any network stands still, short enough to ask another holder.
_FIRST_BYTES_S = 10.0
SLOWEST_BYTES_PER_S = 50_000
"""Between two nodes; who is slower is given up."""
_MAX_TEXT_BYTES = 4_096


class Delivery:
    """
    One answer: its head is here, its body is still to come, and is either taken or dropped.

    Args:
        response: Of treq, unbuffered.
        clock: For deadlines.
    """

    def __init__(self, response: Any, clock: IReactorTime) -> None:
        self._response = response
        self._clock = clock
        self._is_met = False
        self.code: int = response.code
        # Unknown for a chunked body and for a compressed one; our nodes send neither.
        self.has_length = response.length is not UNKNOWN_LENGTH
        self.length: int = response.length if self.has_length else 0

    def header(self, name: str) -> str:
        """The value of a header; empty if it is not there once."""
        values = self._response.headers.getRawHeaders(name.encode(), [])
        return values[0].decode("latin-1") if len(values) == 1 else ""

    async def into(self, sink: Sink) -> None:
        """
        Write the whole body to *sink*.

        Raises:
            HolderFailed: It broke off or trickles.
            NoSpace: As *sink* raised it.
        """
        self._is_met = True
        body = _Body(sink)
        self._response.deliverBody(body)
        seconds = _FIRST_BYTES_S + self.length / SLOWEST_BYTES_PER_S
        try:
            await body.done.addTimeout(seconds, self._clock)
        except DeferredTimeoutError:
            raise HolderFailed(f"its answer took longer than {seconds:.0f} s") from None

    async def text(self, most: int = _MAX_TEXT_BYTES) -> bytes:
        """
        The whole body, if it has at most so many bytes.

        Raises:
            HolderFailed: It broke off or trickles.
            HolderLied: It is too long for what it should be.
        """
        if self.length > most:
            raise HolderLied(f"its answer has {self.length} bytes")
        buffer = BytesIO()
        await self.into(buffer)
        return buffer.getvalue()

    def drop(self) -> None:
        """Close the connection if nobody has met the body."""
        if not self._is_met:
            self._is_met = True
            self._response.deliverBody(_Dropped())


class _Body(Protocol):
    transport: Any

    def __init__(self, sink: Sink) -> None:
        self.done: Deferred[None] = Deferred(lambda _: self._close())
        self._sink = sink

    def dataReceived(self, data: bytes) -> None:  # noqa: N802  (Twisted's name)
        if self.done.called:
            return
        try:
            self._sink.write(data)
        except Exception:  # noqa: BLE001  (it is for whoever waits, not for the reactor)
            self.done.errback(Failure())
            self._close()

    def connectionLost(self, reason: Failure = connectionDone) -> None:  # noqa: N802
        if self.done.called:
            return
        if reason.check(ResponseDone):
            self.done.callback(None)
        else:
            self.done.errback(BrokenOff("the answer broke off"))

    def _close(self) -> None:
        if self.transport is not None:
            self.transport.loseConnection()


class _Dropped(Protocol):
    transport: Any

    def connectionMade(self) -> None:  # noqa: N802  (Twisted's name)
        self.transport.loseConnection()
