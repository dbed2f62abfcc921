"""Nodes speak with nodes: real TLS on loopback, real HTTP in it, liars and strangers included."""

import time
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from io import BytesIO
from pathlib import Path
from typing import Any

import attrs
import pytest
import pytest_twisted
from http_client import ask
from members import (
    GRID,
    NO_ID,
    NOBODY,
    OTHER_GRID,
    PHOTO,
    PHOTO_ID,
    Holder,
    Who,
    acting,
    answering,
    asking,
    heard_by,
    holding,
    image_id_of,
    member_context,
    session_of,
    settled,
    telling,
    verbs_in,
)
from OpenSSL import SSL
from pictures import packed, photo
from PIL import Image
from twisted.internet import reactor
from twisted.internet.defer import CancelledError, Deferred, gatherResults
from twisted.internet.protocol import Factory, Protocol
from twisted.internet.task import Clock, deferLater
from twisted.internet.threads import deferToThread
from twisted.logger import globalLogPublisher
from twisted.protocols.tls import TLSMemoryBIOFactory

from reticulum.aio import Threads
from reticulum.assembly import Verbs, door_to
from reticulum.errors import BadSpec, Busy, HolderFailed, HolderLied, OutOfTime, UnknownImage
from reticulum.imaging.inline import InlineRenderer
from reticulum.imaging.pipeline import PIPELINE
from reticulum.imaging.spec import canonical, parse
from reticulum.model import Contact, Format, HashName, ImageId, Original, Rendition
from reticulum.node.arrivals import Arrivals
from reticulum.node.fetch import Fetch
from reticulum.node.flight import SingleFlight
from reticulum.node.hedging import Budget, Hedging
from reticulum.node.promptness import Promptness
from reticulum.node.recent import Recent
from reticulum.node.retrieve_from_grid import RetrieveFromGrid
from reticulum.reach import facts
from reticulum.reach.dial import HttpPeers
from reticulum.reach.lanes import Bounds
from reticulum.reach.proof import (
    PROOF_BYTES,
    dialler_proof,
)
from reticulum.reach.tls import NodeTls
from reticulum.settings.sections import HttpSettings
from reticulum.storage import layout
from reticulum.storage.memory import OriginalsInMemory
from reticulum.storage.originals import OriginalsOnDisk
from reticulum.storage.renditions import RenditionsOnDisk
from reticulum.web.keys import Keys


@attrs.define
class Listed:
    """Holders as a list."""

    contacts: list[Contact]
    asked: int = 0

    async def holders(self, image_id: ImageId) -> list[Contact]:
        self.asked += 1
        return self.contacts

    async def others(self, image_id: ImageId, without: Any) -> list[Contact]:
        return []

    def has(self, image_id: ImageId, contact: Contact) -> None:
        pass

    def forget(self, image_id: ImageId) -> None:
        pass


def fetching(peers: HttpPeers, folder: Path, *contacts: Contact) -> Fetch:
    folder.mkdir(exist_ok=True)
    return Fetch(
        holders=Listed(list(contacts)),
        peers=peers,
        originals=OriginalsInMemory(folder, now=lambda: 5.0),
        missing=Recent(most=100, seconds=5, now=reactor.seconds),
        hedging=Hedging(
            promptness=Promptness(reactor.seconds), budget=Budget(), clock=reactor, silent_s=30.0
        ),
        found=lambda *_: None,
    )


def arrivals_in(renditions: Any, pipeline: str = PIPELINE) -> Arrivals:
    return Arrivals(renditions=renditions, is_deleted=lambda _: False, pipeline=pipeline)


def rendition_of(image_id: ImageId, text: str = "100w", output: Format = Format.JPG) -> Rendition:
    return Rendition(image_id, canonical(parse(text), output), output)


@pytest_twisted.async_yield_fixture
async def peers() -> AsyncIterator[HttpPeers]:
    async with asking() as running:
        yield running


@pytest_twisted.async_yield_fixture
async def holder(tmp_path: Path) -> AsyncIterator[Holder]:
    async with holding(tmp_path / "holder", PHOTO) as running:
        yield running


async def test_facts_original_and_rendition(peers: HttpPeers, holder: Holder) -> None:
    """A member gets the facts, the bytes, and a rendition with the same facts."""
    stored = await holder.verbs.originals.find(PHOTO_ID)
    original, small = BytesIO(), BytesIO()

    assert stored == await peers.facts(holder.contact, PHOTO_ID)
    assert stored == await peers.original(holder.contact, PHOTO_ID, original)
    assert original.getvalue() == PHOTO
    wanted = rendition_of(PHOTO_ID)
    told, etag = await peers.rendition(holder.contact, wanted, small)
    picture = await holder.verbs.retrieve(wanted, parse("100w"))
    with picture.body:
        assert (stored, picture.etag, picture.body.read()) == (told, etag, small.getvalue())


async def test_connections_are_kept(peers: HttpPeers, holder: Holder) -> None:
    """One question after the other goes over one connection, also after a refusal."""
    for _ in range(5):
        await peers.facts(holder.contact, PHOTO_ID)
        with pytest.raises(UnknownImage):
            await peers.facts(holder.contact, NO_ID)

    assert 1 == len(holder.site.connections)
    assert 10 == holder.site.answered


async def test_wrong_node_id(peers: HttpPeers, holder: Holder) -> None:
    """Whoever is not who was wanted does not get a byte of HTTP."""
    with pytest.raises(HolderFailed):
        await peers.facts(Contact(NOBODY, holder.contact.address), PHOTO_ID)

    assert 0 == holder.site.answered == len(holder.site.connections)


async def test_stranger_without_the_secret(holder: Holder) -> None:
    """A fine key is not enough."""
    async with asking(OTHER_GRID) as stranger:
        with pytest.raises(HolderFailed):
            await stranger.facts(holder.contact, PHOTO_ID)

    assert 0 == holder.site.answered


async def test_listener_of_another_grid(peers: HttpPeers, tmp_path: Path) -> None:
    """Nor do we tell a listener of another grid what we look for."""
    async with holding(tmp_path / "other", PHOTO, keys=(OTHER_GRID,)) as other:
        with pytest.raises(HolderFailed):
            await peers.facts(other.contact, PHOTO_ID)
        assert 0 == other.site.answered


@pytest.mark.parametrize("used", [GRID, OTHER_GRID])
async def test_rotation(tmp_path: Path, used: bytes) -> None:
    """While both secrets are accepted, it does not matter which of them a node uses."""
    async with (
        holding(tmp_path / "both", PHOTO, keys=(GRID, OTHER_GRID)) as both,
        asking(used) as member,
    ):
        assert PHOTO_ID == (await member.facts(both.contact, PHOTO_ID)).image_id


async def test_echo_is_no_proof(peers: HttpPeers) -> None:
    """A listener that sends our own proof back, or anything else, is not believed."""

    class Echo(Protocol):
        def dataReceived(self, data: bytes) -> None:  # noqa: N802
            heard.append(data)
            self.transport.write(data)

    heard: list[bytes] = []
    who = Who()
    echo = Factory.forProtocol(Echo)
    echo.noisy = False
    tls = TLSMemoryBIOFactory(NodeTls(who.key).listening(), False, echo)
    port = reactor.listenTCP(0, tls, interface="127.0.0.1")
    try:
        with pytest.raises(HolderFailed, match="not of this grid"):
            await peers.facts(who.at(port.getHost().port), PHOTO_ID)
    finally:
        await port.stopListening()
        await settled()
    assert PROOF_BYTES == len(b"".join(heard))


REQUEST = b"GET /peer/v1/health HTTP/1.1\r\nhost: x\r\n\r\n"


async def test_no_client_certificate(holder: Holder) -> None:
    """Who shows no key hears nothing."""
    context = SSL.Context(SSL.TLS_METHOD)

    heard = await deferToThread(heard_by, holder.contact, context, lambda _: REQUEST)

    assert b"" == heard
    assert 0 == holder.site.answered


async def test_tls_1_2(holder: Holder) -> None:
    """Older TLS is not spoken, whoever asks."""
    who = Who()
    context = member_context(who)
    context.set_min_proto_version(SSL.TLS1_2_VERSION)
    context.set_max_proto_version(SSL.TLS1_2_VERSION)

    def member(connection: SSL.Connection) -> bytes:
        raise AssertionError(connection.get_protocol_version_name())

    assert b"" == await deferToThread(heard_by, holder.contact, context, member)


async def test_http_without_a_proof(holder: Holder) -> None:
    """A fine TLS client with a key of its own hears nothing either, not even an error."""
    who = Who()

    heard = await deferToThread(heard_by, holder.contact, member_context(who), lambda _: REQUEST)

    assert b"" == heard
    assert 0 == holder.site.answered


async def test_replayed_proof(holder: Holder) -> None:
    """A proof is good in its own session and in no other, though node and grid are the same."""
    who, proofs = Who(), []

    def fresh(connection: SSL.Connection) -> bytes:
        proofs.append(dialler_proof(GRID, session_of(connection, who, holder.contact)))
        return proofs[0]

    context = member_context(who)
    first = await deferToThread(heard_by, holder.contact, context, fresh, PROOF_BYTES)
    again = await deferToThread(heard_by, holder.contact, context, lambda _: proofs[0])

    assert PROOF_BYTES == len(first)
    assert b"" == again


async def test_request_right_behind_the_proof(holder: Holder) -> None:
    """Nothing may follow a proof before it is answered."""
    who = Who()

    def hasty(connection: SSL.Connection) -> bytes:
        return dialler_proof(GRID, session_of(connection, who, holder.contact)) + REQUEST

    assert b"" == await deferToThread(heard_by, holder.contact, member_context(who), hasty)


async def test_silent_stranger(tmp_path: Path) -> None:
    """Who does not get on with it is hung up on."""
    async with holding(tmp_path / "holder", deadline_s=0.05) as holder:
        who = Who()
        heard = await deferToThread(
            heard_by, holder.contact, member_context(who), lambda _: b"\x01"
        )
    assert b"" == heard


async def test_too_many_connections_of_one_node(tmp_path: Path) -> None:
    """One member can't take every connection."""
    async with holding(tmp_path / "holder", PHOTO, max_per_node=1) as holder:
        who = Who()
        async with asking(who=who) as first, asking(who=who) as second, asking() as other:
            await first.facts(holder.contact, PHOTO_ID)
            with pytest.raises(HolderFailed):
                await second.facts(holder.contact, PHOTO_ID)
            await other.facts(holder.contact, PHOTO_ID)


async def test_dead_holder(peers: HttpPeers) -> None:
    """Nobody listens there."""
    port = reactor.listenTCP(0, Factory(), interface="127.0.0.1")
    contact = Who().at(port.getHost().port)
    await port.stopListening()

    with pytest.raises(HolderFailed, match="refused"):
        await peers.facts(contact, PHOTO_ID)


@asynccontextmanager
async def stuck(stage: str) -> AsyncIterator[tuple[Contact, Deferred[None]]]:
    """A holder that stops for ever at one stage; the Deferred fires when it is there."""
    there: Deferred[None] = Deferred()

    class Mute(Protocol):
        def dataReceived(self, data: bytes) -> None:  # noqa: N802
            if not there.called:
                there.callback(None)

    def say_nothing(it: Any) -> None:
        there.callback(None)

    def begin(it: Any) -> None:
        it.transport.write(answering(PHOTO[:10], telling(PHOTO), length=len(PHOTO)))
        reactor.callLater(0, there.callback, None)

    if stage == "handshake":
        mute = Factory.forProtocol(Mute)
        mute.noisy = False
        port = reactor.listenTCP(0, mute, interface="127.0.0.1")
        try:
            yield Who().at(port.getHost().port), there
        finally:
            await port.stopListening()
            await settled()
    else:
        async with acting(say_nothing if stage == "answer" else begin) as (contact, _):
            yield contact, there


STAGES = ["connect", "handshake", "answer", "body"]


@asynccontextmanager
async def asked_of_stuck(stage: str, clock: Clock) -> AsyncIterator[Deferred[Any]]:
    """A question under way to a holder that is stuck."""
    sink = BytesIO()
    async with asking(clock=clock) as peers:
        async with stuck("handshake" if stage == "connect" else stage) as (contact, there):
            asked = Deferred.fromCoroutine(peers.original(contact, PHOTO_ID, sink))
            if stage != "connect":
                await there
            for _ in range(100):
                if stage != "body" or sink.getvalue():
                    break
                await deferLater(reactor, 0)
            yield asked
        await settled()


@pytest.mark.parametrize("stage", STAGES)
async def test_stopped_holder(stage: str) -> None:
    """A holder that stops at any point costs its timeout, no more, and leaves nothing behind."""
    clock = Clock()
    async with asked_of_stuck(stage, clock) as asked:
        clock.advance(10 + len(PHOTO) / 50_000)
        with pytest.raises(HolderFailed, match=r"no answer within 10 s|took longer than 1\d s"):
            await asked


@pytest.mark.parametrize("stage", STAGES)
async def test_cancelled_question(stage: str) -> None:
    """A question that nobody wants answered any more ends as such, at whatever stage."""
    async with asked_of_stuck(stage, Clock()) as asked:
        asked.cancel()
        with pytest.raises(CancelledError):
            await asked


async def test_liar_about_bytes(peers: HttpPeers, holder: Holder, tmp_path: Path) -> None:
    """Bytes of another image are dropped, the log says who sent them, the next one is asked."""
    lie = photo(640, 400, seed=2)
    logged: list[dict[str, Any]] = []
    globalLogPublisher.addObserver(logged.append)
    try:
        async with acting(lambda it: it.transport.write(answering(lie, telling(lie)))) as (
            liar,
            script,
        ):
            fetch = fetching(peers, tmp_path / "z", liar, holder.contact)
            fetched = await fetch.original(PHOTO_ID)
    finally:
        globalLogPublisher.removeObserver(logged.append)

    assert [f"/peer/v1/original/{PHOTO_ID}"] == script.asked
    assert PHOTO == fetched.path.read_bytes()
    fetched.incoming.abandon()
    assert [] == list((tmp_path / "z").iterdir())
    told = [event for event in logged if event.get("event") == "liar"]
    assert [str(liar.node_id)] == [event["node"] for event in told]


def _die(it: Any) -> None:
    it.transport.write(answering(PHOTO[:1_000], telling(PHOTO), length=len(PHOTO)))
    it.transport.loseConnection()


ODD_ANSWERS = {
    "dies in mid-transfer": _die,
    "no facts": lambda it: it.transport.write(answering(PHOTO)),
    "facts of another length": lambda it: it.transport.write(
        answering(PHOTO, telling(PHOTO, length=5))
    ),
    "huge": lambda it: it.transport.write(
        answering(b"", telling(PHOTO, length=10_000_001), length=10_000_001)
    ),
    "empty": lambda it: it.transport.write(answering(b"", telling(PHOTO))),
    "chunked": lambda it: it.transport.write(
        b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n"
    ),
    "gzip": lambda it: it.transport.write(
        answering(PHOTO, telling(PHOTO), b"content-encoding: gzip")
    ),
    "redirect": lambda it: it.transport.write(
        answering(b"", b"location: http://127.0.0.1:1/", status=b"302 Found")
    ),
    "long refusal": lambda it: it.transport.write(answering(b"x" * 5_000, status=b"404 Not Found")),
    "crash": lambda it: it.transport.write(
        answering(b"oh no", status=b"500 Internal Server Error")
    ),
    "no HTTP": lambda it: it.transport.write(b"SSH-2.0-OpenSSH_9.2\r\n\r\n"),
    "hangs up": lambda it: it.transport.loseConnection(),
}


@pytest.mark.parametrize("answer", ODD_ANSWERS.values(), ids=ODD_ANSWERS)
async def test_odd_holder(
    peers: HttpPeers, holder: Holder, tmp_path: Path, answer: Callable[[Any], None]
) -> None:
    """Whatever one holder does, the next one's answer is what counts, and nothing is left over."""
    async with acting(answer) as (odd, script):
        fetch = fetching(peers, tmp_path / "z", odd, holder.contact)
        fetched = await fetch.original(PHOTO_ID)
        assert script.asked

    assert PHOTO == fetched.path.read_bytes()
    fetched.incoming.abandon()
    assert [] == list((tmp_path / "z").iterdir())


async def test_trickling_holder(holder: Holder, tmp_path: Path) -> None:
    """Who sends slower than any line is left for the next."""
    clock = Clock()

    def trickle(it: Any) -> None:
        it.transport.write(answering(PHOTO[:10], telling(PHOTO), length=len(PHOTO)))

    class Watched(OriginalsInMemory):
        def begin(self, hash_name: HashName) -> Any:
            incoming = super().begin(hash_name)
            write = incoming.write

            def watch(chunk: bytes) -> None:
                write(chunk)
                if incoming.length == 10:
                    reactor.callLater(0, clock.advance, 10 + len(PHOTO) / 50_000)

            incoming.write = watch  # type: ignore[method-assign]
            return incoming

    async with (
        asking(clock=clock) as peers,
        acting(trickle) as (slow, _),
    ):
        fetch = attrs.evolve(
            fetching(peers, tmp_path / "z", slow, holder.contact),
            originals=Watched(tmp_path / "z", now=lambda: 5.0),
        )
        fetched = await fetch.original(PHOTO_ID)
        fetched.incoming.abandon()
    assert [] == list((tmp_path / "z").iterdir())


async def test_rendition_of_another_type(peers: HttpPeers, holder: Holder, tmp_path: Path) -> None:
    """A rendition is taken on trust, but not as what it is not."""
    page = b"<script>alert(1)</script>"
    etag = b'etag: "' + b"ab" * 16 + b'"'
    async with acting(lambda it: it.transport.write(answering(page, telling(PHOTO), etag))) as (
        liar,
        _,
    ):
        fetch = fetching(peers, tmp_path / "z", liar, holder.contact)
        target = tmp_path / "rendition"
        await fetch.rendition(rendition_of(PHOTO_ID), target)
        assert target.read_bytes().startswith(b"\xff\xd8")

        only_liar = fetching(peers, tmp_path / "z", liar)
        with pytest.raises(OutOfTime):
            await only_liar.rendition(rendition_of(PHOTO_ID), target)


async def test_etag_is_no_way_in(peers: HttpPeers) -> None:
    """An ETag of another node goes into our headers: only one of ours is believed."""
    for etag in (b"", b'etag: "a"b"', b'etag: W/"ab"', b'etag: "' + b"a" * 200 + b'"'):
        headers = [telling(PHOTO), *([etag] if etag else [])]
        async with acting(
            lambda it, h=headers: it.transport.write(answering(PHOTO, *h))  # type: ignore[misc]
        ) as (liar, _):
            with pytest.raises(HolderLied, match="ETag"):
                await peers.rendition(liar, rendition_of(PHOTO_ID), BytesIO())


async def test_refusal_of_the_request(peers: HttpPeers, holder: Holder) -> None:
    """What no holder could make is told in the holder's words."""
    with pytest.raises(BadSpec, match="bmp is read and never written"):
        await peers.rendition(holder.contact, Rendition(PHOTO_ID, "100w", Format.BMP), BytesIO())
    with pytest.raises(BadSpec, match="canonical"):
        await peers.rendition(
            holder.contact, Rendition(PHOTO_ID, "100h300w", Format.JPG), BytesIO()
        )


async def test_body_is_refused(holder: Holder) -> None:
    """Routes for nodes take no bodies."""
    who = Who()

    def say(connection: SSL.Connection) -> bytes:
        connection.sendall(dialler_proof(GRID, session_of(connection, who, holder.contact)))
        assert PROOF_BYTES == len(connection.recv(100))
        return b"GET /peer/v1/health HTTP/1.1\r\nhost: x\r\ncontent-length: 1\r\n\r\n"

    heard = await deferToThread(heard_by, holder.contact, member_context(who), say, 12)
    assert heard.startswith(b"HTTP/1.1 413")


async def test_head_and_range(holder: Holder) -> None:
    """HEAD tells all but the bytes, and a range is for an asker that was interrupted."""
    who = Who()
    path = f"/peer/v1/original/{PHOTO_ID} HTTP/1.1\r\nhost: x\r\n".encode()

    def say(connection: SSL.Connection) -> bytes:
        connection.sendall(dialler_proof(GRID, session_of(connection, who, holder.contact)))
        assert PROOF_BYTES == len(connection.recv(100))
        last = b"connection: close\r\nrange: bytes=-5\r\n\r\n"
        return b"HEAD " + path + b"\r\nGET " + path + last

    heard = await deferToThread(heard_by, holder.contact, member_context(who), say)
    head, _, rest = heard.partition(b"\r\n\r\n")
    _, _, body = rest.partition(b"\r\n\r\n")
    stored = await holder.verbs.originals.find(PHOTO_ID)
    assert facts.encode(stored) in head
    assert b"content-length: %d" % len(PHOTO) in head.lower()
    assert rest.startswith(b"HTTP/1.1 206")
    assert PHOTO[-5:] == body


async def test_large_original(peers: HttpPeers, tmp_path: Path) -> None:
    """Millions of bytes come as they are, piece by piece."""
    large = packed(Image.effect_noise((1_600, 1_200), 90).convert("RGB"), "bmp")
    async with holding(tmp_path / "holder", large) as holder:
        fetch = fetching(peers, tmp_path / "z", holder.contact)
        fetched = await fetch.original(image_id_of(large))
        assert large == fetched.path.read_bytes()
        fetched.incoming.abandon()


async def test_holder_was_restarted(peers: HttpPeers, holder: Holder) -> None:
    """A kept connection that is gone is nobody's failure."""
    await peers.facts(holder.contact, PHOTO_ID)
    holder.site.hang_up()
    await peers.facts(holder.contact, PHOTO_ID)


async def test_no_room_for_strangers(tmp_path: Path) -> None:
    """When enough strangers are at the door, one more is not even spoken to."""
    async with holding(tmp_path / "holder", max_strangers=0) as holder:
        heard = await deferToThread(
            heard_by, holder.contact, member_context(Who()), lambda _: REQUEST
        )
    assert b"" == heard


async def test_busy(peers: HttpPeers, tmp_path: Path) -> None:
    """So many images are fetched at once, and no more."""
    async with acting(lambda _: None) as (mute, _):
        fetch = attrs.evolve(fetching(peers, tmp_path / "z", mute), most_at_once=1)
        asked = Deferred.fromCoroutine(fetch.facts(PHOTO_ID))
        with pytest.raises(Busy):
            await fetch.facts(NO_ID)
        asked.cancel()
        with pytest.raises(CancelledError):
            await asked


async def test_unknown_image_is_quick_and_remembered(
    peers: HttpPeers, holder: Holder, tmp_path: Path
) -> None:
    """An image that nobody has is a 404; for a while, nobody is asked again."""
    fetch = fetching(peers, tmp_path / "z", holder.contact)
    for _ in range(3):
        with pytest.raises(UnknownImage):
            await fetch.facts(NO_ID)

    assert 1 == holder.site.answered


async def test_failure_is_not_remembered(peers: HttpPeers, tmp_path: Path) -> None:
    """That nobody answers does not say that the image is nowhere."""
    fetch = fetching(peers, tmp_path / "z", Who().at(1))
    listed: Any = fetch._holders
    for _ in range(2):
        with pytest.raises(OutOfTime):
            await fetch.facts(PHOTO_ID)

    assert 2 == listed.asked


async def test_no_more_holders_are_asked_than_meant(peers: HttpPeers, tmp_path: Path) -> None:
    """A long list of dead holders costs three timeouts."""
    async with acting(lambda it: it.transport.loseConnection()) as (odd, script):
        fetch = fetching(peers, tmp_path / "z", *[odd] * 10)
        with pytest.raises(OutOfTime):
            await fetch.facts(PHOTO_ID)
        assert 3 == len(script.asked)


async def test_lanes_are_bounded(tmp_path: Path) -> None:
    """Connections are kept to so many nodes, and so many at once are opened to each."""
    async with AsyncExitStack() as stack:
        holders = [
            await stack.enter_async_context(holding(tmp_path / str(number), PHOTO))
            for number in range(3)
        ]
        bounds = Bounds(per_node=2, kept_per_node=1, nodes=2, waiting_per_node=5)
        peers = await stack.enter_async_context(asking(bounds=bounds))
        for holder in holders:
            await peers.facts(holder.contact, PHOTO_ID)
        await settled()
        assert [0, 1, 1] == [len(holder.site.connections) for holder in holders]

        asked = [
            Deferred.fromCoroutine(peers.facts(holders[2].contact, PHOTO_ID)) for _ in range(8)
        ]
        with pytest.raises(HolderFailed, match="too many"):
            await asked.pop()
        await gatherResults(asked)
        assert len(holders[2].site.connections) <= 2


@attrs.frozen(kw_only=True)
class Zed:
    """A node that holds nothing, with its way in for people."""

    url: str
    retrieve: RetrieveFromGrid
    folder: Path


@asynccontextmanager
async def serving(verbs: Verbs, retrieve: Any, name: str = "z") -> AsyncIterator[str]:
    """HTTP for people."""
    door = door_to(
        attrs.evolve(verbs, pictures=retrieve),
        Keys(()),
        HttpSettings(),
        node_name=name,
        status=dict,
        unready=lambda: None,
        clock=reactor,
    )
    port = reactor.listenTCP(0, door.site, interface="127.0.0.1")
    try:
        yield f"http://127.0.0.1:{port.getHost().port}"
    finally:
        await port.stopListening()
        door.site.hang_up()
        await door.site.drain()


@asynccontextmanager
async def zed(
    folder: Path,
    peers: HttpPeers,
    *contacts: Contact,
    pipeline: str = PIPELINE,
    believed_s: float = 300,
) -> AsyncIterator[Zed]:
    """Run a node that holds nothing and asks *contacts*."""
    verbs, tasks = verbs_in(folder)
    clock = Clock()
    retrieve = RetrieveFromGrid(
        here=verbs.retrieve,
        fetch=attrs.evolve(fetching(peers, folder, *contacts), originals=verbs.originals),
        originals=verbs.originals,
        renditions=verbs.retrieve._renditions,
        arrivals=arrivals_in(verbs.retrieve._renditions, pipeline),
        flight=SingleFlight(tasks),
        known=Recent(most=100, seconds=believed_s, now=clock.seconds),
        is_deleted=lambda _: False,
    )
    async with serving(verbs, retrieve) as url:
        yield Zed(url=url, retrieve=retrieve, folder=folder)
    await tasks.settle()


SAME = (
    "content-type",
    "content-length",
    "etag",
    "last-modified",
    "x-image-width",
    "x-image-height",
    "cache-control",
    "accept-ranges",
)
PATHS = [
    "100w/a.jpg",
    "100w/a.webp",
    "full/a.jpg",
    "full/a.png",
    "64s/a.gif",
    "full/a.bmp",
    "5000w/a.png",
]


@pytest.mark.parametrize("path", PATHS)
async def test_equals_what_the_holder_serves(
    peers: HttpPeers, holder: Holder, tmp_path: Path, path: str
) -> None:
    """Status, headers and bytes are the holder's own, the first time and from the cache."""
    async with (
        serving(holder.verbs, holder.verbs.retrieve) as url,
        zed(tmp_path / "z", peers, holder.contact) as z,
    ):
        expected = await ask("GET", f"{url}/image/{PHOTO_ID}/{path}")
        first = await ask("GET", f"{z.url}/image/{PHOTO_ID}/{path}")
        asked = holder.site.answered
        second = await ask("GET", f"{z.url}/image/{PHOTO_ID}/{path}")
        head = await ask("HEAD", f"{z.url}/image/{PHOTO_ID}/{path}")

        shown = {name: expected.headers.get(name) for name in SAME}
        for answer in (first, second):
            assert (expected.status, expected.body) == (answer.status, answer.body)
            assert shown == {name: answer.headers.get(name) for name in SAME}
        assert shown == {name: head.headers.get(name) for name in SAME}
        if expected.status == 200:
            assert asked == holder.site.answered
        left = [one.name for one in (tmp_path / "z").iterdir()]
        assert [] == left


async def test_unknown_everywhere(peers: HttpPeers, holder: Holder, tmp_path: Path) -> None:
    """A missing image is a 404 as ever."""
    async with zed(tmp_path / "z", peers, holder.contact) as z:
        answer = await ask("GET", f"{z.url}/image/{NO_ID}/100w/a.jpg")
    assert 404 == answer.status
    assert "application/problem+json" == answer.headers["content-type"]


async def test_all_holders_dead(peers: HttpPeers, tmp_path: Path) -> None:
    """An image that may be somewhere is no 404."""
    async with zed(tmp_path / "z", peers, Who().at(1)) as z:
        answer = await ask("GET", f"{z.url}/image/{PHOTO_ID}/100w/a.jpg")
    assert 504 == answer.status


async def test_hundred_at_once_are_one_question(
    peers: HttpPeers, holder: Holder, tmp_path: Path
) -> None:
    """Equal requests here are one request to the holder."""
    async with zed(tmp_path / "z", peers, holder.contact) as z:
        rendition, spec = rendition_of(PHOTO_ID), parse("100w")
        asked = [Deferred.fromCoroutine(z.retrieve(rendition, spec)) for _ in range(100)]
        bodies = set()
        for picture in await gatherResults(asked):
            with picture.body:
                bodies.add(picture.body.read())
    assert 1 == len(bodies)
    assert 1 == holder.site.answered
    assert 1 == z.retrieve.fetched


async def test_facts(peers: HttpPeers, holder: Holder, tmp_path: Path) -> None:
    """Facts about an image that others hold are asked for once."""
    stored = await holder.verbs.originals.find(PHOTO_ID)
    async with zed(tmp_path / "z", peers, holder.contact) as z:
        told: list[Original] = [await z.retrieve.facts(PHOTO_ID) for _ in range(3)]
    assert [stored] * 3 == told
    assert 1 == holder.site.answered


async def test_cached_picture_outlives_its_facts(
    peers: HttpPeers, holder: Holder, tmp_path: Path
) -> None:
    """After a restart, only the facts are asked for again; and those of a deleted image go."""
    async with zed(tmp_path / "z", peers, holder.contact, believed_s=0) as z:
        path = f"{z.url}/image/{PHOTO_ID}/100w/a.jpg"
        first = await ask("GET", path)
        second = await ask("GET", path)
        assert (200, first.body) == (second.status, second.body)
        assert (1, 2) == (z.retrieve.fetched, holder.site.answered)

        await holder.verbs.delete(PHOTO_ID)
        assert 404 == (await ask("GET", path)).status
        assert None is z.retrieve._renditions.open(rendition_of(PHOTO_ID))


async def test_other_version_is_served_and_not_kept(
    peers: HttpPeers, holder: Holder, tmp_path: Path
) -> None:
    """A holder that makes other bytes than we do serves us under its own ETag, out of the cache."""
    async with zed(tmp_path / "z", peers, holder.contact, pipeline="another") as z:
        wanted = rendition_of(PHOTO_ID)
        picture = await z.retrieve(wanted, parse("100w"))
        picture.body.close()
        own = await holder.verbs.retrieve(wanted, parse("100w"))
        own.body.close()
        assert own.etag == picture.etag
        assert None is z.retrieve._renditions.open(wanted)


async def test_no_question_travels_two_hops(
    peers: HttpPeers, holder: Holder, tmp_path: Path
) -> None:
    """A node that holds nothing answers other nodes so, even if it could find out."""
    async with holding(tmp_path / "empty") as empty, zed(tmp_path / "z", peers, empty.contact) as z:
        with pytest.raises(UnknownImage):
            await z.retrieve(rendition_of(PHOTO_ID), parse("100w"))
    assert 0 == holder.site.answered


@pytest.mark.parametrize("text", ["100w", "full"])
async def test_cache_on_disk(peers: HttpPeers, holder: Holder, tmp_path: Path, text: str) -> None:
    """What came lies where a web server in front looks for it, readable, with the right time."""
    data = tmp_path / "data"
    data.mkdir()
    verbs, tasks = verbs_in(tmp_path / "z")
    threads = Threads(reactor, most=2, name="disk")
    originals = OriginalsOnDisk(
        data, inspect=InlineRenderer().inspect, now=time.time, in_thread=threads
    )
    renditions = RenditionsOnDisk(
        data, max_bytes=10_000_000, stamp=PIPELINE, now=time.time, in_thread=threads
    )
    originals.prepare()
    renditions.prepare()
    threads.start()
    await renditions.count()
    fetch = fetching(peers, tmp_path / "z", holder.contact)
    retrieve = RetrieveFromGrid(
        here=attrs.evolve(verbs.retrieve, originals=originals, renditions=renditions),
        fetch=attrs.evolve(fetch, originals=originals),
        originals=originals,
        renditions=renditions,
        arrivals=arrivals_in(renditions),
        flight=SingleFlight(tasks),
        known=Recent(most=9, seconds=9, now=reactor.seconds),
        is_deleted=lambda _: False,
    )
    wanted = rendition_of(PHOTO_ID, text)
    try:
        picture = await retrieve(wanted, parse(text))
        with picture.body:
            content = picture.body.read()
        await tasks.settle()

        kept = data / layout.rendition(wanted)
        assert content == kept.read_bytes()
        assert 0o644 == kept.stat().st_mode & 0o777
        assert 1_700_000_000.25 == kept.stat().st_mtime
        at_hand = retrieve.at_hand(wanted, parse(text))
        assert at_hand is not None
        at_hand.body.close()
        assert picture.etag == at_hand.etag
        assert [] == list((data / "incoming").iterdir())
        assert [] == list((data / "originals").iterdir())
    finally:
        await deferToThread(threads.stop)
