"""The operator's routes on a real socket of loopback, beside those for people."""

import json
from collections.abc import AsyncGenerator, AsyncIterator
from pathlib import Path
from typing import Any

import attrs
import pytest
import pytest_twisted
from http_client import ask
from twisted.internet import reactor
from twisted.internet.defer import Deferred, maybeDeferred
from twisted.internet.task import deferLater

from reticulum.errors import BadRequest, OutOfTime, UnreadableSecret
from reticulum.model import ImageId, Key
from reticulum.testing import small_node
from reticulum.web.control import MOST_LOOKUPS, Control
from reticulum.web.site import NodeSite

KEY = Key(bytes(range(20)))
IMAGE = ImageId.parse("0" * 64)
GRID = {"current": "ab", "accepted": ["ab"], "addresses": ["192.0.2.1:4160"]}


@attrs.define
class FakeConsole:
    """Answers with what it was asked."""

    events: list[Any] = attrs.field(factory=list)
    closed: int = 0

    async def ping(self, whom: str) -> dict[str, Any]:
        if whom == "bad":
            raise BadRequest("'bad' is neither a node id nor HOST:PORT")
        if whom == "late":
            raise OutOfTime("too late")
        return {"answered": True, "whom": whom}

    async def table(self) -> dict[str, Any]:
        return {"buckets": []}

    async def find(self, node_id: Key) -> dict[str, Any]:
        return {"id": str(node_id)}

    async def trace(self, key: Key) -> dict[str, Any]:
        return {"target": str(key)}

    async def holders(self, image_id: ImageId, *, verify: bool) -> dict[str, Any]:
        return {"id": str(image_id), "holders": [], "verify": verify}

    async def records(self) -> dict[str, Any]:
        return {"nodes": []}

    async def crawl(self) -> AsyncGenerator[dict[str, Any], None]:
        try:
            for event in self.events:
                if isinstance(event, Exception):
                    raise event
                if event is None:
                    await Deferred()
                await deferLater(reactor, 0)
                yield event
        finally:
            self.closed += 1


@attrs.define
class Operator:
    """Where the operator's routes are, and what is behind them."""

    url: str
    console: FakeConsole
    control: Control
    site: NodeSite
    grid_error: Exception | None = None

    def grid(self) -> dict[str, Any]:
        if self.grid_error is not None:
            raise self.grid_error
        return GRID


@pytest_twisted.async_yield_fixture
async def operator(tmp_path: Path) -> AsyncIterator[Operator]:
    async with small_node(reactor, tmp_path) as node:
        door = node.door.site.resource._routes
        console = FakeConsole()
        control = Control(
            public=door,
            console=console,
            grid=lambda: operator.grid(),  # noqa: PLW0108
            nat=lambda: {"reach": "public"},
        )
        site = NodeSite(
            public=control,
            intake=node.door.intake,
            clock=reactor,
            idle_timeout_s=60,
            max_connections=100,
        )
        port = reactor.listenTCP(0, site, interface="127.0.0.1")
        operator = Operator(f"http://127.0.0.1:{port.getHost().port}", console, control, site)
        try:
            yield operator
        finally:
            await maybeDeferred(port.stopListening)
            site.hang_up()
            await site.drain()


@pytest.mark.parametrize(
    "path,answer",
    [
        ("ping/127.0.0.1:4160", {"answered": True, "whom": "127.0.0.1:4160"}),
        ("ping/%5B::1%5D:4160", {"answered": True, "whom": "[::1]:4160"}),
        ("table", {"buckets": []}),
        (f"find/{KEY}", {"id": str(KEY)}),
        (f"trace/{KEY}", {"target": str(KEY)}),
        (f"holders/{IMAGE}", {"id": str(IMAGE), "holders": [], "verify": False}),
        (f"holders/{IMAGE}?verify=1", {"id": str(IMAGE), "holders": [], "verify": True}),
        ("records", {"nodes": []}),
    ],
)
async def test_each_look_is_a_route(operator: Operator, path: str, answer: object) -> None:
    """Its arguments are parsed, its answer is JSON that nobody keeps."""
    told = await ask("GET", f"{operator.url}/v1/dht/{path}")
    assert (200, answer) == (told.status, told.json)


@pytest.mark.parametrize(
    "path,status,words",
    [
        ("find/abc", 400, "40 hexadecimal digits"),
        ("trace/" + "zz" * 20, 400, "40 hexadecimal digits"),
        ("holders/nothing", 400, "not an image id"),
        ("ping/bad", 400, "HOST:PORT"),
        ("ping/late", 504, "too late"),
        ("nowhere", 404, "nothing at this path"),
    ],
)
async def test_what_is_wrong_is_told(
    operator: Operator, path: str, status: int, words: str
) -> None:
    """By the one error table, as a problem."""
    told = await ask("GET", f"{operator.url}/v1/dht/{path}")
    assert status == told.status
    assert words in told.json["detail"]


async def test_people_have_their_routes_here_too(operator: Operator) -> None:
    """Upload, fetch and status go on as before; a wrong method is refused."""
    sent = await ask("POST", f"{operator.url}/v1/images", data=_picture())
    assert 201 == sent.status
    assert _picture() == (await ask("GET", operator.url + sent.json["url"])).body
    assert 200 == (await ask("GET", f"{operator.url}/v1/status")).status
    assert 200 == (await ask("GET", f"{operator.url}/")).status
    refused = await ask("POST", f"{operator.url}/v1/dht/table")
    assert 405 == refused.status
    assert "POST is not for this path" == refused.json["detail"]
    assert "GET, HEAD" == refused.headers["allow"]
    assert 405 == (await ask("PUT", f"{operator.url}/v1/status")).status


def _picture() -> bytes:
    from io import BytesIO  # noqa: PLC0415

    from PIL import Image  # noqa: PLC0415

    out = BytesIO()
    Image.new("RGB", (3, 2)).save(out, "PNG")
    return out.getvalue()


async def test_the_grid_is_read_again(operator: Operator) -> None:
    """What is in force is told; secrets that can't be read are an error with the reason."""
    assert GRID == (await ask("GET", f"{operator.url}/v1/grid")).json
    operator.grid_error = UnreadableSecret("/data/grid.next can be read by others")
    told = await ask("GET", f"{operator.url}/v1/grid")
    assert 500 == told.status
    assert "grid.next" in told.json["detail"]


async def crawled(operator: Operator) -> list[dict[str, Any]]:
    told = await ask("GET", f"{operator.url}/v1/dht/crawl")
    assert 200 == told.status
    return [json.loads(line) for line in told.body.splitlines()]


async def test_a_crawl_is_a_line_for_each_event(operator: Operator) -> None:
    """In their order, and the walk is closed at the end."""
    operator.console.events = [{"event": "progress"}, {"event": "done", "nodes": []}]
    assert operator.console.events == await crawled(operator)
    assert 1 == operator.console.closed


async def test_a_crawl_that_fails_says_so_in_its_last_line(operator: Operator) -> None:
    """The status was out already."""
    operator.console.events = [{"event": "progress"}, OutOfTime("the node is stopping")]
    lines = await crawled(operator)
    assert ["progress", "failed"] == [line["event"] for line in lines]
    assert "the node is stopping" in lines[-1]["error"]


async def test_a_crawl_ends_with_its_reader_and_leaves_place_for_the_next(
    operator: Operator,
) -> None:
    """One at a time; who hangs up frees the place."""
    operator.console.events = [{"event": "progress"}, None]
    first = Deferred.fromCoroutine(crawled(operator))
    while not operator.control._crawls:
        await deferLater(reactor, 0.01)
    assert 503 == (await ask("GET", f"{operator.url}/v1/dht/crawl")).status
    operator.site.hang_up()
    first.addErrback(lambda _: None)
    await first
    while operator.control._crawls:
        await deferLater(reactor, 0.01)
    assert 1 == operator.console.closed


async def test_lookups_are_bounded(operator: Operator) -> None:
    """One more than is possible at once is told to come back."""
    operator.control._lookups = MOST_LOOKUPS
    assert 503 == (await ask("GET", f"{operator.url}/v1/dht/records")).status
    operator.control._lookups = 0
    assert 200 == (await ask("GET", f"{operator.url}/v1/dht/records")).status
    assert 404 == (await ask("GET", f"{operator.url}/v1/dht/nowhere")).status
    assert 504 == (await ask("GET", f"{operator.url}/v1/dht/ping/late")).status
    assert 0 == operator.control._lookups
