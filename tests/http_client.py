"""A client for the tests of HTTP: the answer as it is on the wire, nothing followed or decoded."""

import http.client
import json
from collections.abc import Iterable, Mapping
from typing import Any
from urllib.parse import urlsplit

import attrs
from twisted.internet.threads import deferToThread

BOUNDARY = "the-boundary-of-the-tests"


@attrs.frozen
class Answer:
    """Status, headers by lower-case name, body."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        """The body, parsed."""
        return json.loads(self.body)


def ask_blocking(
    method: str,
    url: str,
    *,
    data: bytes | Iterable[bytes] | None = None,
    headers: Mapping[str, str] | None = None,
    seconds: float = 20,
) -> Answer:
    """One request on a connection of its own; an iterable body is sent in chunks."""
    parts = urlsplit(url)
    connection = http.client.HTTPConnection(parts.netloc, timeout=seconds)
    target = url.partition(parts.netloc)[2] or "/"
    chunked = data is not None and not isinstance(data, bytes)
    framing = {"transfer-encoding": "chunked"} if chunked else {}
    try:
        connection.request(
            method, target, data, {**(headers or {}), **framing}, encode_chunked=chunked
        )
        response = connection.getresponse()
        fields = {name.lower(): value for name, value in response.getheaders()}
        return Answer(response.status, fields, response.read())
    finally:
        connection.close()


async def ask(method: str, url: str, **options: Any) -> Answer:
    """`ask_blocking` beside the reactor that answers it."""
    return await deferToThread(ask_blocking, method, url, **options)


def form(content: bytes, name: str = "image", **fields: str) -> dict[str, Any]:
    """Options for `ask` that send a `multipart/form-data` with one file and some fields."""
    parts = [
        f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="{key}"\r\n\r\n{value}\r\n'.encode()
        for key, value in fields.items()
    ]
    head = f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="{name}"; filename="x.bin"'
    file = head.encode() + b"\r\nContent-Type: application/octet-stream\r\n\r\n" + content
    body = b"".join(parts) + file + f"\r\n--{BOUNDARY}--\r\n".encode()
    return {
        "data": body,
        "headers": {"content-type": f"multipart/form-data; boundary={BOUNDARY}"},
    }
