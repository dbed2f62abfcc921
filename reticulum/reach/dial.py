"""Asking other nodes over HTTP: facts, originals, renditions."""

import json
import re
from collections.abc import Awaitable, Callable
from http import HTTPStatus
from typing import TypeVar

import attrs
from twisted.internet.defer import TimeoutError as DeferredTimeoutError
from twisted.internet.error import ConnectError, ConnectionClosed
from twisted.internet.interfaces import IReactorTime
from twisted.web.client import RequestGenerationFailed, RequestTransmissionFailed, ResponseFailed

from reticulum.errors import BadSpec, BeyondLimits, HolderFailed, HolderLied, UnknownImage
from reticulum.interfaces import Sink
from reticulum.model import Contact, ImageId, Original, Rendition
from reticulum.reach import facts
from reticulum.reach.delivery import Delivery
from reticulum.reach.introduction import Introduction
from reticulum.reach.lanes import Lanes
from reticulum.reach.pipes import Pipes

T = TypeVar("T")

_MAX_DETAIL = 300
_ETAG = re.compile(r'"([0-9a-f]{1,128})"')
_BROKEN = (
    ConnectError,
    ConnectionClosed,
    RequestGenerationFailed,
    RequestTransmissionFailed,
    ResponseFailed,
)


@attrs.frozen(kw_only=True)
class HttpPeers:
    """
    Other nodes over HTTP inside TLS; a `Peers`.

    Args:
        pipes: How bytes get to a node.
        introduction: How the two get to trust each other.
        lanes: The connections.
        clock: For deadlines.
        max_bytes: The longest answer taken.
        answer_s: From a request's turn to the head of its answer, connecting included.
    """

    _pipes: Pipes
    _introduction: Introduction
    _lanes: Lanes
    _clock: IReactorTime
    _max_bytes: int
    _answer_s: float = 10.0

    async def facts(self, contact: Contact, image_id: ImageId) -> Original:
        """Facts about an original that *contact* holds; see `Peers`."""

        async def take(answer: Delivery) -> Original:
            return _original(image_id, await answer.text())

        return await self._ask(contact, f"/peer/v1/facts/{image_id}", take)

    async def original(self, contact: Contact, image_id: ImageId, sink: Sink) -> Original:
        """Write an original to *sink*; see `Peers`."""

        async def take(answer: Delivery) -> Original:
            original = _facts_beside(answer, image_id)
            if original.length != answer.length:
                raise HolderLied(f"it sends {answer.length} bytes of an image of {original.length}")
            await answer.into(sink)
            return original

        return await self._ask(contact, f"/peer/v1/original/{image_id}", take)

    async def rendition(
        self, contact: Contact, rendition: Rendition, sink: Sink
    ) -> tuple[Original, str]:
        """Write a rendition to *sink*; see `Peers`."""

        async def take(answer: Delivery) -> tuple[Original, str]:
            original = _facts_beside(answer, rendition.image_id)
            etag = _ETAG.fullmatch(answer.header("etag"))
            if etag is None:
                raise HolderLied("it sends a rendition without an ETag of ours")
            await answer.into(sink)
            return original, etag[1]

        path = f"/peer/v1/rendition/{rendition.image_id}/{rendition.spec}/{rendition.format}"
        return await self._ask(contact, path, take)

    async def start(self) -> None:
        """Nothing is to be done before the first question."""

    async def stop(self) -> None:
        """Close every connection that is not in use; nobody may ask any more."""
        await self._lanes.close()

    async def _ask(
        self, contact: Contact, path: str, take: Callable[[Delivery], Awaitable[T]]
    ) -> T:
        endpoint = self._introduction.through(self._pipes.to(contact), contact.node_id)
        try:
            async with self._lanes.turn(contact.node_id) as lane:
                head = lane.get(endpoint, path).addTimeout(self._answer_s, self._clock)
                answer = Delivery(await head, self._clock)
                try:
                    await self._check(answer)
                    return await take(answer)
                finally:
                    answer.drop()
        except DeferredTimeoutError:
            raise HolderFailed(f"no answer within {self._answer_s:g} s") from None
        except _BROKEN as error:
            raise HolderFailed(_said(error)) from None

    async def _check(self, answer: Delivery) -> None:
        """Let a good answer pass."""
        if not answer.has_length:
            raise HolderLied("it does not say how long its answer is")
        if answer.code != HTTPStatus.OK:
            raise await _refusal(answer)
        if not 1 <= answer.length <= self._max_bytes:
            raise HolderFailed(f"its answer has {answer.length} bytes")


def _facts_beside(answer: Delivery, image_id: ImageId) -> Original:
    return _original(image_id, answer.header(facts.HEADER).encode())


def _original(image_id: ImageId, content: bytes) -> Original:
    original = facts.decode(image_id, content)
    if original is None:
        raise HolderLied("what it tells about the image cannot be")
    return original


async def _refusal(answer: Delivery) -> Exception:
    """The refusal as an error: of the image, of the request, or of this holder alone."""
    text = await answer.text()
    match answer.code:
        case HTTPStatus.NOT_FOUND:
            return UnknownImage("the holder does not have the image")
        case HTTPStatus.BAD_REQUEST:
            return BadSpec(_detail(text))
        case HTTPStatus.UNPROCESSABLE_ENTITY:
            return BeyondLimits(_detail(text))
    return HolderFailed(f"it answers {answer.code}: {_detail(text)}")


def _detail(problem: bytes) -> str:
    """What a peer says of an error, fit to be passed on."""
    try:
        detail = json.loads(problem)["detail"]
    except (ValueError, TypeError, KeyError, RecursionError):
        detail = None
    if not isinstance(detail, str) or not detail.isprintable():
        return "the holder refused"
    return detail[:_MAX_DETAIL]


def _said(error: Exception) -> str:
    """The text of a broken connection; `ResponseFailed` and its like keep a list of reasons."""
    reasons = getattr(error, "reasons", None)
    return str(reasons[0].getErrorMessage() if reasons else error)
