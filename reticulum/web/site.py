"""The HTTP server: one site for people, one more on the operator's unix socket."""

from http import HTTPStatus
from typing import Any

from klein.resource import KleinResource
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IAddress, IReactorTime
from twisted.web.http import Request
from twisted.web.resource import Resource
from twisted.web.server import NOT_DONE_YET, Site

from reticulum.web.intake import Intake
from reticulum.web.public import Public
from reticulum.web.requests import IntakeChannel, IntakeRequest
from reticulum.web.responses import SERVER, problem

MAX_PATH_BYTES = 4_096


class _Door(Resource):
    """Turns away what klein cannot route: it answers those with pages and tracebacks of its own."""

    isLeaf = True  # noqa: N815  (Twisted's name)

    def __init__(self, public: Public) -> None:
        super().__init__()  # type: ignore[no-untyped-call]  # Twisted's
        self._public = public
        self._inner = KleinResource(public.app)

    def render(self, request: IntakeRequest) -> object:
        """Answer at once, or pass on a well-formed request."""
        request.responseHeaders.setRawHeaders(b"server", [SERVER])
        reason = _malformed(request)
        if reason is not None:
            return problem(HTTPStatus.BAD_REQUEST, reason).send(request)
        if self._public.answer_at_hand(request):
            return NOT_DONE_YET
        return self._inner.render(request)


def _malformed(request: IntakeRequest) -> str | None:
    if len(request.uri) > MAX_PATH_BYTES:
        return f"the path is longer than {MAX_PATH_BYTES} bytes"
    if not request.path.startswith(b"/"):
        return "the request names no path"
    try:
        text = b"/".join(request.postpath or []).decode()
        host = (request.getHeader(b"host") or b"").decode("ascii")
        request.method.decode("ascii")
    except UnicodeDecodeError:
        return "the path must be UTF-8, the host and the method ASCII"
    if "\0" in text:
        return "the path holds a NUL character"
    if len(host) > 255 or any(c in host for c in " /\\?#@\t"):  # noqa: PLR2004  (RFC 1035: 255)
        return "the Host header names no host"
    return None


class NodeSite(Site):
    """
    A site that knows which requests are under way, so that it can be drained.

    Args:
        public: Routes.
        intake: Where bodies go.
        clock: For deadlines.
        idle_timeout_s: A silent connection is closed after so many seconds.
        max_connections: One more is closed at once.
    """

    noisy = False
    protocol = IntakeChannel  # type: ignore[assignment]  # Twisted's own chooses between HTTP versions

    def __init__(
        self,
        *,
        public: Public,
        intake: Intake,
        clock: IReactorTime,
        idle_timeout_s: float,
        max_connections: int,
    ) -> None:
        super().__init__(  # type: ignore[no-untyped-call]  # Twisted's
            _Door(public),
            requestFactory=IntakeRequest,
            timeout=idle_timeout_s,
            reactor=clock,
            parsePOSTFormSubmission=False,
        )
        self.intake = intake
        self.clock = clock
        self.max_connections = max_connections
        self.draining = False
        self.answered = 0
        self.connections: set[IntakeChannel] = set()
        self._under_way: set[IntakeRequest] = set()
        self._quiet: list[Deferred[None]] = []
        self._gone: list[Deferred[None]] = []

    def log(self, request: Request) -> None:
        """Nothing: an access log is for the front, or for a later setting."""

    def opened(self, channel: IntakeChannel) -> None:
        """Count one more connection."""
        self.connections.add(channel)

    def closed(self, channel: IntakeChannel) -> None:
        """Count one less."""
        self.connections.discard(channel)
        self._tell_gone()

    def began(self, request: IntakeRequest) -> None:
        """Count *request* as under way; while draining, it is its connection's last."""
        self._under_way.add(request)
        if self.draining:
            request.channel.persistent = False
            request.responseHeaders.setRawHeaders(b"connection", [b"close"])

    def ended(self, request: IntakeRequest) -> None:
        """Count *request* as done."""
        if request in self._under_way:
            self._under_way.remove(request)
            self.answered += 1
        if not self._under_way:
            quiet, self._quiet = self._quiet, []
            for waiter in quiet:
                waiter.callback(None)

    @property
    def under_way(self) -> int:
        """Requests begun and not answered."""
        return len(self._under_way)

    def buildProtocol(self, addr: IAddress | None) -> Any:  # noqa: N802  (Twisted's name)
        """Let one more connection in, unless there are too many."""
        if len(self.connections) >= self.max_connections:
            return None
        return super().buildProtocol(addr)  # type: ignore[no-untyped-call]  # Twisted's

    def hang_up(self) -> Deferred[None]:
        """Close every connection at once; fires when all are gone."""
        gone: Deferred[None] = Deferred()
        self._gone.append(gone)
        for connection in list(self.connections):
            connection.abort()
        self._tell_gone()
        return gone

    def _tell_gone(self) -> None:
        if not self.connections:
            gone, self._gone = self._gone, []
            for waiter in gone:
                waiter.callback(None)

    def drain(self) -> Deferred[None]:
        """From now on close after each answer; fires when nothing is under way."""
        self.draining = True
        quiet: Deferred[None] = Deferred()
        if self._under_way:
            self._quiet.append(quiet)
        else:
            quiet.callback(None)
        return quiet
