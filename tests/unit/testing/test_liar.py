import random

import pytest

from reticulum.model import Address, Contact, Key, NodeId
from reticulum.overlay.grid_keys import GridKeys, KeyRing
from reticulum.overlay.messages import (
    Envelope,
    Find,
    Found,
    Message,
    Ping,
    Pong,
    Store,
    Stored,
    decode,
    encode,
)
from reticulum.overlay.replay import Windows
from reticulum.overlay.seal import ANYONE, Sealer
from reticulum.overlay.unseal import Unsealer
from reticulum.testing.simulator.clock import HeapClock
from reticulum.testing.simulator.delays import Delays
from reticulum.testing.simulator.liar import Liar, Lie
from reticulum.testing.simulator.network import Network
from reticulum.testing.simulator.node_clock import NodeClock

HERE, THERE = Address("10.0.0.1", 4160), Address("10.0.0.2", 4160)
ASKER = Key(b"a" * 20)
TARGET = Key(b"t" * 20)


class Asker:
    """A member that asks a liar, and keeps what it hears with the time at which it heard it."""

    def __init__(self, lie: Lie) -> None:
        random_ = random.Random(1)  # noqa: S311  (a test has to be repeatable)
        self.clock = HeapClock()
        self.network = Network(self.clock, random_, Delays(seed=1))
        ring = KeyRing(GridKeys.of_secret(bytes(32)))
        self.liar = Liar(
            THERE, lie, ring=ring, clock=self.clock, network=self.network, random_=random_
        )
        self.time = NodeClock(self.clock)
        self.sealer = Sealer(ring, b"a" * 12)
        windows = Windows(self.time.wall_ms())
        self.unsealer = Unsealer(ring, boot=self.sealer.boot, me=b"a" * 8, windows=windows)
        self.place = self.network.listen(HERE, self.received)
        self.heard: list[tuple[float, Message]] = []

    def received(self, datagram: bytes, _sender: Address) -> None:
        opened = self.unsealer.unseal(datagram, self.time.wall_ms())
        self.heard.append((self.clock.seconds(), decode(opened.body)))

    def ask(self, body: Ping | Find | Store, asked: NodeId | None = None) -> tuple[float, Message]:
        """The answer, and after how long it came; asked for by an id, or as whoever is there."""
        message = Message(Envelope(b"question", ASKER), body)
        recipient = ANYONE if asked is None else asked.digest[:8]
        datagram = self.sealer.seal(encode(message).data, self.time.wall_ms(), recipient)
        self.network.send(self.place, datagram, THERE)
        self.clock.advance(60)
        return self.heard[-1]


@pytest.mark.parametrize("lie", [Lie.ITSELF, Lie.CROWD, Lie.MADE_UP, Lie.LATE])
def test_looks_honest(lie: Lie) -> None:
    """It answers a ping as a server does, under the transaction and the id it always has."""
    asker = Asker(lie)
    took_s, answer = asker.ask(Ping())

    assert isinstance(answer.body, Pong)
    expected = Envelope(b"question", asker.liar.contact.node_id, server=True)
    assert expected == answer.envelope
    assert HERE == answer.body.seen
    assert 1 == asker.liar.asked
    assert (took_s > 30) == (lie is Lie.LATE)


def test_answers_for_another_id() -> None:
    """Whoever asks it gets an answer in another name each time."""
    asker = Asker(Lie.OTHER_ID)

    assert asker.liar.contact.node_id != asker.ask(Ping())[1].envelope.sender


def test_names_itself() -> None:
    """All neighbours it names are at its own address."""
    found = Asker(Lie.ITSELF).ask(Find(target=TARGET))[1].body

    assert isinstance(found, Found)
    assert {THERE} == {contact.address for contact in found.closer}
    assert len({contact.node_id for contact in found.closer}) > 20


@pytest.mark.parametrize("lie", [Lie.ITSELF, Lie.CROWD])
def test_answers_under_the_names_it_gave_itself(lie: Lie) -> None:
    """One of a crowd is whoever it is asked for; one that only names itself has but one name."""
    asker = Asker(lie)
    found = asker.ask(Find(target=TARGET))[1].body
    assert isinstance(found, Found)
    named = found.closer[5].node_id
    answer = asker.ask(Ping(), named)[1]

    assert (lie is Lie.CROWD) == (named == answer.envelope.sender)
    assert 2 == asker.liar.asked == len(asker.heard)


def test_names_who_does_not_exist() -> None:
    """Its neighbours are all closer to the target than any real node, and live nowhere."""
    found = Asker(Lie.MADE_UP).ask(Find(target=TARGET))[1].body

    assert isinstance(found, Found)
    assert len(found.closer) > 20
    assert all(near(contact) for contact in found.closer)


def near(contact: Contact) -> bool:
    return contact.node_id.digest[:6] == TARGET.digest[:6] and contact.address.host[:7] == "10.255."


def test_says_it_keeps_what_it_does_not() -> None:
    """A record given to it is gone."""
    body = Asker(Lie.MADE_UP).ask(Store(token=bytes(8)))[1].body

    assert Stored(accepted=0, token=body.token) == body


def test_strangers_get_nothing() -> None:
    """What is not sealed by the grid is met with silence, by liars too."""
    asker = Asker(Lie.MADE_UP)
    asker.network.send(asker.place, b"what?", THERE)
    asker.clock.advance(60)

    assert [] == asker.heard


def test_introduces_itself() -> None:
    """It pings whom it wants to be known by, as a server."""
    asker = Asker(Lie.ITSELF)
    asker.liar.introduce(Contact(ASKER, HERE))
    asker.clock.advance(1)

    ((_, message),) = asker.heard
    assert isinstance(message.body, Ping)
    assert message.envelope.server
