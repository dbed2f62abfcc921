"""A network in memory and virtual time that drives one lookup after the other."""

import heapq
import random
from collections.abc import Callable, Iterable, Mapping, Sequence

import attrs

from reticulum.model import Address, Contact, Key, NodeId
from reticulum.overlay.inquiry import Ask, Limits, Result, Want
from reticulum.overlay.lookup import Lookup
from reticulum.overlay.rtt import RoundTrips

K = 20
Answer = tuple[Sequence[Contact], Mapping[NodeId, str]]
Lie = Callable[[Contact, Key], Answer | None]
"""What a liar says to whom is asked and for which target; None is silence."""


def dice(seed: int) -> random.Random:
    """One seed, one sequence."""
    return random.Random(seed)  # noqa: S311  (a test has to be repeatable)


def contact(number: int, *, port: int = 4160) -> Contact:
    """The node with this id, at an address made from it."""
    host = f"10.{number >> 16 & 255}.{number >> 8 & 255}.{number & 255}"
    return Contact(Key(number.to_bytes(20)), Address(host, port))


def random_key(random_: random.Random) -> Key:
    return Key(random_.randbytes(20))


def closest(contacts: Iterable[Contact], target: Key, k: int = K) -> list[Contact]:
    """By sorting them all."""
    return heapq.nsmallest(k, contacts, key=lambda c: target.distance(c.node_id))


def table_of(own: Contact, others: Iterable[Contact], random_: random.Random) -> list[Contact]:
    """What a long-lived node knows: k random contacts for each length of common prefix."""
    buckets: dict[int, list[Contact]] = {}
    for other in others:
        if other != own:
            bits = own.node_id.distance(other.node_id).bit_length()
            buckets.setdefault(bits, []).append(other)
    return [c for bucket in buckets.values() for c in random_.sample(bucket, min(K, len(bucket)))]


@attrs.define
class Run:
    """One lookup that went over the network."""

    lookup: Lookup[str]
    took_s: float
    messages: int
    asked: list[Contact]

    @property
    def result(self) -> Result[str]:
        return self.lookup.result()


@attrs.define
class Network:
    """
    Nodes with their tables; those in `dead` are silent, those in `lies` say what they like.

    Args:
        random_: Delays, 20 to 80 ms one way, and losses come from here.
        tables: What each node knows.
        loss: Share of datagrams lost.
    """

    random_: random.Random
    tables: dict[Contact, list[Contact]]
    dead: set[Contact] = attrs.field(factory=set)
    lies: dict[Contact, Lie] = attrs.field(factory=dict)
    holds: dict[Key, set[Contact]] = attrs.field(factory=dict)
    loss: float = 0.0
    named: int = 28
    delay_s: tuple[float, float] = (0.020, 0.080)

    @classmethod
    def grown(cls, seed: int, nodes: int, dead: float = 0.0) -> "Network":
        """*nodes* nodes that knew each other well, of which the share *dead* has just died."""
        random_ = dice(seed)
        contacts = [contact(random_.getrandbits(160)) for _ in range(nodes)]
        tables = {own: table_of(own, contacts, random_) for own in contacts}
        return cls(random_, tables, set(random_.sample(contacts, int(nodes * dead))))

    def alive(self) -> list[Contact]:
        return [node for node in self.tables if node not in self.dead]

    def truth(self, target: Key, own: Contact, k: int = K) -> list[Contact]:
        """The k closest live nodes, without the one that looks."""
        return closest((node for node in self.alive() if node != own), target, k)

    def answer(self, asked: Contact, target: Key) -> Answer | None:
        if asked in self.lies:
            return self.lies[asked](asked, target)
        if asked in self.dead or asked not in self.tables:
            return None
        holders = {asked.node_id: str(asked)} if asked in self.holds.get(target, set()) else {}
        return closest(self.tables[asked], target, self.named), holders

    def look_up(
        self,
        own: Contact,
        target: Key,
        *,
        want: Want = Want.NODES,
        round_trips: RoundTrips | None = None,
        limits: Limits | None = None,
        start: Sequence[Contact] | None = None,
    ) -> Run:
        """Run one lookup to its end, and on until every silence is explained."""
        trips = RoundTrips() if round_trips is None else round_trips
        lookup: Lookup[str] = Lookup(
            target,
            want=want,
            own=own.node_id,
            start=closest(self.tables[own], target) if start is None else start,
            timeout_s=trips.timeout_s,
            at=0.0,
            limits=limits,
        )
        run = Run(lookup, took_s=-1.0, messages=0, asked=[])
        _Drive(self, target, run, trips).to_the_end()
        return run


@attrs.define
class _Drive:
    network: Network
    target: Key
    run: Run
    trips: RoundTrips
    now: float = 0.0
    events: list[tuple[float, int, Contact, Ask | None, float]] = attrs.field(factory=list)
    answered: set[Contact] = attrs.field(factory=set)
    slow: set[Contact] = attrs.field(factory=set)
    count: int = 0

    def to_the_end(self) -> None:
        lookup = self.run.lookup
        self.send(lookup.tick(0.0))
        while not lookup.settled:
            wake_at = lookup.wake_at
            assert wake_at is not None, "the lookup would sleep for ever"
            if not self.events or wake_at < self.events[0][0]:
                self.now = wake_at
                self.send(lookup.tick(wake_at))
            else:
                self.now, _, peer, again, sent_at = heapq.heappop(self.events)
                self.happen(peer, again, sent_at)

    def happen(self, peer: Contact, again: Ask | None, sent_at: float) -> None:
        if again is not None:
            if peer not in self.answered:
                self.transmit(peer, self.now)
                self.slow.add(peer)
            return
        if peer not in self.answered and peer not in self.slow:
            self.trips.measured(peer.node_id, self.now - sent_at)
        self.answered.add(peer)
        answer = self.network.answer(peer, self.target)
        if answer is not None:
            self.send(self.run.lookup.answered(peer, self.now, *answer))

    def send(self, asks: list[Ask]) -> None:
        if self.run.took_s < 0 and self.run.lookup.finished:
            self.run.took_s = self.now
        for ask in asks:
            self.run.asked.append(ask.contact)
            self.transmit(ask.contact, self.now)
            self.push(self.now + ask.soft_s, ask.contact, ask)

    def transmit(self, peer: Contact, sent_at: float) -> None:
        """One datagram there, and if it is answered one back."""
        random_, network = self.network.random_, self.network
        self.run.messages += 1
        if network.answer(peer, self.target) is None or random_.random() < network.loss:
            return
        self.run.messages += 1
        if random_.random() >= network.loss:
            way = random_.uniform(*network.delay_s) + random_.uniform(*network.delay_s)
            self.push(sent_at + way, peer, None, sent_at)

    def push(self, at: float, peer: Contact, again: Ask | None, sent_at: float = 0.0) -> None:
        self.count += 1
        heapq.heappush(self.events, (at, self.count, peer, again, sent_at))
