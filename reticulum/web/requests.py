"""Requests whose bodies go where they belong as they arrive, and that can be refused half-way."""

from http import HTTPStatus
from typing import Protocol, cast

from twisted.internet.interfaces import IDelayedCall, IReactorTime, ITCPTransport
from twisted.internet.protocol import connectionDone
from twisted.python.failure import Failure
from twisted.web import server
from twisted.web.http import HTTPChannel, datetimeToString

from reticulum.errors import OutOfTime, ReticulumError
from reticulum.web.bodies import Body, NoBody
from reticulum.web.responses import SERVER, Answer, refusal

# How long a refused client may go on sending: one that reads only after its last byte still
# gets to see the refusal, as with nginx's lingering_close.
LINGER_S = 10.0


class Intakes(Protocol):
    """Decides at a request's headers what its body may be; `Intake` for people."""

    def body(self, request: server.Request, length: int | None) -> Body:
        """The place for the body of *request*; raises a `ReticulumError` if it is not wanted."""

    def seconds(self, length: int | None) -> float:
        """How long a body of *length* bytes may take; None if that is not known."""

    def opened(self) -> None:
        """Count one more body under way."""

    def closed(self) -> None:
        """Count one less."""


class RequestSite(Protocol):
    """What an `IntakeRequest` asks of the site it came in by."""

    intake: Intakes
    clock: IReactorTime
    head_deadline_s: float

    def opened(self, channel: "IntakeChannel") -> None:
        """Count one more connection."""

    def closed(self, channel: "IntakeChannel") -> None:
        """Count one less."""

    def began(self, request: "IntakeRequest") -> None:
        """Count *request* as under way."""

    def ended(self, request: "IntakeRequest") -> None:
        """Count *request* as done; may be told so more than once."""


class IntakeChannel(HTTPChannel):
    """A connection that its site knows of; plain HTTP/1.1, as there is no TLS to negotiate more."""

    site: RequestSite
    _in_head = True
    _head_deadline: IDelayedCall | None = None

    def connectionMade(self) -> None:  # noqa: N802  (Twisted's name)
        """Count in."""
        self.site.opened(self)
        super().connectionMade()  # type: ignore[no-untyped-call]  # Twisted's

    def connectionLost(self, reason: Failure = connectionDone) -> None:  # noqa: N802
        """Count out."""
        self._stop_head_deadline()
        super().connectionLost(reason)  # type: ignore[no-untyped-call]  # Twisted's
        self.site.closed(self)

    def dataReceived(self, data: bytes) -> None:  # noqa: N802  (Twisted's name)
        """
        Parse, with a deadline for the head of a request.

        Twisted's own timeout begins anew with every byte, so one byte now and then would keep a
        connection for ever.
        """
        super().dataReceived(data)  # type: ignore[no-untyped-call]  # Twisted's
        is_partial = self._in_head and (self.requests or self._buffer)
        if is_partial and self._head_deadline is None:
            self._head_deadline = self.site.clock.callLater(self.site.head_deadline_s, self.abort)

    def head_complete(self) -> None:
        """The head of a request is here; told by the request."""
        self._in_head = False
        self._stop_head_deadline()

    def requestDone(self, request: server.Request) -> None:  # noqa: N802  (Twisted's name)
        """Wait for the head of the next one."""
        self._in_head = True
        super().requestDone(request)  # type: ignore[no-untyped-call]  # Twisted's

    def _stop_head_deadline(self) -> None:
        if self._head_deadline is not None and self._head_deadline.active():
            self._head_deadline.cancel()
        self._head_deadline = None

    def close_after_answer(self) -> None:
        """Close after the answer under way, or at once if there is none."""
        self.persistent = False
        for request in self.requests:
            if not request.startedWriting:
                request.responseHeaders.setRawHeaders(b"connection", [b"close"])
        if not self.requests:
            self.loseConnection()  # type: ignore[no-untyped-call]  # Twisted's

    def abort(self) -> None:
        """Close at once, whatever is still to be sent."""
        self._stop_head_deadline()
        cast("ITCPTransport", self.transport).abortConnection()


class IntakeRequest(server.Request):
    """
    A request that hands its body on as it arrives.

    Twisted calls a resource only when the whole body is here; until then it would keep it all in
    a file of its own. `gotLength` and `handleContentChunk` are where a body can be met earlier.
    """

    defaultContentType = None  # noqa: N815  (Twisted's name)
    channel: IntakeChannel
    body: Body = NoBody()  # until the headers are read, which may never come
    _refused = False
    _counted = False
    _timer: IDelayedCall | None = None

    def gotLength(self, length: int | None) -> None:  # noqa: N802  (Twisted's name)
        """Meet the body: all headers are here, not a byte of the content."""
        channel = self.channel
        channel.head_complete()
        # Twisted tells a request its method and path only after the body; the channel has them.
        self.method, self.uri = channel._command, channel._path  # noqa: SLF001
        self.path = self.uri.partition(b"?")[0]
        channel.site.began(self)
        self.body = NoBody()
        self.content = _Content(self)
        try:
            self.body = channel.site.intake.body(self, length)
        except ReticulumError as error:
            self._refuse(error)
            return
        if not isinstance(self.body, NoBody):
            channel.site.intake.opened()
            self._counted = True
            self._timer = channel.site.clock.callLater(
                channel.site.intake.seconds(length),
                self._refuse,
                OutOfTime("the upload took too long"),
            )

    def handleContentChunk(self, data: bytes) -> None:  # noqa: N802  (Twisted's name)
        """Pass *data* to the body, unless it was refused."""
        if self._refused:
            return
        try:
            self.body.write(data)
        except ReticulumError as error:
            self._refuse(error)

    def requestReceived(self, command: bytes, path: bytes, version: bytes) -> None:  # noqa: N802
        """Go on to the resource, now that the body is whole."""
        self._stop_timer()
        if self._refused:
            # The answer is out already, and it promised to close.
            self.channel.loseConnection()  # type: ignore[no-untyped-call]  # Twisted's
            return
        super().requestReceived(command, path, version)  # type: ignore[no-untyped-call]  # Twisted's

    def finish(self) -> None:
        """Count the request as answered."""
        site = self.channel.site
        super().finish()  # type: ignore[no-untyped-call]  # Twisted's
        self._end(site)

    def connectionLost(self, reason: Failure) -> None:  # noqa: N802  (Twisted's name)
        """Leave nothing behind: the timer, the temporary file, the count."""
        site = self.channel.site
        super().connectionLost(reason)  # type: ignore[no-untyped-call]  # Twisted's
        self._end(site)

    def _end(self, site: RequestSite) -> None:
        self._stop_timer()
        self._close_body(site.intake)
        site.ended(self)

    def _close_body(self, intake: Intakes) -> None:
        self.body.close()
        if self._counted:
            self._counted = False
            intake.closed()

    def _stop_timer(self) -> None:
        if self._timer is not None and self._timer.active():
            self._timer.cancel()
        self._timer = None

    def _refuse(self, error: ReticulumError) -> None:
        """Answer now, and close once the client has had time to read it."""
        answer = refusal(error)
        if answer is None:
            raise error
        channel = self.channel
        self._refused = True
        self._stop_timer()
        self._close_body(channel.site.intake)
        # With no `Expect` left, Twisted does not ask the client to go on.
        self.requestHeaders.removeHeader("expect")
        # Past the Request: to Twisted, a request whose body is not here has not begun.
        channel.write(_head(answer) + answer.body)  # type: ignore[no-untyped-call]  # Twisted's
        self._timer = channel.site.clock.callLater(LINGER_S, channel.abort)


class _Content:
    """What `Request` wants of a body in a file; it asks only for its size and its start."""

    def __init__(self, request: IntakeRequest) -> None:
        self._request = request

    def tell(self) -> int:
        return 0

    def seek(self, offset: int, whence: int = 0) -> None:
        del offset, whence

    def close(self) -> None:
        self._request.body.close()


def _head(answer: Answer) -> bytes:
    headers = {
        b"server": SERVER,
        b"date": datetimeToString(),
        **answer.headers,
        b"content-length": b"%d" % len(answer.body),
        b"connection": b"close",
    }
    status = HTTPStatus(answer.status)
    lines = [b"HTTP/1.1 %d %s" % (status, status.phrase.encode())]
    lines += [b"%s: %s" % item for item in headers.items()]
    return b"\r\n".join(lines) + b"\r\n\r\n"
