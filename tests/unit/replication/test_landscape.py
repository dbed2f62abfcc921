import hashlib
import random
from collections.abc import Callable, Iterator, Sequence

import attrs
import pytest
from twisted.internet.defer import Deferred

from reticulum.model import Address, Contact, Key, Member, NodeId, Shelf
from reticulum.replication.landscape import FRESH_S, Landscape
from reticulum.replication.placement import CANDIDATES
from reticulum.testing.simulator.clock import HeapClock

GRACE_S = 400.0
DELAY_S = 0.1
DEAD_S = 1.0


def key(text: str) -> Key:
    return Key(hashlib.sha256(text.encode()).digest()[:20])


def member(
    number: int, zone: str = "attic", shelf: Shelf = Shelf.OPEN, via: NodeId | None = None
) -> Member:
    node_id = NodeId(key(f"node {number}").digest)
    contact = Contact(node_id, Address("192.0.2.1", number + 1), via)
    return Member(contact=contact, zone=zone, capacity=10**12, shelf=shelf)


class FakeGrid:
    """Nodes that say what they are, or nothing; counts what they are asked."""

    def __init__(self, clock: HeapClock, nodes: int, relayed: int) -> None:
        self.clock = clock
        self.nodes = {one.node_id: one for one in map(member, range(nodes))}
        behind = (member(5000 + number, via=RELAY) for number in range(relayed))
        self.nodes |= {one.node_id: one for one in behind}
        self.dead: set[NodeId] = set()
        self.table: Sequence[Contact] = ()
        self.asked: list[NodeId] = []
        self.lookups = 0

    async def _wait(self, seconds: float) -> None:
        waiting: Deferred[None] = Deferred()
        self.clock.callLater(seconds, waiting.callback, None)
        await waiting

    async def closest(self, target: Key) -> Sequence[Contact]:
        self.lookups += 1
        await self._wait(DELAY_S)
        others = [one for one in self.nodes.values() if one != OWN]
        direct = [o for o in others if o.contact.via is None and o.node_id not in self.dead]
        # Of those behind relays it is only said that they are there.
        behind = [one for one in others if one.contact.via is not None]
        near = [*nearest_to(target, direct)[:20], *nearest_to(target, behind)[:28]]
        return [one.contact for one in near]

    async def describe(self, contact: Contact) -> Member | None:
        self.asked.append(contact.node_id)
        is_dead = contact.node_id in self.dead
        await self._wait(DEAD_S if is_dead else DELAY_S)
        return None if is_dead else self.nodes.get(contact.node_id)

    def neighbours(self) -> Sequence[Contact]:
        return self.table


OWN = member(0)
RELAY = key("relay")


def nearest_to(target: Key, members: Sequence[Member]) -> list[Member]:
    return sorted(members, key=lambda one: one.node_id.distance(target))


class World:
    """A landscape in a made-up grid, in virtual time."""

    def __init__(self, nodes: int, relayed: int = 0) -> None:
        self.clock = HeapClock()
        self.grid = FakeGrid(self.clock, nodes, relayed)
        self.changes = 0
        self.own = OWN
        self.landscape = self.made()

    def made(self) -> Landscape:
        return Landscape(
            own=lambda: self.own,
            surveyor=self.grid,
            clock=self.clock,
            rng=random.Random(1),  # noqa: S311  (to be repeatable)
            grace_s=GRACE_S,
            changed=self._change,
        )

    def _change(self) -> None:
        self.changes += 1

    def start(self, seconds: float = 60) -> None:
        self.get(self.landscape.start)
        self.clock.advance(seconds)

    def get(self, work: Callable[[], object]) -> object:
        results: list[object] = []
        Deferred.fromCoroutine(work()).addBoth(results.append)  # type: ignore[arg-type]
        while not results:
            self.clock.step()
        if hasattr(results[0], "raiseException"):
            results[0].raiseException()
        return results[0]

    def near(self, target: Key) -> list[Member]:
        return list(self.get(lambda: self.landscape.near(target)))  # type: ignore[call-overload]

    def others(self) -> list[Member]:
        return [one for one in self.grid.nodes.values() if one != OWN]


@pytest.fixture
def worlds() -> Iterator[Callable[..., World]]:
    made: list[World] = []

    def make(nodes: int, relayed: int = 0) -> World:
        made.append(World(nodes, relayed))
        return made[-1]

    yield make
    for world in made:
        world.get(world.landscape.stop)
        world.clock.advance(10)
        assert world.clock.next_at() is None, "nothing is left running"


Make = Callable[..., World]


def test_a_small_grid_is_known_whole(worlds: Make) -> None:
    """Everybody is there soon after the start; who is near takes no lookup then."""
    world = worlds(12)
    world.start(5)
    lookups = world.grid.lookups

    for number in range(20):
        target = key(f"image {number}")
        assert nearest_to(target, list(world.grid.nodes.values())) == world.near(target)
    assert lookups == world.grid.lookups
    assert {one.node_id for one in world.others()} == {
        one.node_id for one in world.landscape.alive()
    }


def test_settled(worlds: Make) -> None:
    """Not at the start, when nobody can know whom there is to find."""
    world = worlds(12)
    assert not world.landscape.settled
    world.start(5)
    assert not world.landscape.settled
    world.clock.advance(60)
    assert world.landscape.settled


@pytest.mark.parametrize("nodes", [21, 22, 60, 400])
def test_a_large_grid(worlds: Make, nodes: int) -> None:
    """Whoever is near to a key is found, near to this node or far; near ones without a lookup."""
    world = worlds(nodes)
    world.start()
    everybody = list(world.grid.nodes.values())
    lookups = world.grid.lookups

    own = nearest_to(OWN.node_id, everybody)[:CANDIDATES]
    assert own == world.near(OWN.node_id)
    assert lookups == world.grid.lookups
    for number in range(20):
        target = key(f"image {number}")
        assert nearest_to(target, everybody)[:CANDIDATES] == world.near(target)


@pytest.mark.parametrize("nodes, relayed", [(4, 9), (12, 12), (21, 60), (400, 10), (60, 400)])
def test_nodes_behind_relays_are_members(worlds: Make, nodes: int, relayed: int) -> None:
    """Whoever is near to a key is found, however it is reached; near ones without a lookup."""
    world = worlds(nodes, relayed)
    world.start()
    everybody = list(world.grid.nodes.values())
    lookups = world.grid.lookups

    own = nearest_to(OWN.node_id, everybody)[:CANDIDATES]
    assert own == world.near(OWN.node_id)
    assert lookups == world.grid.lookups
    for number in range(20):
        target = key(f"image {number}")
        assert nearest_to(target, everybody)[:CANDIDATES] == world.near(target)


def test_who_is_only_said_to_be_there_is_asked(worlds: Make) -> None:
    """Lookups go on naming one behind a relay that has died; that is no sign of life."""
    world = worlds(60, 60)
    world.start()
    gone = nearest_to(OWN.node_id, [o for o in world.others() if o.contact.via is not None])[-1]
    world.near(gone.node_id)
    world.grid.dead.add(gone.node_id)
    for _ in range(6):
        world.clock.advance(FRESH_S / 5)
        world.near(gone.node_id)
    assert gone.node_id not in {one.node_id for one in world.near(gone.node_id)}


def test_another_relay_is_no_change(worlds: Make) -> None:
    """The node is where it was, and whoever was told of the old way has reached the same node."""
    world = worlds(8, 3)
    world.start(200)
    (other, *_) = [one for one in world.others() if one.contact.via is not None]
    changes, old = world.changes, other.contact
    moved = attrs.evolve(other, contact=attrs.evolve(old, via=key("another relay")))
    world.grid.nodes[other.node_id] = moved
    world.clock.advance(130)
    assert moved == world.near(other.node_id)[0]
    assert changes == world.changes

    world.landscape.failed(other.node_id)
    world.landscape.heard(old)
    assert moved == world.near(other.node_id)[0]


def test_what_was_learned_for_one_image_serves_for_the_next(worlds: Make) -> None:
    """Nodes far away are asked once in ten minutes at most."""
    world = worlds(400)
    world.start()
    target = nearest_to(OWN.node_id, list(world.grid.nodes.values()))[-1].node_id
    far = {one.node_id for one in world.near(target)}
    world.grid.asked.clear()
    assert far == {one.node_id for one in world.near(target)}
    assert far.isdisjoint(world.grid.asked)

    world.clock.advance(FRESH_S)
    world.near(target)
    assert far <= set(world.grid.asked)


def test_silence(worlds: Make) -> None:
    """Who falls silent counts until the grace has passed, and is known to be silent."""
    world = worlds(8)
    world.start()
    dead = world.others()[0].node_id
    world.grid.dead.add(dead)
    changes = world.changes

    world.clock.advance(GRACE_S / 2)
    silent = {one.node_id: one.silent_s for one in world.near(dead)}
    assert GRACE_S / 4 < silent.pop(dead) <= GRACE_S / 2 + 61
    assert {0.0} == set(silent.values())
    assert dead not in {one.node_id for one in world.landscape.alive()}
    assert changes == world.changes

    world.clock.advance(GRACE_S)
    assert dead not in {one.node_id for one in world.near(dead)}
    assert changes + 1 == world.changes


def test_back_within_the_grace(worlds: Make) -> None:
    """Who answers again was never gone."""
    world = worlds(8)
    world.start()
    dead = world.others()[0].node_id
    changes = world.changes
    world.grid.dead.add(dead)
    world.clock.advance(GRACE_S / 2)
    world.grid.dead.clear()
    world.clock.advance(GRACE_S)

    assert not world.near(dead)[0].silent_s
    assert changes == world.changes


def test_told_of_failure_and_answer(worlds: Make) -> None:
    """Who failed is silent at once and asked within seconds; who was heard is silent no more."""
    world = worlds(8)
    world.start()
    other = world.others()[0]

    world.landscape.failed(other.node_id)
    assert 0 < world.near(other.node_id)[0].silent_s < GRACE_S
    world.landscape.heard(other.contact)
    assert not world.near(other.node_id)[0].silent_s

    world.grid.dead.add(other.node_id)
    world.grid.asked.clear()
    world.landscape.failed(other.node_id)
    world.clock.advance(3)
    assert [other.node_id] == world.grid.asked[:1]


def test_a_newcomer_is_heard(worlds: Make) -> None:
    """Who is new and heard is a member in seconds, without waiting for the next round."""
    world = worlds(8)
    world.start(200)
    newcomer = member(100)
    world.grid.nodes[newcomer.node_id] = newcomer
    changes = world.changes

    world.landscape.heard(newcomer.contact)
    world.clock.advance(3)
    assert newcomer == world.near(newcomer.node_id)[0]
    assert changes < world.changes


@pytest.mark.parametrize(
    "change", [{"shelf": Shelf.FULL}, {"zone": "cellar"}, {"capacity": 5}], ids=str
)
def test_what_changes_placement_is_told(worlds: Make, change: dict[str, object]) -> None:
    """Another zone, size or shelf of a node is noticed within a round or two."""
    world = worlds(8)
    world.start(200)
    changes = world.changes
    other = attrs.evolve(world.others()[0], **change)
    world.grid.nodes[other.node_id] = other

    world.clock.advance(130)
    assert other == world.near(other.node_id)[0]
    assert changes + 1 == world.changes


def test_who_keeps_nothing(worlds: Make) -> None:
    """Closed nodes are alive and no candidates, this one too."""
    world = worlds(8)
    closed = attrs.evolve(world.others()[0], shelf=Shelf.CLOSED)
    world.grid.nodes[closed.node_id] = closed
    world.own = attrs.evolve(OWN, shelf=Shelf.CLOSED)
    world.start()

    assert 6 == len(world.near(closed.node_id))
    assert 7 == len(world.landscape.alive())


def test_after_a_restart(worlds: Make) -> None:
    """Whom it knew before counts until the grace has passed, there or not."""
    world = worlds(8)
    world.start()
    known = world.landscape.known()
    world.get(world.landscape.stop)
    gone = world.others()[0].node_id
    world.grid.dead.add(gone)
    world.landscape = world.made()
    world.landscape.recall([*known, OWN])

    assert [] == world.landscape.alive()
    assert 8 == len(world.near(gone))
    world.start(GRACE_S / 2)
    assert 8 == len(world.near(gone))
    world.clock.advance(GRACE_S)
    assert 7 == len(world.near(gone))


def test_quiet(worlds: Make) -> None:
    """A settled grid costs each node one question to each near one a minute, and few lookups."""
    world = worlds(400)
    world.start(600)
    world.grid.asked.clear()
    lookups = world.grid.lookups
    world.clock.advance(600)

    assert len(world.grid.asked) <= 128 * 14
    assert world.grid.lookups - lookups <= 16 * 14


def test_alone(worlds: Make) -> None:
    """A node alone is the one candidate."""
    world = worlds(1)
    world.start()

    assert [OWN] == world.near(key("image"))
    assert world.landscape.settled
