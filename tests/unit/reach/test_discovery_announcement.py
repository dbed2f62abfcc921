"""What is told on the local network, and what is understood."""

import random
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reticulum.reach.discovery.announcement import Alias, Announcement, Heard

GRID = bytes(range(8))
TEXT = {b"v": b"1", b"grid": b"0001020304050607"}


def announcement(seed: int, fingerprint: bytes = GRID) -> Announcement:
    rng = random.Random(seed)  # noqa: S311  (any will do)
    return Announcement(
        alias=Alias.random(rng), port=4160, fingerprint=fingerprint, addresses=("10.0.0.1",)
    )


def test_nothing_else_is_told() -> None:
    """A version and the public fingerprint, under two random names that differ."""
    told = announcement(1)
    assert TEXT == told.text
    service = re.fullmatch(r"([0-9a-f]{16})\._reticulum\._udp\.local\.", told.alias.service)
    host = re.fullmatch(r"reticulum-([0-9a-f]{16})\.local\.", told.alias.host)
    assert service is not None
    assert host is not None
    assert service[1] != host[1]


def test_names_are_new_each_time() -> None:
    """Nobody can follow a node from one start to the next by its names."""
    first, second = announcement(1).alias, announcement(2).alias
    assert 4 == len({first.service, second.service, first.host, second.host})


@given(st.binary(min_size=8, max_size=8))
def test_comes_back(fingerprint: bytes) -> None:
    """What one node tells, another one reads."""
    told = announcement(0, fingerprint)
    assert fingerprint == Heard(port=1, text=told.text, hosts=()).fingerprint


@pytest.mark.parametrize(
    "change",
    [
        {b"v": b"2"},
        {b"v": b""},
        {b"v": None},
        {b"grid": None},
        {b"grid": b""},
        {b"grid": b"000102030405060"},
        {b"grid": b"00010203040506070"},
        {b"grid": b"000102030405060g"},
        {b"grid": b"0001020304050607\n"},
        {b"grid": b"000102030405060A"},
    ],
    ids=str,
)
def test_another_language(change: dict[bytes, bytes | None]) -> None:
    """Another version, or no fingerprint, is none of our business."""
    assert None is Heard(port=1, text={**TEXT, **change}, hosts=()).fingerprint


@given(
    st.dictionaries(
        st.sampled_from([b"v", b"grid", b"x"]), st.one_of(st.none(), st.binary(max_size=300))
    )
)
def test_noise(text: dict[bytes, bytes | None]) -> None:
    """Bytes of any kind give a fingerprint or none, never an exception."""
    fingerprint = Heard(port=1, text=text, hosts=()).fingerprint
    assert fingerprint is None or fingerprint.hex().encode() == text[b"grid"]
