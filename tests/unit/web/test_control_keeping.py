"""The operator's routes about copies, on a real socket of loopback."""

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

from reticulum.errors import Busy, NoSpace
from reticulum.model import ImageId
from reticulum.testing import small_node
from reticulum.web.control import Control
from reticulum.web.control_keeping import MOST_AT_ONCE, ControlKeeping
from reticulum.web.site import NodeSite

IMAGE = ImageId.parse("0" * 64)


@attrs.define
class FakeKeeping:
    """Answers with what it was asked."""

    acted: list[str] = attrs.field(factory=list)
    events: list[Any] = attrs.field(factory=list)
    closed: int = 0

    async def health(self, image_id: ImageId, *, verify: bool) -> dict[str, Any]:
        return {"id": str(image_id), "verify": verify}

    async def repair(self, image_id: ImageId) -> AsyncGenerator[dict[str, Any], None]:
        async for event in self._told(f"repair {image_id}"):
            yield event

    async def verify(self, image_id: ImageId | None) -> AsyncGenerator[dict[str, Any], None]:
        async for event in self._told(f"verify {image_id}"):
            yield event

    def node(self) -> dict[str, Any]:
        return {"acted": self.acted}

    async def drain(self) -> dict[str, Any]:
        self.acted.append("drain")
        return self.node()

    async def stay(self) -> dict[str, Any]:
        self.acted.append("stay")
        return self.node()

    async def _told(self, what: str) -> AsyncGenerator[dict[str, Any], None]:
        self.acted.append(what)
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
    """Where the routes are, and what is behind them."""

    url: str
    console: FakeKeeping
    control: ControlKeeping
    site: NodeSite


@pytest_twisted.async_yield_fixture
async def operator(tmp_path: Path) -> AsyncIterator[Operator]:
    async with small_node(reactor, tmp_path) as node:
        console: Any = FakeKeeping()
        inner = Control(
            public=node.door.site.resource._routes, console=console, grid=dict, nat=dict
        )
        control = ControlKeeping(inner=inner, console=console)
        site = NodeSite(
            public=control,
            intake=node.door.intake,
            clock=reactor,
            idle_timeout_s=60,
            max_connections=100,
        )
        port = reactor.listenTCP(0, site, interface="127.0.0.1")
        url = f"http://127.0.0.1:{port.getHost().port}"
        try:
            yield Operator(url, console, control, site)
        finally:
            await maybeDeferred(port.stopListening)
            site.hang_up()
            await site.drain()


async def test_to_look_is_get(operator: Operator) -> None:
    """And changes nothing."""
    told = await ask("GET", f"{operator.url}/v1/keeping/health/{IMAGE}")
    assert {"id": str(IMAGE), "verify": False} == told.json
    told = await ask("GET", f"{operator.url}/v1/keeping/health/{IMAGE}?verify=1")
    assert {"id": str(IMAGE), "verify": True} == told.json
    assert {"acted": []} == (await ask("GET", f"{operator.url}/v1/keeping/node")).json
    assert 400 == (await ask("GET", f"{operator.url}/v1/keeping/health/nothing")).status


@pytest.mark.parametrize(
    "path,acted",
    [
        ("drain", "drain"),
        ("stay", "stay"),
        (f"repair/{IMAGE}", f"repair {IMAGE}"),
        ("verify", "verify None"),
        (f"verify/{IMAGE}", f"verify {IMAGE}"),
    ],
)
async def test_to_act_is_post(operator: Operator, path: str, acted: str) -> None:
    """By GET, which anything may follow, nothing happens."""
    refused = await ask("GET", f"{operator.url}/v1/keeping/{path}")
    assert (405, "POST") == (refused.status, refused.headers["allow"])
    assert [] == operator.console.acted
    assert 200 == (await ask("POST", f"{operator.url}/v1/keeping/{path}")).status
    assert [acted] == operator.console.acted


async def test_all_else_goes_on(operator: Operator) -> None:
    """The other routes of operators and people are there; a path that is none is told as such."""
    assert 200 == (await ask("GET", f"{operator.url}/v1/grid")).status
    assert 200 == (await ask("GET", f"{operator.url}/v1/status")).status
    assert 405 == (await ask("POST", f"{operator.url}/v1/keeping/health/{IMAGE}")).status
    assert 404 == (await ask("GET", f"{operator.url}/v1/keeping/node/x")).status


async def test_events_are_lines(operator: Operator) -> None:
    """The last one tells if it broke off; before the first one there is a status for that."""
    operator.console.events = [{"event": "progress"}, NoSpace("the disk is full")]
    told = await ask("POST", f"{operator.url}/v1/keeping/verify")
    lines = [json.loads(line) for line in told.body.splitlines()]
    assert [{"event": "progress"}, {"event": "failed", "error": "the disk is full"}] == lines
    operator.console.events = [Busy("being verified already", retry_after_s=60)]
    told = await ask("POST", f"{operator.url}/v1/keeping/verify")
    assert (503, "60") == (told.status, told.headers["retry-after"])


async def test_work_ends_with_its_reader(operator: Operator) -> None:
    """Who hangs up stops it."""
    operator.console.events = [{"event": "progress"}, None]
    asking = Deferred.fromCoroutine(ask("POST", f"{operator.url}/v1/keeping/verify"))
    while not operator.console.acted:
        await deferLater(reactor, 0.01)
    operator.site.hang_up()
    asking.addErrback(lambda _: None)
    await asking
    while not operator.console.closed:
        await deferLater(reactor, 0.01)


async def test_works_are_bounded(operator: Operator) -> None:
    """One more than is possible at once is told to come back."""
    operator.control._under_way = MOST_AT_ONCE
    assert 503 == (await ask("GET", f"{operator.url}/v1/keeping/health/{IMAGE}")).status
    operator.control._under_way = 0
    assert 200 == (await ask("GET", f"{operator.url}/v1/keeping/health/{IMAGE}")).status
