"""Two relays in different zones, for as long as they are needed, whatever becomes of them."""

from collections.abc import Sequence

import attrs
import pytest
from fake_pipes import FakePipes, Pipe, greeting_of
from members import Who
from plain_connections import BEAT
from twisted.internet.defer import Deferred
from twisted.internet.protocol import Factory, Protocol
from twisted.internet.task import Clock

from reticulum.model import NodeId
from reticulum.reach.relay.anchorage import (
    KEPT_S,
    LOOK_S,
    REFUSED_S,
    RELAYS,
    SEARCH_S,
    Anchorage,
    Candidate,
)
from reticulum.reach.relay.hello import Kind
from reticulum.reach.relay.status import Status


def candidate(zone: str = "") -> Candidate:
    return Candidate(contact=Who().at(1), zone=zone)


@attrs.define(eq=False)
class Sea:
    """A node that may need relays, those there are, and time."""

    there: list[Candidate]
    is_needed: bool = True
    pipes: FakePipes = attrs.field(factory=FakePipes)
    clock: Clock = attrs.field(factory=Clock)
    changes: int = 0
    searches: int = 0
    search: "Deferred[Sequence[Candidate]] | None" = None
    anchorage: Anchorage = attrs.field(init=False)

    def __attrs_post_init__(self) -> None:
        self.anchorage = Anchorage(
            greeting=greeting_of(Who()),
            pipes=self.pipes,  # type: ignore[arg-type]
            inside=Factory.forProtocol(Protocol),
            candidates=self.candidates,
            is_needed=lambda: self.is_needed,
            changed=self.changed,
            clock=self.clock,  # type: ignore[arg-type]
        )

    async def candidates(self) -> Sequence[Candidate]:
        self.searches += 1
        if self.search is not None:
            return await self.search
        return list(self.there)

    def changed(self) -> None:
        self.changes += 1

    async def starts(self) -> None:
        await self.anchorage.start()

    async def ends(self) -> None:
        """Stop, and see that nothing is left."""
        await self.anchorage.stop()
        self.pipes.settle()
        assert [] == self.pipes.waiting
        assert [] == self.clock.getDelayedCalls()

    def pass_by(self, seconds: float, status: Status = Status.WELCOME) -> None:
        """Let time pass; whoever is dialled answers *status*, and says that it is there."""
        for _ in range(int(seconds / LOOK_S)):
            self.clock.advance(LOOK_S)
            while self.pipes.waiting:
                for pipe in self.pipes.connect():
                    pipe.answer(status)
                self.pipes.settle()
            for pipe in self.pipes.alive:
                pipe.hear(BEAT)

    def anchors(self) -> list[Pipe]:
        return [pipe for pipe in self.pipes.alive if pipe.hello.kind is Kind.ANCHOR]

    def held(self) -> set[NodeId]:
        return {relay.node_id for relay in self.anchorage.relays}

    def asked(self) -> list[NodeId]:
        return [one.contact.node_id for one in self.pipes.attempts]


async def test_two_relays_in_two_zones() -> None:
    """The best one, and the best one in another zone, though a better one is in the same."""
    sea = Sea([candidate("attic"), candidate("attic"), candidate("cellar"), candidate("shed")])
    await sea.starts()
    sea.pass_by(2)
    assert ["attic", "cellar"] == [moored.zone for moored in sea.anchorage.moored]
    assert [sea.there[0].contact, sea.there[2].contact] == list(sea.anchorage.relays)
    assert RELAYS == sea.changes
    assert 1 == sea.searches
    await sea.ends()


async def test_one_zone_is_better_than_one_relay() -> None:
    """If there is no other zone, two relays of one are taken."""
    sea = Sea([candidate("attic"), candidate("attic")])
    await sea.starts()
    sea.pass_by(2)
    assert {one.contact.node_id for one in sea.there} == sea.held()
    await sea.ends()


async def test_not_needed() -> None:
    """Nobody is asked as long as no relay is needed."""
    sea = Sea([candidate()], is_needed=False)
    await sea.starts()
    sea.pass_by(60)
    assert (0, []) == (sea.searches, sea.asked())
    await sea.ends()


async def test_needed_no_more() -> None:
    """Relays that are not needed are kept for others for a while, then let go."""
    sea = Sea([candidate("attic"), candidate("cellar")])
    await sea.starts()
    sea.pass_by(2)
    sea.is_needed = False
    sea.pass_by(KEPT_S - 1)
    assert RELAYS == len(sea.anchorage.moored)
    sea.pass_by(2)
    assert () == sea.anchorage.moored
    assert RELAYS + 1 == sea.changes
    sea.pipes.settle()
    assert [] == sea.pipes.alive
    await sea.ends()


async def test_a_relay_dies() -> None:
    """It is replaced by another one at once; it may come back when it is needed."""
    sea = Sea([candidate("attic"), candidate("cellar"), candidate("shed")])
    await sea.starts()
    sea.pass_by(60)
    first = sea.anchorage.relays[0]
    next(pipe for pipe in sea.anchors() if pipe.hello.listener == first.node_id).lose()
    assert 1 == len(sea.anchorage.moored)
    sea.pass_by(1)
    assert {one.contact.node_id for one in sea.there[1:]} == sea.held()
    sea.pass_by(SEARCH_S)
    sea.anchors()[-1].lose()
    sea.pass_by(2 * SEARCH_S)
    assert RELAYS == len(sea.held())
    await sea.ends()


@pytest.mark.parametrize("status", [Status.FULL, Status.DOES_NOT_RELAY, Status.TAKEN])
async def test_relay_that_refuses(status: Status) -> None:
    """It is asked again after a minute, no sooner; why is told."""
    sea = Sea([candidate()])
    await sea.starts()
    sea.pass_by(REFUSED_S - SEARCH_S, status)
    assert 1 == len(sea.asked())
    why = status.name.lower().replace("_", " ")
    assert f"{sea.there[0].contact.address}: {why}" == sea.anchorage.last_refusal
    sea.pass_by(2 * SEARCH_S)
    assert {sea.there[0].contact.node_id} == sea.held()
    assert "" == sea.anchorage.last_refusal
    await sea.ends()


async def test_relay_that_lets_go_at_once() -> None:
    """A relay that welcomes and closes is one that refuses: nobody runs at it."""
    sea = Sea([candidate()])
    await sea.starts()
    for _ in range(int(2 * REFUSED_S)):
        sea.pass_by(1)
        for pipe in sea.anchors():
            pipe.lose()
    anchors = [pipe for pipe in sea.pipes.pipes if pipe.hello.kind is Kind.ANCHOR]
    assert 2 <= len(anchors) <= 3
    assert sea.changes == 2 * len(anchors)
    await sea.ends()


async def test_dead_relay_does_not_keep_the_others_waiting() -> None:
    """Who can't be dialled is passed over; who never answers costs some seconds."""
    sea = Sea([candidate("attic"), candidate("cellar"), candidate("shed")])
    await sea.starts()
    sea.pipes.waiting[0].refuse()
    (silent,) = sea.pipes.connect()
    assert sea.there[1].contact.node_id == silent.hello.listener
    sea.pass_by(10)
    assert {sea.there[2].contact.node_id} == sea.held()
    assert "no answer in time" in sea.anchorage.last_refusal or not sea.anchorage.last_refusal
    await sea.ends()


async def test_no_relay_is_known() -> None:
    """It is searched again and again, at a pace."""
    sea = Sea([])
    await sea.starts()
    sea.pass_by(60)
    assert 10 <= sea.searches <= 60 / SEARCH_S + 1
    sea.there.append(candidate())
    sea.pass_by(SEARCH_S + 1)
    assert 1 == len(sea.anchorage.moored)
    await sea.ends()


async def test_another_network() -> None:
    """All is let go and begun anew, also with those that refused."""
    sea = Sea([candidate("attic"), candidate("cellar")])
    await sea.starts()
    sea.pipes.waiting[0].refuse()
    sea.pass_by(2)
    assert 1 == len(sea.held())
    old = sea.pipes.alive
    sea.anchorage.network_changed()
    sea.pipes.settle()
    assert () == sea.anchorage.moored
    assert all(pipe.is_lost for pipe in old)
    sea.pass_by(1)
    assert RELAYS == len(sea.held())
    await sea.ends()


@pytest.mark.parametrize("is_there", [True, False])
async def test_another_network_while_attaching(is_there: bool) -> None:
    """What comes of an attempt begun in the old network is nothing, neither good nor bad."""
    sea = Sea([candidate()])
    await sea.starts()
    (attempt,) = sea.pipes.waiting
    sea.anchorage.network_changed()
    if is_there:
        (pipe,) = sea.pipes.connect()
        pipe.answer()
        assert () == sea.anchorage.moored
        assert pipe.is_given_up
    else:
        attempt.refuse()
        assert "" == sea.anchorage.last_refusal
    sea.pipes.settle()
    sea.pass_by(2 * SEARCH_S)
    assert 1 == len(sea.held())
    await sea.ends()


@pytest.mark.parametrize("stage", ["search", "dial", "answer"])
async def test_stop_in_the_middle(stage: str) -> None:
    """A stop ends it wherever it is: nothing is asked or dialled afterwards."""
    sea = Sea([candidate(), candidate()])
    if stage == "search":
        sea.search = Deferred()
    await sea.starts()
    if stage == "answer":
        sea.pipes.connect()
    await sea.ends()
    assert 1 == sea.searches
    sea.clock.advance(60)
    assert (1, []) == (sea.searches, sea.pipes.waiting)
    assert () == sea.anchorage.moored
