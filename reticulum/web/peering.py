"""The routes for other nodes: originals, facts and renditions of what this node itself holds."""

from collections.abc import Callable
from http import HTTPStatus
from typing import ClassVar

import attrs
from klein import Klein
from twisted.web.http import Request

from reticulum.errors import BadSpec
from reticulum.imaging.spec import canonical, parse
from reticulum.interfaces import Originals
from reticulum.model import Format, ImageId, Original, Picture, Rendition, Spec
from reticulum.node.retrieve import Retrieve
from reticulum.reach import facts
from reticulum.web.pictures import send_picture
from reticulum.web.refusals import answer_errors
from reticulum.web.requests import IntakeRequest
from reticulum.web.responses import JSON, Answer, json_answer, problem


@attrs.define(kw_only=True)
class Peering:
    """
    What members of the grid may ask, once `reach` has let them in.

    Args:
        retrieve: Of this node alone: what it does not hold, it does not ask others for. So no
            question ever travels further than one hop.
        originals: What this node holds.
        unready: Why the node can't serve now; None if it can.
    """

    _retrieve: Retrieve
    _originals: Originals
    _unready: Callable[[], str | None]

    app: ClassVar[Klein] = Klein()

    @app.route("/peer/v1/original/<image_id>", methods=["GET"])
    async def get_original(self, request: Request, image_id: str) -> bytes:
        """The bytes as they were uploaded, with the facts in a header."""
        original = await self._originals.find(ImageId.parse(image_id))
        full = Rendition(original.image_id, "full", original.facts.format)
        return await _send(request, original, await self._retrieve(full, parse("full")))

    @app.route("/peer/v1/facts/<image_id>", methods=["GET"])
    async def get_facts(self, request: Request, image_id: str) -> bytes:
        """Facts about an original, as in the header of the others."""
        original = await self._originals.find(ImageId.parse(image_id))
        headers = {b"content-type": JSON, b"cache-control": b"no-store"}
        return Answer(HTTPStatus.OK, facts.encode(original), headers).send(request)

    @app.route("/peer/v1/rendition/<image_id>/<spec>/<output>", methods=["GET"])
    async def get_rendition(self, request: Request, image_id: str, spec: str, output: str) -> bytes:
        """A rendition, made if it has to be; what it was made from, in the header."""
        rendition, parsed = _wanted(image_id, spec, output)
        original = await self._originals.find(rendition.image_id)
        return await _send(request, original, await self._retrieve(rendition, parsed))

    @app.route("/peer/v1/health", methods=["GET"])
    def get_health(self, request: Request) -> bytes:
        """Whether the node serves."""
        reason = self._unready()
        if reason is not None:
            return problem(HTTPStatus.SERVICE_UNAVAILABLE, reason).send(request)
        return json_answer({"ready": True}).send(request)

    def answer_at_hand(self, request: IntakeRequest) -> bool:
        """Nothing is answered past the routes."""
        del request
        return False


answer_errors(Peering.app)


async def _send(request: Request, original: Original, picture: Picture) -> bytes:
    request.setHeader(facts.HEADER.encode(), facts.encode(original))
    return await send_picture(request, picture)


def _wanted(image_id: str, spec: str, output: str) -> tuple[Rendition, Spec]:
    """Nodes write what they want in its one canonical form: nothing is redirected among them."""
    identity = ImageId.parse(image_id)
    parsed = parse(spec)
    if output not in set(Format):
        raise BadSpec(f"{output[:20]!r} is no format that this node knows")
    text = canonical(parsed, Format(output))
    if text != spec:
        raise BadSpec(f"{spec[:80]!r} is not in its canonical form, {text!r}")
    return Rendition(identity, text, Format(output)), parsed
