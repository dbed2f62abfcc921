"""Results and errors into statuses, headers and bytes; the one error table is here."""

import json
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

import attrs
from twisted.web.http import Request

from reticulum import __version__, errors
from reticulum.model import Facts, ImageId, Original, Receipt

JSON = b"application/json"
PROBLEM = b"application/problem+json"
SERVER = f"reticulum/{__version__}".encode()

# Looked up along the class's own line of ancestors, so the order here does not matter.
STATUS: Mapping[type[BaseException], HTTPStatus] = {
    errors.BadRequest: HTTPStatus.BAD_REQUEST,
    errors.KeyMissing: HTTPStatus.UNAUTHORIZED,
    errors.KeyRefused: HTTPStatus.FORBIDDEN,
    errors.UnknownImage: HTTPStatus.NOT_FOUND,
    errors.ImageDeleted: HTTPStatus.GONE,
    errors.BodyTooLarge: HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
    errors.NotAnImage: HTTPStatus.UNSUPPORTED_MEDIA_TYPE,
    errors.DamagedImage: HTTPStatus.UNPROCESSABLE_ENTITY,
    errors.BeyondLimits: HTTPStatus.UNPROCESSABLE_ENTITY,
    errors.Busy: HTTPStatus.SERVICE_UNAVAILABLE,
    errors.OutOfTime: HTTPStatus.GATEWAY_TIMEOUT,
    errors.NoSpace: HTTPStatus.INSUFFICIENT_STORAGE,
    errors.NotTaken: HTTPStatus.INSUFFICIENT_STORAGE,
}


@attrs.frozen
class Answer:
    """
    A whole response.

    Args:
        status: Code.
        body: Bytes; empty for none.
        headers: Beside Content-Length, which `send` adds.
    """

    status: HTTPStatus
    body: bytes = b""
    headers: Mapping[bytes, bytes] = attrs.field(factory=dict)

    def send(self, request: Request) -> bytes:
        """Set status and headers on *request*; returns the body for klein to write."""
        request.setResponseCode(self.status, self.status.phrase.encode())
        for name, value in self.headers.items():
            request.setHeader(name, value)
        if self.status not in {HTTPStatus.NO_CONTENT, HTTPStatus.NOT_MODIFIED}:
            request.setHeader(b"content-length", b"%d" % len(self.body))
        return self.body


def json_answer(
    value: object, status: HTTPStatus = HTTPStatus.OK, headers: Mapping[bytes, bytes] | None = None
) -> Answer:
    """*value* as JSON; it is about now, so nobody may keep it."""
    body = json.dumps(value).encode() + b"\n"
    fixed = {b"content-type": JSON, b"cache-control": b"no-store"}
    return Answer(status, body, {**fixed, **(headers or {})})


def problem(
    status: HTTPStatus, detail: str, headers: Mapping[bytes, bytes] | None = None
) -> Answer:
    """An error as RFC 9457 has it; *detail* is for the person who caused it."""
    fields = {"type": "about:blank", "title": status.phrase, "status": status, "detail": detail}
    fixed = {
        b"content-type": PROBLEM,
        b"cache-control": b"no-store",
        b"x-content-type-options": b"nosniff",
    }
    body = json.dumps(fields).encode() + b"\n"
    return Answer(status, body, {**fixed, **(headers or {})})


def refusal(error: errors.ReticulumError) -> Answer | None:
    """The answer that the table has for *error*; None if such an error is not for a client."""
    for kind in type(error).__mro__:
        if kind in STATUS:
            return problem(STATUS[kind], str(error), _extra_headers(error))
    return None


def _extra_headers(error: errors.ReticulumError) -> dict[bytes, bytes]:
    if isinstance(error, errors.Busy):
        return {b"retry-after": b"%d" % error.retry_after_s}
    if isinstance(error, errors.KeyMissing):
        return {b"www-authenticate": b'Bearer realm="reticulum"'}
    return {}


def image_url(image_id: ImageId | str, facts: Facts) -> str:
    """Path of the original's own bytes."""
    return f"/image/{image_id}/full/image.{facts.format}"


def original_fields(original: Original) -> dict[str, Any]:
    """What `GET /v1/images/<id>` tells about an image."""
    facts = original.facts
    return {
        "id": str(original.image_id),
        "content_type": facts.format.content_type,
        "width": facts.size.width,
        "height": facts.size.height,
        "frames": facts.frames,
        "bytes": original.length,
        "url": image_url(original.image_id, facts),
    }


def receipt_fields(receipt: Receipt) -> dict[str, Any]:
    """What an upload is answered with."""
    replicas = {"wanted": receipt.copies.wanted, "stored": receipt.copies.stored}
    return {**original_fields(receipt.original), "replicas": replicas}
