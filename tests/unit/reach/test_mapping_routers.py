"""The whole ladder of methods, from the first datagram on."""

import random
from collections.abc import Callable
from typing import Any

import pytest
import pytest_twisted
from loopback_gateway import HERE, OUTER, Answers, Hurried, LoopbackGateway, NatPmpServer, PcpServer
from twisted.internet import reactor
from twisted.internet.defer import Deferred, fail

from reticulum.errors import NotMapped
from reticulum.model import Address
from reticulum.reach.mapping.gateway import Gateway
from reticulum.reach.mapping.mapper import PortMapper
from reticulum.reach.mapping.routers import RealRouters
from reticulum.reach.mapping.view import Mapping

PORT = 4160
PATIENCE_S = 20.0


def no_upnp(work: Callable[..., Any], *_: Any) -> Deferred[Any]:
    """An `InThread` that is not for this network."""
    return fail(NotMapped(f"no thread for {work.__name__}"))


def routers(port: int) -> RealRouters:
    rng = random.Random(1)  # noqa: S311
    return RealRouters(Hurried(), in_thread=no_upnp, rng=rng, secret=b"s", gateway_port=port)


async def told_by(gateway: LoopbackGateway) -> Mapping:
    """The first outcome; then all is stopped."""
    outcome: Deferred[Mapping] = Deferred()
    mapper = PortMapper(
        port=lambda: PORT,
        routers=routers(gateway.open()),
        clock=Hurried(),
        rng=random.Random(1),  # noqa: S311
        changed=lambda: reactor.callLater(0, lambda: outcome.callback(mapper.view)),
        gateway=lambda: HERE,
    )
    await mapper.start()
    view = await outcome.addTimeout(PATIENCE_S, reactor)
    await mapper.stop()
    await gateway.close()
    return view


@pytest.mark.parametrize(
    "server, method", [(PcpServer(), "PCP"), (NatPmpServer(), "NAT-PMP")], ids=["PCP", "NAT-PMP"]
)
@pytest_twisted.ensureDeferred
async def test_mapped(server: PcpServer | NatPmpServer, method: str) -> None:
    """A gateway that knows either maps, and forgets at the end."""
    view = await told_by(LoopbackGateway(server))
    assert (method, Address(OUTER, PORT)) == (view.method, view.external)
    assert not server.mapped


@pytest.mark.parametrize("answers", [lambda _: [], lambda _: [b"x" * 60]], ids=["silent", "noise"])
@pytest_twisted.ensureDeferred
async def test_nobody_maps(answers: Answers) -> None:
    """All are named that were asked, and what came of it."""
    view = await told_by(LoopbackGateway(answers))
    why = "answers that fit no question" if answers(b"") else "silent"
    for words in (f"PCP at 127.0.0.1: {why}", f"NAT-PMP at 127.0.0.1: {why}", "UPnP: no thread"):
        assert words in view.evidence


@pytest_twisted.ensureDeferred
async def test_one_socket() -> None:
    """One for as long as the gateway is the same, and none at the end."""
    there = routers(9)
    assert () == there.finders(PORT)
    await there.face(HERE)
    first = there._inquirer
    await there.face(HERE)
    assert first is there._inquirer
    await there.face(Gateway(address="127.0.0.2", local="127.0.0.1"))
    assert first is not there._inquirer
    with pytest.raises(NotMapped):
        await there.face(Gateway(address="127.0.0.1", local="198.51.100.1"))
    await there.close()
    await there.close()
