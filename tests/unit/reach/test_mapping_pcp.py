"""PCP on the wire."""

import contextlib

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from reticulum.errors import BadGatewayAnswer
from reticulum.reach.mapping.lease import Transport
from reticulum.reach.mapping.pcp import (
    ANNOUNCE,
    MAP,
    Answer,
    Mapping,
    OtherVersion,
    announce_request,
    map_request,
    parse,
)

NONCE = bytes(range(12))
UDP = Mapping(nonce=NONCE, transport=Transport.UDP, internal=4160, external=4161)
GIVEN = attrs.evolve(UDP, host="198.51.100.7")
HEAD = "0281000000000e10000003e8" + "00" * 12
BODY = NONCE.hex() + "1100000010401041" + "00" * 10 + "ffffc6336407"


def test_requests() -> None:
    """The two requests of RFC 6887, byte for byte."""
    client = "00" * 10 + "ffffc0a80102"
    assert "0200000000000000" + client == announce_request("192.168.1.2").hex()
    any_host = "00" * 10 + "ffff00000000"
    wanted = "0201000000000e10" + client + NONCE.hex() + "1100000010401041" + any_host
    assert wanted == map_request(UDP, "192.168.1.2", 3600).hex()


def test_nonce_has_12_bytes() -> None:
    """Nothing else is ever sent."""
    with pytest.raises(ValueError, match="12 bytes"):
        attrs.evolve(UDP, nonce=bytes(24))


def test_answers() -> None:
    """What servers answer, byte for byte; options behind it are passed over."""
    granted = Answer(opcode=MAP, result=0, seconds=3600, epoch_s=1000, mapping=GIVEN)
    assert granted == parse(bytes.fromhex(HEAD + BODY))
    assert granted == parse(bytes.fromhex(HEAD + BODY + "02000000"))
    alive = bytes.fromhex("0280000000000000000003e8" + "00" * 12)
    assert Answer(opcode=ANNOUNCE, result=0, seconds=0, epoch_s=1000, mapping=None) == parse(alive)


def test_refusals() -> None:
    """A refusal says of what, if it says, in words for people."""
    refused = parse(bytes.fromhex(HEAD.replace("02810000", "02810002", 1) + BODY))
    assert (2, GIVEN) == (refused.result, refused.mapping)
    assert "not authorized: mapping ports is turned off" == str(refused)
    without_host = parse(
        bytes.fromhex(HEAD.replace("02810000", "02810008", 1) + BODY[:40] + "0" * 32)
    )
    assert attrs.evolve(GIVEN, host=UDP.host) == without_host.mapping
    assert parse(bytes.fromhex(HEAD.replace("02810000", "02810003", 1))).mapping is None
    assert "result 200" == str(parse(bytes.fromhex(HEAD.replace("02810000", "028100c8", 1))))


@pytest.mark.parametrize("answer", ["00810001000003e8", "00810001", "01810001" + "00" * 20])
def test_other_version(answer: str) -> None:
    """A gateway of NAT-PMP, or of a draft, says that it is one (RFC 6887 appendix A)."""
    assert OtherVersion(int(answer[:2])) == parse(bytes.fromhex(answer))


@pytest.mark.parametrize(
    "answer",
    [
        "",
        "028100",
        HEAD[:-2],
        "02010000" + HEAD[8:] + BODY,
        "03810000" + HEAD[8:] + BODY,
        HEAD,
        HEAD + BODY[:-8],
        HEAD + BODY + "00",
        HEAD + BODY + "00" * 1044,
        HEAD + BODY.replace("11000000", "84000000"),
        HEAD + BODY[:40] + "20010db8" + "00" * 12,
    ],
    ids=[
        "empty",
        "short",
        "no head",
        "request",
        "version",
        "no mapping",
        "cut",
        "odd",
        "long",
        "transport",
        "IPv6",
    ],
)
def test_no_answer(answer: str) -> None:
    """What is no answer, or gives what is no use, is not taken for one."""
    with pytest.raises(BadGatewayAnswer):
        parse(bytes.fromhex(answer))


@given(st.binary(max_size=80) | st.binary(max_size=80).map(lambda rest: b"\x02\x81\0\0" + rest))
def test_garbage(garbage: bytes) -> None:
    """Whatever comes is a value or a `BadGatewayAnswer`."""
    with contextlib.suppress(BadGatewayAnswer):
        parse(garbage)


MAPPINGS = st.builds(
    Mapping,
    nonce=st.binary(min_size=12, max_size=12),
    transport=st.sampled_from(Transport),
    internal=st.integers(0, 65_535),
    external=st.integers(0, 65_535),
    host=st.ip_addresses(v=4).map(str),
)


@given(MAPPINGS, st.integers(0, 2**32 - 1))
def test_mapping_comes_back(mapping: Mapping, seconds: int) -> None:
    """A server that grants what it is asked for is understood so."""
    request = map_request(mapping, "192.168.1.2", seconds)
    answer = b"\x02\x81\0\0" + request[4:8] + bytes(16) + request[24:]
    assert parse(answer) == Answer(
        opcode=MAP, result=0, seconds=seconds, epoch_s=0, mapping=mapping
    )
