"""Facts as one node tells another."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reticulum.model import Facts, Format, HashName, ImageId, Original, Size
from reticulum.reach import facts

IMAGE_ID = ImageId(HashName.SHA256, "ab" * 32)
ORIGINAL = Original(
    image_id=IMAGE_ID,
    facts=Facts(format=Format.GIF, size=Size(3, 5), frames=7),
    length=11,
    stored_at=1_000.125,
)
FIELDS: dict[str, Any] = json.loads(facts.encode(ORIGINAL))


def test_layout() -> None:
    """One line of ASCII, short enough for any header."""
    expected = b'{"format":"gif","width":3,"height":5,"frames":7,"bytes":11,"stored_at":1000.125}'
    assert expected == facts.encode(ORIGINAL)


@given(
    st.builds(
        Original,
        image_id=st.just(IMAGE_ID),
        facts=st.builds(
            Facts,
            format=st.sampled_from(Format),
            size=st.builds(Size, st.integers(1, 1 << 20), st.integers(1, 1 << 20)),
            frames=st.integers(1, 1 << 20),
        ),
        length=st.integers(1, 1 << 40),
        stored_at=st.floats(0, 4e9),
    )
)
def test_comes_back(original: Original) -> None:
    """What is told is what is understood, to the last fraction of a second."""
    assert original == facts.decode(IMAGE_ID, facts.encode(original))


@pytest.mark.parametrize(
    "lie",
    [
        {"width": 0},
        {"width": -1},
        {"height": 1.5},
        {"frames": True},
        {"frames": None},
        {"bytes": 0},
        {"bytes": 1 << 60},
        {"bytes": "11"},
        {"format": "exe"},
        {"format": ["gif"]},
        {"stored_at": -1},
        {"stored_at": 1e300},
        {"stored_at": float("inf")},
        {"stored_at": float("nan")},
        {"stored_at": "now"},
    ],
    ids=str,
)
def test_what_cannot_be_is_not_believed(lie: dict[str, Any]) -> None:
    """No value of another node can break a header or an arithmetic of ours."""
    assert None is facts.decode(IMAGE_ID, json.dumps({**FIELDS, **lie}).encode())


@given(st.binary(max_size=200))
def test_noise_is_none(noise: bytes) -> None:
    """Bytes of any kind give None, never an exception."""
    assert None is facts.decode(IMAGE_ID, noise)


@pytest.mark.parametrize(
    "text", [b"", b"null", b"[]", b"{}", b"9" * 5_000, b"[" * 100_000], ids=lambda text: text[:9]
)
def test_other_json_is_none(text: bytes) -> None:
    """Nor does JSON of another shape."""
    assert None is facts.decode(IMAGE_ID, text)
