"""Which nodes are asked to relay, and when none is asked any more."""

import random
from collections.abc import Sequence
from typing import Any

import attrs
from fake_pipes import FakePipes, greeting_of
from members import Who
from twisted.internet.defer import Deferred
from twisted.internet.protocol import Factory, Protocol
from twisted.internet.task import Clock

from reticulum.assembly.relaying import ASKED_FOR_RELAYS, DESCRIBE_S, Relaying, relaying_of
from reticulum.model import Contact, NodeId
from reticulum.overlay.records import Role
from reticulum.reach.ladder import HURRY_S, Standing
from reticulum.reach.relay.anchorage import LOOK_S
from reticulum.settings.sections import ReachSettings


@attrs.frozen
class Said:
    """What a node says of itself: a description, and its record."""

    role: Role = Role.SERVER
    relaying: bool = True
    zone: str = ""

    @property
    def record(self) -> "Said":
        return self


@attrs.define(eq=False)
class Overlay:
    """A node with neighbours, each of which says something of itself, or nothing for long."""

    neighbours: dict[Contact, "Said | Deferred[Any] | None"]
    is_in: bool = True
    is_server: bool = False
    node_id: NodeId = NodeId(b"n" * 20)  # noqa: RUF009  (it is frozen)
    asked: list[Contact] = attrs.field(factory=list)
    said: int = 0

    @property
    def table(self) -> "Overlay":
        return self

    def contacts(self) -> Sequence[Contact]:
        return list(self.neighbours)

    async def describe(self, contact: Contact) -> Any:
        self.asked.append(contact)
        said = self.neighbours[contact]
        return await said if isinstance(said, Deferred) else said

    def said_anew(self) -> None:
        self.said += 1


@attrs.define(eq=False)
class Node:
    """The parts of a node that have to do with relays."""

    overlay: Overlay
    pipes: FakePipes = attrs.field(factory=FakePipes)
    clock: Clock = attrs.field(factory=Clock)
    relaying: Relaying = attrs.field(init=False)

    def __attrs_post_init__(self) -> None:
        self.relaying = relaying_of(
            settings=ReachSettings,
            overlay=self.overlay,  # type: ignore[arg-type]
            greeting=greeting_of(Who()),
            pipes=self.pipes,  # type: ignore[arg-type]
            inside=Factory.forProtocol(Protocol),
            attached_changed=lambda _: None,
            rng=random.Random(1),  # noqa: S311  (no secret)
            reactor=self.clock,
        )

    async def needs_relays(self) -> None:
        await self.relaying.anchorage.start()
        self.clock.advance(LOOK_S)
        self.clock.advance(LOOK_S)
        assert self.clock.seconds() >= HURRY_S

    async def stops(self) -> None:
        await self.relaying.anchorage.stop()
        self.pipes.settle()
        assert [] == self.clock.getDelayedCalls()


def contacts(number: int) -> list[Contact]:
    return [Who().at(4160) for _ in range(number)]


async def test_who_is_asked() -> None:
    """Only servers that say that they relay; the dead keep nobody waiting for long."""
    good, off, client, silent, gone = contacts(5)
    node = Node(
        Overlay(
            {
                good: Said(zone="attic"),
                off: Said(relaying=False),
                client: Said(role=Role.CLIENT),
                silent: Deferred(),
                gone: None,
            }
        )
    )
    await node.needs_relays()
    assert [] == node.pipes.attempts
    node.clock.advance(DESCRIBE_S)
    node.pipes.welcome()
    assert {good} == {attempt.contact for attempt in node.pipes.attempts}
    assert [("attic", good)] == [
        (moored.zone, moored.relay) for moored in node.relaying.anchorage.moored
    ]
    assert Standing.RELAYED is node.relaying.ladder.standing
    # Its record tells others by which relay it is reached.
    assert node.overlay.said
    await node.stops()


async def test_not_too_many_are_asked() -> None:
    """In a large grid some are asked, not all."""
    node = Node(Overlay(dict.fromkeys(contacts(3 * ASKED_FOR_RELAYS))))
    await node.needs_relays()
    assert ASKED_FOR_RELAYS == len(node.overlay.asked)
    await node.stops()


async def test_stop_while_they_are_asked() -> None:
    """A stop ends the search; nobody is asked afterwards, and nothing is left."""
    node = Node(Overlay({contact: Deferred() for contact in contacts(3)}))
    await node.needs_relays()
    assert 3 == len(node.overlay.asked)
    await node.stops()
    node.clock.advance(60)
    assert 3 == len(node.overlay.asked)


async def test_public_nodes_ask_nobody() -> None:
    """Who is dialled back needs no relay."""
    node = Node(Overlay({contact: Said() for contact in contacts(3)}, is_server=True))
    await node.needs_relays()
    assert [] == node.overlay.asked
    assert Standing.PUBLIC is node.relaying.ladder.standing
    await node.stops()
