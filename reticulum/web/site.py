"""The HTTP server: a site for people, one on the operator's unix socket, one for other nodes."""

from http import HTTPStatus
from typing import Any, Protocol

from klein.resource import KleinResource
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IAddress, IReactorTime
from twisted.web.http import Request
from twisted.web.resource import Resource
from twisted.web.server import NOT_DONE_YET, Site

from reticulum.web.requests import IntakeChannel, IntakeRequest, Intakes
from reticulum.web.responses import SERVER, problem

MAX_PATH_BYTES = 4_096
MAX_HOST_CHARACTERS = 255  # RFC 1035 section 2.3.4
_NO_HOST = frozenset(" /\\?#@\t")


class Routes(Protocol):
    """Klein routes, and a way past them."""

    @property
    def app(self) -> Any:
        """The routes."""

    def answer_at_hand(self, request: IntakeRequest) -> bool:
        """Answer at once what takes no routing; returns whether it was answered."""


class _Door(Resource):
    """Turns away what klein cannot route: it answers those with pages and tracebacks of its own."""

    isLeaf = True  # noqa: N815  (Twisted's name)

    def __init__(self, routes: Routes) -> None:
        super().__init__()  # type: ignore[no-untyped-call]  # Twisted's
        self._routes = routes
        self._inner = KleinResource(routes.app)

    def render(self, request: IntakeRequest) -> object:
        """Answer at once, or pass on a well-formed request."""
        request.responseHeaders.setRawHeaders(b"server", [SERVER])
        reason = _malformed(request)
        if reason is not None:
            return problem(HTTPStatus.BAD_REQUEST, reason).send(request)
        if self._routes.answer_at_hand(request):
            return NOT_DONE_YET
        return self._inner.render(request)


def _malformed(request: IntakeRequest) -> str | None:
    """What is wrong with the frame of a request, or None: the first of the rules that it breaks."""
    hosts = request.requestHeaders.getRawHeaders(b"host", [])
    try:
        path = b"/".join(request.postpath or []).decode()
        host = hosts[0].decode("ascii") if hosts else ""
        method = request.method.decode("ascii")
    except UnicodeDecodeError:
        return "the path must be UTF-8, the host and the method ASCII"
    rules = (
        (len(request.uri) > MAX_PATH_BYTES, f"the path is longer than {MAX_PATH_BYTES} bytes"),
        (not request.path.startswith(b"/"), "the request names no path"),
        (method != method.upper(), "methods are written in capitals (RFC 9110 section 9.1)"),
        ("\0" in path, "the path holds a NUL character"),
        (
            len(hosts) != 1 and request.clientproto == b"HTTP/1.1",
            "HTTP/1.1 wants one Host header (RFC 9112 section 3.2)",
        ),
        (
            len(host) > MAX_HOST_CHARACTERS or not _NO_HOST.isdisjoint(host),
            "the Host header names no host",
        ),
    )
    return next((reason for is_broken, reason in rules if is_broken), None)


class NodeSite(Site):
    """
    A site that knows which requests are under way, so that it can be drained.

    Args:
        public: What it answers with.
        intake: Where bodies go.
        clock: For deadlines.
        idle_timeout_s: A silent connection is closed after so many seconds, and so is one whose
            request's head is not whole by then.
        max_connections: One more is closed at once.
    """

    noisy = False
    protocol = IntakeChannel  # type: ignore[assignment]  # Twisted's own chooses between HTTP versions

    def __init__(
        self,
        *,
        public: Routes,
        intake: Intakes,
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
        self.head_deadline_s = idle_timeout_s
        self.max_connections = max_connections
        self.draining = False
        self.answered = 0
        self.connections: set[IntakeChannel] = set()
        self._under_way: set[IntakeRequest] = set()
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
            request.channel.close_after_answer()

    def ended(self, request: IntakeRequest) -> None:
        """Count *request* as done."""
        if request in self._under_way:
            self._under_way.remove(request)
            self.answered += 1
            self._close_if_quiet()

    @property
    def under_way(self) -> int:
        """Requests begun and not answered."""
        return len(self._under_way)

    def buildProtocol(self, addr: IAddress | None) -> Any:  # noqa: N802  (Twisted's name)
        """Let one more connection in, unless there are too many."""
        if len(self.connections) >= self.max_connections:
            return None
        return super().buildProtocol(addr)  # type: ignore[no-untyped-call]  # Twisted's

    def hang_up(self) -> None:
        """Close every connection at once, whatever is still to be sent."""
        for connection in list(self.connections):
            connection.abort()

    def _tell_gone(self) -> None:
        if not self.connections:
            gone, self._gone = self._gone, []
            for waiter in gone:
                waiter.callback(None)

    def drain(self) -> Deferred[None]:
        """
        Let what is under way be answered, all of it, and each connection close after that.

        Silent connections stay until nothing is under way any more: a load balancer that keeps
        one open may still ask whether the node is ready, and hears that it is not.

        Returns:
            Fires when no connection is left.
        """
        self.draining = True
        for request in self._under_way:
            request.channel.close_after_answer()
        gone: Deferred[None] = Deferred()
        self._gone.append(gone)
        self._close_if_quiet()
        self._tell_gone()
        return gone

    def _close_if_quiet(self) -> None:
        if self.draining and not self._under_way:
            for connection in list(self.connections):
                connection.close_after_answer()
