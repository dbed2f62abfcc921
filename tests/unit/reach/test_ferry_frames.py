"""Frames of a ferry: what is written is read, in whatever portions; nothing else is."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reticulum.model import Address
from reticulum.reach.ferry.frames import (
    MOST_DATAGRAM_BYTES,
    STILL_HERE,
    Parcel,
    Reading,
    write_frame,
)

FAR, FAR_6 = Address("44.0.0.2", 4160), Address("2001:db8::2", 1)
ADDRESSES = st.builds(
    Address, st.one_of(st.ip_addresses(v=4), st.ip_addresses(v=6)).map(str), st.integers(1, 65_535)
)
PARCELS = st.builds(Parcel, ADDRESSES, st.binary(max_size=MOST_DATAGRAM_BYTES))


def frame(address: bytes, datagram: bytes = b"") -> bytes:
    """One as anybody might write it."""
    body = bytes([len(address)]) + address + datagram
    return len(body).to_bytes(2) + body


def test_layout() -> None:
    """Length, length of the address, the address, the datagram."""
    assert b"\x00\x12" + b"\x0d44.0.0.2:4160" + b"late" == write_frame(Parcel(FAR, b"late"))
    assert b"\x00\x00" == STILL_HERE


@given(
    frames=st.lists(st.one_of(st.none(), PARCELS), max_size=6),
    cuts=st.lists(st.integers(1, 2_000), max_size=8),
)
def test_what_is_written_is_read(frames: list[Parcel | None], cuts: list[int]) -> None:
    """In its order, however the stream is cut."""
    stream = b"".join(STILL_HERE if each is None else write_frame(each) for each in frames)
    reading, read = Reading(), []
    for cut in [*cuts, len(stream)]:
        read += reading.take(stream[:cut])
        stream = stream[cut:]

    assert frames == read


@pytest.mark.parametrize(
    "data",
    [
        b"\xff\xff",
        (1 + 80 + MOST_DATAGRAM_BYTES + 1).to_bytes(2),
        frame(b"44.0.0.2:4160", bytes(MOST_DATAGRAM_BYTES + 1)),
        b"\x00\x01\x01",
        b"\x00\x03\x0d44",
        frame(b""),
        frame(b"44.0.0.2"),
        frame(b"44.0.0.2:0"),
        frame(b"44.0.0.2:99999"),
        frame(b"044.0.0.2:4160"),
        frame(b"localhost:4160"),
        frame("\uff14\uff14.0.0.2:4160".encode()),
        frame(b"\xff\xfe:4160"),
        frame(b"2001:db8::2:1"),
        frame(b"1" * 80),
    ],
    ids=range(15),
)
def test_what_cannot_be(data: bytes) -> None:
    """Too long, cut short, no address: refused as soon as it is there."""
    with pytest.raises(ValueError, match=r"."):
        Reading().take(data)


@given(st.lists(st.binary(max_size=3_000), max_size=5))
def test_noise(portions: list[bytes]) -> None:
    """Bytes of any kind are read or refused, and less than a frame is ever kept."""
    reading = Reading()
    try:
        for portion in portions:
            reading.take(portion)
    except ValueError:
        return
    assert len(reading._rest) < 2 + 1 + 80 + MOST_DATAGRAM_BYTES
