"""The client: what goes over the wire, how often, and what is said when it goes wrong."""

import json
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any, TypeVar

import attrs
import pytest
from treq.testing import RequestTraversalAgent
from twisted.internet import error as net
from twisted.internet.defer import CancelledError, Deferred, fail
from twisted.internet.task import Clock
from twisted.python.failure import Failure
from twisted.web.client import ResponseNeverReceived
from twisted.web.iweb import IAgent
from twisted.web.resource import Resource
from twisted.web.server import NOT_DONE_YET, Request
from zope.interface import implementer

from reticulum.cli.node import Dropped, Refused, Unreachable
from reticulum.cli.node_client import ATTEMPTS, IDLE_S, NodeClient
from reticulum.errors import ClientError
from reticulum.model import ImageId

T = TypeVar("T")
IMAGE_ID = ImageId.parse("0" * 64)
Answer = tuple[int, dict[str, str], bytes]


@attrs.define
class Api(Resource):
    """Answers each request with the next of `answers`, and keeps what it was asked."""

    answers: list[Answer | None]
    asked: list[tuple[str, str, bytes, str | None]] = attrs.field(factory=list)
    isLeaf = True  # noqa: N815  (Twisted's name)

    def render(self, request: Request) -> Any:
        body = request.content.read()
        key = request.getHeader("authorization")
        self.asked.append((request.method.decode(), request.uri.decode(), body, key))
        answer = self.answers.pop(0)
        if answer is None:
            request.transport.abortConnection()
            return NOT_DONE_YET
        request.setResponseCode(answer[0])
        for name, value in answer[1].items():
            request.setHeader(name, value)
        return answer[2]


def json_answer(fields: object, status: int = 200) -> Answer:
    return status, {"content-type": "application/json"}, json.dumps(fields).encode()


def problem(status: int, detail: str, **headers: str) -> Answer:
    kind = {"content-type": "application/problem+json; charset=utf-8"}
    body = json.dumps({"title": "t", "status": status, "detail": detail}).encode()
    return (
        status,
        {**kind, **{name.replace("_", "-"): text for name, text in headers.items()}},
        body,
    )


class Wire:
    """A client and an API, with a clock between them."""

    def __init__(self, *answers: Answer | None, key: str | None = None) -> None:
        self.api = Api(list(answers))
        self.clock = Clock()
        self.agent = RequestTraversalAgent(self.api)
        self.client = NodeClient(
            agent=self.agent, root="http://node", name="http://node", key=key, clock=self.clock
        )

    def run(self, work: Coroutine[Deferred[Any], Any, T]) -> T:
        """What *work* comes to, with as much time as it needs, but at most an hour."""
        ended: list[T | Failure] = []
        Deferred.fromCoroutine(work).addBoth(ended.append)
        while not ended:
            self.agent.flush()
            self.clock.advance(0.25)
            assert self.clock.seconds() < 3600
        [outcome] = ended
        if isinstance(outcome, Failure):
            outcome.raiseException()
        assert not [call for call in self.clock.getDelayedCalls() if call.active()]
        return outcome  # type: ignore[return-value]


@pytest.fixture
def photo(tmp_path: Path) -> Path:
    """A file of several pieces."""
    path = tmp_path / "photo.jpg"
    path.write_bytes(bytes(range(256)) * 1000)
    return path


def test_upload_sends_the_bytes_with_the_key(photo: Path) -> None:
    """The body is the file, the key is a bearer's, and progress adds up to the length."""
    wire = Wire(json_answer({"id": "x", "more": 1}, 201), key="secret")
    sent: list[int] = []

    assert {"id": "x", "more": 1} == wire.run(wire.client.upload(photo, sent.append))
    assert [("POST", "/v1/images", photo.read_bytes(), "Bearer secret")] == wire.api.asked
    assert 256_000 == sum(sent)
    assert len(sent) > 2


def test_busy_node_is_asked_again_when_it_says(photo: Path) -> None:
    """503 with Retry-After is no failure: the same bytes go again, after the time named."""
    wire = Wire(problem(503, "busy", retry_after="7"), json_answer({"id": "x"}))
    sent: list[int] = []

    assert {"id": "x"} == wire.run(wire.client.upload(photo, sent.append))
    assert [photo.read_bytes()] * 2 == [body for _, _, body, _ in wire.api.asked]
    assert 256_000 == sum(sent)
    assert 7 <= wire.clock.seconds() < 9


def test_node_that_stays_busy_is_left_alone() -> None:
    """The number of attempts is bounded; then its reason is told."""
    wire = Wire(*[problem(503, "every place is taken", retry_after="1")] * ATTEMPTS)

    with pytest.raises(Refused, match="every place is taken"):
        wire.run(wire.client.facts(IMAGE_ID))
    assert ATTEMPTS == len(wire.api.asked)


def test_503_without_a_time_is_a_refusal() -> None:
    """Nobody said that it would be better later."""
    wire = Wire(problem(503, "stopping"))

    with pytest.raises(Refused, match="stopping"):
        wire.run(wire.client.facts(IMAGE_ID))


def test_dropped_upload_is_tried_once_more(photo: Path) -> None:
    """One broken connection is bad luck."""
    wire = Wire(None, json_answer({"id": "x"}))

    assert {"id": "x"} == wire.run(wire.client.upload(photo, lambda _count: None))


def test_upload_dropped_twice_is_given_up(photo: Path) -> None:
    """Two are a failure of this file."""
    wire = Wire(None, None)

    with pytest.raises(Dropped, match="closed the connection before its answer was complete"):
        wire.run(wire.client.upload(photo, lambda _count: None))


def test_verbs_have_their_paths() -> None:
    """Facts, deletion, status and pictures, each at its place."""
    wire = Wire(
        json_answer({"id": "x", "content_type": "image/png"}),
        (204, {}, b""),
        json_answer({"node": {}}),
        (200, {}, b"bytes"),
    )
    pieces: list[bytes] = []

    wire.run(wire.client.facts(IMAGE_ID))
    wire.run(wire.client.delete(IMAGE_ID))
    wire.run(wire.client.status())
    assert 5 == wire.run(wire.client.picture("/image/a/full/b.png", pieces.append))
    assert [
        ("GET", f"/v1/images/{IMAGE_ID}"),
        ("DELETE", f"/v1/images/{IMAGE_ID}"),
        ("GET", "/v1/status"),
        ("GET", "/image/a/full/b.png"),
    ] == [asked[:2] for asked in wire.api.asked]
    assert b"bytes" == b"".join(pieces)


def test_redirect_of_a_picture_is_followed() -> None:
    """A spec in other words leads to the canonical one."""
    wire = Wire((301, {"location": "/image/b"}, b""), (200, {}, b"bytes"))
    pieces: list[bytes] = []

    wire.run(wire.client.picture("/image/a", pieces.append))
    assert b"bytes" == b"".join(pieces)


def test_redirect_of_a_deletion_is_told() -> None:
    """What changes something goes where it was sent and nowhere else."""
    wire = Wire((301, {"location": "https://node/"}, b""))

    with pytest.raises(Unreachable, match="to https://node/: use that as --node"):
        wire.run(wire.client.delete(IMAGE_ID))


def test_error_of_the_writer_comes_back() -> None:
    """A full disk at our end is not blamed on the node."""
    wire = Wire((200, {}, b"bytes"))

    def write(_piece: bytes) -> None:
        raise OSError(28, "No space left on device")

    with pytest.raises(OSError, match="No space left"):
        wire.run(wire.client.picture("/image/a", write))


@pytest.mark.parametrize(
    "answer, kind, text",
    [
        (problem(415, "no type we read"), Refused, "no type we read"),
        ((413, {"content-type": "text/html"}, b"<h1>"), Refused, "answered 413 .* no reason"),
        ((404, {"content-type": "text/html"}, b"<h1>"), Unreachable, "is no Reticulum node"),
        ((200, {}, b"<html>"), Unreachable, "its answer is not JSON"),
        (json_answer([1]), Unreachable, "not a JSON object"),
        (json_answer({"id": 1, "content_type": "x"}), Unreachable, "its answer has no id"),
        ((400, {"content-type": "application/problem+json"}, b"{"), Refused, "400 Bad Request"),
        ((200, {}, b" " * 10_000_001), Unreachable, "does not end"),
    ],
)
def test_strange_answers_have_words(answer: Answer, kind: type[ClientError], text: str) -> None:
    """A refusal, a proxy's page and a server of something else are told apart."""
    wire = Wire(answer)

    with pytest.raises(kind, match=text):
        wire.run(wire.client.facts(IMAGE_ID))


@implementer(IAgent)
@attrs.frozen
class Deaf:
    """An agent that answers with a Deferred of the test's making."""

    give: Callable[[], "Deferred[Any]"]

    def request(self, *_request: object, **_more: object) -> "Deferred[Any]":
        return self.give()


def deaf(give: Callable[[], "Deferred[Any]"]) -> Wire:
    wire = Wire()
    wire.client = NodeClient(agent=Deaf(give), root="http://n", name="http://n", clock=wire.clock)
    return wire


@pytest.mark.parametrize(
    "error, text",
    [
        (net.ConnectionRefusedError(), "connection refused; start a node with 'twistd -n"),
        (net.DNSLookupError(), "there is no host of that name"),
        (net.TimeoutError(), "no answer to the attempt to connect"),
        (net.ConnectError(13, "Permission denied"), "can't reach http://n: Permission denied"),
    ],
)
def test_no_connection_has_words(error: Exception, text: str) -> None:
    """Whatever keeps us from the node is said, with where the node was looked for."""
    wire = deaf(lambda: fail(error))

    with pytest.raises(Unreachable, match=text):
        wire.run(wire.client.status())


def test_silence_is_given_up() -> None:
    """A server that takes a connection and says nothing does not hold us for ever."""
    wire = deaf(Deferred)

    with pytest.raises(Unreachable, match="no sign of life for 120 seconds"):
        wire.run(wire.client.status())
    assert IDLE_S <= wire.clock.seconds() < IDLE_S + 1


def test_cancelling_stays_a_cancellation() -> None:
    """Ctrl+C is not told as a failure of the node's."""
    cancelled = ResponseNeverReceived([Failure(CancelledError())])
    wire = deaf(lambda: Deferred(lambda waiting: waiting.errback(cancelled)))
    doing = Deferred.fromCoroutine(wire.client.status())
    outcome: list[Any] = []
    doing.addErrback(outcome.append)

    doing.cancel()

    assert outcome[0].check(CancelledError)
    assert [] == wire.clock.getDelayedCalls()


def test_unreadable_file(tmp_path: Path) -> None:
    """A file that went away is told as what it is."""
    wire = Wire()

    with pytest.raises(ClientError, match="can't be read: No such file"):
        wire.run(wire.client.upload(tmp_path / "gone", lambda _count: None))


def test_file_that_shrinks(photo: Path) -> None:
    """A file cut while it is read is told, not sent as if it were whole."""
    wire = Wire(json_answer({"id": "x"}))

    def cut(_count: int) -> None:
        photo.write_bytes(b"")

    with pytest.raises(ClientError, match="changed while it was being sent"):
        wire.run(wire.client.upload(photo, cut))


def test_to_act_is_asked_once() -> None:
    """A POST without a body, its answer in pieces; a busy node is not asked again."""
    wire = Wire(json_answer({"a": 1}), problem(503, "being verified already", retry_after="60"))
    pieces: list[bytes] = []
    length = wire.run(wire.client.act("/v1/keeping/verify", pieces.append))
    assert b'{"a": 1}' == b"".join(pieces)
    assert 8 == length
    with pytest.raises(Refused, match="being verified already"):
        wire.run(wire.client.act("/v1/keeping/verify", pieces.append))
    assert [("POST", "/v1/keeping/verify", b"", None)] * 2 == wire.api.asked
