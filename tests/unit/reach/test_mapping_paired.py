"""A pair of mappings by PCP and NAT-PMP: a real socket, gateways that are good, odd, or lie."""

import struct
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import attrs
import pytest
import pytest_twisted
from loopback_gateway import (
    HERE,
    OUTER,
    Answers,
    Hurried,
    LoopbackGateway,
    NatPmpServer,
    PcpServer,
)
from twisted.internet.defer import CancelledError, Deferred

from reticulum.errors import NotMapped
from reticulum.model import Address
from reticulum.reach.mapping.datagram import Inquirer
from reticulum.reach.mapping.dialect import Dialect
from reticulum.reach.mapping.nat_pmp_dialect import NatPmp
from reticulum.reach.mapping.paired import Paired
from reticulum.reach.mapping.pcp_dialect import Pcp

PORT = 4160
SECRET = b"of this node"
UDP, TCP = {"NAT-PMP": 1, "PCP": 17}, {"NAT-PMP": 2, "PCP": 6}


def pcp(inquirer: Inquirer) -> Dialect:
    return Pcp(inquirer, port=PORT, secret=SECRET)


def nat_pmp(inquirer: Inquirer) -> Dialect:
    return NatPmp(inquirer, port=PORT)


BOTH = pytest.mark.parametrize(
    "dialect, server", [(pcp, PcpServer), (nat_pmp, NatPmpServer)], ids=["PCP", "NAT-PMP"]
)
Makes = Callable[[Inquirer], Dialect]


@asynccontextmanager
async def pairing(dialect: Makes, answers: Answers) -> AsyncIterator[Paired]:
    gateway = LoopbackGateway(answers)
    clock = Hurried()
    inquirer = Inquirer(clock, HERE, gateway.open())
    inquirer.open()
    try:
        yield Paired(dialect(inquirer), clock)
    finally:
        await inquirer.close()
        await gateway.close()


@BOTH
@pytest_twisted.ensureDeferred
async def test_whole_life(dialect: Makes, server: type) -> None:
    """Found, mapped as wanted, renewed, and given back."""
    told = server()
    async with pairing(dialect, told) as pair:
        assert pair is await pair.find()
        assert not told.mapped
        lease = await pair.map(4161)
        assert (Address(OUTER, 4161), 3_600) == (lease.external, lease.seconds)
        assert 2 == len(told.mapped)
        assert lease == await pair.map(4161)
        assert await pair.glance()
        assert "127.0.0.1" == pair.where
        await pair.give_back()
        assert not told.mapped


@BOTH
@pytest_twisted.ensureDeferred
async def test_nothing_to_give_back(dialect: Makes, server: type) -> None:
    """Who never asked for a mapping ends none."""
    asked = []
    async with pairing(dialect, lambda question: asked.append(question) or []) as pair:
        await pair.give_back()
    assert [] == asked


@BOTH
@pytest.mark.parametrize("odd", [UDP, TCP], ids=["UDP", "TCP"])
@pytest_twisted.ensureDeferred
async def test_odd_ports_at_first(dialect: Makes, server: type, odd: dict[str, int]) -> None:
    """A gateway that gives another port for one of both gives it for the other one, too."""
    told = server()
    async with pairing(dialect, told) as pair:
        told.given[odd[pair.name]] = [5000]
        lease = await pair.map(PORT)
        assert Address(OUTER, 5000) == lease.external
        ports = {
            mapped[0] if isinstance(mapped, tuple) else mapped for mapped in told.mapped.values()
        }
        assert {5000} == ports


@BOTH
@pytest_twisted.ensureDeferred
async def test_odd_ports_for_ever(dialect: Makes, server: type) -> None:
    """A pair that can't be had is given back, and said so."""
    told = server()
    async with pairing(dialect, told) as pair:
        told.given = {UDP[pair.name]: [5000, 5001], TCP[pair.name]: [5002, 5003]}
        with pytest.raises(NotMapped, match=f"{OUTER}:5001 for UDP and {OUTER}:5002 for TCP"):
            await pair.map(PORT)
        assert not told.mapped


@BOTH
@pytest.mark.parametrize(
    "lie, words",
    [
        ({"host": "0.0.0.0"}, "can't be one"),  # noqa: S104
        ({"host": "127.0.0.1"}, "can't be one"),
        ({"host": "224.0.0.1"}, "can't be one"),
        ({"host": "255.255.255.255"}, "can't be one"),
        ({"lifetime_s": 0}, "over at once"),
        ({"given": {1: [0], 2: [0], 17: [0], 6: [0]}}, "port 0"),
    ],
    ids=str,
)
@pytest_twisted.ensureDeferred
async def test_lies(dialect: Makes, server: type, lie: dict[str, object], words: str) -> None:
    """What can't be true is not believed, and whatever was mapped is given back."""
    told = server(**lie)
    async with pairing(dialect, told) as pair:
        with pytest.raises(NotMapped, match=words):
            await pair.map(PORT)
        assert not told.mapped


@BOTH
@pytest_twisted.ensureDeferred
async def test_long_lease(dialect: Makes, server: type) -> None:
    """No lease is believed to last longer than a day."""
    async with pairing(dialect, server(lifetime_s=2**32 - 1)) as pair:
        assert 86_400 == (await pair.map(PORT)).seconds


def other(server: PcpServer | NatPmpServer, at: int, length: int, size: int) -> Answers:
    """The good answers of this length, with one byte changed."""

    def answers(question: bytes) -> list[bytes]:
        good = server(question)
        return [
            each[:at] + bytes((each[at] ^ 1,)) + each[at + 1 :] if len(each) == length else each
            for each in good
        ][:size]

    return answers


@pytest.mark.parametrize(
    "dialect, answers",
    [
        (pcp, other(PcpServer(), 24, 60, 1)),
        (pcp, other(PcpServer(), 41, 60, 1)),
        (pcp, other(PcpServer(), 36, 60, 1)),
        (pcp, other(PcpServer(), 1, 60, 1)),
        (nat_pmp, other(NatPmpServer(), 9, 16, 1)),
        (nat_pmp, other(NatPmpServer(), 1, 16, 1)),
    ],
    ids=["nonce", "port", "transport", "opcode", "port by NAT-PMP", "transport by NAT-PMP"],
)
@pytest_twisted.ensureDeferred
async def test_answers_to_other_questions(dialect: Makes, answers: Answers) -> None:
    """An answer about anything else than was asked for is none."""
    async with pairing(dialect, answers) as pair:
        with pytest.raises(NotMapped, match="answers that fit no question"):
            await pair.map(PORT)


@BOTH
@pytest_twisted.ensureDeferred
async def test_reboot(dialect: Makes, server: type) -> None:
    """A gateway whose clock has begun anew has forgotten the mapping; one that is silent may."""
    told = server()
    async with pairing(dialect, told) as pair:
        await pair.map(PORT)
        told.epoch_s = 3
        assert not await pair.glance()
        await pair.map(PORT)
        assert await pair.glance()


@pytest_twisted.ensureDeferred
async def test_another_outer_address() -> None:
    """NAT-PMP tells the outer address at every glance: another one is a reason to ask anew."""
    told = NatPmpServer()
    async with pairing(nat_pmp, told) as pair:
        await pair.map(PORT)
        told.host = "198.51.100.8"
        assert not await pair.glance()
        assert "198.51.100.8" == (await pair.map(PORT)).external.host


@pytest_twisted.ensureDeferred
async def test_pcp_asked_of_nat_pmp() -> None:
    """A gateway of NAT-PMP alone says at once that it does not know PCP."""
    async with pairing(pcp, NatPmpServer()) as pair:
        with pytest.raises(NotMapped, match="not spoken, but version 0"):
            await pair.find()


@pytest.mark.parametrize(
    "result, words",
    [(2, "not authorized"), (7, "no usable outer address"), (8, "out of resources"), (99, "99")],
)
@pytest_twisted.ensureDeferred
async def test_pcp_refuses(result: int, words: str) -> None:
    """Whatever the reason, it is passed on."""
    async with pairing(pcp, PcpServer(result=result)) as pair:
        await pair.find()
        with pytest.raises(NotMapped, match=words):
            await pair.map(PORT)


@pytest.mark.parametrize("result, found", [(0, True), (4, True), (2, False)])
@pytest_twisted.ensureDeferred
async def test_pcp_without_announce(result: int, *, found: bool) -> None:
    """A server that knows no ANNOUNCE is a server; one that serves nobody is none."""
    server = PcpServer()
    async with pairing(pcp, lambda _: [server.head(0, result, 0)]) as pair:
        if found:
            assert pair is await pair.find()
        else:
            with pytest.raises(NotMapped, match="not authorized"):
                await pair.find()


@pytest.mark.parametrize("operation, words", [(0, "no usable outer address"), (1, "turned off")])
@pytest_twisted.ensureDeferred
async def test_nat_pmp_refuses(operation: int, words: str) -> None:
    """Whatever the reason, it is passed on."""
    server = NatPmpServer()

    def answers(question: bytes) -> list[bytes]:
        if question[1] == operation:
            result = {0: 3, 1: 2}[operation]
            return [struct.pack(">BBHI", 0, 128 + operation, result, 1_000)]
        return server(question)

    async with pairing(nat_pmp, answers) as pair:
        with pytest.raises(NotMapped, match=words):
            await pair.map(PORT)


@pytest_twisted.ensureDeferred
async def test_nonces() -> None:
    """One for each mapping, the same after a restart, and no other node's."""
    nonces = []
    for secret in (SECRET, SECRET, b"of another node"):
        told = PcpServer()

        def dialect(inquirer: Inquirer, secret: bytes = secret) -> Dialect:
            return Pcp(inquirer, port=PORT, secret=secret)

        async with pairing(dialect, told) as pair:
            await pair.map(PORT)
        nonces.append({transport: nonce for transport, (_, nonce) in told.mapped.items()})
    assert nonces[0] == nonces[1]
    assert 4 == len({nonce for each in nonces for nonce in each.values()})


@BOTH
@pytest_twisted.ensureDeferred
async def test_cancelled(dialect: Makes, server: type) -> None:
    """Who is stopped while it asks gives back what it may have got."""
    told = server()
    stopping: list[Deferred[object]] = []

    @attrs.frozen
    class Late:
        """The answer to the first mapping never comes."""

        def __call__(self, question: bytes) -> list[bytes]:
            answers = told(question)
            if told.mapped and stopping:
                stopping.pop().cancel()
                return []
            return answers

    async with pairing(dialect, Late()) as pair:
        running = Deferred.fromCoroutine(pair.map(PORT))
        stopping.append(running)
        with pytest.raises(CancelledError):
            await running
        assert not told.mapped
