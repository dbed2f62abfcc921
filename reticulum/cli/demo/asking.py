"""Plain blocking requests to a node of the demo, through its control socket."""

import hashlib
import http.client
import json
import os
import socket
from contextlib import closing
from http import HTTPStatus
from typing import Any

from reticulum.cli.demo.counting import Facts
from reticulum.cli.demo.places import LOOPBACK, Place
from reticulum.model import ImageId

POLL_S = 10.0
UPLOAD_S = 60.0
_PAGE = 1000
# sockaddr_un has 108 bytes for the path and its closing NUL.
_MAX_SOCKET_PATH_BYTES = 107


class NoAnswer(Exception):
    """A node did not do what it was asked: it is gone, too slow, or says no."""


class _OverSocket(http.client.HTTPConnection):
    """HTTP over a unix socket."""

    def __init__(self, path: str, timeout: float) -> None:
        super().__init__("localhost", timeout=timeout)
        self._path = path

    def connect(self) -> None:
        """Connect to the socket; whoever opened this closes it."""
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self._path)


def facts_of(place: Place) -> Facts:
    """What a node says of itself and of its images."""
    status = _json(place, "GET", "/v1/status")
    images: list[str] = []
    after: str | None = ""
    while after is not None:
        more = f"&after={after}" if after else ""
        page = _json(place, "GET", f"/v1/images?limit={_PAGE}{more}")
        images += [image["id"] for image in page["images"]]
        after = page["next"]
    return Facts.of(status, images)


def upload(place: Place, picture: bytes) -> str:
    """Put a picture; returns its id."""
    answer = _json(place, "POST", "/v1/images", picture)
    return str(answer["id"])


def delete(place: Place, image_id: str) -> None:
    """Delete an image from the grid."""
    _ask(place, "DELETE", f"/v1/images/{image_id}")


def is_intact(place: Place, image_id: str) -> bool:
    """Whether a node gives out an image, wherever its copies are, as it was uploaded."""
    try:
        facts = _json(place, "GET", f"/v1/images/{image_id}")
        picture = _ask(place, "GET", facts["url"])
    except NoAnswer:
        return False
    return ImageId.parse(image_id).digest == hashlib.sha256(picture).hexdigest()


def _json(place: Place, method: str, path: str, body: bytes | None = None) -> Any:
    try:
        return json.loads(_ask(place, method, path, body))
    except ValueError:
        raise NoAnswer(f"node {place.number} answers {method} {path} with no JSON") from None


def _ask(place: Place, method: str, path: str, body: bytes | None = None) -> bytes:
    asked = f"{method} {path}"
    try:
        with closing(_connection(place, POLL_S if body is None else UPLOAD_S)) as connection:
            connection.request(method, path, body)
            response = connection.getresponse()
            answer = response.read()
    except (OSError, http.client.HTTPException) as error:
        raise NoAnswer(f"node {place.number} does not answer {asked}: {error}") from None
    if not HTTPStatus.OK <= response.status < HTTPStatus.MULTIPLE_CHOICES:
        raise NoAnswer(f"node {place.number} answers {asked} with {response.status}")
    return answer


def _connection(place: Place, timeout_s: float) -> http.client.HTTPConnection:
    path = os.fspath(place.control)
    if len(os.fsencode(path)) <= _MAX_SOCKET_PATH_BYTES:
        return _OverSocket(path, timeout_s)
    # So deep a folder has no socket; on loopback no key is asked for either.
    return http.client.HTTPConnection(LOOPBACK, place.http_port, timeout=timeout_s)
