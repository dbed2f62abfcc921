"""A network in memory: addresses, ways between them, and everything that goes wrong on those."""

import random
from collections.abc import Callable, Iterable
from functools import partial

import attrs

from reticulum.model import Address
from reticulum.testing.simulator.clock import HeapClock
from reticulum.testing.simulator.delays import Delays
from reticulum.testing.simulator.trace_hash import TraceHash
from reticulum.testing.simulator.traffic import Fate, Traffic

Receive = Callable[[bytes, Address], None]
"""What takes a datagram and where it came from."""
LONGEST_DATAGRAM = 65_507


@attrs.define(eq=False)
class Place:
    """
    An address, and what is to be known about the ways to it.

    Args:
        number: In the order in which places came up.
        address: Where.
        receive: Who lives there; None for nobody.
        side: Datagrams pass only between places of one side.
        slowness_s: Seconds that everything sent from here takes longer.
        lets_in: Addresses from which datagrams pass the NAT before it; None without a NAT.
        traffic: Of whoever lives, and lived, there.
    """

    number: int
    address: Address
    receive: Receive | None = None
    side: int = 0
    slowness_s: float = 0.0
    lets_in: set[Address] | None = None
    traffic: Traffic = attrs.field(factory=Traffic)


class Network:
    """
    Carries datagrams in virtual time; all chance comes from one seed.

    Args:
        clock: When things happen.
        random_: Losses and jitter.
        delays: Of all pairs.
        loss: Share of datagrams lost, 0 to 1.
        jitter_s: Seconds, up to which each datagram is later than its way is long. Without any,
            a round-trip time measured once would be right for ever, which no time-out deserves.
        longest_bytes: Longer datagrams vanish; as on a path that carries no fragments.
    """

    def __init__(
        self,
        clock: HeapClock,
        random_: random.Random,
        delays: Delays,
        *,
        loss: float = 0.0,
        jitter_s: float = 0.002,
        longest_bytes: int = LONGEST_DATAGRAM,
    ) -> None:
        self._clock = clock
        self._random = random_
        self.delays = delays
        self._places: dict[Address, Place] = {}
        self.loss = loss
        self.jitter_s = jitter_s
        self.longest_bytes = longest_bytes
        self.traffic = Traffic()
        self.trace = TraceHash()

    def place(self, address: Address) -> Place:
        """What is at *address*; nobody lives there if it was never heard of."""
        known = self._places.get(address)
        if known is None:
            known = self._places[address] = Place(len(self._places), address)
        return known

    def places(self) -> int:
        """How many addresses were ever heard of."""
        return len(self._places)

    def listen(self, address: Address, receive: Receive) -> Place:
        """
        Let somebody live at *address*.

        Raises:
            ValueError: Somebody does.
        """
        place = self.place(address)
        if place.receive is not None:
            raise ValueError(f"somebody listens on {address}")
        place.receive = receive
        return place

    def leave(self, address: Address) -> None:
        """Let nobody live at *address*: what is sent there meets silence."""
        self.place(address).receive = None

    def split(self, sides: Iterable[Iterable[Address]]) -> None:
        """Cut the ways between the *sides*; places in none of them stay together."""
        self.heal()
        for side, addresses in enumerate(sides, 1):
            for address in addresses:
                self.place(address).side = side

    def heal(self) -> None:
        """Mend all ways."""
        for place in self._places.values():
            place.side = 0

    def send(self, sender: Place, datagram: bytes, to: Address) -> None:
        """Put a datagram on its way."""
        receiver = self.place(to)
        if sender.lets_in is not None:
            sender.lets_in.add(to)
        fate = self._fate(sender, receiver, len(datagram))
        for traffic in (self.traffic, sender.traffic):
            traffic.leaves(len(datagram), fate)
        now = self._clock.seconds()
        self.trace.add(now, sender.number, receiver.number, len(datagram), fate)
        if fate in (Fate.SENT, Fate.NOBODY):
            # Also to nobody: somebody may live there when it arrives.
            delay = self.delays.between(sender.number, receiver.number) + sender.slowness_s
            delay += self._random.random() * self.jitter_s
            self._clock.callLater(delay, partial(self._arrive, datagram, sender, receiver))

    def _fate(self, sender: Place, receiver: Place, length: int) -> Fate:
        if length > self.longest_bytes:
            return Fate.TOO_LONG
        if sender.side != receiver.side:
            return Fate.CUT_OFF
        if receiver.lets_in is not None and sender.address not in receiver.lets_in:
            return Fate.STRANGER
        if self.loss and self._random.random() < self.loss:
            return Fate.LOST
        return Fate.NOBODY if receiver.receive is None else Fate.SENT

    def _arrive(self, datagram: bytes, sender: Place, receiver: Place) -> None:
        if receiver.receive is not None:
            receiver.traffic.received += 1
            self.traffic.received += 1
            receiver.receive(datagram, sender.address)
