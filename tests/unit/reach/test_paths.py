"""The best way to a node: what is tried first, what is remembered, what is told when none works."""

from collections.abc import Sequence
from typing import Any

import attrs
import pytest
from fake_pipes import FakePipes, Pipe
from members import Who
from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.error import ConnectError
from twisted.internet.protocol import Factory, Protocol
from twisted.internet.task import Clock

from reticulum.errors import HolderFailed
from reticulum.model import Address, Contact, NodeId
from reticulum.reach.held import Held
from reticulum.reach.path import HELD_S, RELAY_AVOIDED_S, Path, Road
from reticulum.reach.paths import CROWDED_S, MOST_PATHS, RELAY_S, Passage, Paths

SEEN = Address("44.1.1.1", 7)


@attrs.define
class Unasked:
    """Believes whoever is at the end of a pipe; an `Introduction`."""

    def through(self, pipe: Any, node_id: NodeId) -> Any:
        del node_id
        return pipe


@attrs.define(eq=False)
class World:
    """Nodes, relays, and time."""

    pipes: FakePipes = attrs.field(factory=FakePipes)
    clock: Clock = attrs.field(factory=Clock)
    relays: dict[NodeId, list[Contact]] = attrs.field(factory=dict)
    refusals: dict[NodeId, str] = attrs.field(factory=dict)
    lookups: int = 0
    crowds: int = 0
    is_crowded: bool = False
    wanted_shortcuts: list[tuple[Contact, Address | None]] = attrs.field(factory=list)
    paths: Paths = attrs.field(init=False)

    def __attrs_post_init__(self) -> None:
        self.paths = Paths(
            introduction=Unasked(),  # type: ignore[arg-type]
            pipes=self.pipes,  # type: ignore[arg-type]
            passage=self.passage,
            relays_of=self.relays_of,
            shortcut=self,
            crowded=self.crowded,
            clock=self.clock,  # type: ignore[arg-type]
        )

    def passage(self, via: Contact, wanted: NodeId) -> Passage:
        del wanted
        refusal = self.refusals.get(via.node_id, "")
        return Passage(self.pipes.to(via), lambda: SEEN, lambda: refusal, lambda: self.is_crowded)

    def crowded(self) -> None:
        self.crowds += 1

    async def relays_of(self, node_id: NodeId) -> Sequence[Contact]:
        self.lookups += 1
        return self.relays.get(node_id, [])

    def wanted(self, contact: Contact, path: Path, seen: Address | None) -> None:
        assert path.node_id == contact.node_id
        self.wanted_shortcuts.append((contact, seen))

    def connect(self, contact: Contact) -> "Deferred[Any]":
        return self.paths.to(contact, 0).endpoint.connect(Factory.forProtocol(Protocol))

    def path(self) -> Path:
        (path,) = self.paths.all()
        return path

    def asked(self) -> list[NodeId]:
        return [attempt.contact.node_id for attempt in self.pipes.attempts]

    def punched(self, contact: Contact) -> tuple[Held, Pipe]:
        """A connection that was punched to a node that was asked before."""
        (path,) = [path for path in self.paths.all() if path.node_id == contact.node_id]
        held = Held(path.drop)
        pipe = Pipe(held)
        self.pipes.pipes.append(pipe)
        path.keep(held, self.clock.seconds())
        return held, pipe


def relayed(*relays: Contact) -> Contact:
    """A node behind the first of *relays*."""
    return Contact(Who().node_id, relays[0].address, via=relays[0].node_id)


def public() -> Contact:
    return Who().at(1)


async def test_straight() -> None:
    """Who has an address is dialled there, and nobody else is asked."""
    world, node = World(), public()
    way = world.paths.to(node, 100)
    assert way.is_straight
    connecting = world.connect(node)
    (pipe,) = world.pipes.connect()
    assert pipe.protocol is await connecting
    assert (Road.DIRECT, None) == (world.path().road, world.path().relay)
    assert ([node.node_id], 0, []) == (world.asked(), world.lookups, world.wanted_shortcuts)


async def test_straight_fails() -> None:
    """What Twisted says is passed on: there is no relay to try."""
    world, node = World(FakePipes(is_off=True)), public()
    with pytest.raises(ConnectError):
        await world.connect(node)
    assert [] == world.paths.all()
    assert 0 == world.lookups


async def test_through_a_relay() -> None:
    """The relay that is named is used, and a shortcut is looked for."""
    world, relay = World(), public()
    node = relayed(relay)
    assert not world.paths.to(node, 0).is_straight
    connecting = world.connect(node)
    (pipe,) = world.pipes.connect()
    assert pipe.protocol is await connecting
    assert (Road.RELAYED, relay.node_id) == (world.path().road, world.path().relay)
    assert [relay.node_id] == world.asked()
    assert [(node, SEEN)] == world.wanted_shortcuts
    assert 0 == world.lookups


async def test_next_relay() -> None:
    """If it does not lead there, those that the node has now are tried in their order."""
    world, relays = World(), [public(), public(), public()]
    node = relayed(*relays)
    world.relays[node.node_id] = relays
    connecting = world.connect(node)
    for _ in range(2):
        world.pipes.waiting[0].refuse()
    world.pipes.connect()
    await connecting
    assert [relay.node_id for relay in relays] == world.asked()
    assert relays[2].node_id == world.path().relay
    assert 1 == world.lookups


async def test_slow_relay() -> None:
    """A relay that leads nowhere costs some seconds, once; then others come first for a while."""
    world, relays = World(), [public(), public()]
    node = relayed(*relays)
    world.relays[node.node_id] = relays
    connecting = world.connect(node)
    world.clock.advance(RELAY_S)
    assert world.pipes.attempts[0].is_cancelled
    world.pipes.connect()
    await connecting

    again = world.connect(node)
    world.pipes.connect()
    await again
    assert [relays[0].node_id, relays[1].node_id, relays[1].node_id] == world.asked()

    # Avoided is not forbidden: if there is nothing better, it is tried.
    world.relays[node.node_id] = relays[:1]
    last = world.connect(node)
    assert relays[0].node_id == world.asked()[-1]
    world.pipes.connect()
    await last
    assert not world.path().avoided
    world.path().avoid(relays[0].node_id, world.clock.seconds())
    world.clock.advance(RELAY_AVOIDED_S)
    assert not world.path().avoids(relays[0].node_id, world.clock.seconds())


async def test_crowded_relay() -> None:
    """A relay with too many streams of ours is asked once more, as soon as some are closed."""
    world, relays = World(), [public(), public()]
    node = relayed(*relays)
    world.relays[node.node_id] = relays
    world.is_crowded = True
    connecting = world.connect(node)
    world.pipes.waiting[0].refuse()
    assert 1 == world.crowds
    assert [] == world.pipes.waiting
    world.clock.advance(CROWDED_S)
    world.pipes.connect()
    await connecting
    assert [relays[0].node_id] * 2 == world.asked()

    again = world.connect(node)
    world.pipes.waiting[0].refuse()
    world.clock.advance(CROWDED_S)
    world.pipes.waiting[0].refuse()
    world.pipes.connect()
    await again
    assert relays[1].node_id == world.asked()[-1]


async def test_no_relay_leads_there() -> None:
    """Each is tried once, and what each one said is told."""
    world, relays = World(), [public(), public()]
    node = relayed(*relays)
    world.relays[node.node_id] = relays
    world.refusals[relays[0].node_id] = "the node is not attached to it"
    connecting = world.connect(node)
    world.pipes.waiting[0].refuse()
    world.clock.advance(RELAY_S)
    with pytest.raises(HolderFailed) as failed:
        await connecting
    assert (
        f"node {node.node_id}: no relay leads to it: "
        f"relay {relays[0].node_id}: the node is not attached to it; "
        f"relay {relays[1].node_id}: no answer in 3 s"
    ) == str(failed.value)
    assert [relay.node_id for relay in relays] == world.asked()
    assert [] == world.wanted_shortcuts
    assert [] == world.clock.getDelayedCalls()


async def test_avoided_relay_that_is_the_only_one() -> None:
    """A relay that has failed is tried all the same if nobody knows another one."""
    world, relay = World(), public()
    node = relayed(relay)
    first = world.connect(node)
    world.pipes.waiting[0].refuse()
    with pytest.raises(HolderFailed):
        await first
    again = world.connect(node)
    world.pipes.connect()
    await again
    assert [relay.node_id] * 2 == world.asked()
    assert 2 == world.lookups


async def test_cancelled() -> None:
    """Who gives up while a relay is tried ends that try, and tries no other."""
    world, relays = World(), [public(), public()]
    node = relayed(*relays)
    world.relays[node.node_id] = relays
    connecting = world.connect(node)
    connecting.cancel()
    with pytest.raises(CancelledError):
        await connecting
    assert [relays[0].node_id] == world.asked()
    assert world.pipes.attempts[0].is_cancelled
    assert [] == world.clock.getDelayedCalls()


async def asked_once(world: World) -> Contact:
    """A node that was reached through a relay."""
    node = relayed(public())
    connecting = world.connect(node)
    world.pipes.connect()
    await connecting
    return node


async def test_punched() -> None:
    """A connection that was punched is used before any relay, by as many as there are."""
    world = World()
    node = await asked_once(world)
    held, pipe = world.punched(node)
    assert Road.PUNCHED is world.path().road
    assert world.paths.to(node, 0).is_straight
    assert not world.paths.to(node, 1).is_straight

    user = await world.connect(node)
    user.transport.write(b"straight")
    assert b"straight" == pipe.sent
    assert held.is_taken
    assert 1 == len(world.asked())

    # It is in use; whoever else comes makes the detour.
    connecting = world.connect(node)
    world.pipes.connect()
    await connecting
    assert 2 == len(world.asked())
    assert Road.PUNCHED is world.path().road

    user.transport.loseConnection()
    assert not world.paths.to(node, 0).is_straight
    world.pipes.settle()
    assert Road.RELAYED is world.path().road


async def test_punched_and_lost() -> None:
    """One that is gone before anybody used it is as if it had never been."""
    world = World()
    node = await asked_once(world)
    _, pipe = world.punched(node)
    pipe.lose()
    assert not world.paths.to(node, 0).is_straight
    connecting = world.connect(node)
    world.pipes.connect()
    await connecting
    assert 2 == len(world.asked())


async def test_punched_and_never_used() -> None:
    """One that nobody has used for too long is closed, rather than found closed by a request."""
    world = World()
    node = await asked_once(world)
    _, pipe = world.punched(node)
    world.clock.advance(HELD_S - 1)
    assert world.paths.to(node, 0).is_straight
    world.clock.advance(1)
    assert not world.paths.to(node, 0).is_straight
    assert pipe.is_aborted


async def test_another_network() -> None:
    """Nothing of the old one is used or held against anybody."""
    world = World()
    node = await asked_once(world)
    relay = world.path().relay
    assert relay is not None
    world.path().avoid(relay, world.clock.seconds())
    world.path().punch_at = 1000.0
    _, idle = world.punched(node)
    _, used = world.punched(node)
    await world.connect(node)
    world.paths.network_changed()
    assert idle.is_aborted
    assert used.is_aborted
    assert not world.path().avoids(relay, world.clock.seconds())
    assert world.path().punch_at < world.clock.seconds()
    assert not world.paths.to(node, 0).is_straight


async def test_stop() -> None:
    """What nobody uses is closed; what is in use is for its user to close."""
    world = World()
    await world.paths.start()
    node = await asked_once(world)
    _, used = world.punched(node)
    await world.connect(node)
    _, idle = world.punched(node)
    await world.paths.stop()
    assert idle.is_aborted
    assert not used.is_given_up


async def test_bounds() -> None:
    """Of so many nodes something is remembered; what was held of the oldest is closed."""
    world = World()
    node = await asked_once(world)
    _, pipe = world.punched(node)
    for _ in range(MOST_PATHS - 1):
        world.paths.to(public(), 0)
    assert not pipe.is_given_up
    world.paths.to(public(), 0)
    assert pipe.is_aborted
    assert not world.paths.to(node, 0).is_straight
    # To have been thought of is not to have been asked.
    assert [] == world.paths.all()
