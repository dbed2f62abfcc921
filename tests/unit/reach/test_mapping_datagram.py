"""Questions to a gateway: a real socket, and gateways that are silent, slow, noisy, or lie."""

import socket
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import pytest
import pytest_twisted
from hypothesis import given
from hypothesis import strategies as st
from loopback_gateway import HERE, Answers, Hurried, LoopbackGateway
from twisted.internet import reactor
from twisted.internet.defer import Deferred
from twisted.internet.task import deferLater

from reticulum.errors import BadGatewayAnswer, NotMapped
from reticulum.reach.mapping.datagram import Inquirer
from reticulum.reach.mapping.gateway import Gateway


def word(expected: bytes) -> Callable[[bytes], bytes | None]:
    """Takes one word; what has a question mark is nonsense."""

    def take(datagram: bytes) -> bytes | None:
        if b"?" in datagram:
            raise BadGatewayAnswer("a question")
        return datagram if datagram == expected else None

    return take


@asynccontextmanager
async def asking(
    answers: Answers = lambda _: (),
) -> AsyncIterator[tuple[Inquirer, LoopbackGateway]]:
    gateway = LoopbackGateway(answers)
    inquirer = Inquirer(Hurried(), HERE, gateway.open())
    inquirer.open()
    try:
        yield inquirer, gateway
    finally:
        await inquirer.close()
        await gateway.close()


@pytest_twisted.ensureDeferred
async def test_answer() -> None:
    """One question, one answer."""
    async with asking(lambda question: [question.upper()]) as (inquirer, gateway):
        assert b"YES" == await inquirer.ask(b"yes", word(b"YES"))
        assert [b"yes"] == gateway.asked


@pytest_twisted.ensureDeferred
async def test_questions_at_once() -> None:
    """Each gets its own answer, in whatever order they come."""
    held: list[bytes] = []

    def answers(question: bytes) -> list[bytes]:
        held.append(question.upper())
        return held[::-1] if len(held) == 2 else []

    async with asking(answers) as (inquirer, _):
        one = Deferred.fromCoroutine(inquirer.ask(b"one", word(b"ONE")))
        two = Deferred.fromCoroutine(inquirer.ask(b"two", word(b"TWO")))
        assert (b"ONE", b"TWO") == (await one, await two)


@pytest.mark.parametrize("lost", [0, 1, 2])
@pytest_twisted.ensureDeferred
async def test_lost_datagrams(lost: int) -> None:
    """A question is sent three times before it is given up."""
    seen: list[bytes] = []

    def answers(question: bytes) -> list[bytes]:
        seen.append(question)
        return [question] if len(seen) > lost else []

    async with asking(answers) as (inquirer, gateway):
        assert b"yes" == await inquirer.ask(b"yes", word(b"yes"))
        assert lost + 1 == len(gateway.asked)


@pytest_twisted.ensureDeferred
async def test_silence() -> None:
    """It is given up after less than two seconds."""
    reactor_ = Hurried()
    began = reactor_.seconds()
    async with asking() as (inquirer, gateway):
        with pytest.raises(NotMapped, match="silent"):
            await inquirer.ask(b"yes", word(b"yes"))
        assert reactor_.seconds() - began > 1.7
        assert [b"yes"] * 3 == gateway.asked


@pytest.mark.parametrize("answer", [b"", b"no", b"?", b"?" * 60_000], ids=["", "no", "?", "long"])
@pytest_twisted.ensureDeferred
async def test_nonsense(answer: bytes) -> None:
    """What fits no question answers none, and is told of when time is up."""
    async with asking(lambda _: [answer]) as (inquirer, _):
        with pytest.raises(NotMapped, match="answers that fit no question"):
            await inquirer.ask(b"yes", word(b"yes"))


@pytest_twisted.ensureDeferred
async def test_flood() -> None:
    """The answer is found among a thousand that are none, and what comes later does no harm."""
    noise = [b"?", b"no", b""] * 300
    async with asking(lambda question: [*noise[:100], question, *noise]) as (inquirer, _):
        for _ in range(3):
            assert b"yes" == await inquirer.ask(b"yes", word(b"yes"))


@given(st.lists(st.binary(max_size=100), max_size=5))
@pytest_twisted.ensureDeferred
async def test_garbage(garbage: list[bytes]) -> None:
    """No bytes at all disturb it."""
    async with asking(lambda question: [*garbage, question]) as (inquirer, _):
        assert b"yes" == await inquirer.ask(b"yes", word(b"yes"))


@pytest.mark.parametrize("host", ["127.0.0.1", "127.0.0.2"])
@pytest_twisted.ensureDeferred
async def test_others_are_not_heard(host: str) -> None:
    """Another host, and another port of the gateway, may say what they like."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as stranger:
        stranger.bind((host, 0))
        async with asking() as (inquirer, gateway):
            asked = Deferred.fromCoroutine(inquirer.ask(b"yes", word(b"yes")))
            here = inquirer.transport.getHost()
            for _ in range(3):
                stranger.sendto(b"yes", (here.host, here.port))
            with pytest.raises(NotMapped, match="silent"):
                await asked
            assert 3 == len(gateway.asked)


@pytest_twisted.ensureDeferred
async def test_nobody_there() -> None:
    """A port that nobody listens on is a silent one."""
    gateway = LoopbackGateway()
    port = gateway.open()
    await gateway.close()
    inquirer = Inquirer(Hurried(), HERE, port)
    inquirer.open()
    with pytest.raises(NotMapped, match="silent"):
        await inquirer.ask(b"yes", word(b"yes"))
    await inquirer.close()


@pytest_twisted.ensureDeferred
async def test_cancelled() -> None:
    """Nothing is sent any more for who has gone."""
    async with asking() as (inquirer, gateway):
        asked = Deferred.fromCoroutine(inquirer.ask(b"yes", word(b"yes")))
        asked.addErrback(lambda _: None)
        asked.cancel()
        await deferLater(reactor, 0.4)
        assert [b"yes"] == gateway.asked


@pytest_twisted.ensureDeferred
async def test_unreachable() -> None:
    """What can't be sent is known at once."""
    inquirer = Inquirer(Hurried(), Gateway(address="255.255.255.255", local="127.0.0.1"), 5351)
    inquirer.open()
    with pytest.raises(NotMapped, match="nothing can be sent there"):
        await inquirer.ask(b"yes", word(b"yes"))
    await inquirer.close()


def test_no_socket() -> None:
    """An address that this host does not have any more is no reason to fall over."""
    inquirer = Inquirer(Hurried(), Gateway(address="127.0.0.1", local="198.51.100.1"), 5351)
    with pytest.raises(NotMapped, match="no socket"):
        inquirer.open()
