"""Where the bytes of a request go as they arrive: to disk for an image, to memory up to a bound."""

from collections.abc import Callable
from typing import Protocol

import attrs
from python_multipart import MultipartParser
from python_multipart.exceptions import FormParserError
from werkzeug.http import parse_options_header

from reticulum.errors import BadRequest, BodyTooLarge
from reticulum.interfaces import Incoming

MAX_FIELD_BYTES = 8_192
MAX_PARTS = 32
# What a form may hold beside the image: boundaries, headers, fields.
MAX_FORM_OVERHEAD_BYTES = 262_144


class Body(Protocol):
    """Takes a request's body, chunk by chunk."""

    def write(self, chunk: bytes) -> None:
        """Take one chunk; raises a `ReticulumError` to refuse the rest."""

    def close(self) -> None:
        """Drop whatever nobody has taken over. May be called more than once."""


@attrs.define
class NoBody:
    """For requests that need none: what comes is counted against a bound and dropped."""

    _room: int = 65_536

    def expect(self, length: int) -> None:
        """Raise `BodyTooLarge` if *length* announced bytes are over the bound."""
        if length > self._room:
            raise BodyTooLarge("this request takes no body")

    def write(self, chunk: bytes) -> None:
        """Drop *chunk*."""
        self.expect(len(chunk))
        self._room -= len(chunk)

    def close(self) -> None:
        """Nothing is held."""


@attrs.define
class ImageBody:
    """
    The body is the image.

    Args:
        begin: Opens the place for it, at the first byte.
        max_bytes: The largest image taken.
    """

    _begin: Callable[[], Incoming]
    _max_bytes: int
    _incoming: Incoming | None = None

    def write(self, chunk: bytes) -> None:
        """Pass *chunk* on to the disk."""
        if self._incoming is None:
            self._incoming = self._begin()
        if self._incoming.length + len(chunk) > self._max_bytes:
            raise too_large(self._max_bytes)
        self._incoming.write(chunk)

    def image(self) -> Incoming:
        """
        All bytes of the image, which from now on belong to the caller.

        Raises:
            BadRequest: There was none.
        """
        incoming, self._incoming = self._incoming, None
        if incoming is None:
            raise BadRequest("the body is empty: send the bytes of an image")
        return incoming

    def close(self) -> None:
        """Remove what was not kept."""
        if self._incoming is not None:
            self._incoming.abandon()


class FormBody:
    """
    The body is `multipart/form-data` with the image in the field `image` (RFC 7578).

    Args:
        boundary: From the Content-Type.
        begin: Opens the place for the image, when its part begins.
        max_bytes: The largest image taken.
    """

    def __init__(self, boundary: bytes, begin: Callable[[], Incoming], max_bytes: int) -> None:
        self._begin = begin
        self._max_bytes = max_bytes
        self._image: ImageBody | None = None
        self._fields: dict[str, bytearray] = {}
        self._field: bytearray | ImageBody | None = None
        self._parts = 0
        self._ended = False
        self._room = max_bytes + MAX_FORM_OVERHEAD_BYTES
        self._header: tuple[bytearray, bytearray] = (bytearray(), bytearray())
        self._headers: dict[bytes, bytes] = {}
        try:
            self._parser = MultipartParser(
                boundary,
                callbacks={
                    "on_part_begin": self._on_part_begin,
                    "on_header_field": self._on_header_field,
                    "on_header_value": self._on_header_value,
                    "on_header_end": self._on_header_end,
                    "on_headers_finished": self._on_headers_finished,
                    "on_part_data": self._on_part_data,
                    "on_end": self._on_end,
                },
            )
        except FormParserError as error:
            raise BadRequest(f"the form's boundary can't be used: {error}") from None

    def write(self, chunk: bytes) -> None:
        """Parse *chunk* and pass on what is in it."""
        self._room -= len(chunk)
        if self._room < 0:
            raise too_large(self._max_bytes)
        try:
            self._parser.write(chunk)
        except FormParserError as error:
            raise BadRequest(f"the form can't be read: {error}") from None

    def field(self, name: str) -> str | None:
        """Text of the field *name*, or None if it was not sent."""
        value = self._fields.get(name)
        return None if value is None else value.decode("utf-8", "replace")

    def image(self) -> Incoming:
        """
        All bytes of the image, which from now on belong to the caller.

        Raises:
            BadRequest: The form is not whole, or has no image.
        """
        if not self._ended:
            raise BadRequest("the form ends before its last boundary")
        if self._image is None:
            raise BadRequest("missing image file: the form has no field 'image'")
        return self._image.image()

    def close(self) -> None:
        """Remove what was not kept."""
        if self._image is not None:
            self._image.close()

    def _on_part_begin(self) -> None:
        self._parts += 1
        if self._parts > MAX_PARTS:
            raise BadRequest(f"the form has more than {MAX_PARTS} parts")
        self._headers = {}
        self._header = (bytearray(), bytearray())

    def _on_header_field(self, data: bytes, start: int, end: int) -> None:
        self._header[0].extend(data[start:end])

    def _on_header_value(self, data: bytes, start: int, end: int) -> None:
        self._header[1].extend(data[start:end])

    def _on_header_end(self) -> None:
        name, value = self._header
        self._headers[bytes(name).lower()] = bytes(value)
        self._header = (bytearray(), bytearray())

    def _on_headers_finished(self) -> None:
        disposition = self._headers.get(b"content-disposition", b"").decode("latin-1")
        _, options = parse_options_header(disposition)
        name = options.get("name", "")
        if name == "image":
            if self._image is not None:
                raise BadRequest(
                    "the form has more than one field 'image': send one image at a time"
                )
            self._image = self._field = ImageBody(self._begin, self._max_bytes)
        else:
            self._field = self._fields.setdefault(name[:64], bytearray())

    def _on_part_data(self, data: bytes, start: int, end: int) -> None:
        if isinstance(self._field, ImageBody):
            self._field.write(data[start:end])
        elif self._field is not None:
            if len(self._field) + end - start > MAX_FIELD_BYTES:
                raise BadRequest(f"a field of the form is longer than {MAX_FIELD_BYTES} bytes")
            self._field.extend(data[start:end])

    def _on_end(self) -> None:
        self._ended = True


UploadBody = ImageBody | FormBody


def form_boundary(content_type: str) -> bytes | None:
    """
    The boundary of a form, or None if *content_type* is not of a form.

    Raises:
        BadRequest: It is of a form and names no boundary.
    """
    kind, options = parse_options_header(content_type)
    if kind.lower() != "multipart/form-data":
        return None
    boundary = options.get("boundary")
    if not boundary:
        raise BadRequest("multipart/form-data needs a boundary in its Content-Type")
    return boundary.encode("latin-1", "replace")


def too_large(max_bytes: int) -> BodyTooLarge:
    """The refusal of an image over *max_bytes*."""
    return BodyTooLarge(f"the image is larger than the {max_bytes} bytes that this node takes")
