"""What the body of a request may be, decided at its headers."""

from functools import partial
from urllib.parse import parse_qs, unquote_to_bytes

import attrs
from twisted.web.http import Request

from reticulum.errors import BadRequest, Busy
from reticulum.model import HashName
from reticulum.node.upload import Upload
from reticulum.web.bodies import (
    MAX_FORM_OVERHEAD_BYTES,
    Body,
    FormBody,
    ImageBody,
    NoBody,
    form_boundary,
    too_large,
)
from reticulum.web.keys import Keys, bearer

UPLOAD_PATHS = {b"/", b"/v1/images"}


@attrs.define(kw_only=True)
class Intake:
    """
    Decides at a request's headers what its body may be.

    Args:
        upload: Takes images.
        keys: Asked before the body of a raw upload; a form may bring its key in a field.
        max_bytes: The largest image.
        max_uploads: Bodies of images under way at once.
        deadline_s: A body must be complete within so many seconds.
    """

    _upload: Upload
    _keys: Keys
    max_bytes: int
    max_uploads: int
    deadline_s: float
    _open: int = 0

    def body(self, request: Request, length: int | None) -> Body:
        """
        The place for the body of *request*.

        Args:
            request: With method, path and headers known.
            length: Bytes announced, or None for a chunked body.

        Raises:
            ReticulumError: The body is not wanted.
        """
        if request.method != b"POST" or unquote_to_bytes(request.path) not in UPLOAD_PATHS:
            body = NoBody()
            body.expect(length or 0)
            return body
        boundary = form_boundary(request.getHeader("content-type") or "")
        key = bearer(request)
        if boundary is None or key is not None:
            self._keys.check(key)
        if boundary is None and request.path != b"/v1/images":
            raise BadRequest("missing image file: send multipart/form-data with a field 'image'")
        room = self.max_bytes + (MAX_FORM_OVERHEAD_BYTES if boundary is not None else 0)
        if length is not None and length > room:
            raise too_large(self.max_bytes)
        if self._open >= self.max_uploads:
            raise Busy(f"{self._open} uploads are under way; try again")
        begin = partial(self._upload.begin, _wanted_hash(request))
        if boundary is None:
            return ImageBody(begin, self.max_bytes)
        return FormBody(boundary, begin, self.max_bytes)

    def seconds(self, length: int | None) -> float:
        """The deadline, whatever the length."""
        del length
        return self.deadline_s

    def opened(self) -> None:
        """Count one more body of an image under way."""
        self._open += 1

    def closed(self) -> None:
        """Count one less."""
        self._open -= 1


def _wanted_hash(request: Request) -> HashName | None:
    """
    The hash that the query asks for, or None if it asks for none.

    Raises:
        BadRequest: It asks for another than we have, or more than once.
    """
    if unquote_to_bytes(request.path) != b"/v1/images":
        # Clients of thraxil/reticulum have never heard of it.
        return None
    query = request.uri.partition(b"?")[2].decode("latin-1")
    values = parse_qs(query, keep_blank_values=True).get("hash")
    if values is None:
        return None
    for name in HashName:
        if values == [name.value]:
            return name
    raise BadRequest("hash is sha256 or sha1, and given once")
