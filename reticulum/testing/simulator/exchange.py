"""What nodes of a simulation ask each other: calls over a network that delays, loses and splits."""

import random
from collections.abc import Callable, Coroutine, Sequence
from typing import Any, Protocol, TypeVar

from twisted.internet.defer import Deferred
from twisted.internet.defer import TimeoutError as DeferredTimeoutError
from twisted.python.failure import Failure

from reticulum.errors import (
    BadRequest,
    Busy,
    HolderFailed,
    NoSpace,
    NotTaken,
)
from reticulum.interfaces import Custody, Originals
from reticulum.model import Address, Contact, NodeId
from reticulum.testing.simulator.clock import HeapClock
from reticulum.testing.simulator.delays import Delays
from reticulum.testing.simulator.network import Network, Place
from reticulum.testing.simulator.node_clock import NodeClock
from reticulum.testing.simulator.relays import Relays

T = TypeVar("T")
Work = Coroutine[Deferred[Any], Any, T]

ANSWER_S = 10.0
"""From a question to the end of its answer, the time for bytes left out."""
SLOWEST_BYTES_PER_S = 50_000
BYTES_PER_S = 2_000_000
RESENT_S = 0.2
"""What is lost is sent again after so long, then after twice as long, and so on."""
MOST_RESENT = 6


class Door(Protocol):
    """The part of a running node that others ask."""

    @property
    def node_id(self) -> NodeId:
        """Who it is."""

    @property
    def custody(self) -> Custody:
        """The copies."""

    @property
    def originals(self) -> Originals:
        """Their bytes."""

    @property
    def clock(self) -> NodeClock:
        """Its time."""

    def run(self, work: Work[T]) -> Deferred[T]:
        """Do work that another node has asked for."""


class Exchange:
    """
    Every door, and the ways between them: those of datagrams, but nothing is lost for good.

    Whoever is behind a NAT is reached by way of a relay that has it, and no other way.

    Args:
        clock: When things happen.
        network: Who is cut off from whom, and how lossy it is.
        delays: Of all pairs.
        relays: Who is attached to whom.
        random_: For losses.
    """

    def __init__(
        self,
        clock: HeapClock,
        network: Network,
        delays: Delays,
        relays: Relays,
        random_: random.Random,
    ) -> None:
        self._clock = clock
        self._network = network
        self._delays = delays
        self._relays = relays
        self._random = random_
        self._doors: dict[Address, Door] = {}
        self.moved_bytes = 0
        """Of originals, there and back again."""

    def open(self, address: Address, door: Door) -> None:
        """Let a node be asked."""
        self._doors[address] = door

    def close(self, address: Address) -> None:
        """Let it be asked no more."""
        self._doors.pop(address, None)

    async def ask(
        self,
        asker: Place,
        time: NodeClock,
        contact: Contact,
        work: Callable[[Door], Work[T]],
        *,
        length: int = 0,
        work_s: float = 0.0,
    ) -> T:
        """
        Have a node do something, and wait for its answer.

        Args:
            asker: Where the question comes from.
            time: Of who asks.
            contact: Whom.
            work: What it is to do.
            length: Bytes of an original that go along.
            work_s: What the work may take beside the answer.

        Raises:
            HolderFailed: No answer in time.
        """
        answer: Deferred[T] = Deferred()
        way = self._way(asker, contact)

        def back(result: T | Failure) -> None:
            self._carry_along(way[::-1], lambda: settle(result))

        def settle(result: T | Failure) -> None:
            if not answer.called and time.running:
                answer.callback(result)  # a Failure goes to the errbacks

        def arrive() -> None:
            door = self._doors.get(way[-1].address)
            is_there = door is not None and door.node_id == contact.node_id and door.clock.running
            if door is not None and is_there and way == self._way(asker, contact):
                door.run(work(door)).addBoth(back)

        if way:
            self._carry_along(way, arrive)
        seconds = ANSWER_S + work_s + length / SLOWEST_BYTES_PER_S
        try:
            return await answer.addTimeout(seconds, time)
        except DeferredTimeoutError:
            raise HolderFailed(f"no answer within {seconds:g} s") from None
        except (BadRequest, Busy) as error:
            raise HolderFailed(str(error)) from None
        except NoSpace as error:
            raise NotTaken(str(error)) from None

    async def transfer(self, time: NodeClock, content: bytes) -> bytes:
        """Let as much time pass as so many bytes need."""
        self.moved_bytes += len(content)
        await pause(time, len(content) / BYTES_PER_S)
        return content

    def _way(self, asker: Place, contact: Contact) -> Sequence[Place]:
        """Over which places *contact* is asked; over none if it can't be reached like that."""
        place = self._network.place(contact.address)
        if contact.via is None:
            return [asker, place] if place.lets_in is None else []
        if not self._relays.has(contact.via, contact.node_id):
            return []
        return [asker, place, self._network.place(self._relays.home(contact.node_id))]

    def _carry_along(self, places: Sequence[Place], arrive: Callable[[], None]) -> None:
        if len(places) == 1:
            arrive()
            return
        self._carry(places[0], places[1], lambda: self._carry_along(places[1:], arrive))

    def _carry(self, one: Place, other: Place, arrive: Callable[[], None]) -> None:
        if one.side != other.side:
            return
        delay = self._delays.between(one.number, other.number) + one.slowness_s
        for again in range(MOST_RESENT):
            if not self._network.loss or self._random.random() >= self._network.loss:
                break
            delay += RESENT_S * 2**again

        def come() -> None:
            if one.side == other.side:
                arrive()

        self._clock.callLater(delay, come)


async def pause(time: NodeClock, seconds: float) -> None:
    """Wait; for ever, if the node is killed meanwhile."""
    waiting: Deferred[None] = Deferred()
    timer = time.callLater(seconds, waiting.callback, None)
    try:
        await waiting
    finally:
        if timer.active():
            timer.cancel()
