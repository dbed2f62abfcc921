"""Where two nodes say that they can be dialled."""

import json
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reticulum.model import Address
from reticulum.reach.punch_messages import (
    MOST_ADDRESSES,
    PUNCH_BYTES,
    addresses,
    read_addresses,
)

ADDRESSES = st.builds(Address, st.ip_addresses().map(str), st.integers(1, 65_535))


@given(st.lists(ADDRESSES, max_size=2 * MOST_ADDRESSES))
def test_there_and_back(places: Sequence[Address]) -> None:
    """The best ones arrive, in their order, in a message that is not too long."""
    content = addresses(places)
    assert len(content) <= PUNCH_BYTES
    assert tuple(places[:MOST_ADDRESSES]) == read_addresses(content)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=50),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(max_size=10), inner),
    max_leaves=10,
)


@given(st.binary(max_size=PUNCH_BYTES) | JSON.map(lambda value: json.dumps(value).encode()))
def test_anything(content: bytes) -> None:
    """Whatever comes, it is a few addresses or nothing."""
    told = read_addresses(content)
    assert told is None or len(told) <= MOST_ADDRESSES


@given(JSON)
def test_any_addresses(value: object) -> None:
    """The same if it looks almost right."""
    told = read_addresses(json.dumps({"addresses": value}).encode())
    assert (told is None) or [str(place) for place in told] == value


@pytest.mark.parametrize(
    "told",
    [
        ["192.0.2.1:4160"] * (MOST_ADDRESSES + 1),
        ["192.0.2.1"],
        ["192.0.2.1:0"],
        ["192.0.2.1:65536"],
        ["192.0.2.01:1"],
        ["router.lan:80"],
        ["[fe80::1%eth0\x1b[31m]:1"],
        ["[fe80::1%" + "e" * 300 + "]:1"],
        ["192.0.2.1:4160", 7],
        "192.0.2.1:4160",
        {"192.0.2.1:4160": 1},
    ],
)
def test_no_addresses(told: object) -> None:
    """Names, ports that are none, texts of another kind, too many: all of it is refused."""
    assert read_addresses(json.dumps({"addresses": told}).encode()) is None


def test_depth() -> None:
    """Nesting without end ends nothing."""
    assert read_addresses(b"[" * 100_000) is None
