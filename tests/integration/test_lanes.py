"""Requests that move from a detour to a straight connection: real sockets, plain HTTP."""

from collections.abc import AsyncIterator
from typing import Any

import attrs
import pytest_twisted
from members import Script, Who, answering, settled
from plain_connections import until
from twisted.internet import reactor
from twisted.internet.defer import Deferred, gatherResults
from twisted.internet.endpoints import TCP4ClientEndpoint
from twisted.internet.task import Clock

from reticulum.model import Contact
from reticulum.reach.lane import Bounds, Question
from reticulum.reach.lanes import Lanes
from reticulum.reach.ways import Way

NODE = Who().at(1)


@attrs.define(eq=False)
class Road:
    """One of the two roads to a node: what came by it, and who still waits for an answer."""

    port: Any = None
    waiting: list[Any] = attrs.field(factory=list)
    script: Script = attrs.field(init=False)
    holds: bool = False

    def __attrs_post_init__(self) -> None:
        self.script = Script(self.came)
        self.port = reactor.listenTCP(0, self.script, interface="127.0.0.1")

    @property
    def connections(self) -> int:
        """How often somebody has connected."""
        return self.script.connections

    def came(self, connection: Any) -> None:
        if self.holds:
            self.waiting.append(connection)
        else:
            self.answer(connection)

    def answer(self, connection: Any) -> None:
        connection.transport.write(answering(b"picture"))

    def answer_all(self) -> None:
        waiting, self.waiting = self.waiting, []
        for connection in waiting:
            self.answer(connection)

    @property
    def asked(self) -> int:
        return len(self.script.asked)

    @property
    def open(self) -> int:
        return len(self.script.open)

    def endpoint(self) -> TCP4ClientEndpoint:
        return TCP4ClientEndpoint(reactor, "127.0.0.1", self.port.getHost().port)

    async def close(self) -> None:
        await self.port.stopListening()
        for connection in list(self.script.open):
            connection.transport.abortConnection()


@attrs.define(eq=False)
class Roads:
    """A node that is reached by a detour, and straight by so many requests at once."""

    straight: Road = attrs.field(factory=Road)
    detour: Road = attrs.field(factory=Road)
    most_straight: int = 0
    clock: Clock = attrs.field(factory=Clock)
    lanes: Lanes = attrs.field(init=False)

    def __attrs_post_init__(self) -> None:
        self.lanes = Lanes(self.clock, Bounds(per_node=8))  # type: ignore[arg-type]

    def to(self, contact: Contact, straight_users: int) -> Way:
        assert contact == NODE
        is_straight = self.most_straight > straight_users
        road = self.straight if is_straight else self.detour
        return Way(road.endpoint(), is_straight=is_straight)

    async def _ask(self) -> bytes:
        async with self.lanes.turn(NODE.node_id) as turn:
            response = await turn.send(self.to(NODE, turn.straight_users), Question("/picture"))
            content: bytes = await response.content()
            return content

    def ask(self) -> "Deferred[bytes]":
        return Deferred.fromCoroutine(self._ask())


@pytest_twisted.async_yield_fixture
async def roads() -> AsyncIterator[Roads]:
    roads = Roads()
    yield roads
    await roads.lanes.close()
    assert [] == roads.clock.getDelayedCalls()
    for road in (roads.straight, roads.detour):
        await road.close()
    await settled()


async def test_no_request_is_dropped(roads: Roads) -> None:
    """What is under way on a detour is finished there, while others already go straight."""
    roads.detour.holds = True
    asked = [roads.ask() for _ in range(3)]
    await until(lambda: 3 == len(roads.detour.waiting))

    roads.most_straight = 8
    assert b"picture" == await roads.ask()
    assert (1, 3) == (roads.straight.asked, roads.detour.asked)
    assert not any(one.called for one in asked)
    roads.detour.answer_all()
    assert [b"picture"] * 3 == [await one for one in asked]


async def test_detours_are_closed(roads: Roads) -> None:
    """Once there is a straight way, no detour is kept: not one that waits, nor one in use long."""
    await roads.ask()
    roads.detour.holds = True
    busy = [roads.ask(), roads.ask()]
    await until(lambda: 2 == len(roads.detour.waiting))
    roads.detour.waiting[0].transport.write(answering(b"picture"))
    roads.detour.waiting.pop(0)
    await busy[0]
    assert 2 == roads.detour.open

    roads.most_straight = 8
    await roads.ask()
    await until(lambda: 1 == roads.detour.open)
    roads.detour.answer_all()
    await busy[1]
    roads.clock.advance(4)
    await settled()
    assert 1 == roads.detour.open
    roads.clock.advance(1)
    await until(lambda: 0 == roads.detour.open)
    assert 1 == roads.straight.open


async def test_detours_are_used_again(roads: Roads) -> None:
    """While straight connections are too few, no detour is opened twice; a relay counts them."""
    roads.most_straight = 1
    for _ in range(20):
        await gatherResults([roads.ask() for _ in range(8)])
    assert 160 == roads.straight.asked + roads.detour.asked
    assert (1, 7) == (roads.straight.connections, roads.detour.connections)

    # Nor without any straight one.
    roads.most_straight = 0
    for _ in range(5):
        await gatherResults([roads.ask() for _ in range(8)])
    assert 8 == roads.detour.connections


async def test_overflow(roads: Roads) -> None:
    """While all straight connections are in use, more requests make the detour."""
    roads.most_straight = 2
    roads.straight.holds = True
    first = [roads.ask(), roads.ask()]
    await until(lambda: 2 == len(roads.straight.waiting))
    assert b"picture" == await roads.ask()
    assert (2, 1) == (roads.straight.asked, roads.detour.asked)
    roads.straight.answer_all()
    for one in first:
        await one

    # Those that are kept are used again, and are counted anew.
    roads.straight.holds = False
    for _ in range(5):
        await roads.ask()
    assert (7, 1) == (roads.straight.asked, roads.detour.asked)
    assert 2 == roads.straight.open


async def test_back_to_the_detour(roads: Roads) -> None:
    """A straight connection that is gone leaves the detour, also for what was on it."""
    roads.most_straight = 1
    await roads.ask()
    for connection in list(roads.straight.script.open):
        connection.transport.abortConnection()
    await until(lambda: 0 == roads.straight.open)
    roads.most_straight = 0
    assert b"picture" == await roads.ask()
    assert 1 == roads.detour.asked


async def test_kept_connection_that_is_gone(roads: Roads) -> None:
    """A kept connection that breaks under a request costs one more connection, not the request."""
    roads.most_straight = 1
    await roads.ask()
    roads.straight.holds = True
    asked = roads.ask()
    await until(lambda: roads.straight.waiting)
    roads.straight.holds = False
    roads.straight.waiting.pop().transport.abortConnection()
    assert b"picture" == await asked
    assert 3 == roads.straight.asked


async def test_cancelled(roads: Roads) -> None:
    """A request that is given up makes room for a straight one."""
    roads.most_straight = 1
    roads.straight.holds = True
    asked = roads.ask()
    await until(lambda: roads.straight.waiting)
    asked.cancel()
    asked.addErrback(lambda _: None)
    await until(lambda: 0 == roads.straight.open)
    roads.straight.holds = False
    await roads.ask()
    assert (2, 0) == (roads.straight.asked, roads.detour.asked)


async def test_close(roads: Roads) -> None:
    """All that is kept is closed, by whichever road."""
    await roads.ask()
    roads.most_straight = 1
    roads.detour.holds = True
    await roads.ask()
    await roads.lanes.close()
    await until(lambda: (0, 0) == (roads.straight.open, roads.detour.open))
    assert 0 == len(roads.lanes)
