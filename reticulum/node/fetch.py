"""Fetch: an image from the nodes that hold it, a second one asked when the first is late."""

import itertools
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TypeVar

import attrs

from reticulum.errors import Busy, HolderLied, OutOfTime, UnknownImage
from reticulum.imaging.sniff import HEAD, sniff
from reticulum.interfaces import Holders, Incoming, Originals, Peers
from reticulum.model import Contact, ImageId, NodeId, Original, Rendition
from reticulum.node.hedging import Ask, Asking, Hedging, Noticed, Tally
from reticulum.node.race import first
from reticulum.node.recent import Recent
from reticulum.replication.handover import check
from reticulum.storage.full_disk import full_disk_told

T = TypeVar("T")

Found = Callable[[ImageId, Contact, frozenset[NodeId]], None]
"""Told who gave something of an image, and who should have had it and gave nothing."""


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
    Ask holders until one gives what was asked for: those who should have it, then any other.

    Args:
        holders: Whom to ask.
        peers: Asks them.
        originals: Has a place for an original on its way in; nothing is kept there by this.
        missing: Images that nobody had a moment ago.
        hedging: Says when one is late.
        found: Told what the answers reveal about the image's copies; quick.
        is_settled: Whether this node knows by now who is there; before that nothing is unknown.
        most_asked: Of those who should hold the image, and again of the others, so many are asked
            for one request, at most.
        most_at_once: Requests under way; one more is told to come back.
    """

    _holders: Holders
    _peers: Peers
    _originals: Originals
    _missing: Recent[ImageId, bool]
    _hedging: Hedging
    _found: Found
    _is_settled: Callable[[], bool] = lambda: True
    _most_asked: int = 3
    _most_at_once: int = 256
    _under_way: int = attrs.field(default=0, init=False)

    def forget(self, image_id: ImageId) -> None:
        """Remember nothing about who has an image."""
        self._holders.forget(image_id)

    async def facts(self, image_id: ImageId) -> Original:
        """
        Facts about one original.

        Raises:
            UnknownImage: Nobody who should hold it does.
            OutOfTime: Some did not answer, or are yet to be found, so nobody can tell.
            Busy: Too much is under way.
        """

        async def ask(holder: Contact, _begun: Callable[[], None]) -> Original:
            return await self._peers.facts(holder, image_id)

        return await self._first(image_id, ask, waste=lambda _: None)

    async def original(self, image_id: ImageId) -> Fetched:
        """
        An original, to be kept or abandoned by the caller.

        Raises:
            UnknownImage, OutOfTime, Busy: See `facts`.
            NoSpace: The disk is full.
        """

        async def ask(holder: Contact, begun: Callable[[], None]) -> Fetched:
            incoming = self._originals.begin(image_id.hash_name)
            try:
                sink = Noticed(incoming, begun)
                original = await self._peers.original(holder, image_id, sink)
                path = await check(incoming, original)
            except BaseException:
                incoming.abandon()
                raise
            return Fetched(incoming=incoming, path=path, original=original)

        return await self._first(image_id, ask, waste=lambda fetched: fetched.incoming.abandon())

    async def rendition(self, rendition: Rendition, target: Path) -> tuple[Original, str]:
        """
        Write a rendition to *target*, taking it on trust but for its type and length.

        What two holders send at a time goes to files beside *target*, which are gone afterwards.

        Returns:
            Facts about its original, and its ETag.

        Raises:
            UnknownImage, OutOfTime, Busy: See `facts`.
            BadSpec, BeyondLimits: It cannot be made.
            NoSpace: The disk is full.
        """
        numbers = itertools.count(1)

        async def ask(
            holder: Contact, begun: Callable[[], None]
        ) -> tuple[Path, tuple[Original, str]]:
            part = target.with_name(f"{target.name}.{next(numbers)}")
            try:
                answer = await rendition_into(part, self._peers, holder, rendition, begun=begun)
            except BaseException:
                part.unlink(missing_ok=True)
                raise
            return part, answer

        part, answer = await self._first(
            rendition.image_id, ask, waste=lambda came: came[0].unlink(missing_ok=True)
        )
        part.replace(target)
        return answer

    async def _first(self, image_id: ImageId, ask: Ask[T], *, waste: Callable[[T], object]) -> T:
        """The first good answer, within the bounds."""
        if self._missing.get(image_id):
            raise _unknown(image_id)
        if self._under_way >= self._most_at_once:
            raise Busy(f"{self._under_way} images are on their way from other nodes; try again")
        self._under_way += 1
        try:
            return await self._search(image_id, ask, waste)
        finally:
            self._under_way -= 1

    async def _search(self, image_id: ImageId, ask: Ask[T], waste: Callable[[T], object]) -> T:
        """
        Among those who should have it, then among all who say that they do; last, by another way,
        once more of those who had begun.
        """
        tally = Tally()

        async def among(contacts: Sequence[Contact]) -> tuple[Contact, T] | None:
            runners = [
                Asking(
                    hedging=self._hedging,
                    contact=contact,
                    image_id=image_id,
                    ask=ask,
                    tally=tally,
                )
                for contact in contacts[: self._most_asked]
            ]
            return await first(runners, waste=lambda came: waste(came[1]))

        came = await among(await self._holders.holders(image_id))
        lacking = frozenset(tally.missed)
        if came is None:
            came = await among(await self._holders.others(image_id, lacking))
        if came is None and tally.cut:
            came = await among(list(tally.cut))
        if came is not None:
            holder, answer = came
            self._holders.has(image_id, holder)
            self._found(image_id, holder, lacking)
            return answer
        if tally.failed:
            raise OutOfTime(f"{tally.failed} nodes that should hold {image_id} failed; try again")
        if not self._is_settled():
            raise OutOfTime(f"this node has not found all others yet who may hold {image_id}")
        self._missing.put(image_id, True)
        raise _unknown(image_id)


async def rendition_into(
    path: Path,
    peers: Peers,
    holder: Contact,
    rendition: Rendition,
    *,
    begun: Callable[[], None],
    only_here: bool = False,
) -> tuple[Original, str]:
    """
    Write a rendition that one node gives to *path*; *begun* is called when bytes come.

    Whatever happens, something may be at *path* afterwards.

    Raises:
        HolderLied: It sends another type.
        NoSpace: The disk is full.
        As `Peers`.
    """
    with full_disk_told(), path.open("wb") as file:
        answer = await peers.rendition(holder, rendition, Noticed(file, begun), only_here=only_here)
    with path.open("rb") as file:
        if sniff(file.read(HEAD)) is not rendition.format:
            raise HolderLied(f"what it sends is no {rendition.format}")
    return answer


def _unknown(image_id: ImageId) -> UnknownImage:
    return UnknownImage(f"there is no image {image_id} in this grid")
