"""The second half of a crawl: who is behind relays, and whether they are there; bounded."""

from collections.abc import Iterator
from contextlib import aclosing

import attrs
import pytest
from overlay_strategies import NOW, key, private_key
from twisted.internet.task import Clock
from unit.overlay.fake_grid import Grid

from reticulum.errors import OutOfTime
from reticulum.model import Address, Contact, NodeId
from reticulum.overlay.console import Console
from reticulum.overlay.crawl import CrawlLimits
from reticulum.overlay.crawl_relayed import MOST_WAYS, Answer, RelayedCrawl
from reticulum.overlay.crawl_run import CrawlRun
from reticulum.overlay.records import NodeRecord, Role
from reticulum.overlay.trace import State
from reticulum.overlay.views import Described

OWN = key(0)
SERVERS = tuple(Contact(key(n), Address(f"192.0.2.{n}", 4160)) for n in range(1, 9))
RECORD = NodeRecord.sign(private_key(1), addresses=[], role=Role.CLIENT, sequence=1, now=NOW)


def way(number: int, relay: int = 0) -> Contact:
    via = SERVERS[relay]
    return Contact(key(number + 100), via.address, via=via.node_id)


@attrs.define
class Servers:
    """
    What they answer at once.

    Args:
        named: By which server.
        there: Those whose relays have them.
    """

    named: dict[NodeId, list[Contact]] = attrs.field(factory=dict)
    there: set[Contact] = attrs.field(factory=set)
    asked: list[Contact] = attrs.field(factory=list)

    async def ask(self, contact: Contact) -> Answer:
        self.asked.append(contact)
        if contact.via is not None:
            return Described(contact, RECORD) if contact in self.there else None
        if contact.node_id not in self.named:
            raise OutOfTime("silent")
        return self.named[contact.node_id]


def walk(servers: Servers, limits: CrawlLimits | None = None) -> RelayedCrawl:
    crawl = RelayedCrawl(OWN, SERVERS, limits or CrawlLimits())
    steps = CrawlRun(crawl, servers.ask, Clock()).steps()
    with pytest.raises(StopAsyncIteration):
        steps.__anext__().send(None)
    return crawl


def test_each_is_asked_for_once() -> None:
    """However many servers name it; itself is not."""
    ways = [way(number) for number in range(5)]
    itself = Contact(OWN, SERVERS[0].address, via=SERVERS[0].node_id)
    named = {server.node_id: [*ways, itself] for server in SERVERS[:4]}
    servers = Servers(named, there=set(ways[:3]))
    crawl = walk(servers)

    assert sorted(map(str, [*SERVERS, *ways])) == sorted(map(str, servers.asked))
    assert (3, 2) == (crawl.count(State.ANSWERED), crawl.count(State.DEAD))
    assert {4} == {len(behind.named_by) for _, behind in crawl.behind()}
    assert (13, 5, 0, False) == (crawl.questions, crawl.asked, crawl.unasked, crawl.cut_short)


def test_by_another_relay_if_one_has_it_no_more() -> None:
    """Servers that have not heard of its new relay name the old one."""
    old, new = way(1, 0), way(1, 1)
    servers = Servers({SERVERS[0].node_id: [old], SERVERS[1].node_id: [new]}, there={new})
    crawl = walk(servers)
    assert 1 == crawl.count(State.ANSWERED)
    assert [old, new] == [contact for contact in servers.asked if contact.via is not None]


def test_liars_that_name_many_relays_for_one_node() -> None:
    """A few are tried."""
    named = {server.node_id: [way(1, number)] for number, server in enumerate(SERVERS)}
    servers = Servers(named)
    walk(servers)
    assert len(SERVERS) + MOST_WAYS == len(servers.asked)


def test_liars_that_name_ever_more_nodes() -> None:
    """The bounds are the end, and are told."""
    named = {SERVERS[0].node_id: [way(number) for number in range(500)]}
    crawl = walk(Servers(named), CrawlLimits(most_asked=100, most_heard=300))
    assert (100, 100) == (crawl.asked, crawl.count(State.DEAD))
    assert 400 == crawl.unasked
    assert crawl.cut_short


def test_what_nobody_asked_for_is_ignored() -> None:
    """An answer that comes twice, or of whom was never asked."""
    crawl = RelayedCrawl(OWN, SERVERS[:1], CrawlLimits())
    crawl.answered(SERVERS[0], [way(1)])
    assert [] == list(crawl.behind())
    assert list(SERVERS[:1]) == crawl.next()
    crawl.failed(SERVERS[0], State.DEAD)
    crawl.answered(SERVERS[0], [way(1)])
    assert [] == list(crawl.behind())
    assert [] == crawl.next()
    assert crawl.finished


@pytest.fixture
def grid() -> Iterator[Grid]:
    grid = Grid()
    yield grid
    grid.stop()


def test_of_a_whole_grid(grid: Grid) -> None:
    """Every node is listed, with its relays; one that has just died is silent."""
    grid.grow(4)
    behind = grid.grow_relayed(6, *grid.peers[1:3])
    for relay in grid.peers:
        relay.attached.discard(behind[5].node.node_id)
    grid.kill(behind[5])

    async def resolve(_name: str) -> list[str]:
        return []

    console = Console(
        node=grid.peers[0].node,
        resident=None,
        resolve=resolve,
        clock=grid.clock,
        now=lambda: grid.wall_ms() / 1000,
    )

    async def crawled() -> dict[str, object]:
        async with aclosing(console.crawl()) as events:
            async for event in events:
                done = event
        return done

    done = grid.run(crawled())
    told = {node["id"]: node for node in done["nodes"]}  # type: ignore[attr-defined]
    assert {str(p.node.node_id) for p in grid.peers[1:] if p is not behind[5]} == set(told)
    relays = [str(relay.node.node_id) for relay in grid.peers[1:3]]
    for peer in behind[:5]:
        assert relays == [relay["id"] for relay in told[str(peer.node.node_id)]["relays"]]
    assert [(str(behind[5].node.node_id), relays[0])] == [
        (silent["id"], silent["relay"])
        for silent in done["silent"]  # type: ignore[attr-defined]
    ]
    assert "complete" == done["summary"]["ending"]  # type: ignore[index]


def test_a_long_list_is_read_to_both_its_ends(grid: Grid) -> None:
    """More nodes than one list goes on for."""
    grid.grow(2)
    relay, now = grid.peers[1], grid.wall_ms() / 1000
    records = [
        NodeRecord.sign(
            private_key(number),
            addresses=[],
            role=Role.CLIENT,
            sequence=1,
            now=now,
            relays=[relay.contact],
        )
        for number in range(400)
    ]
    relay.attached.update(record.speaker for record in records)
    relay.node._parts.keeping.restore(records)
    named = grid.run(grid.peers[0].node.ask_for_relayed(relay.contact))
    assert {record.speaker for record in records} == {way.node_id for way in named}
