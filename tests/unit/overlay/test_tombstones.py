"""Tombstones: an image is deleted only by a node of the grid, for a month, and for everybody."""

import contextlib
import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st
from overlay_strategies import NOW, bitten, node_record, private_key, provider_record
from strategies import image_ids

from reticulum.errors import BadRecord, RecordFault
from reticulum.model import HashName, ImageId
from reticulum.overlay.records import MOST_SKEW_S, read_tombstone, sign_tombstone
from reticulum.overlay.records.tombstone import LIFETIME_S

IMAGE = ImageId(HashName.SHA256, "ab" * 32)
OLD_IMAGE = ImageId(HashName.SHA1, "cd" * 20)
TOMBSTONE = sign_tombstone(private_key(1), IMAGE, sequence=NOW * 1000, now=NOW)
VECTOR = (
    "03cd03fbddcaaa2703c251656d5ccdd99f5635b1e0653c0636b951a3a3db21dad400000001a3185c5000"
    "6b49d2006b715f0001ababababababababababababababababababababababababababababababababaf"
    "c0984b696c1f514a9808efa16b5190082756e3c7756083037c7b26b3f6a3ba2c35687d04e6b37bba8d5e"
    "d8b1cb789a8e3c95944a02de57b88660257519af09"
)


def _fault(packed: bytes, now: float = NOW) -> RecordFault:
    with pytest.raises(BadRecord) as caught:
        read_tombstone(packed, now)
    return caught.value.fault


def _signed(said: bytes) -> bytes:
    return said + private_key(1).sign(b"reticulum tombstone 1\0" + said)


@given(image_ids(), st.integers(1, 2**64 - 1), st.integers(1, 2**31), st.booleans())
def test_round_trip(image_id: ImageId, sequence: int, now: int, revoked: bool) -> None:
    """What one node says, all others read and believe, until a month has passed."""
    said = sign_tombstone(private_key(1), image_id, sequence=sequence, now=now, revoked=revoked)

    for then in (now - MOST_SKEW_S, now + 0.5, now + LIFETIME_S - 1):
        assert said == read_tombstone(said.packed, then)
    assert (image_id, sequence, revoked) == (said.image_id, said.sequence, said.revoked)
    assert now + LIFETIME_S == said.expires
    assert RecordFault.EXPIRED is _fault(said.packed, now + LIFETIME_S)
    assert RecordFault.NOT_YET_VALID is _fault(said.packed, now - MOST_SKEW_S - 1)


@given(bitten(TOMBSTONE.packed))
def test_one_byte_wrong(packed: bytes) -> None:
    """A tombstone with any byte changed deletes nothing."""
    with pytest.raises(BadRecord):
        read_tombstone(packed, NOW)


@given(st.binary(max_size=200))
def test_random_bytes(packed: bytes) -> None:
    """Every input is a tombstone or the one refusal."""
    for data in (packed, b"\3" + packed, TOMBSTONE.packed + packed):
        with contextlib.suppress(BadRecord):
            assert data == read_tombstone(data, NOW).packed


@given(st.integers(0, len(TOMBSTONE.packed) - 1))
def test_cut_off(length: int) -> None:
    """A part of a tombstone is none."""
    assert RecordFault.MALFORMED is _fault(TOMBSTONE.packed[:length])


@pytest.mark.parametrize(
    "at, put, fault",
    [
        (0, b"\2", RecordFault.MALFORMED),
        (34, bytes(8), RecordFault.MALFORMED),
        (46, struct.pack(">I", NOW), RecordFault.MALFORMED),
        (46, struct.pack(">I", NOW + LIFETIME_S + MOST_SKEW_S + 1), RecordFault.TOO_LONG_LIVED),
        (50, b"\0", RecordFault.MALFORMED),
        (50, b"\2", RecordFault.MALFORMED),
        (50, b"\3", RecordFault.MALFORMED),
        (1, bytes(32), RecordFault.BAD_SIGNATURE),
    ],
)
def test_well_signed_and_wrong(at: int, put: bytes, fault: RecordFault) -> None:
    """A signature makes no sense of what has none: kind, number, times, hash, length, speaker."""
    said = TOMBSTONE.packed[:-64]

    assert fault is _fault(_signed(said[:at] + put + said[at + len(put) :]))


def test_unknown_flags() -> None:
    """Flags of a newer version mean nothing."""
    said = TOMBSTONE.packed[:-64]

    assert not read_tombstone(_signed(said[:33] + b"\2" + said[34:]), NOW).revoked
    assert read_tombstone(_signed(said[:33] + b"\3" + said[34:]), NOW).revoked


def test_one_kind_is_never_the_other() -> None:
    """A record of another kind is no tombstone."""
    for record in (node_record(), provider_record()):
        assert RecordFault.MALFORMED is _fault(record.packed)


def test_tombstone_bytes() -> None:
    """The layout of the protocol's page, byte by byte."""
    packed = TOMBSTONE.packed
    old = sign_tombstone(private_key(1), OLD_IMAGE, sequence=5, now=NOW, revoked=True).packed

    assert [147, 135] == [len(packed), len(old)]
    assert b"\3" == packed[:1] == old[:1]
    assert private_key(1).public_key().public_bytes_raw() == packed[1:33]
    assert [0, 1] == [packed[33], old[33]]
    assert [NOW * 1000, 5] == [int.from_bytes(one[34:42]) for one in (packed, old)]
    assert [NOW, NOW + LIFETIME_S] == [int.from_bytes(packed[at : at + 4]) for at in (42, 46)]
    assert [1, 2] == [packed[50], old[50]]
    assert [bytes([0xAB]) * 32, bytes([0xCD]) * 20] == [packed[51:83], old[51:71]]


def test_vector() -> None:
    """A test vector for other implementations."""
    assert VECTOR == TOMBSTONE.packed.hex()
