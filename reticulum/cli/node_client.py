"""The one way commands talk with a node: HTTP, with time limits, retries and readable errors."""

import json
from collections.abc import Callable
from http import HTTPStatus
from pathlib import Path
from typing import Any, BinaryIO

import attrs
from treq.client import HTTPClient
from twisted.internet.interfaces import IDelayedCall, IReactorTime
from twisted.internet.task import Cooperator, deferLater
from twisted.web.http_headers import Headers
from twisted.web.iweb import IAgent, IResponse

from reticulum import __version__
from reticulum.cli.bodies import FileBody, read_body
from reticulum.cli.failures import explain, not_a_node, refusal
from reticulum.cli.idle import IdleLimit
from reticulum.cli.node import Dropped, JsonObject, Node
from reticulum.errors import ClientError
from reticulum.model import HashName, ImageId

ATTEMPTS = 5
IDLE_S = 120.0
_LONGEST_WAIT_S = 60
_MAX_ANSWER_BYTES = 10_000_000

_SUCCESS = range(200, 300)


@attrs.frozen(kw_only=True)
class NodeClient(Node):
    """
    A `Node` at the other end of an agent.

    Args:
        agent: Opens connections.
        root: URL that paths are appended to.
        name: What texts call the node: its URL or its socket.
        key: Upload key, or None.
        clock: For limits and pauses.
    """

    _agent: IAgent
    _root: str
    _name: str
    _key: str | None = attrs.field(default=None, repr=False)
    _clock: IReactorTime

    async def upload(
        self, path: Path, sent: Callable[[int], object], hash_name: HashName | None = None
    ) -> JsonObject:
        """Send a file; see `Node`."""
        place = "/v1/images" if hash_name is None else f"/v1/images?hash={hash_name}"
        try:
            with path.open("rb") as file:
                return self._checked(await self._send_file(place, file, sent), "id")
        except OSError as error:
            raise ClientError(f"can't be read: {error.strerror}") from None

    async def facts(self, image_id: ImageId) -> JsonObject:
        """Facts about an image; see `Node`."""
        answer = await self._ask("GET", f"/v1/images/{image_id}")
        return self._checked(answer, "id", "content_type")

    async def delete(self, image_id: ImageId) -> None:
        """Remove an image; see `Node`."""
        await self._ask("DELETE", f"/v1/images/{image_id}")

    async def status(self) -> JsonObject:
        """The node in JSON; see `Node`."""
        return self._checked(await self._ask("GET", "/v1/status"))

    async def picture(self, path: str, write: Callable[[bytes], object]) -> int:
        """Bytes of an image; see `Node`."""
        for last in _attempts():
            idle = IdleLimit(self._clock, IDLE_S)
            response = await self._request("GET", path, idle)
            if response.code in _SUCCESS:
                return await self._read(response, write, idle)
            await self._pause_or_refuse(response, idle, last=last)
        raise AssertionError  # the last attempt returns or raises

    async def act(self, path: str, write: Callable[[bytes], object]) -> int:
        """What the node is to do; see `Node`."""
        idle = IdleLimit(self._clock, IDLE_S)
        response = await self._request("POST", path, idle)
        if response.code in _SUCCESS:
            return await self._read(response, write, idle)
        await self._pause_or_refuse(response, idle, last=True)
        raise AssertionError  # the last attempt raises

    async def _ask(self, method: str, path: str) -> bytes:
        for last in _attempts():
            idle = IdleLimit(self._clock, IDLE_S)
            response = await self._request(method, path, idle)
            if response.code in _SUCCESS:
                return await self._whole(response, idle)
            await self._pause_or_refuse(response, idle, last=last)
        raise AssertionError  # the last attempt returns or raises

    async def _send_file(self, place: str, file: BinaryIO, sent: Callable[[int], object]) -> bytes:
        drops = 0
        for last in _attempts():
            idle = IdleLimit(self._clock, IDLE_S)
            body = FileBody(file, Cooperator(scheduler=self._soon), _both(sent, idle))
            try:
                response = await self._request("POST", place, idle, body)
                if response.code in _SUCCESS:
                    return await self._whole(response, idle)
                await self._pause_or_refuse(response, idle, last=last)
            except Dropped:
                # Once is bad luck, and equal bytes twice are one image.
                drops += 1
                if last or drops > 1:
                    raise
                await deferLater(self._clock, 1)
            finally:
                # A node may answer before it has everything.
                body.stop()
            sent(-body.sent_bytes)
            file.seek(0)
        raise AssertionError  # the last attempt returns or raises

    def _soon(self, call: Callable[[], None]) -> IDelayedCall:
        return self._clock.callLater(0, call)

    async def _request(
        self, method: str, path: str, idle: IdleLimit, body: FileBody | None = None
    ) -> IResponse:
        headers = Headers({"User-Agent": [f"reticulum/{__version__}"], "Accept": ["*/*"]})
        if self._key is not None:
            headers.setRawHeaders("Authorization", [f"Bearer {self._key}"])
        if body is not None:
            headers.setRawHeaders("Content-Type", ["application/octet-stream"])
        # A client for each request: nothing is carried from one to the next, cookies included.
        sending = HTTPClient(self._agent).request(
            method,
            self._root + path,
            headers=headers,
            data=body,
            # An upload or a deletion that is sent elsewhere is for a person to decide.
            allow_redirects=method == "GET",
            unbuffered=True,
        )
        try:
            return await idle.watch(sending)
        except Exception as error:  # noqa: BLE001  (whatever Twisted raises gets words)
            raise explain(error, self._name, idle.seconds) from None

    async def _read(
        self, response: IResponse, write: Callable[[bytes], object], idle: IdleLimit
    ) -> int:
        failed: list[BaseException] = []

        def take(piece: bytes) -> None:
            idle.moved()
            try:
                write(piece)
            except Exception as error:
                failed.append(error)
                raise

        try:
            return await idle.watch(read_body(response, take))
        except Exception as error:
            if failed:
                raise
            raise explain(error, self._name, idle.seconds) from None

    async def _whole(self, response: IResponse, idle: IdleLimit) -> bytes:
        pieces: list[bytes] = []
        length = 0

        def take(piece: bytes) -> None:
            nonlocal length
            length += len(piece)
            if length > _MAX_ANSWER_BYTES:
                raise not_a_node(self._name, "its answer does not end")
            pieces.append(piece)

        await self._read(response, take, idle)
        return b"".join(pieces)

    async def _pause_or_refuse(self, response: IResponse, idle: IdleLimit, *, last: bool) -> None:
        body = await self._whole(response, idle)
        wait_s = _retry_after(response)
        if last or wait_s is None or response.code != HTTPStatus.SERVICE_UNAVAILABLE:
            raise refusal(response, body, self._name)
        await deferLater(self._clock, min(wait_s, _LONGEST_WAIT_S))

    def _checked(self, body: bytes, *texts: str) -> JsonObject:
        try:
            answer: Any = json.loads(body)
        except ValueError:
            raise not_a_node(self._name, "its answer is not JSON") from None
        if not isinstance(answer, dict):
            raise not_a_node(self._name, "its answer is not a JSON object")
        for name in texts:
            if not isinstance(answer.get(name), str):
                raise not_a_node(self._name, f"its answer has no {name}")
        return answer


def _attempts() -> list[bool]:
    """One truth value an attempt: whether it is the last."""
    return [False] * (ATTEMPTS - 1) + [True]


def _both(sent: Callable[[int], object], idle: IdleLimit) -> Callable[[int], None]:
    def tell(length: int) -> None:
        sent(length)
        idle.moved()

    return tell


def _retry_after(response: IResponse) -> int | None:
    text = (response.headers.getRawHeaders("retry-after") or [""])[0].strip()
    return int(text[:9]) if text.isascii() and text.isdigit() else None
