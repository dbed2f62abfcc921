"""The way of one file to a node: checked, asked for, sent, and asked again when that fails."""

from collections.abc import Awaitable, Callable
from http import HTTPStatus
from typing import Protocol, TypeVar

import attrs

from reticulum.cli.importing.check import Damaged, NoImage
from reticulum.cli.importing.found import Found, Outcome
from reticulum.cli.node import Dropped, Node, Refused, Unreachable
from reticulum.errors import BadImageId, ClientError
from reticulum.model import HashName, ImageId

# About a minute in all: a node that is started anew is back by then.
PAUSES_S = (1, 2, 4, 8, 15, 30)
_BUSY = {HTTPStatus.BAD_GATEWAY, HTTPStatus.SERVICE_UNAVAILABLE, HTTPStatus.GATEWAY_TIMEOUT}

T = TypeVar("T")


class Hopeless(ClientError):
    """Every other file would fail in the same way."""


class Checker(Protocol):
    """`check`, in a thread."""

    def __call__(self, found: Found, hash_name: HashName) -> Awaitable[ImageId]:
        """The id of a file; see `check`."""
        ...


@attrs.define(kw_only=True)
class Way:
    """
    Takes files to one node.

    Args:
        node: The node, or None for a dry run: then files are only looked into.
        check: Looks into a file.
        pause: Waits so many seconds.
        hash_name: For ids of files whose path does not say it; None for what the node uses.
    """

    _node: Node | None
    _check: Checker
    _pause: Callable[[float], Awaitable[object]]
    _hash_name: HashName | None = None
    # What the node makes ids with: a guess, until it has answered.
    _guess: HashName = HashName.SHA256

    async def take(self, found: Found, sent: Callable[[int], object]) -> tuple[Outcome, ImageId]:
        """
        Bring one file to the node.

        Args:
            found: The file.
            sent: Told how many bytes more went out, or fewer.

        Returns:
            `IMPORTED` or `THERE`, and the id.

        Raises:
            NoImage, Damaged: It is not to be taken in.
            Hopeless: Nor can any other be.
            ClientError: This one could not be.
        """
        image_id = await self._check(found, self._hash_name or self._guess)
        if self._node is None:
            return Outcome.IMPORTED, image_id
        if await self._is_there(self._node, image_id):
            return Outcome.THERE, image_id
        wanted = found.image_id.hash_name if found.image_id is not None else self._hash_name
        try:
            answered = await self._send(self._node, found, sent, wanted)
        except Unreachable as error:
            raise Hopeless(str(error)) from None
        except Refused as error:
            raise _told(error) from None
        if wanted is not None and answered.hash_name is not wanted:
            raise Hopeless(
                f"the node has made a {answered.hash_name} id where {wanted} was asked for: "
                "its version is older than that of this command"
            )
        self._guess = answered.hash_name
        if answered != image_id and answered.hash_name is image_id.hash_name:
            raise ClientError(f"changed while it was being sent; what was sent is {answered}")
        return Outcome.IMPORTED, answered

    async def _is_there(self, node: Node, image_id: ImageId) -> bool:
        try:
            await node.facts(image_id)
        except (Refused, Dropped, Unreachable):
            # Unknown, or no answer: what comes of sending it decides.
            return False
        return True

    async def _send(
        self, node: Node, found: Found, sent: Callable[[int], object], wanted: HashName | None
    ) -> ImageId:
        moved = 0

        def count(length: int) -> None:
            nonlocal moved
            moved += length
            sent(length)

        async def upload() -> ImageId:
            count(-moved)
            answer = await node.upload(found.path, count, wanted)
            try:
                return ImageId.parse(answer["id"])
            except BadImageId as error:
                raise Unreachable(f"the node's answer makes no sense: {error}") from None

        return await self._patiently(upload)

    async def _patiently(self, ask: Callable[[], Awaitable[T]]) -> T:
        for wait_s in PAUSES_S:
            try:
                return await ask()
            except (Dropped, Unreachable):
                pass
            except Refused as error:
                if error.status not in _BUSY:
                    raise
            await self._pause(wait_s)
        return await ask()


def _told(error: Refused) -> ClientError:
    if error.concerns_key or error.status == HTTPStatus.INSUFFICIENT_STORAGE:
        return Hopeless(str(error))
    if error.status == HTTPStatus.UNSUPPORTED_MEDIA_TYPE:
        return NoImage(str(error))
    if error.status == HTTPStatus.UNPROCESSABLE_ENTITY:
        return Damaged(str(error))
    return error
