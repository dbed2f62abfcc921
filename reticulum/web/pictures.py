"""A picture onto the wire: headers, conditions and ranges as RFC 9110 has them."""

import math
from functools import lru_cache
from http import HTTPStatus
from io import BytesIO
from typing import BinaryIO

import attrs
from twisted.protocols.basic import FileSender
from twisted.web.http import Request, datetimeToString
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


@attrs.define
class Piece:
    """The bytes of a response still in the file: from where it stands, no further than *left*."""

    _body: BinaryIO
    left: int

    def read(self, size: int = -1) -> bytes:
        """The next bytes, at most *size* of them; all if that is negative."""
        chunk = self._body.read(self.left if size < 0 else min(size, self.left))
        self.left -= len(chunk)
        return chunk


async def send_picture(request: Request, picture: Picture) -> bytes:
    """
    Answer *request* with *picture*, whose body is closed in any case.

    Returns:
        The body, or nothing if it was sent piece by piece.
    """
    with picture.body:
        piece = picture_head(request, picture)
        if piece.left <= ONE_PIECE_BYTES:
            return piece.read()
        await _stream(request, piece)
        return b""


def send_at_hand(request: Request, picture: Picture) -> bool:
    """
    Answer *request* with *picture* at once, if it is small enough; its body is closed in any case.

    Returns:
        Whether it was answered.
    """
    with picture.body:
        if picture.length > ONE_PIECE_BYTES:
            return False
        piece = picture_head(request, picture)
        request.write(piece.read())
    request.finish()
    return True


def picture_head(request: Request, picture: Picture) -> Piece:
    """
    Set status and headers for *picture*, or for the reason not to send it.

    Returns:
        The bytes to send.
    """
    for name, value in _FIXED:
        request.setHeader(name, value)
    request.setHeader(b"etag", b'"%s"' % picture.etag.encode())
    request.setHeader(b"last-modified", _http_date(int(picture.stored_at)))
    request.setHeader(b"x-image-width", b"%d" % picture.size.width)
    request.setHeader(b"x-image-height", b"%d" % picture.size.height)
    status = _precondition(request, picture)
    if status is HTTPStatus.NOT_MODIFIED:
        return _instead(request, Answer(status))
    if status is HTTPStatus.PRECONDITION_FAILED:
        detail = "the image is not the one that the condition names"
        return _instead(request, problem(status, detail))
    start, length = _asked(request, picture)
    if not length:
        unsatisfied = {b"content-range": b"bytes */%d" % picture.length}
        detail = f"the image has {picture.length} bytes"
        status = HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE
        return _instead(request, problem(status, detail, unsatisfied))
    request.setHeader(b"content-type", picture.format.content_type.encode())
    request.setHeader(b"content-length", b"%d" % length)
    if length < picture.length:
        request.setResponseCode(HTTPStatus.PARTIAL_CONTENT)
        text = b"bytes %d-%d/%d" % (start, start + length - 1, picture.length)
        request.setHeader(b"content-range", text)
    if request.method == b"HEAD":
        return Piece(picture.body, 0)
    if start:
        picture.body.seek(start)
    return Piece(picture.body, length)


def _instead(request: Request, answer: Answer) -> Piece:
    return Piece(BytesIO(answer.send(request)), len(answer.body))


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


def _asked(request: Request, picture: Picture) -> tuple[int, int]:
    """
    The bytes asked for, as first and number; (0, 0) if there are none such.

    A range of another unit, a malformed one, several at once, or one whose `If-Range` does not
    hold are all answered with the whole, as RFC 9110 sections 14.2 and 13.1.5 allow.
    """
    whole = (0, picture.length)
    text = request.getHeader("range")
    if text is None or request.method != b"GET":
        return whole
    asked = parse_range_header(text, make_inclusive=False)
    if asked is None or asked.units != "bytes" or len(asked.ranges) != 1:
        return whole
    condition = request.getHeader("if-range")
    if condition is not None and not _if_range_holds(condition, picture):
        return whole
    start, end = asked.ranges[0]
    if start < 0:  # the last -start bytes
        start = max(0, picture.length + start)
    end = picture.length if end is None else min(end, picture.length)
    return (start, end - start) if start < end else (0, 0)


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


class _Sender(FileSender):
    """Sends a piece as fast as the client reads."""

    CHUNK_SIZE = _CHUNK_BYTES

    def stopProducing(self) -> None:  # noqa: N802  (Twisted's name)
        """
        Do nothing: the client has gone, and the request is about to be cancelled for it.

        To tell whoever waits now would make klein finish a request that still has a producer.
        """


async def _stream(request: Request, piece: Piece) -> None:
    await _Sender().beginFileTransfer(piece, request)  # type: ignore[no-untyped-call]  # Twisted's
