"""A walk over all nodes: it finds everyone, and no liar makes it endless."""

import random
from collections.abc import Callable
from typing import Any

import attrs
import pytest
from twisted.internet.defer import Deferred
from twisted.internet.task import Clock

from reticulum.errors import BadMessage, OutOfTime
from reticulum.model import Address, Contact, Key
from reticulum.overlay.crawl import LOST_AT, Crawl, CrawlLimits, Question, Told
from reticulum.overlay.crawl_relayed import RelayedCrawl
from reticulum.overlay.crawl_report import report
from reticulum.overlay.crawl_run import CrawlRun
from reticulum.overlay.trace import State

HALF = 1 << 159


def spread(number: int) -> Key:
    """Keys all over the key space, the same each time."""
    return Key((number * 0x9E3779B97F4A7C15F39CC0605CEDC8341082276B % 2**160).to_bytes(20))


def contact(number: int, port: int = 4160) -> Contact:
    return Contact(spread(number), Address(f"10.0.{number >> 8}.{number & 255}", port))


@attrs.define
class Network:
    """
    Nodes that know their surroundings as real tables do: 20 of each bucket.

    Args:
        alive: Who answers.
        known: What each of them knows.
        lies: What some say instead.
    """

    alive: dict[Contact, list[Contact]]
    lies: dict[Contact, Callable[[Key], Told]] = attrs.field(factory=dict)
    asked: list[Contact] = attrs.field(factory=list)

    @classmethod
    def of(cls, count: int, dead: int = 0) -> "Network":
        everyone = [contact(number) for number in range(1, count + dead + 1)]
        return cls({node: _known(node, everyone) for node in everyone[:count]})

    async def ask(self, node: Contact, target: Key) -> Told:
        self.asked.append(node)
        if node in self.lies:
            return self.lies[node](target)
        if node not in self.alive:
            raise OutOfTime("silent")
        known = sorted(self.alive[node], key=lambda other: target.distance(other.node_id))
        return Told(closer=tuple(known[:20]), rtt_s=0.01, clock_off_s=0.0, boot=b"b")


def _known(node: Contact, everyone: list[Contact]) -> list[Contact]:
    buckets: dict[int, list[Contact]] = {}
    for other in everyone:
        if other != node:
            bits = node.node_id.distance(other.node_id).bit_length()
            buckets.setdefault(bits, []).append(other)
    dice = random.Random(node.node_id.digest)  # noqa: S311
    return [o for bucket in buckets.values() for o in dice.sample(bucket, min(20, len(bucket)))]


def ids(crawl: Crawl, state: State) -> set[Key]:
    return {walked.contact.node_id for walked in crawl.walked() if walked.state is state}


def asking(ask: Callable[[Contact, Key], Any]) -> Callable[[Question], Any]:
    """As a run asks."""
    return lambda question: ask(question.contact, question.target)


def walk(network: Any, start: list[Contact], limits: CrawlLimits | None = None) -> Crawl:
    """A crawl from *start* to its end, by a network that answers at once."""
    crawl = Crawl(spread(0), start, limits)
    run = CrawlRun(crawl, asking(network.ask), Clock())
    steps = run.steps()
    with pytest.raises(StopAsyncIteration):
        steps.__anext__().send(None)
    return crawl


def told(crawl: Crawl, ending: str = "complete") -> dict[str, Any]:
    behind = RelayedCrawl(spread(0), (), CrawlLimits())
    return report(crawl, behind, own=None, ending=ending, took_s=1.0, wrong_clocks=(), twins=())


def test_finds_everyone_from_one() -> None:
    """400 nodes, of which the first knows a few dozen."""
    network = Network.of(400)
    crawl = walk(network, [contact(7)])

    assert {node.node_id for node in network.alive} == ids(crawl, State.ANSWERED)
    assert 0 == crawl.unasked
    assert not crawl.cut_short
    assert crawl.questions <= 12 * 400


def test_dead_nodes_are_counted_and_never_told_as_alive() -> None:
    """A fifth of what tables name is dead: that is their stale share, and no one is a liar."""
    network = Network.of(160, dead=40)
    crawl = walk(network, [contact(7)])
    found = told(crawl)

    assert 160 == len(found["nodes"])
    assert 0.1 < found["summary"]["stale_share"] < 0.3
    assert [] == found["summary"]["liars"]
    assert {str(node.node_id) for node in network.alive} == {n["id"] for n in found["nodes"]}


def made_up(count: int, *, at: Address | None = None) -> Callable[[Key], Told]:
    """Ever other neighbours, near whatever is asked for."""
    numbers = iter(range(10_000, 10_000 + count))

    def lie(target: Key) -> Told:
        closer = []
        for number, _ in zip(numbers, range(28), strict=False):
            near = Key((target.number ^ number).to_bytes(20))
            address = at or Address(f"10.9.{number >> 8 & 255}.{number & 255}", 4160)
            closer.append(Contact(near, address))
        return Told(closer=tuple(closer), rtt_s=0.01, clock_off_s=0.0, boot=b"b")

    return lie


def test_a_liar_wastes_little_and_hides_nobody() -> None:
    """One node with 5,000 made-up neighbours: everyone else is found, few of its own are asked."""
    network = Network.of(100)
    liar = contact(7)
    network.lies[liar] = made_up(5_000)
    limits = CrawlLimits(most_doubted=10)
    crawl = walk(network, [contact(1), liar], limits)

    assert {node.node_id for node in network.alive} == ids(crawl, State.ANSWERED)
    # Until it is found out, with what is out by then; and after everyone else, a few more.
    assert crawl.count(State.DEAD) <= LOST_AT + limits.slots + limits.most_doubted
    assert [str(liar.node_id)] == told(crawl)["summary"]["liars"]


def test_made_up_nodes_that_all_answer_at_one_address() -> None:
    """Any member can claim any id; four of them are believed at one address."""
    network = Network.of(50)
    nest = Address("10.9.9.9", 4160)
    liar = contact(7)
    lie = made_up(100_000, at=nest)

    class Nest(Network):
        async def ask(self, node: Contact, target: Key) -> Told:
            if node.address == nest:
                return lie(target)
            return await network.ask(node, target)

    network.lies[liar] = lie
    crawl = walk(Nest({}), [contact(1), liar])

    assert 54 == crawl.count(State.ANSWERED)


def test_liars_that_name_each_other_end_with_the_bound() -> None:
    """Whatever answers, at ever new addresses: the bound on those asked is the end, and is told."""

    class Hall(Network):
        async def ask(self, node: Contact, target: Key) -> Told:
            return lie(target)

    lie = made_up(1_000_000)
    crawl = walk(Hall({}), [contact(1)], CrawlLimits(most_asked=300, most_heard=1_000))

    assert 300 == crawl.asked
    assert crawl.cut_short
    assert 1_000 == len(crawl.walked())
    assert 300 <= told(crawl, "too many")["summary"]["size_estimate"]


def test_whoever_names_only_itself_or_us() -> None:
    """Neither is asked once more."""
    us, one = Contact(spread(0), Address("10.0.0.9", 1)), contact(1)
    network = Network({one: [one, us]})
    walk(network, [one])

    assert {one} == set(network.asked)
    assert len(network.asked) <= CrawlLimits().most_questions


def test_an_answer_of_no_use_is_no_node() -> None:
    """It is told as silent, with the reason."""

    class Nonsense(Network):
        async def ask(self, node: Contact, target: Key) -> Told:
            raise BadMessage("what?")

    crawl = walk(Nonsense({}), [contact(1)])
    assert [] == told(crawl)["nodes"]
    assert ["refused"] == [each["state"] for each in told(crawl)["silent"]]


@pytest.mark.parametrize("boots,twins", [((b"a", b"b"), 1), ((b"a", b"a"), 0)])
def test_one_key_at_two_addresses(boots: tuple[bytes, bytes], twins: int) -> None:
    """Two runs at a time are two nodes; one run at two addresses is one."""
    here, there = contact(1), contact(1, port=4161)

    class Double(Network):
        async def ask(self, node: Contact, target: Key) -> Told:
            return Told(closer=(), rtt_s=0.01, clock_off_s=0.0, boot=boots[node == there])

    found = told(walk(Double({}), [here, there]))
    assert 1 == len(found["nodes"])
    assert twins == len(found["twins"])
    assert all([str(here.address), str(there.address)] == t["addresses"] for t in found["twins"])


def test_an_estimate_where_the_walk_ended_early() -> None:
    """From the nodes that were reached, by how close they stand."""
    network = Network.of(500)
    crawl = walk(network, [contact(7)], CrawlLimits(most_asked=300))

    assert 300 <= told(crawl, "too many")["summary"]["size_estimate"] <= 750


def drained(steps: Any, ended: list[object]) -> "Deferred[None]":
    async def drain() -> None:
        async for _ in steps:
            ended.append("step")  # noqa: PERF401

    doing = Deferred.fromCoroutine(drain())
    doing.addBoth(ended.append)
    return doing


def test_nobody_answers_ever() -> None:
    """The deadline ends it, with steps for the progress on the way and nothing left behind."""
    clock, asked = Clock(), list[Deferred[Told]]()

    async def silence(_node: Contact, _target: Key) -> Told:
        asked.append(Deferred())
        return await asked[-1]

    crawl = Crawl(
        spread(0), [contact(number) for number in range(1, 100)], CrawlLimits(deadline_s=3)
    )
    run = CrawlRun(crawl, asking(silence), clock)
    ended: list[object] = []
    drained(run.steps(), ended)
    clock.pump([0.25] * 13)

    assert ["step"] * 12 + [None] == ended
    assert run.out_of_time
    assert CrawlLimits().slots == len(asked)
    assert all(each.called for each in asked)
    assert [] == clock.getDelayedCalls()


def test_an_answer_is_followed_up_at_once() -> None:
    """Not at the next tick: the walk is as fast as its answers."""
    clock, network = Clock(), Network.of(60)
    waiting: list[tuple[Contact, Key, Deferred[None]]] = []

    async def later(node: Contact, target: Key) -> Told:
        waiting.append((node, target, Deferred()))
        await waiting[-1][2]
        return await network.ask(node, target)

    crawl = Crawl(spread(0), [contact(1)])
    ended: list[object] = []
    drained(CrawlRun(crawl, asking(later), clock).steps(), ended)
    while waiting:
        waiting.pop(0)[2].callback(None)

    assert [None] == ended[-1:]
    assert 60 == crawl.count(State.ANSWERED)
    assert 0.0 == clock.seconds()
    assert [] == clock.getDelayedCalls()


def test_a_defect_keeps_nobody_waiting() -> None:
    """What is raised by mistake ends the walk and comes out of it."""

    async def broken(_node: Contact, _target: Key) -> Told:
        raise ZeroDivisionError

    crawl = Crawl(spread(0), [contact(1)])
    run = CrawlRun(crawl, asking(broken), Clock())
    ended: list[object] = []
    drained(run.steps(), ended)
    [failure] = ended
    assert failure.check(ZeroDivisionError)  # type: ignore[attr-defined]
