"""One question to one node: on which lane, until when, and what its refusal means."""

import json
from collections.abc import Awaitable, Callable, Mapping
from http import HTTPStatus
from typing import Final, TypeVar

import attrs
from twisted.internet.defer import Deferred
from twisted.internet.defer import TimeoutError as DeferredTimeoutError
from twisted.internet.error import ConnectError, ConnectionClosed
from twisted.internet.interfaces import IReactorTime
from twisted.web.client import RequestGenerationFailed, RequestTransmissionFailed, ResponseFailed

from reticulum.errors import (
    BadSpec,
    BeyondLimits,
    HolderFailed,
    HolderLied,
    ImageDeleted,
    NotTaken,
    ReticulumError,
    UnknownImage,
)
from reticulum.model import Contact
from reticulum.reach.delivery import SLOWEST_BYTES_PER_S, Delivery
from reticulum.reach.lane import Question
from reticulum.reach.lanes import Lanes
from reticulum.reach.ways import Ways

T = TypeVar("T")

OF_AN_IMAGE: Final = {
    HTTPStatus.NOT_FOUND: UnknownImage,
    HTTPStatus.GONE: ImageDeleted,
    HTTPStatus.BAD_REQUEST: BadSpec,
    HTTPStatus.UNPROCESSABLE_ENTITY: BeyondLimits,
}
"""What refusals of a read mean; every other one is of this holder alone, now."""
OF_A_COPY: Final = {
    HTTPStatus.GONE: ImageDeleted,
    HTTPStatus.INSUFFICIENT_STORAGE: NotTaken,
}
"""What refusals of a copy mean."""

_MAX_DETAIL = 300
_BROKEN = (
    ConnectError,
    ConnectionClosed,
    RequestGenerationFailed,
    RequestTransmissionFailed,
    ResponseFailed,
)


@attrs.frozen(kw_only=True)
class Asker:
    """
    Asks other nodes.

    Args:
        ways: How to get to a node.
        lanes: The connections.
        clock: For deadlines.
        answer_s: From a request's turn to the head of its answer, connecting included.
    """

    _ways: Ways
    _lanes: Lanes
    _clock: IReactorTime
    _answer_s: float

    async def ask(
        self,
        contact: Contact,
        question: Question,
        take: Callable[[Delivery], Awaitable[T]],
        *,
        refusals: Mapping[HTTPStatus, type[ReticulumError]],
        work_s: float = 0.0,
    ) -> T:
        """
        Ask, and take the answer.

        Args:
            contact: Whom.
            question: What.
            take: Gets an answer with a status of 200 to 204, its body still to come.
            refusals: What other statuses mean; those not named here mean `HolderFailed`.
            work_s: What the other one may need for this very question, beside `answer_s` and the
                time for its body.

        Raises:
            HolderFailed: No answer, none in time, or a refusal of this holder alone.
            HolderLied: An answer that cannot be.
            OSError: The body of *question* can't be read.
        """
        seconds = self._answer_s + work_s + question.length / SLOWEST_BYTES_PER_S
        try:
            async with self._lanes.turn(contact.node_id, is_copy=question.is_copy) as turn:
                way = self._ways.to(contact, turn.straight_users)
                head = Deferred.fromCoroutine(turn.send(way, question))
                answer = Delivery(await head.addTimeout(seconds, self._clock), self._clock)
                try:
                    await _check(answer, refusals)
                    return await take(answer)
                finally:
                    answer.drop()
        except DeferredTimeoutError:
            raise HolderFailed(f"no answer within {seconds:g} s") from None
        except _BROKEN as error:
            raise HolderFailed(_said(error)) from None


async def _check(answer: Delivery, refusals: Mapping[HTTPStatus, type[ReticulumError]]) -> None:
    """Let a good answer pass."""
    if not answer.has_length:
        raise HolderLied("it does not say how long its answer is")
    if HTTPStatus.OK <= answer.code <= HTTPStatus.NO_CONTENT:
        return
    detail = _detail(await answer.text())
    for status, kind in refusals.items():
        if answer.code == status:
            raise kind(detail)
    raise HolderFailed(f"it answers {answer.code}: {detail}")


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
