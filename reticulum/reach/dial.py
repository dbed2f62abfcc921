"""Asking other nodes over HTTP: for pictures, and about the copies that they keep."""

import re
from collections.abc import Sequence
from http import HTTPMethod, HTTPStatus
from io import BytesIO
from pathlib import Path

import attrs
from twisted.internet.interfaces import IReactorTime

from reticulum.errors import HolderFailed, HolderLied
from reticulum.interfaces import Sink
from reticulum.model import Address, Contact, Holding, ImageId, Original, Rendition, Tombstone
from reticulum.reach import copy_messages, facts, punch_messages
from reticulum.reach.asking import OF_A_COPY, OF_AN_IMAGE, Asker
from reticulum.reach.delivery import Delivery
from reticulum.reach.lane import Question
from reticulum.reach.lanes import Lanes
from reticulum.reach.ways import Ways

# To hash one image, of the usual size on a usual disk.
_HASHING_S = 1.0
_ETAG = re.compile(r'"([0-9a-f]{1,128})"')


@attrs.frozen(kw_only=True)
class HttpPeers:
    """
    Other nodes over HTTP inside TLS; a `Peers`.

    Args:
        ways: How to get to a node.
        lanes: The connections.
        clock: For deadlines.
        max_bytes: The longest picture taken.
        answer_s: From a request's turn to the head of its answer, connecting included; the time
            for its body and for what is asked comes on top.
    """

    _ways: Ways
    _lanes: Lanes
    _clock: IReactorTime
    _max_bytes: int
    _answer_s: float = 10.0

    @property
    def _asker(self) -> Asker:
        return Asker(
            ways=self._ways,
            lanes=self._lanes,
            clock=self._clock,
            answer_s=self._answer_s,
        )

    async def facts(self, contact: Contact, image_id: ImageId) -> Original:
        """Facts about an original that *contact* holds; see `Peers`."""

        async def take(answer: Delivery) -> Original:
            return _original(image_id, await answer.text())

        question = Question(f"/peer/v1/facts/{image_id}")
        return await self._asker.ask(contact, question, take, refusals=OF_AN_IMAGE)

    async def original(self, contact: Contact, image_id: ImageId, sink: Sink) -> Original:
        """Write an original to *sink*; see `Peers`."""

        async def take(answer: Delivery) -> Original:
            self._check_picture(answer)
            original = _facts_beside(answer, image_id)
            if original.length != answer.length:
                raise HolderLied(f"it sends {answer.length} bytes of an image of {original.length}")
            await answer.into(sink)
            return original

        question = Question(f"/peer/v1/original/{image_id}")
        return await self._asker.ask(contact, question, take, refusals=OF_AN_IMAGE)

    async def rendition(
        self, contact: Contact, rendition: Rendition, sink: Sink, *, only_here: bool = False
    ) -> tuple[Original, str]:
        """Write a rendition to *sink*; see `Peers`."""

        async def take(answer: Delivery) -> tuple[Original, str]:
            self._check_picture(answer)
            original = _facts_beside(answer, rendition.image_id)
            etag = _ETAG.fullmatch(answer.header("etag"))
            if etag is None:
                raise HolderLied("it sends a rendition without an ETag of ours")
            await answer.into(sink)
            return original, etag[1]

        path = f"/peer/v1/rendition/{rendition.image_id}/{rendition.spec}/{rendition.format}"
        question = Question(path + "?here=1" * only_here)
        return await self._asker.ask(contact, question, take, refusals=OF_AN_IMAGE)

    async def have(
        self, contact: Contact, image_ids: Sequence[ImageId], *, verify: bool = False
    ) -> Sequence[Holding]:
        """Ask which images it holds; see `Peers`. May take 1 s more for each one to verify."""

        async def take(answer: Delivery) -> Sequence[Holding]:
            content = await answer.text(copy_messages.HOLDINGS_BYTES)
            holding = copy_messages.read_holdings(content, len(image_ids))
            if holding is None:
                raise HolderLied("it does not answer which images it holds")
            return holding

        question = _message("/peer/v1/have", copy_messages.question(image_ids, verify=verify))
        work_s = _HASHING_S * len(image_ids) if verify else 0.0
        return await self._asker.ask(contact, question, take, refusals={}, work_s=work_s)

    async def give(self, contact: Contact, original: Original, path: Path) -> bool:
        """
        Hand over an original; see `Peers`.

        It is sent at once: ask with `have` first where the other one may have it already. A
        refusal is heard, and heeded, while bytes are still being sent.
        """

        async def take(answer: Delivery) -> bool:
            await answer.text()
            return answer.code == HTTPStatus.CREATED

        with path.open("rb") as file:
            question = Question(
                f"/peer/v1/original/{original.image_id}",
                method=HTTPMethod.PUT,
                headers={facts.HEADER: facts.encode(original).decode()},
                body=file,
                length=original.length,
                is_copy=True,
            )
            return await self._asker.ask(contact, question, take, refusals=OF_A_COPY)

    async def bury(self, contact: Contact, tombstones: Sequence[Tombstone], depth: int) -> None:
        """Tell of deletions; see `Peers`."""
        content = copy_messages.burial([one.packed for one in tombstones], depth)
        question = _message("/peer/v1/tombstones", content)
        await self._asker.ask(contact, question, Delivery.text, refusals={})

    async def buried(
        self, contact: Contact, since: int, after: int
    ) -> tuple[Sequence[bytes], int | None]:
        """Ask for deletions; see `Peers`."""

        async def take(answer: Delivery) -> tuple[Sequence[bytes], int | None]:
            page = copy_messages.read_page(await answer.text(copy_messages.TOMBSTONES_BYTES))
            if page is None:
                raise HolderLied("it does not answer what was deleted")
            return page

        question = Question(f"/peer/v1/tombstones?since={since}&after={after}")
        return await self._asker.ask(contact, question, take, refusals={})

    async def nudge(self, contact: Contact, image_id: ImageId) -> None:
        """Tell that an image seems to be short of copies; see `Peers`."""
        question = Question(f"/peer/v1/nudge/{image_id}", method=HTTPMethod.POST)
        await self._asker.ask(contact, question, Delivery.text, refusals={})

    async def punch(self, contact: Contact, addresses: Sequence[Address]) -> Sequence[Address]:
        """
        Ask a node to dial this one at *addresses*, while this one dials it.

        Args:
            contact: Whom, reached through a relay.
            addresses: Where this node can be dialled for the next seconds, at most 4.

        Returns:
            Where the other one can be.

        Raises:
            HolderFailed: It does not answer, or does not want to.
            HolderLied: It answers what cannot be.
        """

        async def take(answer: Delivery) -> Sequence[Address]:
            content = await answer.text(punch_messages.PUNCH_BYTES)
            theirs = punch_messages.read_addresses(content)
            if theirs is None:
                raise HolderLied("it does not answer where it can be dialled")
            return theirs

        question = _message("/peer/v1/punch", punch_messages.addresses(addresses))
        return await self._asker.ask(contact, question, take, refusals={})

    def close_detours(self) -> None:
        """Close every connection through a relay that is not in use."""
        self._lanes.close_detours()

    async def start(self) -> None:
        """Nothing is to be done before the first question."""

    async def stop(self) -> None:
        """Close every connection that is not in use; nobody may ask any more."""
        await self._lanes.close()

    def _check_picture(self, answer: Delivery) -> None:
        if answer.code != HTTPStatus.OK or not 1 <= answer.length <= self._max_bytes:
            raise HolderFailed(f"its answer, a {answer.code}, has {answer.length} bytes")


def _message(path: str, content: bytes) -> Question:
    return Question(
        path,
        method=HTTPMethod.POST,
        headers={"content-type": "application/json"},
        body=BytesIO(content),
        length=len(content),
    )


def _facts_beside(answer: Delivery, image_id: ImageId) -> Original:
    return _original(image_id, answer.header(facts.HEADER).encode())


def _original(image_id: ImageId, content: bytes) -> Original:
    original = facts.decode(image_id, content)
    if original is None:
        raise HolderLied("what it tells about the image cannot be")
    return original
