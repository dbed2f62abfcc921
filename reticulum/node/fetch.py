"""Fetch: an image from the nodes that hold it, asked one after the other."""

from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TypeVar

import attrs
from twisted.logger import Logger

from reticulum.errors import Busy, HolderFailed, HolderLied, OutOfTime, UnknownImage
from reticulum.imaging.sniff import HEAD, sniff
from reticulum.interfaces import Holders, Incoming, Originals, Peers
from reticulum.model import Contact, ImageId, Original, Rendition
from reticulum.node.recent import Recent
from reticulum.storage.full_disk import full_disk_told

T = TypeVar("T")

_log = Logger()


@attrs.frozen(kw_only=True)
class Fetched:
    """
    An original that came from a holder, its bytes seen to match the id.

    Args:
        incoming: Its bytes, sealed: for the caller to keep or to abandon.
        path: Where they are until then.
        original: What the holder tells about them.
    """

    incoming: Incoming
    path: Path
    original: Original


@attrs.define(kw_only=True)
class Fetch:
    """
    Ask holders until one gives what was asked for.

    Args:
        holders: Whom to ask.
        peers: Asks them.
        originals: Has a place for an original on its way in; nothing is kept there by this.
        missing: Images that nobody had a moment ago.
        most_asked: Holders asked for one request, at most.
        most_at_once: Requests under way; one more is told to come back.
    """

    _holders: Holders
    _peers: Peers
    _originals: Originals
    _missing: Recent[ImageId, bool]
    _most_asked: int = 3
    _most_at_once: int = 256
    _under_way: int = attrs.field(default=0, init=False)

    async def facts(self, image_id: ImageId) -> Original:
        """
        Facts about one original.

        Raises:
            UnknownImage: Nobody who should hold it does.
            OutOfTime: Some did not answer, so nobody can tell.
            Busy: Too much is under way.
        """
        return await self._first(image_id, lambda holder: self._peers.facts(holder, image_id))

    async def original(self, image_id: ImageId) -> Fetched:
        """
        An original, to be kept or abandoned by the caller.

        Raises:
            UnknownImage, OutOfTime, Busy: See `facts`.
            NoSpace: The disk is full.
        """

        async def ask(holder: Contact) -> Fetched:
            incoming = self._originals.begin(image_id.hash_name)
            try:
                original = await self._peers.original(holder, image_id, incoming)
                path = await incoming.seal()
                _check(incoming, image_id)
            except BaseException:
                incoming.abandon()
                raise
            return Fetched(incoming=incoming, path=path, original=original)

        return await self._first(image_id, ask)

    async def rendition(self, rendition: Rendition, target: Path) -> tuple[Original, str]:
        """
        Write a rendition to *target*, taking it on trust but for its type and length.

        Returns:
            Facts about its original, and its ETag.

        Raises:
            UnknownImage, OutOfTime, Busy: See `facts`.
            BadSpec, BeyondLimits: It cannot be made.
            NoSpace: The disk is full.
        """

        async def ask(holder: Contact) -> tuple[Original, str]:
            with full_disk_told(), target.open("wb") as file:
                answer = await self._peers.rendition(holder, rendition, file)
            with target.open("rb") as file:
                if sniff(file.read(HEAD)) is not rendition.format:
                    raise HolderLied(f"what it sends is no {rendition.format}")
            return answer

        return await self._first(rendition.image_id, ask)

    async def _first(self, image_id: ImageId, ask: Callable[[Contact], Awaitable[T]]) -> T:
        """The first good answer, within the bounds."""
        if self._missing.get(image_id):
            raise _unknown(image_id)
        if self._under_way >= self._most_at_once:
            raise Busy(f"{self._under_way} images are on their way from other nodes; try again")
        self._under_way += 1
        try:
            return await self._one_by_one(image_id, ask)
        finally:
            self._under_way -= 1

    async def _one_by_one(self, image_id: ImageId, ask: Callable[[Contact], Awaitable[T]]) -> T:
        """The next holder is asked once the one before has failed."""
        failed = 0
        holders = await self._holders.holders(image_id)
        for holder in holders[: self._most_asked]:
            try:
                return await ask(holder)
            except UnknownImage:
                _log.debug("fetch.not_here node={node} image={image}", node=holder, image=image_id)
            except HolderFailed as error:
                failed += 1
                _tell(holder, image_id, error)
        if failed:
            raise OutOfTime(f"{failed} nodes that should hold {image_id} failed; try again")
        self._missing.put(image_id, True)
        raise _unknown(image_id)


def _check(incoming: Incoming, image_id: ImageId) -> None:
    """Believe the hash, and nobody."""
    if incoming.image_id != image_id:
        raise HolderLied("the bytes it sends are of another image")


def _tell(holder: Contact, image_id: ImageId, error: HolderFailed) -> None:
    lied = isinstance(error, HolderLied)
    (_log.warn if lied else _log.info)(
        "fetch.{event} node={node} address={address} image={image} reason={reason}",
        event="liar" if lied else "holder_failed",
        node=str(holder.node_id),
        address=str(holder.address),
        image=str(image_id),
        reason=str(error),
    )


def _unknown(image_id: ImageId) -> UnknownImage:
    return UnknownImage(f"there is no image {image_id} in this grid")
