"""NAT-PMP on the wire."""

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reticulum.errors import BadGatewayAnswer
from reticulum.reach.mapping.lease import Transport
from reticulum.reach.mapping.nat_pmp import (
    Mapped,
    Outer,
    Refused,
    address_request,
    mapping_request,
    parse,
)


def test_requests() -> None:
    """The two requests of RFC 6886, byte for byte."""
    assert "0000" == address_request().hex()
    udp = mapping_request(Transport.UDP, 4160, 4161, 3600)
    assert "000100001040104100000e10" == udp.hex()
    assert "000200001040000000000000" == mapping_request(Transport.TCP, 4160, 0, 0).hex()


def test_answers() -> None:
    """What gateways answer, byte for byte."""
    outer = bytes.fromhex("00800000000003e8c6336407")
    assert Outer(epoch_s=1000, host="198.51.100.7") == parse(outer)
    udp = bytes.fromhex("00810000000003e81040104100000e10")
    assert parse(udp) == Mapped(
        epoch_s=1000, transport=Transport.UDP, internal=4160, external=4161, seconds=3600
    )
    tcp = bytes.fromhex("00820000000003e81040000000000000")
    assert parse(tcp) == Mapped(
        epoch_s=1000, transport=Transport.TCP, internal=4160, external=0, seconds=0
    )


def test_refusals() -> None:
    """A refusal says of what, in words for people; one that says no port is of any."""
    full = parse(bytes.fromhex("00810002000003e81040000000000000"))
    assert Refused(operation=1, result=2, internal=4160) == full
    assert "refused: mapping ports is turned off" == str(full)
    assert full.is_of_mapping(Transport.UDP, 4160)
    assert not full.is_of_mapping(Transport.UDP, 4161)
    assert not full.is_of_mapping(Transport.TCP, 4160)
    assert not full.is_of_address

    short = parse(bytes.fromhex("00800003000003e8"))
    assert Refused(operation=0, result=3, internal=None) == short
    assert short.is_of_address
    assert parse(bytes.fromhex("00820005000003e8")).is_of_mapping(Transport.TCP, 4160)
    assert "result 99" == str(parse(bytes.fromhex("00820063000003e8")))


@pytest.mark.parametrize(
    "answer",
    [
        "",
        "0080",
        "00000000000003e8c6336407",
        "02800000000003e8c6336407",
        "00800000000003e8",
        "00800000000003e8c633640700",
        "00810000000003e81040104100000e",
        "00810000000003e81040104100000e1000",
        "00830000000003e81040104100000e10",
    ],
    ids=[
        "empty",
        "short",
        "request",
        "version",
        "no address",
        "long",
        "cut",
        "longer",
        "operation",
    ],
)
def test_no_answer(answer: str) -> None:
    """What is no answer is not taken for one."""
    with pytest.raises(BadGatewayAnswer):
        parse(bytes.fromhex(answer))


@given(st.binary(max_size=24) | st.binary(max_size=16).map(lambda rest: b"\0\x80\0\0" + rest))
def test_garbage(garbage: bytes) -> None:
    """Whatever comes is a value or a `BadGatewayAnswer`."""
    with contextlib.suppress(BadGatewayAnswer):
        parse(garbage)


@given(
    st.sampled_from(Transport),
    st.integers(0, 65_535),
    st.integers(0, 65_535),
    st.integers(0, 2**32 - 1),
)
def test_mapping_comes_back(
    transport: Transport, internal: int, external: int, seconds: int
) -> None:
    """A gateway that grants what it is asked for is understood so."""
    request = mapping_request(transport, internal, external, seconds)
    answer = bytes((0, 128 + request[1], 0, 0)) + bytes(4) + request[4:]
    assert parse(answer) == Mapped(
        epoch_s=0, transport=transport, internal=internal, external=external, seconds=seconds
    )
