"""A node that is carried: when it seeks a ferry, which one it takes, and when it does without."""

import random
from collections.abc import Sequence
from typing import Any

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st
from members import GRID, Who
from plain_connections import NOW_MS, Wire
from twisted.internet.defer import Deferred
from twisted.internet.error import ConnectionRefusedError as Refused
from twisted.internet.protocol import connectionDone
from twisted.internet.task import Clock

from reticulum.model import PRIVATE, PUBLIC, Address, NodeId
from reticulum.reach.ferry.boat import ANSWER_S, Boat
from reticulum.reach.ferry.ferry import ARRIVES_S, FIRST_S, KEPT_S, STRAIGHT_S, Ferry
from reticulum.reach.ferry.frames import (
    MOST_DATAGRAM_BYTES,
    STILL_HERE,
    Parcel,
    Reading,
    write_frame,
)
from reticulum.reach.ferry.jetty import MOST_DOORS, Door, Jetty
from reticulum.reach.ferry.limits import MOST_WAITING_BYTES, SAYS_S, SILENT_S
from reticulum.reach.ferry.silence import LATER_S, Silence
from reticulum.reach.relay.greeting import Greeting
from reticulum.reach.relay.hello import HELLO_BYTES, Hello, Kind, read_hello
from reticulum.reach.relay.status import Answer, Status, write_answer

ONE, TWO, FAR = (Address(f"44.0.0.{number}", 4160) for number in (1, 2, 3))
NEAR = Address("192.168.1.2", 4160)
SEEN = Address("44.9.9.9", 7777)


@attrs.define
class Heard:
    reach: int = PUBLIC
    asked: int = 0
    answered: int = 0


class Dialled:
    """A connection to somebody, and what he does on it."""

    def __init__(self, address: Address, factory: Any, done: Deferred[Any]) -> None:
        self.address = address
        self.wire = Wire(address.host, address.port)
        self._factory = factory
        self._done = done
        self._at = 0

    def connects(self) -> "Dialled":
        boat = self._factory.buildProtocol(None)
        self.wire.protocol = boat
        boat.makeConnection(self.wire)
        self._done.callback(boat)
        return self

    def refuses(self) -> None:
        self._done.errback(Refused())

    def says(self, data: bytes) -> None:
        self.wire.protocol.dataReceived(data)

    def welcomes(self, seen: Address = SEEN) -> "Dialled":
        self.connects().says(write_answer(Answer(Status.WELCOME, seen)))
        return self

    @property
    def hello(self) -> Hello | None:
        return read_hello(self.wire.sent[:HELLO_BYTES], [GRID])

    @property
    def frames(self) -> list[Parcel | None]:
        return Reading().take(self.wire.sent[HELLO_BYTES:])


@attrs.define
class Pipes:
    """Whoever dials waits for the test."""

    dialled: list[Dialled] = attrs.field(factory=list)

    def at(self, address: Address) -> Any:
        pipes = self

        class Endpoint:
            def connect(self, factory: Any) -> Deferred[Any]:
                done: Deferred[Any] = Deferred()
                pipes.dialled.append(Dialled(address, factory, done))
                return done

        return Endpoint()


class Node:
    """A node whose overlay is a few numbers."""

    def __init__(self, *doors: Door) -> None:
        self.clock = Clock()
        self.heard = Heard()
        self.pipes = Pipes()
        self.doors: Sequence[Door] = doors or (Door(ONE), Door(TWO, NodeId(b"2" * 20)))
        self.received: list[tuple[bytes, Address]] = []
        self.events: list[str] = []
        self.asked_straight: list[Address] = []
        self.gets_through = False
        who = Who()
        greeting = Greeting(
            private_key=who.key,
            key=lambda: GRID,
            boot=bytes(8),
            now_ms=lambda: NOW_MS,
            rng=random.Random(1),  # noqa: S311
        )
        self.ferry = Ferry(
            Jetty(
                greeting=greeting,
                pipes=self.pipes,  # type: ignore[arg-type]
                received=lambda datagram, from_: self.received.append((datagram, from_)),
                clock=self.clock,  # type: ignore[arg-type]
            ),
            doors=self._doors,
            heard=lambda: self.heard,
            gets_through=self._gets_through,
            began=lambda: self.events.append("began"),
            broke=lambda: self.events.append("broke"),
            ended=lambda: self.events.append("ended"),
            clock=self.clock,  # type: ignore[arg-type]
        )
        self._run(self.ferry.start())

    async def _doors(self) -> Sequence[Door]:
        return self.doors

    async def _gets_through(self, address: Address) -> bool:
        self.asked_straight.append(address)
        self.heard.asked += 1
        self.heard.answered += self.gets_through
        return self.gets_through

    def _run(self, work: Any) -> None:
        Deferred.fromCoroutine(work)

    def stop(self) -> None:
        self._run(self.ferry.stop())

    def pass_time(self, seconds: float, *, asking: bool = True, answering: bool = False) -> None:
        """Half a second at a time; meanwhile it asks once a second, and is answered or not."""
        for step in range(round(2 * seconds)):
            if step % 2 == 0:
                self.heard.asked += asking
                self.heard.answered += answering
            self.clock.advance(0.5)

    def last(self) -> Dialled:
        return self.pipes.dialled[-1]

    def rides(self) -> Dialled:
        """Until it has a ferry, in a network without UDP."""
        self.pass_time(FIRST_S + 1)
        return self.last().welcomes()


def test_nothing_is_answered() -> None:
    """After four seconds it dials the first door, and datagrams go over it from then on."""
    node = Node()
    node.pass_time(FIRST_S - 0.5)
    assert [] == node.pipes.dialled
    node.pass_time(1)
    assert [ONE] == [each.address for each in node.pipes.dialled]
    assert not node.ferry.takes(FAR)

    carried = node.last().welcomes()
    assert carried.hello is not None
    assert (Kind.FERRY, None) == (carried.hello.kind, carried.hello.listener)
    assert (ONE, ["began"]) == (node.ferry.by, node.events)
    assert node.ferry.takes(FAR)
    node.ferry.send(b"question", FAR)
    assert [Parcel(FAR, b"question")] == carried.frames
    carried.says(write_frame(Parcel(FAR, b"answer")))
    assert [(b"answer", FAR)] == node.received
    node.pass_time(2, answering=True)
    assert 2 == node.ferry.since_s
    node.stop()
    assert carried.wire.is_aborted
    assert (None, None) == (node.ferry.by, node.ferry.since_s)


def test_something_is_answered() -> None:
    """A network that lets datagrams through is left alone."""
    node = Node()
    node.pass_time(3)
    node.pass_time(300, answering=True)
    assert [] == node.pipes.dialled
    node.stop()


def test_nothing_is_asked() -> None:
    """The first node of a grid has nobody to ask, and nothing to seek."""
    node = Node()
    node.pass_time(300, asking=False)
    node.heard.asked += 1
    node.pass_time(10, asking=False)
    assert [] == node.pipes.dialled
    node.stop()


def test_an_answer_while_it_dials() -> None:
    """UDP was slow, not dead: the ferry is not taken."""
    node = Node()
    node.pass_time(FIRST_S + 1)
    node.heard.answered += 1
    dialled = node.last().welcomes()
    assert dialled.wire.is_aborted
    assert (None, []) == (node.ferry.by, node.events)
    node.stop()


def test_from_door_to_door() -> None:
    """Whoever is not there, or does not carry, is followed by the next; then it pauses, longer."""
    node = Node()
    node.pass_time(FIRST_S + 1)
    node.last().refuses()
    second = node.last()
    assert TWO == second.address
    second.connects().says(bytes([Status.FULL]))
    assert second.hello is not None
    assert NodeId(b"2" * 20) == second.hello.listener
    assert second.wire.is_aborted
    assert 2 == len(node.pipes.dialled)

    pauses = []
    for _ in range(8):
        before, waited = len(node.pipes.dialled), 0.0
        while len(node.pipes.dialled) == before:
            node.pass_time(0.5)
            waited += 0.5
        node.last().refuses()
        node.last().refuses()
        pauses.append(waited)
    assert sorted(pauses) == pauses
    assert (0.5, 60) == (pauses[0], pauses[-1])
    node.stop()


def test_near_ones_can_not_help() -> None:
    """Nobody reaches the Internet over a neighbour who does not reach it, or is heard himself."""
    node = Node(Door(NEAR), Door(ONE))
    node.pass_time(FIRST_S + 1)
    assert [ONE] == [each.address for each in node.pipes.dialled]
    node.last().welcomes()
    assert not node.ferry.takes(NEAR)
    node.stop()


def test_near_answers_prove_nothing() -> None:
    """A neighbour answers, the world does not: what counts is the world."""
    silence = Silence(Heard(PRIVATE), first_s=4)
    silence.look(Heard(PRIVATE, 5, 5), 1)
    assert silence.is_broken
    silence.look(Heard(PUBLIC, 1, 0), 2)
    assert not silence.is_broken
    silence.look(Heard(PUBLIC, 3, 0), 5)
    assert not silence.is_long(5.9)
    assert silence.is_long(6)
    silence.look(Heard(PUBLIC, 3, 1), 6)
    assert not silence.is_long(6 + LATER_S)


@given(st.lists(st.tuples(st.booleans(), st.booleans()), max_size=100))
def test_silence_is_never_long_at_once(seconds: list[tuple[bool, bool]]) -> None:
    """Whatever is asked and answered: never sooner than four seconds after the last answer."""
    heard, silence, since = Heard(), Silence(Heard(), first_s=4), 0
    for now, (asks, is_answered) in enumerate(seconds):
        heard.asked += asks
        heard.answered += is_answered
        since = now if is_answered else since
        silence.look(heard, now)
        if silence.is_long(now):
            assert now - since >= 4
            assert heard.asked >= 2
            assert not silence.is_broken or now - since >= LATER_S


def test_the_ferryman_goes() -> None:
    """The next one is dialled at once, and last of all he who has just gone."""
    node = Node()
    first = node.rides()
    node.pass_time(5, answering=True)
    first.wire.lose()
    assert not node.ferry.takes(FAR)
    assert node.ferry.is_relied_on
    node.pass_time(0.5)
    second = node.last().welcomes()
    assert (TWO, TWO) == (second.address, node.ferry.by)
    assert ["began", "broke", "began"] == node.events
    assert node.asked_straight == []
    node.stop()


def test_ferries_that_do_not_last() -> None:
    """Whoever loses one after the other waits longer and longer; one that lasts ends that."""
    node = Node()
    node.rides()
    waits = []
    for number in range(6):
        node.pass_time(1 if number < 5 else KEPT_S, answering=True)
        node.last().wire.lose()
        before, waited = len(node.pipes.dialled), 0.0
        while len(node.pipes.dialled) == before:
            node.pass_time(0.5)
            waited += 0.5
        node.last().welcomes()
        waits.append(waited)
    assert [0.5, 1, 2, 4, 8, 0.5] == waits
    node.stop()


def test_a_ferry_that_leads_nowhere() -> None:
    """If nothing is answered over it, it is left for another one."""
    node = Node()
    first = node.rides()
    node.pass_time(ARRIVES_S + 1)
    assert first.wire.is_aborted
    assert TWO == node.last().address
    second = node.last().welcomes()
    node.pass_time(5, answering=True)
    node.pass_time(LATER_S - 1)
    assert TWO == node.ferry.by
    node.pass_time(2)
    assert second.wire.is_aborted
    node.stop()


def test_it_tries_without() -> None:
    """Every three minutes it asks the ferryman straight; an answer ends the ferry."""
    node = Node()
    carried = node.rides()
    node.pass_time(STRAIGHT_S + 1, answering=True)
    assert ([ONE], ONE) == (node.asked_straight, node.ferry.by)
    node.gets_through = True
    node.pass_time(STRAIGHT_S, answering=True)
    assert [ONE, ONE] == node.asked_straight
    assert (None, ["began", "ended"]) == (node.ferry.by, node.events)
    assert carried.wire.is_aborted
    node.pass_time(300, answering=True)
    assert 1 == len(node.pipes.dialled)
    node.stop()


def test_an_answer_between_two_ferries() -> None:
    """With no ferry under it only a straight way can have led there: no other is taken."""
    node = Node()
    node.rides().wire.lose()
    node.heard.asked += 1
    node.heard.answered += 1
    node.clock.advance(0.5)
    assert ["began", "broke", "ended"] == node.events
    assert not node.ferry.is_relied_on
    node.pass_time(30, answering=True)
    assert 1 == len(node.pipes.dialled)
    node.stop()


def test_a_network_that_was_away() -> None:
    """After a minute without answers it seeks a ferry, but first asks straight once more."""
    node = Node()
    node.pass_time(10, answering=True)
    node.pass_time(LATER_S + 1)
    node.gets_through = True
    assert node.last().welcomes().wire.is_aborted
    assert ([ONE], None, []) == (node.asked_straight, node.ferry.by, node.events)
    node.pass_time(30, answering=True)

    node.gets_through = False
    node.pass_time(LATER_S + 1)
    node.last().welcomes()
    assert ["began"] == node.events
    node.stop()


def test_another_network() -> None:
    """A laptop is carried elsewhere: it begins anew, with everybody."""
    node = Node()
    carried = node.rides()
    node.ferry.network_changed()
    assert carried.wire.is_aborted
    assert (None, ["began", "ended"]) == (node.ferry.by, node.events)
    node.pass_time(FIRST_S + 1)
    assert ONE == node.last().address
    node.ferry.network_changed()
    assert node.last().welcomes().wire.is_aborted
    node.stop()


def test_a_ferry_lost_before_it_is_taken() -> None:
    """Who hangs up right behind his welcome is followed by the next."""
    node = Node()
    node.pass_time(10, answering=True)
    node.pass_time(LATER_S + 1)
    asking: Deferred[bool] = Deferred()

    async def slowly(_address: Address) -> bool:
        return await asking

    node.ferry._gets_through = slowly
    first = node.last().welcomes()
    first.wire.lose()
    asking.callback(False)
    assert TWO == node.last().address
    node.stop()


def test_so_many_doors_in_one_go() -> None:
    """However many peers are remembered; the next time others come first."""
    doors = [Door(Address(f"44.1.0.{number}", 4160)) for number in range(1, 2 * MOST_DOORS + 1)]
    node = Node(*doors)
    node.pass_time(FIRST_S + 1)
    for _ in range(MOST_DOORS):
        node.last().refuses()
    assert MOST_DOORS == len(node.pipes.dialled)
    node.pass_time(1)
    assert doors[MOST_DOORS].address == node.last().address
    node.stop()


def test_stopped_before_it_began() -> None:
    """To stop what was never started is no fault."""
    node = Node()
    node.stop()
    other = Node()
    other.ferry._running = None
    other.stop()
    other.clock.advance(0)
    node.pass_time(30)
    assert [] == node.pipes.dialled


@attrs.define
class Aboard:
    """A boat by itself."""

    clock: Clock = attrs.field(factory=Clock)
    wire: Wire = attrs.field(factory=Wire)
    received: list[tuple[bytes, Address]] = attrs.field(factory=list)
    lost: list[Boat] = attrs.field(factory=list)
    outcome: list[Any] = attrs.field(factory=list)
    boat: Boat = attrs.field(init=False)

    def __attrs_post_init__(self) -> None:
        self.boat = Boat(
            b"hello",
            received=lambda datagram, from_: self.received.append((datagram, from_)),
            lost=self.lost.append,
            clock=self.clock,  # type: ignore[arg-type]
        )
        self.wire.protocol = self.boat
        self.boat.makeConnection(self.wire)  # type: ignore[arg-type]
        self.boat.answered.addBoth(self.outcome.append)

    def says(self, data: bytes) -> None:
        self.boat.dataReceived(data)


WELCOME = write_answer(Answer(Status.WELCOME, SEEN))


def test_welcome_in_pieces() -> None:
    """The answer and what follows may come in any portions."""
    aboard = Aboard()
    stream = WELCOME + STILL_HERE + write_frame(Parcel(FAR, b"one")) + STILL_HERE
    for byte in stream:
        aboard.says(bytes([byte]))
    assert [Answer(Status.WELCOME, SEEN)] == aboard.outcome
    assert [(b"one", FAR)] == aboard.received
    aboard.boat.close()
    assert [] == aboard.clock.getDelayedCalls()


def test_keepalive_of_who_is_carried() -> None:
    """Every ten seconds it says that it is there; after 25 s without a byte it gives up."""
    aboard = Aboard()
    aboard.says(WELCOME)
    for _ in range(5):
        aboard.clock.advance(SAYS_S)
        aboard.says(STILL_HERE)
    assert b"hello" + 5 * STILL_HERE == aboard.wire.sent
    aboard.clock.advance(SAYS_S)
    aboard.clock.advance(SAYS_S)
    assert not aboard.wire.is_aborted
    aboard.clock.advance(SILENT_S - 2 * SAYS_S)
    assert aboard.wire.is_aborted
    aboard.wire.lose()
    assert [aboard.boat] == aboard.lost
    assert [] == aboard.clock.getDelayedCalls()


@pytest.mark.parametrize(
    "noise", [b"\x07", b"\x00\xff", b"\x00\x03abc", WELCOME + b"\xff\xff", b"HTTP/1.1 400 no"]
)
def test_a_ferryman_who_is_none(noise: bytes) -> None:
    """What cannot be ends it."""
    aboard = Aboard()
    aboard.says(noise)
    assert aboard.wire.is_aborted
    aboard.wire.lose()
    assert 1 == len(aboard.outcome)
    assert [] == aboard.clock.getDelayedCalls()


def test_no_answer() -> None:
    """Whoever takes longer than five seconds is none."""
    aboard = Aboard()
    aboard.clock.advance(ANSWER_S)
    assert aboard.wire.is_aborted
    aboard.wire.lose()
    assert aboard.outcome[0].check(type(connectionDone.value))
    assert [] == aboard.lost


def test_a_refusal_with_something_behind_it() -> None:
    """What else he says is nobody's business, and so is what comes after the end."""
    aboard = Aboard()
    aboard.says(bytes([Status.FULL]))
    aboard.says(bytes([Status.TOO_MANY]))
    assert [Answer(Status.FULL)] == aboard.outcome
    aboard.boat.close()
    other = Aboard()
    other.says(WELCOME)
    other.boat.close()
    other.says(STILL_HERE)
    other.wire.lose()
    assert ([], []) == (aboard.lost, other.lost)
    assert [] == aboard.clock.getDelayedCalls() + other.clock.getDelayedCalls()


def test_what_it_does_not_carry() -> None:
    """Nothing before the welcome, nothing too long, nothing beyond what may wait."""
    aboard = Aboard()
    assert not aboard.boat.takes(FAR)
    aboard.boat.send(b"early", FAR)
    aboard.says(WELCOME)
    aboard.boat.send(bytes(MOST_DATAGRAM_BYTES + 1), FAR)
    assert b"hello" == aboard.wire.sent
    aboard.wire.producer.pauseProducing()
    for _ in range(500):
        aboard.boat.send(bytes(MOST_DATAGRAM_BYTES), FAR)
    assert len(aboard.wire.sent) <= MOST_WAITING_BYTES
    aboard.wire.lose()
    aboard.boat.send(b"late", FAR)
    assert 1 == len(aboard.lost)


@pytest.mark.parametrize(
    "seen,takes",
    [
        (SEEN, {FAR}),
        (Address("192.168.7.1", 5), {FAR, NEAR}),
        (Address("127.0.0.1", 5), {FAR, NEAR}),
    ],
)
def test_whom_it_reaches(seen: Address, takes: set[Address]) -> None:
    """What is nearer to the ferryman than this node is goes past the ferry."""
    aboard = Aboard()
    aboard.says(write_answer(Answer(Status.WELCOME, seen)))
    assert takes == {to for to in (FAR, NEAR) if aboard.boat.takes(to)}
    aboard.boat.close()


def test_dialling_is_given_up() -> None:
    """A node that stops while it waits for an answer leaves no connection."""
    node = Node()
    node.pass_time(FIRST_S + 1)
    dialled = node.last().connects()
    node.stop()
    assert dialled.wire.is_aborted
    dialled.wire.lose()


def test_too_slow_a_ferryman() -> None:
    """Connected and mute: the next one."""
    node = Node()
    node.pass_time(FIRST_S + 1)
    dialled = node.last().connects()
    node.pass_time(ANSWER_S + 0.5)
    assert dialled.wire.is_aborted
    assert TWO == node.last().address
    node.stop()
