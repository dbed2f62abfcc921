"""A picture onto the wire: headers, conditions and ranges as RFC 9110 has them."""

import math
from functools import lru_cache
from http import HTTPStatus
from typing import BinaryIO

import attrs
from twisted.internet.defer import CancelledError
from twisted.protocols.basic import FileSender
from twisted.web.http import Request, datetimeToString
from werkzeug.datastructures import Range
from werkzeug.http import parse_date, parse_etags, parse_if_range_header, parse_range_header

from reticulum.model import Picture
from reticulum.web.responses import Answer, problem

# Up to here a picture is written in one piece; above, as fast as the client reads.
ONE_PIECE_BYTES = 262_144
_CHUNK_BYTES = 65_536

_FIXED = (
    (b"cache-control", b"public, max-age=31536000, immutable"),
    (b"accept-ranges", b"bytes"),
    # Nobody's browser shall take an image for anything else, whatever bytes are in it.
    (b"x-content-type-options", b"nosniff"),
    (b"content-security-policy", b"default-src 'none'; sandbox"),
)


async def send_picture(request: Request, picture: Picture) -> bytes:
    """
    Answer *request* with *picture*, whose body is closed in any case.

    Returns:
        The body, or nothing if it was sent piece by piece.
    """
    with picture.body:
        for name, value in _FIXED:
            request.setHeader(name, value)
        request.setHeader(b"etag", b'"%s"' % picture.etag.encode())
        request.setHeader(b"last-modified", _http_date(int(picture.stored_at)))
        request.setHeader(b"x-image-width", b"%d" % picture.size.width)
        request.setHeader(b"x-image-height", b"%d" % picture.size.height)
        status = _precondition(request, picture)
        if status is HTTPStatus.NOT_MODIFIED:
            return Answer(status).send(request)
        if status is HTTPStatus.PRECONDITION_FAILED:
            return problem(status, "the image is not the one that the condition names").send(
                request
            )
        piece = _piece(request, picture)
        if piece is None:
            unsatisfied = {b"content-range": b"bytes */%d" % picture.length}
            detail = f"the image has {picture.length} bytes"
            status = HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE
            return problem(status, detail, unsatisfied).send(request)
        request.setHeader(b"content-type", picture.format.content_type.encode())
        request.setHeader(b"content-length", b"%d" % piece.length)
        if piece.length < picture.length:
            request.setResponseCode(HTTPStatus.PARTIAL_CONTENT)
            last = piece.start + piece.length - 1
            text = b"bytes %d-%d/%d" % (piece.start, last, picture.length)
            request.setHeader(b"content-range", text)
        if request.method == b"HEAD":
            return b""
        if piece.start:
            picture.body.seek(piece.start)
        if piece.length <= ONE_PIECE_BYTES:
            return picture.body.read(piece.length)
        await _stream(request, picture.body, piece.length)
        return b""


@attrs.frozen
class _Piece:
    start: int
    length: int


def _precondition(request: Request, picture: Picture) -> HTTPStatus:
    """The conditions in the order of RFC 9110 section 13.2.2; OK if the picture is to be sent."""
    modified = int(picture.stored_at)
    if_match = request.getHeader("if-match")
    if if_match is not None:
        if not parse_etags(if_match).contains(picture.etag):
            return HTTPStatus.PRECONDITION_FAILED
    elif modified > _seconds(request.getHeader("if-unmodified-since"), math.inf):
        return HTTPStatus.PRECONDITION_FAILED
    if_none_match = request.getHeader("if-none-match")
    if if_none_match is not None:
        if parse_etags(if_none_match).contains_weak(picture.etag):
            return HTTPStatus.NOT_MODIFIED
    elif modified <= _seconds(request.getHeader("if-modified-since"), -math.inf):
        return HTTPStatus.NOT_MODIFIED
    return HTTPStatus.OK


def _piece(request: Request, picture: Picture) -> _Piece | None:
    """
    The bytes asked for; None if there are none such.

    A range of another unit, a malformed one, several at once, or one whose `If-Range` does not
    hold are all answered with the whole, as RFC 9110 sections 14.2 and 13.1.5 allow.
    """
    whole = _Piece(0, picture.length)
    text = request.getHeader("range")
    if text is None or request.method != b"GET":
        return whole
    asked = parse_range_header(text, make_inclusive=False)
    if asked is None or asked.units != "bytes" or len(asked.ranges) != 1:
        return whole
    condition = request.getHeader("if-range")
    if condition is not None and not _if_range_holds(condition, picture):
        return whole
    return _satisfied(asked, picture.length)


def _satisfied(asked: Range, length: int) -> _Piece | None:
    start, end = asked.ranges[0]
    if start < 0:  # the last -start bytes
        start = max(0, length + start)
    end = length if end is None else min(end, length)
    return _Piece(start, end - start) if start < end else None


def _if_range_holds(text: str, picture: Picture) -> bool:
    condition = parse_if_range_header(text)
    if condition.etag is not None:
        return condition.etag == picture.etag and not text.lstrip().startswith("W/")
    return condition.date is not None and int(condition.date.timestamp()) == int(picture.stored_at)


def _seconds(text: str | None, otherwise: float) -> float:
    date = parse_date(text)
    return otherwise if date is None else date.timestamp()


@lru_cache(maxsize=1024)
def _http_date(seconds: int) -> bytes:
    text: bytes = datetimeToString(seconds)
    return text


async def _stream(request: Request, body: BinaryIO, length: int) -> None:
    sender = FileSender()
    sender.CHUNK_SIZE = _CHUNK_BYTES
    sending = sender.beginFileTransfer(_Bounded(body, length), request)
    try:
        await sending
    except CancelledError:
        raise
    except Exception as error:  # FileSender raises exactly this class
        # The client has gone; there is nobody to tell.
        raise CancelledError from error


@attrs.define
class _Bounded:
    """Reads no further than *left* bytes."""

    _body: BinaryIO
    _left: int

    def read(self, size: int) -> bytes:
        chunk = self._body.read(min(size, self._left))
        self._left -= len(chunk)
        return chunk
