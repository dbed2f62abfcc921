"""The body of a request on its way out: read as fast as the other end takes it, and no faster."""

from typing import BinaryIO

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IConsumer
from twisted.python.failure import Failure
from twisted.web.iweb import IBodyProducer
from zope.interface import implementer

_CHUNK_BYTES = 65_536


@implementer(IBodyProducer)
class Outgoing:
    """
    The next bytes of a file, sent once.

    Twisted's `FileBodyProducer` is silent when it is cancelled, so a request with a deadline would
    never end; and it needs a timer, where the transport tells when it has room.

    Args:
        file: Stands at the first byte; whoever opened it closes it, after `stopProducing`.
        length: How many bytes are to be sent; at least 1.
    """

    def __init__(self, file: BinaryIO, length: int) -> None:
        self.length = length
        self._file = file
        self._left = length
        self._consumer: IConsumer | None = None
        self._is_paused = False
        self._is_stopped = False
        self._sent: Deferred[None] = Deferred(lambda _: self.stopProducing())

    def startProducing(self, consumer: IConsumer) -> Deferred[None]:  # noqa: N802  (Twisted's name)
        """
        Write to *consumer*, a chunk whenever it has room.

        Returns:
            Fires when all is written; fails with `OSError` if the file can't be read or is too
            short. Cancelling it ends the writing.
        """
        self._consumer = consumer
        self._go_on()
        return self._sent

    def pauseProducing(self) -> None:  # noqa: N802  (Twisted's name)
        """The consumer has enough for now."""
        self._is_paused = True

    def resumeProducing(self) -> None:  # noqa: N802  (Twisted's name)
        """The consumer has room."""
        self._is_paused = False
        self._go_on()

    def stopProducing(self) -> None:  # noqa: N802  (Twisted's name)
        """Read no more, for good."""
        self._is_stopped = True

    def _go_on(self) -> None:
        while self._consumer is not None and not self._is_paused and not self._is_stopped:
            if not self._left:
                self.stopProducing()
                self._sent.callback(None)
                return
            try:
                chunk = self._read()
            except OSError:
                self.stopProducing()
                self._sent.errback(Failure())
                return
            self._left -= len(chunk)
            self._consumer.write(chunk)

    def _read(self) -> bytes:
        chunk = self._file.read(min(_CHUNK_BYTES, self._left))
        if not chunk:
            raise OSError(f"the file ends {self._left} bytes too early")
        return chunk
