"""What the body of a request of another node may be, decided at its headers."""

import attrs
from twisted.web.http import Request

from reticulum.errors import BadRequest, BodyTooLarge, Busy
from reticulum.interfaces import Custody, Incoming
from reticulum.model import ImageId, Original
from reticulum.reach import facts
from reticulum.reach.copy_messages import QUESTION_BYTES, TOMBSTONES_BYTES
from reticulum.reach.delivery import SLOWEST_BYTES_PER_S
from reticulum.reach.punch_messages import PUNCH_BYTES
from reticulum.web.bodies import Body, NoBody, too_large

_FIRST_BYTES_S = 10.0


@attrs.define
class CopyBody:
    """
    The body is an original that this node is to keep.

    Args:
        original: What the other node tells about it.
        incoming: The place for it.
    """

    original: Original
    _incoming: Incoming
    _is_ours: bool = attrs.field(default=True, init=False)

    def write(self, chunk: bytes) -> None:
        """Pass *chunk* on to the disk."""
        self._incoming.write(chunk)

    def hand_over(self) -> Incoming:
        """All bytes, which from now on belong to the caller."""
        self._is_ours = False
        return self._incoming

    def close(self) -> None:
        """Remove what was not handed over."""
        if self._is_ours:
            self._incoming.abandon()


@attrs.define
class TextBody:
    """
    The body is a message of at most so many bytes.

    Args:
        most: So many.
    """

    _most: int
    _content: bytearray = attrs.field(factory=bytearray, init=False)

    def expect(self, length: int) -> None:
        """Raise `BodyTooLarge` if a message of *length* bytes is over the bound."""
        if length > self._most:
            raise BodyTooLarge(f"a message of this kind has at most {self._most} bytes")

    def write(self, chunk: bytes) -> None:
        """Keep *chunk*."""
        self.expect(len(self._content) + len(chunk))
        self._content += chunk

    def content(self) -> bytes:
        """The whole message."""
        return bytes(self._content)

    def close(self) -> None:
        """Nothing but memory is held."""


@attrs.define(kw_only=True)
class PeerIntake:
    """
    Decides what the body of a request of another node may be; an `Intakes`.

    Args:
        custody: Asked before the first byte of a copy.
        max_bytes: The largest copy.
        most_open: Bodies under way at once.
    """

    _custody: Custody
    _max_bytes: int
    _most_open: int = 64
    _open: int = attrs.field(default=0, init=False)

    def body(self, request: Request, length: int | None) -> Body:
        """See `Intakes.body`; paths are compared as they are written."""
        match request.method, request.path.split(b"/"):
            case b"PUT", [b"", b"peer", b"v1", b"original", image_id]:
                self._check_room()
                return self._copy(request, image_id, length)
            case b"POST", [b"", b"peer", b"v1", b"have"]:
                return self._text(QUESTION_BYTES, length)
            case b"POST", [b"", b"peer", b"v1", b"punch"]:
                return self._text(PUNCH_BYTES, length)
            case b"POST", [b"", b"peer", b"v1", b"tombstones"]:
                return self._text(TOMBSTONES_BYTES, length)
        body = NoBody(0)
        body.expect(length or 0)
        return body

    def seconds(self, length: int | None) -> float:
        """As long as the slowest node needs for so many bytes."""
        return _FIRST_BYTES_S + (length or 0) / SLOWEST_BYTES_PER_S

    def opened(self) -> None:
        """Count one more body under way."""
        self._open += 1

    def closed(self) -> None:
        """Count one less."""
        self._open -= 1

    def _check_room(self) -> None:
        if self._open >= self._most_open:
            raise Busy(f"{self._open} bodies are under way; try again")

    def _text(self, most: int, length: int | None) -> TextBody:
        self._check_room()
        body = TextBody(most)
        body.expect(length or 0)
        return body

    def _copy(self, request: Request, name: bytes, length: int | None) -> CopyBody:
        image_id = ImageId.parse(name.decode("latin-1"))
        # As bytes: a header as text would have to be UTF-8, and this comes from anywhere.
        original = facts.decode(image_id, request.getHeader(facts.HEADER.encode()) or b"")
        if original is None:
            raise BadRequest(f"{facts.HEADER} does not tell what image this is")
        if length != original.length:
            raise BadRequest("Content-Length is not the length that the facts tell")
        if length > self._max_bytes:
            raise too_large(self._max_bytes)
        return CopyBody(original, self._custody.begin(original))
