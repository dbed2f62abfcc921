"""What nodes tell each other about copies."""

import json
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reticulum.interfaces import MOST_ASKED, MOST_BURIED
from reticulum.model import HashName, Holding, ImageId
from reticulum.reach import copy_messages as messages

IMAGE_ID = ImageId(HashName.SHA256, "ab" * 32)
PACKED = st.lists(st.binary(min_size=1, max_size=messages.PACKED_BYTES), max_size=MOST_BURIED)


def test_layout() -> None:
    """Compact JSON, as the protocol's page has it."""
    text = str(IMAGE_ID).encode()
    asked = messages.question([IMAGE_ID], verify=True)
    assert b'{"ids":["' + text + b'"],"verify":true}' == asked
    assert b'{"holding":["absent","held"]}' == messages.holdings([Holding.ABSENT, Holding.HELD])
    assert b'{"tombstones":["AQI="],"depth":7}' == messages.burial([b"\1\2"], 7)
    assert b'{"tombstones":[],"next":null}' == messages.page([], None)


@given(PACKED, st.integers(0, 160), st.none() | st.integers(0, (1 << 53) - 1))
def test_tombstones_come_back(packed: list[bytes], depth: int, following: int | None) -> None:
    """What is told of deletions is what is understood."""
    assert (packed, depth) == messages.read_burial(messages.burial(packed, depth))
    assert (packed, following) == messages.read_page(messages.page(packed, following))


@given(st.lists(st.sampled_from(Holding), max_size=MOST_ASKED))
def test_holdings_come_back(held: list[Holding]) -> None:
    """So is what is told of holdings, if it is about as many images as were asked for."""
    told = messages.holdings(held)
    assert held == messages.read_holdings(told, len(held))
    assert None is messages.read_holdings(told, len(held) + 1)


def test_the_longest_fit() -> None:
    """As many as may be told fit into the bounds on their messages."""
    ids = [IMAGE_ID] * MOST_ASKED
    asked = messages.question(ids, verify=False)
    assert (ids, False) == messages.read_question(asked)
    assert len(asked) <= messages.QUESTION_BYTES
    longest = max(Holding, key=lambda holding: len(holding.value))
    assert len(messages.holdings([longest] * MOST_ASKED)) <= messages.HOLDINGS_BYTES <= 20_000
    packed = [b"x" * messages.PACKED_BYTES] * MOST_BURIED
    assert len(messages.page(packed, messages.LARGEST)) <= messages.TOMBSTONES_BYTES
    assert len(messages.burial(packed, messages.DEEPEST)) <= messages.TOMBSTONES_BYTES


READERS: list[Callable[[bytes], Any]] = [
    messages.read_question,
    lambda content: messages.read_holdings(content, 1),
    messages.read_burial,
    messages.read_page,
]
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: (
        st.lists(inner)
        | st.dictionaries(
            st.sampled_from(["ids", "verify", "holding", "tombstones", "depth", "next"]), inner
        )
    ),
    max_leaves=10,
)


@given(st.binary(max_size=100) | JSON.map(lambda value: json.dumps(value).encode()))
def test_noise_never_breaks_a_reader(noise: bytes) -> None:
    """Bytes of any kind are read or refused, and raise nothing."""
    for read in READERS:
        read(noise)


@pytest.mark.parametrize("read", READERS)
@pytest.mark.parametrize("text", [b"", b"null", b"[]", b"{}", b"9" * 5_000, b"[" * 100_000])
def test_other_json_is_none(read: Callable[[bytes], Any], text: bytes) -> None:
    """JSON of another shape is nothing."""
    assert None is read(text)
