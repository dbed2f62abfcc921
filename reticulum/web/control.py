"""The operator's routes, beside those for people: DHT and grid, on the unix socket alone."""

from collections.abc import Awaitable, Callable
from http import HTTPStatus
from typing import Any, ClassVar

import attrs
from klein import Klein
from klein.resource import KleinResource
from twisted.web.http import Request
from werkzeug.exceptions import MethodNotAllowed

from reticulum.errors import BadRequest, Busy, StartError
from reticulum.interfaces import DhtConsole
from reticulum.model import ImageId, Key, NodeId
from reticulum.web.json_lines import json_lines
from reticulum.web.public import Public
from reticulum.web.refusals import answer_errors
from reticulum.web.requests import IntakeRequest
from reticulum.web.responses import json_answer, problem

MOST_LOOKUPS = 16
MOST_CRAWLS = 1


@attrs.define(kw_only=True)
class Control:
    """
    What a `Public` is to people, this is to the operator; all that is not here goes to *public*.

    Args:
        public: Routes for people.
        console: Looks at the DHT.
        grid: Reads the grid's secrets again, puts them in force, and tells what is in force:
            fingerprints `current` and `accepted`, and `addresses` of this node, best first.
        nat: How this node is reached, rung by rung; docs/reference tells the fields.
    """

    _public: Public
    _console: DhtConsole
    _grid: Callable[[], dict[str, Any]]
    _nat: Callable[[], dict[str, Any]]
    _lookups: int = 0
    _crawls: int = 0

    app: ClassVar[Klein] = Klein()

    def answer_at_hand(self, request: IntakeRequest) -> bool:
        """Answer a request for a picture that is at hand; see `Public`."""
        return self._public.answer_at_hand(request)

    @app.route("/v1/grid", methods=["GET"])
    def get_grid(self, request: Request) -> bytes:
        """Follow the secrets on disk and tell what is in force."""
        try:
            return json_answer(self._grid()).send(request)
        except StartError as error:
            # Of this machine, and for its operator to put right.
            return problem(HTTPStatus.INTERNAL_SERVER_ERROR, str(error)).send(request)

    @app.route("/v1/dht/ping/<whom>", methods=["GET"])
    async def get_ping(self, request: Request, whom: str) -> bytes:
        """Whether a node is there."""
        return await self._look(request, lambda: self._console.ping(whom))

    @app.route("/v1/dht/table", methods=["GET"])
    async def get_table(self, request: Request) -> bytes:
        """The routing table."""
        return await self._look(request, self._console.table)

    @app.route("/v1/dht/find/<node_id>", methods=["GET"])
    async def get_node(self, request: Request, node_id: str) -> bytes:
        """Where a node is."""
        wanted = _key(node_id, "a node id")
        return await self._look(request, lambda: self._console.find(wanted))

    @app.route("/v1/dht/trace/<key>", methods=["GET"])
    async def get_trace(self, request: Request, key: str) -> bytes:
        """A lookup with every hop."""
        wanted = _key(key, "a key")
        return await self._look(request, lambda: self._console.trace(wanted))

    @app.route("/v1/dht/holders/<image_id>", methods=["GET"])
    async def get_holders(self, request: Request, image_id: str) -> bytes:
        """Who holds an image; with `?verify=1` each is asked itself."""
        wanted = ImageId.parse(image_id)
        verify = (request.args or {}).get(b"verify") == [b"1"]
        return await self._look(request, lambda: self._console.holders(wanted, verify=verify))

    @app.route("/v1/dht/records", methods=["GET"])
    async def get_records(self, request: Request) -> bytes:
        """The records kept for others."""
        return await self._look(request, self._console.records)

    @app.route("/v1/dht/nat", methods=["GET"])
    def get_nat(self, request: Request) -> bytes:
        """How this node is reached."""
        return json_answer(self._nat()).send(request)

    @app.route("/v1/dht/crawl", methods=["GET"])
    async def get_crawl(self, request: Request) -> bytes:
        """
        Walk over all nodes: an object a line, the last one with `event` `done` or `failed`.

        It ends with the connection.
        """
        if self._crawls >= MOST_CRAWLS:
            raise Busy("a crawl is under way already", retry_after_s=10)
        self._crawls += 1
        try:
            return await json_lines(request, self._console.crawl())
        finally:
            self._crawls -= 1

    @app.route("/", branch=True)
    def pass_on(self, request: Request) -> KleinResource:
        """Whatever is not for operators alone."""
        if request.path.startswith((b"/v1/dht/", b"/v1/grid")) and request.method != b"GET":
            raise MethodNotAllowed(["GET", "HEAD"])
        return KleinResource(self._public.app)

    async def _look(self, request: Request, look: Callable[[], Awaitable[dict[str, Any]]]) -> bytes:
        if self._lookups >= MOST_LOOKUPS:
            raise Busy("as many lookups as an operator may have are under way")
        self._lookups += 1
        try:
            return json_answer(await look()).send(request)
        finally:
            self._lookups -= 1


answer_errors(Control.app)


def _key(text: str, what: str) -> NodeId:
    try:
        return Key.parse(text)
    except ValueError:
        raise BadRequest(f"{text[:80]!r} is not {what}: wanted 40 hexadecimal digits") from None
