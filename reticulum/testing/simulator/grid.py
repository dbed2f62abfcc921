"""A grid of production nodes on a network in memory, in virtual time, from one seed."""

import random
from collections.abc import Coroutine, Iterable
from typing import Any, TypeVar

import attrs
from twisted.internet.defer import Deferred, ensureDeferred
from twisted.python.failure import Failure

from reticulum.model import Address, Key
from reticulum.overlay.grid_keys import GridKeys, KeyRing
from reticulum.testing.simulator.clock import HeapClock
from reticulum.testing.simulator.delays import Delays
from reticulum.testing.simulator.liar import Liar, Lie
from reticulum.testing.simulator.member import SEED_BYTES, Habits, Member
from reticulum.testing.simulator.network import Network
from reticulum.testing.simulator.relays import Relays

T = TypeVar("T")
PORT = 4160


class NeverHappened(Exception):
    """What was waited for did not happen in time, or nothing was left that could bring it."""


class Grid:
    """
    Nodes, a network between them, and time.

    Everything random comes from the seed: one seed, one run, datagram by datagram, as
    `network.trace` tells. What a node raises in a timer comes out of whatever lets time pass.

    Args:
        seed: Any whole number.
        loss: Share of datagrams lost, 0 to 1.
    """

    def __init__(self, seed: int, *, loss: float = 0.0) -> None:
        self.random = random.Random(seed)  # noqa: S311  (to be repeatable)
        self.clock = HeapClock()
        delays = Delays(seed=self.random.getrandbits(64))
        self.network = Network(self.clock, self.dice(), delays, loss=loss)
        self.relays = Relays(self.network)
        self.ring = KeyRing(GridKeys.of_secret(self.random.randbytes(SEED_BYTES)))
        self.members: list[Member] = []

    def dice(self) -> random.Random:
        """Randomness of its own for one part, so that parts do not disturb each other's."""
        return random.Random(self.random.getrandbits(64))  # noqa: S311  (to be repeatable)

    def add(self, habits: Habits | None = None) -> Member:
        """Set up one more node; it does not run yet."""
        member = Member(
            self.free_address(),
            habits or Habits(),
            ring=self.ring,
            clock=self.clock,
            network=self.network,
            relays=self.relays,
            random_=self.dice(),
        )
        self.members.append(member)
        return member

    def free_address(self) -> Address:
        """An address that nobody had before."""
        number = self.network.places() + 1
        return Address(f"10.{number >> 16}.{number >> 8 & 255}.{number & 255}", PORT)

    def lie(self, lie: Lie) -> Liar:
        """Let one liar join, who knows everybody by address and is known by them soon."""
        liar = Liar(
            self.free_address(),
            lie,
            ring=self.ring,
            clock=self.clock,
            network=self.network,
            random_=self.dice(),
        )
        for member in self.running():
            liar.introduce(member.contact)
        self.run(2)
        return liar

    def grow(self, count: int, *, gap_s: float = 0.1, habits: Habits | None = None) -> list[Member]:
        """
        Let *count* nodes join, all through the first one, as new users do; wait until they have.

        Args:
            count: Nodes more.
            gap_s: Seconds from one to the next.
            habits: Of them; their entrance is the first node of the grid in any case.

        Raises:
            NeverHappened: One could not join within ten minutes.
        """
        habits = habits or Habits()
        joining: list[tuple[Member, Deferred[None]]] = []
        for _ in range(count):
            entrances = tuple(member.address for member in self.members[:1])
            member = self.add(attrs.evolve(habits, entrances=entrances))
            self.start(member)
            if entrances:
                joining.append((member, ensureDeferred(member.overlay.joined())))
            self.run(gap_s)
        for _, joined in joining:
            self.wait(joined, within_s=600)
        return [member for member, _ in joining]

    def start(self, member: Member) -> None:
        """Start a node, or start it again."""
        self.wait(member.start())

    def run(self, seconds: float) -> None:
        """Let time pass."""
        self.clock.advance(seconds)

    def wait(
        self, work: Coroutine[Deferred[Any], Any, T] | Deferred[T], within_s: float = 60.0
    ) -> T:
        """
        Let time pass until something has happened.

        Args:
            work: A coroutine that waits for Deferreds only, or a Deferred.
            within_s: Seconds of virtual time.

        Returns:
            What it returns; what it raises is raised.

        Raises:
            NeverHappened: It did not happen.
        """
        outcome: list[T | Failure] = []
        deferred = ensureDeferred(work)
        deferred.addBoth(outcome.append)
        until = self.clock.seconds() + within_s
        while not outcome:
            at = self.clock.next_at()
            if at is None or at > until:
                deferred.addErrback(lambda _: None)
                deferred.cancel()
                raise NeverHappened(f"not within {within_s} s of virtual time")
            self.clock.step()
        if isinstance(outcome[0], Failure):
            outcome[0].raiseException()
        return outcome[0]

    def running(self) -> list[Member]:
        """Those that run."""
        return [member for member in self.members if member.running]

    def servers(self) -> list[Member]:
        """Those that run and may be in tables."""
        return [member for member in self.members if member.is_server()]

    def lives_at(self, address: Address) -> bool:
        """Whether anybody lives there, an honest node or a liar."""
        return self.network.place(address).receive is not None

    def kill(self, members: Iterable[Member]) -> None:
        """Kill them all at this moment."""
        for member in members:
            member.kill()

    def kill_share(self, share: float) -> list[Member]:
        """Kill so many of those that run, chosen at random, but never the first node."""
        running = [member for member in self.members[1:] if member.running]
        chosen = self.random.sample(running, round(share * len(self.members)))
        self.kill(chosen)
        return chosen

    def split(self, *sides: Iterable[Member]) -> None:
        """Cut the ways between the *sides*; `network.heal` mends them."""
        self.network.split([[member.address for member in side] for side in sides])

    def any_key(self) -> Key:
        """Any point of the key space."""
        return Key(self.random.randbytes(20))
