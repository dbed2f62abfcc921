"""Bytes out of a file into a request, and out of a response into a function."""

from collections.abc import Callable
from typing import Any, BinaryIO

from twisted.internet.defer import Deferred
from twisted.internet.protocol import Protocol, connectionDone
from twisted.internet.task import Cooperator
from twisted.python.failure import Failure
from twisted.web.client import FileBodyProducer, ResponseDone
from twisted.web.http import PotentialDataLoss
from twisted.web.iweb import IResponse


class FileBody(FileBodyProducer):
    """
    A file as the body of a request, read as fast as the connection takes it.

    Args:
        file: At its first byte; closed by whoever opened it.
        cooperator: Schedules the reading.
        sent: Told the length of every piece.
    """

    def __init__(
        self, file: BinaryIO, cooperator: Cooperator, sent: Callable[[int], object]
    ) -> None:
        self._metered = _Metered(file, sent)
        super().__init__(self._metered, cooperator)  # type: ignore[no-untyped-call]  # Twisted's

    @property
    def sent_bytes(self) -> int:
        """How many bytes were handed to the connection."""
        return self._metered.read_bytes

    def stop(self) -> None:
        """Read no further, whether it was begun or not."""
        if hasattr(self, "_task"):
            self.stopProducing()  # type: ignore[no-untyped-call]  # Twisted's


class _Metered:
    def __init__(self, file: BinaryIO, sent: Callable[[int], object]) -> None:
        self.seek = file.seek
        self.tell = file.tell
        self.read_bytes = 0
        self._read = file.read
        self._sent = sent

    def read(self, length: int) -> bytes:
        piece = self._read(length)
        self.read_bytes += len(piece)
        self._sent(len(piece))
        return piece

    def close(self) -> None:
        """Leave the file to its opener."""


def read_body(response: IResponse, write: Callable[[bytes], object]) -> Deferred[int]:
    """
    Give the body of *response* to *write*, in pieces; fires with its length.

    Cancelling the Deferred closes the connection; so does an exception out of *write*, with
    which the Deferred then fails.
    """
    reader = _BodyReader(write)
    response.deliverBody(reader)
    return reader.finished


class _BodyReader(Protocol):
    def __init__(self, write: Callable[[bytes], object]) -> None:
        self._write = write
        self._length = 0
        self._over = False
        self.finished: Deferred[int] = Deferred(self._cancel)

    def dataReceived(self, data: bytes) -> None:  # noqa: N802  (Twisted's name)
        if self._over:
            return
        try:
            self._write(data)
        except Exception:  # noqa: BLE001  (the caller's own: it goes back to the caller)
            self._hang_up()
            self.finished.errback(Failure())
        else:
            self._length += len(data)

    def connectionLost(self, reason: Failure = connectionDone) -> None:  # noqa: N802  (Twisted's)
        if self._over:
            return
        self._over = True
        if reason.check(ResponseDone, PotentialDataLoss):
            self.finished.callback(self._length)
        else:
            self.finished.errback(reason)

    def _cancel(self, _finished: object) -> None:
        self._hang_up()

    def _hang_up(self) -> None:
        self._over = True
        transport: Any = self.transport  # of a response, it is an IPushProducer
        if transport is not None:
            transport.stopProducing()
