"""How long lookups take, whom they find and what they cost: a thousand nodes, virtual time."""

import statistics
import sys
from collections.abc import Callable

import attrs
import pytest
from unit.overlay.lookup_network import Network, dice, random_key

from reticulum.overlay.rtt import RoundTrips

LOOKUPS = 100


@attrs.frozen
class Numbers:
    """Of many lookups: seconds, share of the true k closest found, datagrams."""

    p50_s: float
    p99_s: float
    recall: float
    messages: float
    dead: int

    def __str__(self) -> str:
        return (
            f"p50 {self.p50_s:.2f} s  p99 {self.p99_s:.2f} s  recall@20 {self.recall:.4f}  "
            f"messages {self.messages:.0f}  dead in results {self.dead}"
        )


def measured(network: Network, lookups: int = LOOKUPS) -> Numbers:
    """Each lookup by a node that has measured nobody: the worst case for its time-outs."""
    random_ = dice(2)
    alive = network.alive()
    took, recall, messages, dead = [], [], [], 0
    for _ in range(lookups):
        own, target = random_.choice(alive), random_key(random_)
        run = network.look_up(own, target, round_trips=RoundTrips())
        truth, found = network.truth(target, own), set(run.result.closest)
        took.append(run.took_s)
        recall.append(len(found.intersection(truth)) / len(truth))
        messages.append(run.messages)
        dead += len(found & network.dead)
    took.sort()
    return Numbers(
        statistics.median(took),
        took[int(0.99 * lookups)],
        statistics.mean(recall),
        statistics.mean(messages),
        dead,
    )


Say = Callable[[str], None]


@pytest.fixture
def say(capsys: pytest.CaptureFixture[str]) -> Say:
    """Shows the numbers to whoever runs the tests."""

    def show(text: str) -> None:
        with capsys.disabled():
            sys.stdout.write(f"\n    {text} ")

    return show


def test_healthy_grid(say: Say) -> None:
    """p50 at most 0.55 s, and every one of the 20 closest is found."""
    numbers = measured(Network.grown(seed=1, nodes=1000))
    say(f"N=1000 healthy: {numbers}")

    assert numbers.p50_s <= 0.55
    assert numbers.recall == 1
    assert numbers.messages < 70


def test_one_in_five_dead(say: Say) -> None:
    """p50 under 1 s, p99 under 2 s, recall at least 0.99, and no dead node in any result."""
    numbers = measured(Network.grown(seed=1, nodes=1000, dead=0.2))
    say(f"N=1000 20% dead: {numbers}")

    assert numbers.p50_s < 1
    assert numbers.p99_s < 2
    assert numbers.recall >= 0.99
    assert 0 == numbers.dead


def test_one_in_five_dead_and_one_datagram_in_fifty_lost(say: Say) -> None:
    """The retransmission at the soft time-out covers for losses."""
    network = Network.grown(seed=1, nodes=1000, dead=0.2)
    network.loss = 0.02
    numbers = measured(network)
    say(f"N=1000 20% dead, 2% lost: {numbers}")

    assert numbers.p50_s < 1
    assert numbers.p99_s < 2
    assert numbers.recall >= 0.99
    assert 0 == numbers.dead


def test_messages_grow_no_faster_than_the_logarithm(say: Say) -> None:
    """From 100 nodes to 1,600, the logarithm grows 1.6 times."""
    few = measured(Network.grown(seed=1, nodes=100), 40).messages
    many = measured(Network.grown(seed=1, nodes=1600), 40).messages
    say(f"messages at N=100: {few:.0f}, at N=1600: {many:.0f}")

    assert many <= 1.6 * few


def test_one_seed_gives_one_trace(say: Say) -> None:
    """Two runs agree in every hop and every microsecond."""
    runs = []
    for _ in range(2):
        network = Network.grown(seed=7, nodes=200, dead=0.2)
        own = network.alive()[0]
        runs.append(network.look_up(own, random_key(network.random_)))
    say(f"{len(runs[0].lookup.trace())} hops, twice the same")

    assert runs[0].lookup.trace() == runs[1].lookup.trace()
    assert runs[0].asked == runs[1].asked
