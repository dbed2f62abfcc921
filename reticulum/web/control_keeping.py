"""The operator's routes about copies of images, on the unix socket alone."""

from collections.abc import Awaitable, Callable
from typing import ClassVar, TypeVar

import attrs
from klein import Klein
from klein.resource import KleinResource
from twisted.web.http import Request
from werkzeug.exceptions import MethodNotAllowed

from reticulum.errors import Busy
from reticulum.interfaces import KeepingConsole
from reticulum.model import ImageId
from reticulum.web.control import Control
from reticulum.web.json_lines import json_lines
from reticulum.web.refusals import answer_errors
from reticulum.web.requests import IntakeRequest
from reticulum.web.responses import json_answer

T = TypeVar("T")

MOST_AT_ONCE = 16
PREFIX = b"/v1/keeping/"
_LOOKS = (b"health", b"node")


@attrs.define(kw_only=True)
class ControlKeeping:
    """
    Around a `Control`, to which all goes that is not here: GET looks, POST acts, without a body.

    Args:
        inner: The other routes.
        console: Looks after copies.
    """

    _inner: Control
    _console: KeepingConsole
    _under_way: int = 0

    app: ClassVar[Klein] = Klein()

    def answer_at_hand(self, request: IntakeRequest) -> bool:
        """Answer a request for a picture that is at hand; see `Public`."""
        return self._inner.answer_at_hand(request)

    @app.route("/v1/keeping/health/<image_id>", methods=["GET"])
    async def get_health(self, request: Request, image_id: str) -> bytes:
        """How an image does; with `?verify=1` its bytes are read by whoever has it."""
        wanted = ImageId.parse(image_id)
        verify = (request.args or {}).get(b"verify") == [b"1"]
        told = await self._bounded(lambda: self._console.health(wanted, verify=verify))
        return json_answer(told).send(request)

    @app.route("/v1/keeping/repair/<image_id>", methods=["POST"])
    async def post_repair(self, request: Request, image_id: str) -> bytes:
        """Bring an image to where it belongs; events, an object a line."""
        wanted = ImageId.parse(image_id)
        return await self._bounded(lambda: json_lines(request, self._console.repair(wanted)))

    @app.route("/v1/keeping/verify", methods=["POST"])
    async def post_verify(self, request: Request) -> bytes:
        """Read all that is here; events, an object a line. It ends with the connection."""
        return await self._bounded(lambda: json_lines(request, self._console.verify(None)))

    @app.route("/v1/keeping/verify/<image_id>", methods=["POST"])
    async def post_verify_one(self, request: Request, image_id: str) -> bytes:
        """Read one image."""
        wanted = ImageId.parse(image_id)
        return await self._bounded(lambda: json_lines(request, self._console.verify(wanted)))

    @app.route("/v1/keeping/node", methods=["GET"])
    def get_node(self, request: Request) -> bytes:
        """What this node keeps, and how far its drain is."""
        return json_answer(self._console.node()).send(request)

    @app.route("/v1/keeping/drain", methods=["POST"])
    async def post_drain(self, request: Request) -> bytes:
        """Begin to hand on everything."""
        return json_answer(await self._console.drain()).send(request)

    @app.route("/v1/keeping/stay", methods=["POST"])
    async def post_stay(self, request: Request) -> bytes:
        """End a drain."""
        return json_answer(await self._console.stay()).send(request)

    @app.route("/", branch=True)
    def pass_on(self, request: Request) -> KleinResource:
        """Whatever is not about copies."""
        if request.path.startswith(PREFIX):
            is_look = request.path.removeprefix(PREFIX).partition(b"/")[0] in _LOOKS
            allowed = ["GET", "HEAD"] if is_look else ["POST"]
            if request.method.decode("ascii", "replace") not in allowed:
                raise MethodNotAllowed(allowed)
        return KleinResource(self._inner.app)

    async def _bounded(self, work: Callable[[], Awaitable[T]]) -> T:
        if self._under_way >= MOST_AT_ONCE:
            raise Busy("as many works as an operator may have are under way")
        self._under_way += 1
        try:
            return await work()
        finally:
            self._under_way -= 1


answer_errors(ControlKeeping.app)
