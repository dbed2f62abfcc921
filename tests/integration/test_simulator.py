"""The production overlay on the simulator: what a grid promises, in virtual time."""

import gc
import heapq
import sys
import time
from collections.abc import Callable

import attrs
import pytest
from twisted.internet.defer import ensureDeferred

from reticulum.errors import ReticulumError
from reticulum.model import Key
from reticulum.overlay.announcing.rounds import SHORTEST_ROUND_S
from reticulum.overlay.records import ProviderRecord, Role
from reticulum.testing.simulator.grid import Grid
from reticulum.testing.simulator.liar import Liar, Lie
from reticulum.testing.simulator.measuring import Numbers, look_up, look_up_many
from reticulum.testing.simulator.member import Habits, Member
from reticulum.testing.simulator.traffic import UNFRAGMENTED_BYTES

NODES = 300
LOOKUPS = 40
Say = Callable[[str], None]


@pytest.fixture
def say(capsys: pytest.CaptureFixture[str]) -> Say:
    """Shows the numbers to whoever runs the tests."""

    def show(text: str) -> None:
        with capsys.disabled():
            sys.stdout.write(f"\n    {text} ")

    return show


@attrs.frozen
class Life:
    """What was measured in the life of one large grid."""

    healthy: Numbers
    bereft: Numbers
    """When one in five has just died."""
    most_peers: int
    clients: int
    longest_bytes: int
    wall_s: float


@pytest.fixture(scope="module")
def life() -> Life:
    """300 nodes join through the first one, look up, and lose one in five."""
    begun = time.monotonic()
    grid = Grid(seed=1)
    gc.disable()  # a fifth of the time, for nothing: the grid lives on
    try:
        grid.grow(NODES)
    finally:
        gc.enable()
    grid.run(60)
    healthy = look_up_many(grid, LOOKUPS)
    clients = len(grid.running()) - len(grid.servers())
    peers = max(member.overlay.status().peers for member in grid.running())
    grid.kill_share(0.2)
    bereft = look_up_many(grid, LOOKUPS)
    longest = grid.network.traffic.longest
    return Life(healthy, bereft, peers, clients, longest, time.monotonic() - begun)


class TestLargeGrid:
    """The numbers of DESIGN 5.5 in a grid that joined through one entrance."""

    def test_healthy(self, life: Life, say: Say) -> None:
        """Lookups are quick and find every one of the 20 closest."""
        say(f"N={NODES} healthy: {life.healthy}; {life.wall_s:.1f} s for all")

        assert life.healthy.p50_s <= 0.55
        assert life.healthy.recall >= 0.99
        assert 0 == life.healthy.dead

    def test_one_in_five_dead(self, life: Life, say: Say) -> None:
        """Lookups stay quick, find who lives, and return nobody who is dead."""
        say(f"N={NODES}, 20 % dead: {life.bereft}")

        assert life.bereft.p50_s < 1
        assert life.bereft.p99_s < 2
        assert life.bereft.recall >= 0.99
        assert 0 == life.bereft.dead

    def test_everybody_becomes_a_server(self, life: Life) -> None:
        """Where everybody can be dialled, nobody stays a client."""
        assert 0 == life.clients

    def test_tables_are_bounded(self, life: Life) -> None:
        """Nobody knows everybody."""
        assert life.most_peers < NODES

    def test_no_datagram_is_fragmented(self, life: Life) -> None:
        """Every datagram fits into one packet on every path."""
        assert life.longest_bytes <= UNFRAGMENTED_BYTES


def grown(nodes: int, *, seed: int = 1, **options: float) -> Grid:
    """A small grid that has settled."""
    grid = Grid(seed, **options)
    grid.grow(nodes)
    grid.run(30)
    return grid


def holders(grid: Grid, asker: Member, holder: Member) -> bool:
    """Whether *asker* finds what *holder* has announced."""
    key = next(iter(holder.stock.keys()))[0]
    found = grid.wait(asker.overlay.holders(key))
    return holder.node_id in {each.node_id for each in found}


def announced(grid: Grid, holder: Member) -> None:
    """Let *holder* have an image, and tell."""
    key = grid.any_key()
    holder.stock.add(key)
    holder.overlay.announce(key, 20)
    grid.run(120)


def test_newcomers_know_somebody_everywhere() -> None:
    """
    Whoever has joined knows nodes in each half, quarter and eighth of the key space in which
    there are five or more; else some lookups end among nodes that know only each other.
    """
    grid = grown(100)
    ids = [member.node_id.number for member in grid.servers()]
    for member in grid.members:
        table = member.overlay.table.contacts()
        for unlike in (160, 159, 158):
            there = sum((number ^ member.node_id.number).bit_length() == unlike for number in ids)
            known = [c for c in table if c.node_id.distance(member.node_id).bit_length() == unlike]
            assert known or there < 5


def test_an_image_is_found_from_everywhere() -> None:
    """What one node announces, every other node finds; what it withdraws, none does."""
    grid = grown(40)
    holder = grid.members[7]
    announced(grid, holder)
    others = [member for member in grid.members if member is not holder]
    assert all(holders(grid, other, holder) for other in others)

    ((key, _),) = holder.stock.keys()
    holder.stock.drop(key)
    holder.overlay.withdraw(key)
    grid.run(120)
    assert not any(grid.wait(other.overlay.holders(key)) for other in others)


def keepers(grid: Grid, key: Key) -> list[Member]:
    """The eight running nodes closest to *key*: those that are to keep its records."""
    return heapq.nsmallest(8, grid.running(), key=lambda member: key.distance(member.node_id))


def kept(grid: Grid, key: Key) -> int:
    """How many of these keep one."""
    return sum(
        any(isinstance(r, ProviderRecord) and r.key == key for r in keeper.overlay.records_view())
        for keeper in keepers(grid, key)
    )


def test_news_reach_the_closest_in_a_grid_of_unknown_size() -> None:
    """A node that has just come, and knows nothing of the grid, tells each key's own keepers."""
    grid = grown(60)
    (newcomer,) = grid.grow(1)
    keys = [grid.any_key() for _ in range(40)]
    for key in keys:
        newcomer.stock.add(key)
        newcomer.overlay.announce(key, 20)
    grid.run(120)

    assert [8] * 40 == [kept(grid, key) for key in keys]


def test_records_come_back_when_all_keepers_are_gone() -> None:
    """Within two rounds of half an hour, others keep them."""
    grid = grown(40)
    holder = grid.members[7]
    announced(grid, holder)
    ((key, _),) = holder.stock.keys()
    grid.kill(member for member in keepers(grid, key) if member is not holder)
    grid.run(60)
    assert kept(grid, key) <= 1

    # Two: the holder's first round began before it knew how many regions there are.
    grid.run(2 * SHORTEST_ROUND_S)
    assert kept(grid, key) == 8


def test_who_was_away_for_long_announces_at_once() -> None:
    """A holder that comes back after more than a round tells whoever has become the closest."""
    grid = grown(40)
    holder = grid.members[7]
    announced(grid, holder)
    ((key, _),) = holder.stock.keys()
    grid.wait(holder.stop())
    grid.kill(keepers(grid, key))
    grid.run(2 * SHORTEST_ROUND_S)
    grid.start(holder)
    grid.run(180)

    assert kept(grid, key) == 8


def test_lossy_network() -> None:
    """With one datagram in twenty lost, nodes join and lookups find who is there."""
    numbers = look_up_many(grown(60, loss=0.05), 30)

    assert numbers.recall >= 0.98
    assert numbers.p99_s < 3


@attrs.frozen
class LookedUp:
    """Lookups in a grid with liars, summed up."""

    honest: float
    """Share found of the honest nodes that are among the 20 closest, liars counted."""
    liars: int
    """Places in results that liars have, under the ids under which they came."""
    nobody: int
    """Places in results of nodes that are neither honest nor those liars."""
    slowest_s: float


def among_liars(grid: Grid, liars: list[Liar]) -> LookedUp:
    """Let nodes chosen at random look for 30 random keys."""
    bad = {liar.contact for liar in liars}
    honest = hits = places = nobody = 0
    slowest_s = 0.0
    for _ in range(30):
        member, target = grid.random.choice(grid.members), grid.any_key()
        begun = grid.clock.seconds()
        found = set(grid.wait(member.overlay.closest(target)))
        slowest_s = max(slowest_s, grid.clock.seconds() - begun)
        good = {server.contact for server in grid.servers() if server is not member}
        nearest = heapq.nsmallest(20, good | bad, key=lambda c: target.distance(c.node_id))
        honest += len(good.intersection(nearest))
        hits += len(good.intersection(nearest) & found)
        places += len(found & bad)
        nobody += len(found - good - bad)
    return LookedUp(hits / honest, places, nobody, slowest_s)


def with_liars(lie: Lie, say: Say) -> tuple[LookedUp, list[Liar]]:
    """A grid of 60 and six liars."""
    grid = grown(60)
    liars = [grid.lie(lie) for _ in range(6)]
    grid.run(60)
    found = among_liars(grid, liars)
    say(
        f"{lie.name}: {found.honest:.3f} of the honest, {found.liars} liars and {found.nobody} "
        f"others in results, slowest {found.slowest_s:.2f} s, "
        f"liars asked {sum(liar.asked for liar in liars)} times"
    )
    return found, liars


@pytest.mark.parametrize("lie", Lie)
def test_liars(lie: Lie, say: Say) -> None:
    """With one in ten lying, lookups find every honest node they should, and nobody made up."""
    found, liars = with_liars(lie, say)

    assert all(liar.asked > 0 for liar in liars)
    assert found.slowest_s <= 10
    assert found.honest >= 0.99
    assert 0 == found.nobody
    # Those that answer in time and in their own name are there by right.
    assert (found.liars > 0) == (lie in (Lie.ITSELF, Lie.MADE_UP, Lie.CROWD))


def test_an_image_is_found_among_a_crowd() -> None:
    """What is announced while six members crowd around every key is found from everywhere."""
    grid = grown(60)
    for _ in range(6):
        grid.lie(Lie.CROWD)
    grid.run(60)
    holder = grid.members[7]
    announced(grid, holder)

    others = [member for member in grid.members if member is not holder]
    assert all(holders(grid, other, holder) for other in others)


def test_partition_heals() -> None:
    """Cut in halves, each half finds its own; mended, they are one grid again without help."""
    grid = grown(40)
    halves = grid.members[:20], grid.members[20:]
    grid.split(*halves)
    grid.run(300)
    target = grid.any_key()
    found = grid.wait(halves[1][0].overlay.closest(target))
    assert {contact.node_id for contact in found} <= {m.node_id for m in halves[1]}

    grid.network.heal()
    grid.run(1800)
    assert look_up_many(grid, 20).recall >= 0.95


def test_who_was_killed_comes_back() -> None:
    """Half of the nodes, killed and started again, rejoin by themselves and find everybody."""
    grid = grown(40)
    dead = grid.kill_share(0.5)
    grid.run(600)
    for member in dead:
        grid.start(member)
    for member in dead:
        grid.wait(member.overlay.joined(), within_s=600)
    grid.run(60)

    numbers = look_up_many(grid, 30)
    assert numbers.recall >= 0.95
    assert 0 == numbers.dead


def test_a_node_waits_for_its_entrance() -> None:
    """A node that finds nobody knocks for ever, and joins when somebody opens."""
    grid = Grid(seed=1)
    first = grid.add()
    late = grid.add(Habits(entrances=(first.address,)))
    grid.start(late)
    grid.run(3600)
    assert not late.overlay.status().joined

    grid.start(first)
    grid.wait(late.overlay.joined(), within_s=900)
    assert late.overlay.status().peers == 1


def test_a_clock_that_is_wrong_is_told() -> None:
    """A node whose clock is an hour ahead stays out, and others say why."""
    grid = grown(10)
    wrong = grid.add(Habits(entrances=(grid.members[0].address,), skew_s=3600))
    grid.start(wrong)
    grid.run(30)

    assert not wrong.overlay.status().joined
    (told,) = grid.members[0].overlay.status().wrong_clocks
    assert wrong.address == told.address
    assert pytest.approx(3600, abs=1) == told.off_s


def test_slow_peers_do_not_hold_up_lookups() -> None:
    """With one peer in ten three seconds slow, lookups take as long as before, nearly."""
    grid = grown(60)
    for member in grid.members[1::10]:
        member.place.slowness_s = 3
    measured = [look_up(grid, grid.members[0], grid.any_key()) for _ in range(30)]
    took = sorted(each.took_s for each in measured)

    assert took[len(took) // 2] < 1
    assert took[-1] < 4


def test_clients_are_in_no_table() -> None:
    """A client finds everything and is found by nobody."""
    grid = grown(20)
    entrance = (grid.members[0].address,)
    client = grid.add(Habits(entrances=entrance, role=Role.CLIENT))
    grid.start(client)
    grid.wait(client.overlay.joined(), within_s=600)
    grid.run(60)
    found = look_up(grid, client, grid.any_key())
    known = {
        seen.contact.node_id
        for member in grid.servers()
        for bucket in member.overlay.table_view()
        for seen in bucket.contacts
    }

    assert 1 == found.recall
    assert client.node_id not in known


def test_stopping_says_goodbye() -> None:
    """Who stops in order is in no result from then on."""
    grid = grown(20)
    leaving = grid.members[3]
    grid.wait(leaving.stop())
    grid.run(1)
    found = grid.wait(grid.members[0].overlay.closest(leaving.node_id))

    assert leaving.node_id not in {contact.node_id for contact in found}
    with pytest.raises(ReticulumError):
        grid.wait(grid.members[0].overlay.ping(leaving.address))


@pytest.mark.parametrize("after_s", [0, 0.05, 0.1, 0.2, 0.3, 0.5, 1, 3, 6, 12])
def test_stopping_leaves_no_timer(after_s: float) -> None:
    """Whatever a node is about when it is stopped, nothing of it goes on."""
    grid = grown(8)
    leaving = grid.add(Habits(entrances=(grid.members[0].address,)))
    leaving.stock.add(grid.any_key())
    grid.start(leaving)
    grid.run(after_s)
    grid.wait(leaving.overlay.stop())

    assert [] == leaving.time.getDelayedCalls()


def test_stopping_ends_lookups() -> None:
    """A lookup that waits for the dead does not outlive its node; nor do those that it caused."""
    grid = grown(30)
    grid.kill_share(0.2)
    leaving = grid.members[0]
    key = grid.any_key()
    grid.wait(leaving.overlay.closest(key))
    begun = [ensureDeferred(leaving.overlay.closest(grid.any_key())) for _ in range(3)]
    begun.append(ensureDeferred(leaving.overlay.trace(key)))
    begun.append(ensureDeferred(leaving.overlay.holders(key)))
    grid.run(0.05)
    grid.wait(leaving.overlay.stop())

    assert [] == leaving.time.getDelayedCalls()
    assert all(each.called for each in begun)


def test_stopping_in_the_moment_of_a_result() -> None:
    """Whoever stops a node as soon as a lookup has told its result, within that call, may."""
    grid = grown(30)
    grid.kill_share(0.2)
    leaving = grid.members[0]

    async def look_up_and_stop() -> None:
        await leaving.overlay.closest(grid.any_key())
        await leaving.overlay.stop()

    grid.wait(look_up_and_stop())
    assert [] == leaving.time.getDelayedCalls()


def test_stopping_in_the_moment_of_joining() -> None:
    """Whoever stops a node as soon as it has joined, within the call that says so, may."""
    grid = grown(8)
    leaving = grid.add(Habits(entrances=(grid.members[0].address,)))

    async def join_and_stop() -> None:
        await leaving.start()
        await leaving.overlay.joined()
        await leaving.overlay.stop()

    grid.wait(join_and_stop())
    assert [] == leaving.time.getDelayedCalls()
