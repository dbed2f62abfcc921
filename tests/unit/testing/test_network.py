import random

import pytest

from reticulum.model import Address
from reticulum.testing.simulator.clock import HeapClock
from reticulum.testing.simulator.delays import Delays
from reticulum.testing.simulator.network import Network
from reticulum.testing.simulator.traffic import Fate

A, B, C = (Address(f"10.0.0.{n}", 4160) for n in (1, 2, 3))


class Echo:
    """Answers every question, "?…", with "!…", and remembers what came when."""

    def __init__(self, clock: HeapClock, network: Network, address: Address) -> None:
        self.clock, self.network = clock, network
        self.seen: list[tuple[float, bytes, Address]] = []
        self.place = network.listen(address, self.receive)

    def receive(self, datagram: bytes, sender: Address) -> None:
        self.seen.append((self.clock.seconds(), datagram, sender))
        if datagram.startswith(b"?"):
            self.send(b"!" + datagram[1:], sender)

    def send(self, datagram: bytes, to: Address) -> None:
        self.network.send(self.place, datagram, to)


class Pair:
    """Two echoes on a network."""

    def __init__(self, *, seed: int = 1, **options: float) -> None:
        self.clock = HeapClock()
        delays = Delays(seed=seed)
        self.network = Network(self.clock, random.Random(seed), delays, **options)  # noqa: S311
        self.a, self.b = (Echo(self.clock, self.network, address) for address in (A, B))

    def texts(self) -> tuple[list[bytes], list[bytes]]:
        """What came to each, after 10 s."""
        self.clock.advance(10)
        return [seen[1] for seen in self.a.seen], [seen[1] for seen in self.b.seen]


def test_question_and_answer() -> None:
    """A datagram arrives once, with its sender's address, and so does the answer."""
    pair = Pair(jitter_s=0)
    pair.a.send(b"?x", B)
    pair.clock.advance(10)
    ((there, question, asker),) = pair.b.seen
    ((back, answer, answerer),) = pair.a.seen
    assert (b"?x", A, b"!x", B) == (question, asker, answer, answerer)
    assert 0.020 <= there <= 0.080
    assert pytest.approx(2 * there) == back


def test_delays_are_a_matrix() -> None:
    """A pair has one delay both ways; pairs are spread evenly; another seed is another matrix."""
    delays = Delays(seed=7)
    values = [delays.between(i, j) for i in range(100) for j in range(i)]
    assert values == [delays.between(j, i) for i in range(100) for j in range(i)]
    assert 0.020 <= min(values) < 0.0205
    assert 0.0795 < max(values) <= 0.080
    assert pytest.approx(0.050, abs=0.001) == sum(values) / len(values)
    assert delays.between(1, 2) != Delays(seed=8).between(1, 2)


def test_nobody_answers_where_nobody_lives() -> None:
    """What is sent to an empty address meets silence, and is counted."""
    pair = Pair()
    pair.network.leave(B)
    pair.a.send(b"?x", B)
    pair.a.send(b"?x", C)
    assert ([], []) == pair.texts()
    assert {Fate.NOBODY: 2} == pair.network.traffic.fates


def test_who_comes_back_hears_again() -> None:
    """An address that was left can be lived at again; nobody else can take one that is not."""
    pair = Pair()
    pair.network.leave(B)
    with pytest.raises(ValueError, match="listens"):
        pair.network.listen(A, pair.a.receive)
    pair.network.listen(B, pair.b.receive)
    pair.a.send(b"?x", B)
    assert ([b"!x"], [b"?x"]) == pair.texts()


def test_loss() -> None:
    """The share of datagrams that is lost is the one asked for."""
    pair = Pair(loss=0.2)
    for _ in range(5000):
        pair.a.send(b"x", B)
    _, seen = pair.texts()
    assert 3900 < len(seen) < 4100
    assert 5000 - len(seen) == pair.network.traffic.fates[Fate.LOST]


def test_partition_and_healing() -> None:
    """Nothing crosses a partition; what stands on one side speaks; healed, all do again."""
    pair = Pair()
    c = Echo(pair.clock, pair.network, C)
    pair.network.split([[A, C], [B]])
    pair.a.send(b"?b", B)
    pair.a.send(b"?c", C)
    assert ([b"!c"], []) == pair.texts()
    assert 1 == len(c.seen)
    pair.network.heal()
    pair.a.send(b"?b", B)
    assert ([b"!c", b"!b"], [b"?b"]) == pair.texts()


def test_slow_places_are_late() -> None:
    """A slow place answers later by its slowness."""
    pair = Pair(jitter_s=0)
    pair.b.place.slowness_s = 3
    pair.a.send(b"?x", B)
    pair.clock.advance(10)
    assert pytest.approx(2 * pair.b.seen[0][0] + 3) == pair.a.seen[0][0]


def test_long_datagrams_vanish_and_are_counted() -> None:
    """Above the bound nothing arrives; what might be fragmented is counted of each sender."""
    pair = Pair(longest_bytes=1400)
    for length in (1232, 1233, 1401):
        pair.a.send(bytes(length), B)
    _, seen = pair.texts()
    assert [1232, 1233] == sorted(map(len, seen))
    traffic = pair.a.place.traffic
    assert (3, 2, 1401, 3866) == (
        traffic.sent,
        traffic.fragmented,
        traffic.longest,
        traffic.sent_bytes,
    )
    assert {Fate.TOO_LONG: 1} == traffic.fates
    assert 2 == pair.b.place.traffic.received


def chatter(seed: int) -> str:
    """The trace hash of a lossy talk."""
    pair = Pair(seed=seed, loss=0.1)
    for number in range(100):
        pair.clock.callLater(number * 0.01, pair.a.send, b"?%d" % number, B)
    pair.clock.advance(10)
    return pair.network.trace.hexdigest()


def test_one_seed_one_trace() -> None:
    """The same seed gives the same trace hash, another seed another."""
    assert chatter(1) == chatter(1) != chatter(2)


def test_a_nat_lets_in_whom_it_has_sent_something() -> None:
    """Answers pass, strangers do not; nor does whoever was only asked by another."""
    pair = Pair()
    pair.b.place.lets_in = set()
    pair.a.send(b"?stranger", B)
    assert ([], []) == pair.texts()
    assert 1 == pair.network.traffic.fates[Fate.STRANGER]
    pair.b.send(b"?x", A)
    assert ([b"?x"], [b"!x"]) == pair.texts()
    pair.a.send(b"?again", B)
    assert ([b"?x", b"!again"], [b"!x", b"?again"]) == pair.texts()
