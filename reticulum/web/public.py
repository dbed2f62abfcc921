"""The routes for people: upload, facts, delete, list, image, status and health."""

from collections.abc import Awaitable, Callable
from http import HTTPStatus
from typing import Any, ClassVar, TypeVar

import attrs
from klein import Klein
from twisted.logger import Logger
from twisted.web.http import Request

from reticulum.errors import BadRequest, ReticulumError
from reticulum.interfaces import Originals, Pictures
from reticulum.model import ImageId, Original, Write
from reticulum.node.prerender import Prerender
from reticulum.node.upload import Upload
from reticulum.web import classic, landing
from reticulum.web.bodies import FormBody, ImageBody, UploadBody
from reticulum.web.keys import Keys, bearer
from reticulum.web.pictures import send_at_hand, send_picture
from reticulum.web.refusals import answer_errors
from reticulum.web.requests import IntakeRequest
from reticulum.web.responses import (
    Answer,
    json_answer,
    original_fields,
    problem,
    receipt_fields,
)
from reticulum.web.wanted import wanted_picture

MAX_PAGE = 1_000

B = TypeVar("B", bound=UploadBody)

_log = Logger()


@attrs.define(kw_only=True)
class Public:
    """
    The HTTP interface of DESIGN 3.2.

    Args:
        node_name: Told to old clients as the node that holds an image.
        retrieve: Finds pictures, here or anywhere.
        facts: Finds facts, here or anywhere.
        keys: Asked before anything is changed or listed.
        status: The node in values that JSON can hold.
        unready: Why the node can't serve now; None if it can.
    """

    node_name: str
    _upload: Upload
    _retrieve: Pictures
    _facts: Callable[[ImageId], Awaitable[Original]]
    _delete: Callable[[ImageId], Awaitable[None]]
    _prerender: Prerender
    _originals: Originals
    _keys: Keys
    _status: Callable[[], dict[str, Any]]
    _unready: Callable[[], str | None]

    app: ClassVar[Klein] = Klein()

    @app.route("/v1/images", methods=["POST"])
    async def post_image(self, request: IntakeRequest) -> bytes:
        """Take an image: raw bytes, or a form with the field `image`."""
        body = _upload_body(request, ImageBody, FormBody)
        if isinstance(body, FormBody) and bearer(request) is None:
            self._keys.check(body.field("key"))
        # Read first: once the image is taken over from the body, nobody else would drop it.
        write = _write(_argument(request, b"write"))
        receipt = await self._upload.finish(body.image(), write)
        status = HTTPStatus.CREATED if receipt.is_new else HTTPStatus.OK
        if not receipt.copies.is_enough:
            status = HTTPStatus.ACCEPTED
        fields = receipt_fields(receipt)
        location = {b"location": f"/v1/images/{fields['id']}".encode()}
        return json_answer(fields, status, location).send(request)

    @app.route("/", methods=["POST"])
    async def post_classic(self, request: IntakeRequest) -> bytes:
        """Take an image as thraxil/reticulum does."""
        form = _upload_body(request, FormBody)
        if bearer(request) is None:
            classic.check_form_key(self._keys, form)
        receipt = await self._upload.finish(form.image())
        self._prerender(receipt.original, classic.size_hints(form.field("size_hints")))
        return classic.classic_answer(receipt, self.node_name).send(request)

    @app.route("/", methods=["GET"])
    def get_landing(self, request: Request) -> bytes:
        """A form to try the node with."""
        return landing.page(needs_key=bool(self._keys.accepted)).send(request)

    @app.route("/v1/images", methods=["GET"])
    async def list_images(self, request: Request) -> bytes:
        """What this node holds, a page at a time."""
        self._keys.check(bearer(request))
        limit = _limit(_argument(request, b"limit"))
        after = _argument(request, b"after")
        page = await self._originals.page(ImageId.parse(after) if after else None, limit + 1)
        images = [original_fields(original) for original in page[:limit]]
        more = images[-1]["id"] if len(page) > limit else None
        return json_answer({"images": images, "next": more}).send(request)

    @app.route("/v1/images/<image_id>", methods=["GET"])
    async def get_facts(self, request: Request, image_id: str) -> bytes:
        """Facts about one image."""
        original = await self._facts(ImageId.parse(image_id))
        return json_answer(original_fields(original)).send(request)

    @app.route("/v1/images/<image_id>", methods=["DELETE"])
    async def delete_image(self, request: Request, image_id: str) -> bytes:
        """Remove one image with every rendition."""
        self._keys.check(bearer(request))
        await self._delete(ImageId.parse(image_id))
        return Answer(HTTPStatus.NO_CONTENT).send(request)

    @app.route("/image/<image_id>/<spec>/<name>", methods=["GET"])
    async def get_image(self, request: Request, image_id: str, spec: str, name: str) -> bytes:
        """The image in any size and format, at its one canonical URL."""
        wanted = wanted_picture(image_id, spec, name)
        if wanted.moved_to is not None:
            headers = {b"location": wanted.moved_to, b"cache-control": b"public, max-age=86400"}
            return Answer(HTTPStatus.MOVED_PERMANENTLY, b"", headers).send(request)
        picture = await self._retrieve(wanted.rendition, wanted.spec)
        return await send_picture(request, picture)

    def answer_at_hand(self, request: IntakeRequest) -> bool:
        """
        Answer a request for a picture that is at hand, without the way through klein.

        Routing and a Deferred cost more than everything else about a cached picture. Whatever is
        out of the ordinary is left to the route.

        Returns:
            Whether it was answered.
        """
        match request.method, request.postpath:
            case ((b"GET" | b"HEAD"), [b"image", image_id, spec, name]):
                pass
            case _:
                return False
        try:
            wanted = wanted_picture(image_id.decode(), spec.decode(), name.decode())
        except ReticulumError:
            return False
        if wanted.moved_to is not None:
            return False
        picture = self._retrieve.at_hand(wanted.rendition, wanted.spec)
        return picture is not None and send_at_hand(request, picture)

    @app.route("/v1/status", methods=["GET"])
    def get_status(self, request: Request) -> bytes:
        """The node in JSON."""
        return json_answer(self._status()).send(request)

    @app.route("/healthz", methods=["GET"])
    def get_health(self, request: Request) -> bytes:
        """Alive: answering at all is the answer."""
        return json_answer({"alive": True}).send(request)

    @app.route("/readyz", methods=["GET"])
    def get_readiness(self, request: Request) -> bytes:
        """Able to serve."""
        reason = self._unready()
        if reason is not None:
            status = HTTPStatus.SERVICE_UNAVAILABLE
            return problem(status, reason, {b"retry-after": b"5"}).send(request)
        return json_answer({"ready": True}).send(request)


answer_errors(Public.app)


def _upload_body(request: IntakeRequest, *kinds: type[B]) -> B:
    """The body as `Intake` saw it coming; it goes by the path as it is written, klein does not."""
    if not isinstance(request.body, kinds):
        raise BadRequest("write the path of an upload plainly: / or /v1/images")
    return request.body


def _argument(request: Request, name: bytes) -> str | None:
    values = (request.args or {}).get(name)
    return values[-1].decode("utf-8", "replace") if values else None


def _write(text: str | None) -> Write | None:
    if text is None:
        return None
    try:
        return Write(text)
    except ValueError:
        choices = ", ".join(Write)
        raise BadRequest(f"write must be one of {choices}, not {text[:20]!r}") from None


def _limit(text: str | None) -> int:
    if text is None:
        return 100
    if text.isascii() and text.isdigit() and 1 <= int(text[:9]) <= MAX_PAGE:
        return int(text)
    raise BadRequest(f"limit must be a whole number from 1 to {MAX_PAGE}, not {text[:20]!r}")
