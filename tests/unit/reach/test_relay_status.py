"""Answers and frames: as they go over the wire, and what comes of anything else."""

import contextlib
import ipaddress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reticulum.model import Address, NodeId
from reticulum.reach.relay.status import (
    MOST_ADDRESS_BYTES,
    Answer,
    Dialler,
    Status,
    read_answer,
    read_go,
    write_answer,
    write_go,
)

ADDRESS = Address("192.0.2.1", 4242)
NODE = NodeId(b"n" * 20)


def addresses() -> st.SearchStrategy[Address]:
    hosts = st.ip_addresses(v=4) | st.ip_addresses(v=6)
    return st.builds(Address, hosts.map(str), st.integers(1, 65_535))


def test_layout() -> None:
    """A status, then the length of an address and its text; a go has the dialler's id before."""
    text = b"\x0e192.0.2.1:4242"

    assert b"\x00" + text == write_answer(Answer(Status.WELCOME, ADDRESS))
    assert b"\x06" == write_answer(Answer(Status.NO_ANSWER))
    assert b"\x03" + NODE.digest + text == write_go(Dialler(NODE, ADDRESS))
    assert [0, 1, 2, 3, 4, 5, 6] == sorted(Status)


@given(address=addresses(), behind=st.binary(max_size=50), data=st.data())
def test_welcome(address: Address, behind: bytes, data: st.DataObject) -> None:
    """It is read however it arrives, and what comes behind it is left."""
    answer = Answer(Status.WELCOME, address)
    wire = write_answer(answer)

    assert (answer, behind) == read_answer(wire + behind)
    assert None is read_answer(wire[: data.draw(st.integers(0, len(wire) - 1))])


@pytest.mark.parametrize("status", [status for status in Status if status])
def test_refusal(status: Status) -> None:
    """A refusal is one byte."""
    assert (Answer(status), b"x") == read_answer(write_answer(Answer(status)) + b"x")


@given(address=addresses(), behind=st.binary(max_size=50), data=st.data())
def test_go(address: Address, behind: bytes, data: st.DataObject) -> None:
    """The same of a go."""
    dialler = Dialler(NODE, address)
    wire = write_go(dialler)

    assert (dialler, behind) == read_go(wire + behind)
    assert None is read_go(wire[: data.draw(st.integers(0, len(wire) - 1))])


@given(st.binary(max_size=100))
def test_noise(noise: bytes) -> None:
    """Whatever is sent, it is read, not yet there, or a `ValueError`."""
    for read in (read_answer, read_go):
        with contextlib.suppress(ValueError):
            read(noise)


@pytest.mark.parametrize(
    "bad",
    [
        b"\x07",
        b"\xff",
        b"\x00" + bytes([MOST_ADDRESS_BYTES + 1]),
        b"\x00\x00",
        b"\x00\x05abcde",
        b"\x00\x0e192.0.2.01:424",
        b"\x00\x02\xc3\xa9",
    ],
)
def test_bad_answer(bad: bytes) -> None:
    """What no relay of ours would say is known as such at once."""
    with pytest.raises(ValueError, match=r".*"):
        read_answer(bad)


@pytest.mark.parametrize("bad", [b"\x02", b"\x03" + NODE.digest + b"\xff"])
def test_bad_go(bad: bytes) -> None:
    """The same on a spare."""
    with pytest.raises(ValueError, match=r".*"):
        read_go(bad)


def test_longest_address() -> None:
    """There is room for the longest address there is, with the scope of a link."""
    host = str(ipaddress.ip_address("fe80:1111:2222:3333:4444:5555:6666:7777%enx0123456789ab"))
    answer = Answer(Status.WELCOME, Address(host, 65_535))

    assert (answer, b"") == read_answer(write_answer(answer))
