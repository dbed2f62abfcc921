"""Nodes hand each other copies, and tell each other of them: over real TLS on loopback."""

import json
import os
from base64 import b64encode
from collections.abc import AsyncIterator, Callable
from io import BytesIO
from pathlib import Path, PosixPath
from typing import Any

import attrs
import pytest
import pytest_twisted
from members import (
    GRID,
    MOST_BYTES,
    NO_ID,
    PHOTO,
    PHOTO_ID,
    Holder,
    Kept,
    Who,
    acting,
    answering,
    asking,
    heard_by,
    holding,
    member_context,
    session_of,
    settled,
)
from OpenSSL import SSL
from twisted.internet import reactor
from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.task import Clock, deferLater
from twisted.internet.threads import deferToThread

from reticulum.errors import (
    BadRequest,
    Busy,
    HolderFailed,
    HolderLied,
    ImageDeleted,
    NoSpace,
    NotTaken,
)
from reticulum.interfaces import MOST_ASKED, MOST_BURIED
from reticulum.model import (
    Facts,
    Format,
    Holding,
    ImageId,
    Original,
    Rendition,
    Size,
    Tombstone,
)
from reticulum.reach import facts
from reticulum.reach.dial import HttpPeers
from reticulum.reach.lanes import Bounds
from reticulum.reach.proof import PROOF_BYTES, dialler_proof

FACTS = Facts(format=Format.JPG, size=Size(640, 400), frames=1)
PACKED = b"t" * 147


def original_of(image_id: ImageId = PHOTO_ID, length: int = len(PHOTO)) -> Original:
    return Original(image_id=image_id, facts=FACTS, length=length, stored_at=1.0)


def tombstone(packed: bytes = PACKED) -> Tombstone:
    return Tombstone(image_id=PHOTO_ID, sequence=1, expires=1, packed=packed)


class CountedPath(PosixPath):
    """A file that tells how many of its bytes were read."""

    opened: Any = None

    def open(self, *args: Any, **kwargs: Any) -> Any:  # type: ignore[override]
        self.opened = super().open(*args, **kwargs)
        inner, self.read = self.opened.read, 0

        class Counted:
            def read(_, size: int) -> bytes:  # noqa: N805
                chunk: bytes = inner(size)
                self.read += len(chunk)
                return chunk

            def seek(_, offset: int) -> int:  # noqa: N805
                return int(self.opened.seek(offset))

            def __enter__(_) -> Any:  # noqa: N805
                return _

            def __exit__(_, *raised: object) -> None:  # noqa: N805
                self.opened.close()

        return Counted()


@pytest.fixture
def photo_path(tmp_path: Path) -> Path:
    path = tmp_path / "photo"
    path.write_bytes(PHOTO)
    return path


def zeros(folder: Path, length: int) -> CountedPath:
    path = CountedPath(folder / "zeros")
    path.touch()
    os.truncate(path, length)
    return path


@pytest_twisted.async_yield_fixture
async def peers() -> AsyncIterator[HttpPeers]:
    async with asking() as running:
        yield running


@pytest_twisted.async_yield_fixture
async def holder(tmp_path: Path) -> AsyncIterator[Holder]:
    async with holding(tmp_path / "holder", PHOTO) as running:
        yield running


async def until(is_so: Callable[[], bool]) -> None:
    for _ in range(2_000):
        if is_so():
            return
        await deferLater(reactor, 0.005)
    raise AssertionError("it never was so")


def leaves_nothing(custody: Kept) -> bool:
    """Whether everything that came in is away again."""
    return all(one._buffer is None and not one.path.exists() for one in custody.incoming)


async def test_give(peers: HttpPeers, holder: Holder, photo_path: Path) -> None:
    """A copy arrives with its facts; the second time it is not new. One connection does."""
    assert await peers.give(holder.contact, original_of(), photo_path)
    assert not await peers.give(holder.contact, original_of(), photo_path)

    assert {PHOTO_ID: original_of()} == holder.custody.held
    assert leaves_nothing(holder.custody)
    assert 1 == len(holder.site.connections)


async def test_have(peers: HttpPeers, holder: Holder) -> None:
    """Answers come in the order of the questions, as many as may be asked."""
    holder.custody.held[PHOTO_ID] = original_of()
    assert [Holding.ABSENT, Holding.HELD] == await peers.have(holder.contact, [NO_ID, PHOTO_ID])
    many = [NO_ID] * (MOST_ASKED - 1) + [PHOTO_ID]
    expected = [Holding.ABSENT] * (MOST_ASKED - 1) + [Holding.VERIFIED]
    assert expected == await peers.have(holder.contact, many, verify=True)
    assert [([NO_ID, PHOTO_ID], False), (many, True)] == holder.custody.asked


async def test_bury_and_buried(peers: HttpPeers, holder: Holder) -> None:
    """Tombstones go both ways byte by byte, as many as may be told."""
    many = [tombstone(bytes([number % 256]) * 147) for number in range(MOST_BURIED)]
    packed = [one.packed for one in many]
    await peers.bury(holder.contact, many, 160)
    assert [(packed, 160)] == holder.custody.buries

    holder.custody.page = (packed, 77)
    assert (packed, 77) == await peers.buried(holder.contact, 1_700_000_000, 5)
    holder.custody.page = ((), None)
    assert ([], None) == await peers.buried(holder.contact, 0, 0)
    assert [(1_700_000_000, 5), (0, 0)] == holder.custody.asked


async def test_nudge(peers: HttpPeers, holder: Holder) -> None:
    """A holder is told which image to look after."""
    await peers.nudge(holder.contact, NO_ID)
    assert [NO_ID] == holder.custody.nudges


@pytest.mark.parametrize("only_here", [True, False])
async def test_rendition_only_here(peers: HttpPeers, tmp_path: Path, only_here: bool) -> None:
    """Who is asked to make a rendition itself does not ask another one for it."""

    class Elsewhere:
        asked = 0

        async def __call__(self, rendition: Rendition, spec: Any) -> Any:
            self.asked += 1
            return await holder.verbs.retrieve(rendition, spec)

        def at_hand(self, rendition: Rendition, spec: Any) -> None:
            """Nothing is cached."""

    elsewhere: Any = Elsewhere()
    async with holding(tmp_path / "holder", PHOTO, pictures=elsewhere) as holder:
        wanted = Rendition(PHOTO_ID, "100w", Format.JPG)
        await peers.rendition(holder.contact, wanted, BytesIO(), only_here=only_here)
    assert (0 if only_here else 1) == elsewhere.asked


REFUSALS = [
    (ImageDeleted("it was deleted"), ImageDeleted),
    (NotTaken("read-only"), NotTaken),
    (NoSpace("the disk is full"), NotTaken),
    (Busy("too much"), HolderFailed),
]


@pytest.mark.parametrize("refusal, heard", REFUSALS)
async def test_refused_at_once(
    peers: HttpPeers, tmp_path: Path, refusal: Exception, heard: type[Exception]
) -> None:
    """A refusal is heard while bytes are still being sent, and then no more of them are."""
    length = MOST_BYTES
    path = zeros(tmp_path, length)
    async with holding(tmp_path / "holder", PHOTO) as holder:
        holder.custody.refuses = refusal
        with pytest.raises(heard, match=str(refusal)):
            await peers.give(holder.contact, original_of(length=length), path)
        assert path.read < length / 2
        assert path.opened.closed
        await peers.facts(holder.contact, PHOTO_ID)


@pytest.mark.parametrize("refusal, heard", REFUSALS)
async def test_refused_late(
    peers: HttpPeers, holder: Holder, photo_path: Path, refusal: Exception, heard: type[Exception]
) -> None:
    """So is a refusal after the last byte; nothing of the copy is left over."""
    holder.custody.refuses_late = refusal
    with pytest.raises(heard, match=str(refusal)):
        await peers.give(holder.contact, original_of(), photo_path)
    assert leaves_nothing(holder.custody)


async def test_other_bytes(peers: HttpPeers, holder: Holder, photo_path: Path) -> None:
    """Bytes that are not what their id says are not kept, and the giver hears why."""
    with pytest.raises(HolderFailed, match="400.*another hash"):
        await peers.give(holder.contact, original_of(NO_ID), photo_path)
    assert {} == holder.custody.held
    assert leaves_nothing(holder.custody)


async def test_too_large(peers: HttpPeers, holder: Holder, tmp_path: Path) -> None:
    """A copy over the limit is refused before anything is opened for it."""
    path = zeros(tmp_path, MOST_BYTES + 1)
    with pytest.raises(HolderFailed, match="413"):
        await peers.give(holder.contact, original_of(length=MOST_BYTES + 1), path)
    assert [] == holder.custody.incoming


async def test_unreadable_file(peers: HttpPeers, holder: Holder, tmp_path: Path) -> None:
    """A file that is not there, or shorter than it should be, is the giver's own trouble."""
    with pytest.raises(FileNotFoundError):
        await peers.give(holder.contact, original_of(), tmp_path / "missing")
    short = tmp_path / "short"
    short.write_bytes(PHOTO[:-1])
    with pytest.raises(OSError, match="1 bytes too early"):
        await peers.give(holder.contact, original_of(), short)
    await until(lambda: leaves_nothing(holder.custody))
    assert {} == holder.custody.held


async def test_large_copy_is_never_in_memory(peers: HttpPeers, tmp_path: Path) -> None:
    """100 MB are read as they are taken: what is read and not there yet stays small."""
    path = zeros(tmp_path, MOST_BYTES)
    most = 0

    @attrs.define
    class Counting:
        length: int = 0
        path: Any = None

        def write(self, chunk: bytes) -> None:
            nonlocal most
            self.length += len(chunk)
            most = max(most, path.read - self.length)

        def abandon(self) -> None:
            pass

    class Counted(Kept):
        def begin(self, original: Original) -> Any:
            return Counting()

        async def take(self, incoming: Any, original: Original) -> bool:
            return bool(incoming.length == original.length)

    async with holding(tmp_path / "holder", custody=Counted(tmp_path)) as holder:
        assert await peers.give(holder.contact, original_of(length=MOST_BYTES), path)
    assert MOST_BYTES == path.read
    assert most < MOST_BYTES / 4


async def test_holder_stops_reading(tmp_path: Path) -> None:
    """A holder that stops costs its bound in time, and few bytes are read for it."""
    clock, path = Clock(), zeros(tmp_path, MOST_BYTES)
    async with (
        asking(clock=clock) as peers,
        acting(lambda it: it.transport.pauseProducing()) as (contact, script),
    ):
        given = Deferred.fromCoroutine(peers.give(contact, original_of(length=MOST_BYTES), path))
        await until(lambda: bool(script.asked))
        for _ in range(20):
            await settled()
        assert path.read < MOST_BYTES / 2
        clock.advance(10 + MOST_BYTES / 50_000)
        with pytest.raises(HolderFailed, match="no answer within 2010 s"):
            await given
        assert path.opened.closed


async def test_holder_never_answers(photo_path: Path) -> None:
    """So does one that takes everything and says nothing, whatever the question."""
    clock = Clock()
    async with asking(clock=clock) as peers, acting(lambda _: None) as (contact, script):
        questions: list[Any] = [
            (peers.give(contact, original_of(), photo_path), 10 + len(PHOTO) / 50_000),
            (peers.have(contact, [NO_ID]), 10.1),
            (peers.have(contact, [NO_ID] * 5, verify=True), 15.1),
            (peers.bury(contact, [tombstone()], 0), 10.1),
            (peers.buried(contact, 0, 0), 10.1),
            (peers.nudge(contact, NO_ID), 10.1),
        ]
        for number, (question, seconds) in enumerate(questions, 1):
            asked = Deferred.fromCoroutine(question)
            await until(lambda number=number: number <= len(script.asked))  # type: ignore[misc]
            clock.advance(seconds)
            with pytest.raises(HolderFailed, match="no answer within"):
                await asked


async def test_cancelled_half_way(holder: Holder, tmp_path: Path) -> None:
    """A copy that nobody wants given any more ends as such, and leaves nothing on either side."""
    path = zeros(tmp_path, MOST_BYTES)
    async with asking() as peers:
        given = Deferred.fromCoroutine(
            peers.give(holder.contact, original_of(length=MOST_BYTES), path)
        )
        await until(lambda: any(one.length for one in holder.custody.incoming))
        given.cancel()
        with pytest.raises(CancelledError):
            await given
        assert path.opened.closed
        await until(lambda: leaves_nothing(holder.custody))
    assert {} == holder.custody.held


async def test_dead_holder(peers: HttpPeers, photo_path: Path) -> None:
    """Nobody is there; or somebody who hangs up, again and again."""
    with pytest.raises(HolderFailed):
        await peers.give(Who().at(1), original_of(), photo_path)
    async with acting(lambda it: it.transport.abortConnection()) as (contact, script):
        with pytest.raises(HolderFailed):
            await peers.give(contact, original_of(), photo_path)
        assert 1 == len(script.asked)


async def test_holder_was_restarted(peers: HttpPeers, holder: Holder, photo_path: Path) -> None:
    """A kept connection that is gone is nobody's failure, for requests with a body either."""
    for ask in (
        lambda: peers.give(holder.contact, original_of(), photo_path),
        lambda: peers.have(holder.contact, [NO_ID]),
        lambda: peers.nudge(holder.contact, NO_ID),
    ):
        await peers.facts(holder.contact, PHOTO_ID)
        holder.site.hang_up()
        await ask()  # type: ignore[no-untyped-call]


async def test_copies_leave_room_for_pictures(tmp_path: Path, photo_path: Path) -> None:
    """While copies are under way as many as may be, questions are answered."""
    done: Deferred[None] = Deferred()

    class Slow(Kept):
        async def take(self, incoming: Any, original: Original) -> bool:
            await done
            return await super().take(incoming, original)

    custody = Slow(tmp_path)
    async with (
        holding(tmp_path / "holder", PHOTO, custody=custody) as holder,
        asking(bounds=Bounds(per_node=2, copies_per_node=1)) as peers,
    ):
        given = [
            Deferred.fromCoroutine(peers.give(holder.contact, original_of(), photo_path))
            for _ in range(3)
        ]
        await until(lambda: bool(custody.incoming))
        await peers.facts(holder.contact, PHOTO_ID)
        assert 1 == len(custody.incoming)
        done.callback(None)
        assert [True, False, False] == [await one for one in given]


LIES_ABOUT_HOLDING = {
    "one too few": b'{"holding":["held"]}',
    "one too many": b'{"holding":["held","held","held"]}',
    "another word": b'{"holding":["held","maybe"]}',
    "no text": b'{"holding":["held",1]}',
    "no list": b'{"holding":"held"}',
    "no object": b"[]",
    "no JSON": b"<html>",
    "deep": b"[" * 10_000,
    "nothing": b"",
    "long": b'{"holding":["held","held"]}' + b" " * 20_000,
}


@pytest.mark.parametrize("lie", LIES_ABOUT_HOLDING.values(), ids=LIES_ABOUT_HOLDING)
async def test_liar_about_holding(peers: HttpPeers, lie: bytes) -> None:
    """What cannot be an answer is none."""
    async with acting(lambda it: it.transport.write(answering(lie))) as (contact, _):
        with pytest.raises(HolderLied):
            await peers.have(contact, [NO_ID, PHOTO_ID])


LIES_ABOUT_BURIED = {
    "no base64": b'{"tombstones":["?"],"next":null}',
    "not ASCII": '{"tombstones":["\u00e9"],"next":null}'.encode(),
    "a long one": b'{"tombstones":["' + b64encode(b"x" * 201) + b'"],"next":null}',
    "too many": b'{"tombstones":[' + b'"eA==",' * MOST_BURIED + b'"eA=="],"next":null}',
    "next is negative": b'{"tombstones":[],"next":-1}',
    "next is huge": b'{"tombstones":[],"next":1' + b"0" * 30 + b"}",
    "next is true": b'{"tombstones":[],"next":true}',
    "long": b'{"tombstones":[],"next":null}' + b" " * 150_000,
}


@pytest.mark.parametrize("lie", LIES_ABOUT_BURIED.values(), ids=LIES_ABOUT_BURIED)
async def test_liar_about_buried(peers: HttpPeers, lie: bytes) -> None:
    """Nor is what cannot be a page of tombstones."""
    async with acting(lambda it: it.transport.write(answering(lie))) as (contact, _):
        with pytest.raises(HolderLied):
            await peers.buried(contact, 0, 0)


async def test_header_of_any_bytes(peers: HttpPeers) -> None:
    """A header that is no UTF-8 is a lie like another."""
    header = facts.HEADER.encode() + b": \xff\xfe"
    async with acting(lambda it: it.transport.write(answering(PHOTO, header))) as (liar, _):
        with pytest.raises(HolderLied):
            await peers.original(liar, PHOTO_ID, BytesIO())


async def heard_as_member(holder: Holder, request: bytes, most: int = 12) -> bytes:
    """What a member hears of its own bytes: *most* of them."""
    who = Who()

    def say(connection: SSL.Connection) -> bytes:
        connection.sendall(dialler_proof(GRID, session_of(connection, who, holder.contact)))
        assert PROOF_BYTES == len(connection.recv(100))
        return request

    return await deferToThread(heard_by, holder.contact, member_context(who), say, most)


def put(
    path: str = f"/peer/v1/original/{PHOTO_ID}",
    told: bytes | None = facts.encode(original_of()),
    framing: bytes = b"content-length: %d" % len(PHOTO),
    body: bytes = PHOTO,
    method: bytes = b"PUT",
) -> bytes:
    lines = [b"%s %s HTTP/1.1" % (method, path.encode()), b"host: x", framing]
    if told is not None:
        lines.append(facts.HEADER.encode() + b": " + told)
    return b"\r\n".join(lines) + b"\r\n\r\n" + body


def post(path: str, body: Any) -> bytes:
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    framing = b"content-length: %d" % len(content)
    return put(path, None, framing, content, method=b"POST")


def get(path: str) -> bytes:
    return put(path, None, b"x: y", b"", method=b"GET")


MANY = [str(NO_ID)] * 10_000
HAVE, BURY = "/peer/v1/have", "/peer/v1/tombstones"
BAD_REQUESTS = {
    "no facts": (400, put(told=None)),
    "noise for facts": (400, put(told=b"\xff\xfe{")),
    "no such facts": (400, put(told=b"{}")),
    "another length": (400, put(framing=b"content-length: 5", body=b"hello")),
    "empty": (400, put(framing=b"content-length: 0", body=b"")),
    "chunked": (400, put(framing=b"transfer-encoding: chunked", body=b"0\r\n\r\n")),
    "no id": (400, put("/peer/v1/original/cat")),
    "an id that is no text": (400, put("/peer/v1/original/%FF")),
    "another spelling": (413, put(f"/peer/v1/%6friginal/{PHOTO_ID}")),
    "another spelling, empty": (
        400,
        put(f"/peer/v1/%6friginal/{PHOTO_ID}", framing=b"content-length: 0", body=b""),
    ),
    "a POST of an original": (413, put(method=b"POST")),
    "10,000 images": (413, post(HAVE, {"ids": MANY, "verify": False})),
    "1,001 short ids": (413, post(HAVE, b'{"ids":["' + b'x","' * 40_000)),
    "1,001 images": (400, post(HAVE, {"ids": ["0" * 40] * 1_001})),
    "an id that is none": (400, post(HAVE, {"ids": ["cat"]})),
    "an id that is a number": (400, post(HAVE, {"ids": [5]})),
    "verify what": (400, post(HAVE, {"ids": [], "verify": "yes"})),
    "no JSON": (400, post(HAVE, b"\xff" * 100)),
    "deep JSON": (400, post(HAVE, b"[" * 50_000)),
    "no body": (400, post(HAVE, b"")),
    "501 tombstones": (400, post(BURY, {"tombstones": ["eA=="] * 501, "depth": 0})),
    "a large tombstone": (400, post(BURY, {"tombstones": ["x" * 4_000], "depth": 0})),
    "many large tombstones": (413, post(BURY, {"tombstones": ["x" * 4_000] * 500, "depth": 0})),
    "no base64": (400, post(BURY, {"tombstones": ["\u00e9"], "depth": 0})),
    "no depth": (400, post(BURY, {"tombstones": []})),
    "too deep": (400, post(BURY, {"tombstones": [], "depth": 161})),
    "depth is true": (400, post(BURY, {"tombstones": [], "depth": True})),
    "since what": (400, get(f"{BURY}?since=x&after=0")),
    "since when": (400, get(f"{BURY}?after=0")),
    "since twice": (400, get(f"{BURY}?since=1&since=2&after=0")),
    "since for ever": (400, get(f"{BURY}?since={'9' * 3_000}&after=0")),
    "since before": (400, get(f"{BURY}?since=-1&after=0")),
    "a nudge about nothing": (400, post("/peer/v1/nudge/cat", b"")),
    "a nudge with a body": (413, post(f"/peer/v1/nudge/{NO_ID}", b"now")),
}


@pytest.mark.parametrize("status, request_", BAD_REQUESTS.values(), ids=BAD_REQUESTS)
async def test_bad_request(holder: Holder, status: int, request_: bytes) -> None:
    """Whatever a member sends, it is told that it is wrong, and nothing comes of it."""
    heard = await heard_as_member(holder, request_)
    assert heard.startswith(b"HTTP/1.1 %d" % status)
    custody = holder.custody
    assert [{}, [], [], []] == [custody.held, custody.asked, custody.buries, custody.nudges]
    assert leaves_nothing(custody)


async def test_bad_tombstone(peers: HttpPeers, holder: Holder) -> None:
    """A refusal of tombstones is the holder's alone."""
    holder.custody.refuses_late = BadRequest("one has no signature")
    with pytest.raises(HolderFailed, match="400.*no signature"):
        await peers.bury(holder.contact, [tombstone()], 0)


async def test_hangs_up_half_way(holder: Holder) -> None:
    """Half a copy is none."""
    half = put(body=PHOTO[: len(PHOTO) // 2])
    await heard_as_member(holder, half, 0)
    await until(lambda: bool(holder.custody.incoming))
    await until(lambda: leaves_nothing(holder.custody))
    assert {} == holder.custody.held


async def test_trickles(tmp_path: Path) -> None:
    """Who sends slower than any line is cut off, and what came is removed."""
    clock = Clock()
    async with holding(tmp_path / "holder", clock=clock) as holder:
        heard = Deferred.fromCoroutine(heard_as_member(holder, put(body=PHOTO[:10])))
        await until(lambda: any(one.length for one in holder.custody.incoming))
        clock.advance(9)
        assert not leaves_nothing(holder.custody)
        clock.advance(1 + len(PHOTO) / 50_000)
        assert leaves_nothing(holder.custody)
        assert (await heard).startswith(b"HTTP/1.1 504")
        clock.advance(10)


async def test_bodies_under_way_are_bounded(holder: Holder) -> None:
    """One body more than may be under way is refused before its first byte."""
    holder.site.intake._open = 8  # type: ignore[attr-defined]
    for request in (put(), post(HAVE, {"ids": []})):
        assert (await heard_as_member(holder, request)).startswith(b"HTTP/1.1 503")
    assert [] == holder.custody.incoming
