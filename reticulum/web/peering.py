"""The routes for other nodes: what this node holds, and what it is to keep or to let go."""

from collections.abc import Callable
from http import HTTPStatus
from typing import ClassVar, TypeVar

import attrs
from klein import Klein
from twisted.web.http import Request

from reticulum.errors import BadRequest, BadSpec, Busy, ReticulumError
from reticulum.imaging.spec import canonical, parse
from reticulum.interfaces import Custody, Doorbell, Originals, Pictures
from reticulum.model import Format, ImageId, Original, Picture, Rendition, Spec
from reticulum.node.retrieve import Retrieve
from reticulum.reach import copy_messages, facts, punch_messages
from reticulum.web.peer_intake import CopyBody, TextBody
from reticulum.web.pictures import send_at_hand, send_picture
from reticulum.web.refusals import answer_errors
from reticulum.web.requests import IntakeRequest
from reticulum.web.responses import JSON, Answer, json_answer, problem

B = TypeVar("B", CopyBody, TextBody)

_MOST_DIGITS = 15


@attrs.define(kw_only=True)
class Peering:
    """
    What members of the grid may ask, once `reach` has let them in.

    Args:
        retrieve: Of this node alone: what it does not hold, it does not ask others for.
        pictures_for_peers: Makes renditions of what this node holds, or asks the one holder whose
            turn it is; used unless the question says "here", as that holder's own questions do.
            So no question ever travels further than two hops.
        originals: What this node holds.
        custody: What it keeps for the grid.
        doorbell: Connects it with others without a relay.
        unready: Why the node can't serve now; None if it can.
        is_behind: Whether it was away, and has still to learn what was deleted meanwhile.
    """

    _retrieve: Retrieve
    _pictures_for_peers: Pictures
    _originals: Originals
    _custody: Custody
    _doorbell: Doorbell
    _unready: Callable[[], str | None]
    _is_behind: Callable[[], bool] = lambda: False

    app: ClassVar[Klein] = Klein()

    @app.route("/peer/v1/original/<image_id>", methods=["GET"])
    async def get_original(self, request: Request, image_id: str) -> bytes:
        """The bytes as they were uploaded, with the facts in a header."""
        original = await self._find(ImageId.parse(image_id))
        full = Rendition(original.image_id, "full", original.facts.format)
        return await _send(request, original, await self._retrieve(full, parse("full")))

    @app.route("/peer/v1/facts/<image_id>", methods=["GET"])
    async def get_facts(self, request: Request, image_id: str) -> bytes:
        """Facts about an original, as in the header of the others."""
        original = await self._find(ImageId.parse(image_id))
        return _json(facts.encode(original)).send(request)

    @app.route("/peer/v1/rendition/<image_id>/<spec>/<output>", methods=["GET"])
    async def get_rendition(self, request: Request, image_id: str, spec: str, output: str) -> bytes:
        """A rendition, made if it has to be; what it was made from, in the header."""
        rendition, parsed = _wanted(image_id, spec, output)
        original = await self._find(rendition.image_id)
        is_here = (request.args or {}).get(b"here") == [b"1"]
        make = self._retrieve if is_here else self._pictures_for_peers
        return await _send(request, original, await make(rendition, parsed))

    @app.route("/peer/v1/original/<image_id>", methods=["PUT"])
    async def put_original(self, request: IntakeRequest, image_id: str) -> bytes:
        """Keep an original; the intake has read its id, and its bytes are on the disk."""
        del image_id
        body = _body(request, CopyBody)
        is_new = await self._custody.take(body.hand_over(), body.original)
        return Answer(HTTPStatus.CREATED if is_new else HTTPStatus.OK).send(request)

    @app.route("/peer/v1/have", methods=["POST"])
    async def post_have(self, request: IntakeRequest) -> bytes:
        """Which images are here."""
        asked = copy_messages.read_question(_body(request, TextBody).content())
        if asked is None:
            raise BadRequest("this is no question about images, or about too many")
        image_ids, verify = asked
        self._check()
        held = await self._custody.have(image_ids, verify=verify)
        return _json(copy_messages.holdings(held)).send(request)

    @app.route("/peer/v1/tombstones", methods=["POST"])
    async def post_tombstones(self, request: IntakeRequest) -> bytes:
        """Learn of deletions."""
        told = copy_messages.read_burial(_body(request, TextBody).content())
        if told is None:
            raise BadRequest("these are no tombstones, or too many")
        packed, depth = told
        await self._custody.bury(packed, depth)
        return Answer(HTTPStatus.NO_CONTENT).send(request)

    @app.route("/peer/v1/tombstones", methods=["GET"])
    def get_tombstones(self, request: Request) -> bytes:
        """Deletions that this node has learned of."""
        packed, following = self._custody.buried(
            _number(request, b"since"), _number(request, b"after")
        )
        return _json(copy_messages.page(packed, following)).send(request)

    @app.route("/peer/v1/nudge/<image_id>", methods=["POST"])
    def post_nudge(self, request: Request, image_id: str) -> bytes:
        """Look after an image soon."""
        self._custody.nudged(ImageId.parse(image_id))
        return Answer(HTTPStatus.ACCEPTED).send(request)

    @app.route("/peer/v1/punch", methods=["POST"])
    async def post_punch(self, request: IntakeRequest) -> bytes:
        """Dial whoever asks, while he dials this node; says where."""
        addresses = punch_messages.read_addresses(_body(request, TextBody).content())
        if addresses is None:
            raise BadRequest("these are no addresses, or too many")
        # Of a relayed connection: where the relay sees him.
        host = str(getattr(request.client, "host", ""))
        own = await self._doorbell.invited(host, addresses)
        return _json(punch_messages.addresses(own)).send(request)

    @app.route("/peer/v1/health", methods=["GET"])
    def get_health(self, request: Request) -> bytes:
        """Whether the node serves."""
        reason = self._unready()
        if reason is not None:
            return problem(HTTPStatus.SERVICE_UNAVAILABLE, reason).send(request)
        return json_answer({"ready": True}).send(request)

    async def _find(self, image_id: ImageId) -> Original:
        self._check()
        return await self._originals.find(image_id)

    def _check(self) -> None:
        if self._is_behind():
            raise Busy("this node was away, and asks first what was deleted meanwhile")

    def answer_at_hand(self, request: IntakeRequest) -> bool:
        """
        Answer a question for a rendition that is at hand without the way through klein.

        Returns:
            Whether it was answered.
        """
        match request.method, request.postpath:
            case (b"GET", [b"peer", b"v1", b"rendition", image_id, spec, output]):
                pass
            case _:
                return False
        if self._is_behind():
            return False
        try:
            rendition, parsed = _wanted(image_id.decode(), spec.decode(), output.decode())
        except ReticulumError:
            return False
        original = self._originals.known(rendition.image_id)
        picture = original and self._pictures_for_peers.at_hand(rendition, parsed)
        if not original or not picture:
            return False
        _with_facts(request, original)
        return send_at_hand(request, picture)


answer_errors(Peering.app)


async def _send(request: Request, original: Original, picture: Picture) -> bytes:
    _with_facts(request, original)
    return await send_picture(request, picture)


def _with_facts(request: Request, original: Original) -> None:
    request.setHeader(facts.HEADER.encode(), facts.encode(original))


def _json(content: bytes) -> Answer:
    headers = {b"content-type": JSON, b"cache-control": b"no-store"}
    return Answer(HTTPStatus.OK, content, headers)


def _body(request: IntakeRequest, kind: type[B]) -> B:
    """The body as the intake saw it coming; it goes by the path as it is written."""
    if not isinstance(request.body, kind):
        raise BadRequest("nodes write paths plainly")
    return request.body


def _number(request: Request, name: bytes) -> int:
    values = (request.args or {}).get(name, [])
    if len(values) != 1 or not values[0].isdigit() or len(values[0]) > _MOST_DIGITS:
        raise BadRequest(f"{name.decode()} is a number of up to {_MOST_DIGITS} digits, given once")
    return int(values[0])


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
