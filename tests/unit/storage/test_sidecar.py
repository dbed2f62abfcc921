"""Sidecars: what they say survives, and what cannot be read is no error."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reticulum.model import Facts, Format, HashName, ImageId, Original, Size
from reticulum.storage import sidecar

IMAGE_ID = ImageId(HashName.SHA256, "a" * 64)
sides = st.integers(1, 10**6)
originals = st.builds(
    Original,
    image_id=st.just(IMAGE_ID),
    facts=st.builds(
        Facts,
        format=st.sampled_from(Format),
        size=st.builds(Size, sides, sides),
        frames=st.integers(1, 10**4),
    ),
    length=st.integers(1, 2**40),
    stored_at=st.floats(0, 1e11),
)


@given(originals)
def test_round_trip(original: Original) -> None:
    """What was written is read."""
    assert original == sidecar.decode(IMAGE_ID, sidecar.encode(original))


@given(originals)
def test_fields(original: Original) -> None:
    """Operators and scripts read these names."""
    fields = json.loads(sidecar.encode(original))

    names = ["version", "format", "width", "height", "frames", "bytes", "stored_at"]
    assert names == list(fields)


@given(
    st.binary() | st.recursive(st.none() | st.integers(), st.lists).map(json.dumps).map(str.encode)
)
def test_anything_is_read_without_an_error(content: bytes) -> None:
    """A damaged sidecar is as good as none."""
    assert None is sidecar.decode(IMAGE_ID, content)


@given(originals, st.data())
def test_cut_short(original: Original, data: st.DataObject) -> None:
    """Half a sidecar is none."""
    content = sidecar.encode(original).rstrip()
    half = content[: data.draw(st.integers(0, len(content) - 1))]

    assert None is sidecar.decode(IMAGE_ID, half)


@pytest.mark.parametrize(
    "change",
    [
        {"version": 2},
        {"format": "exe"},
        {"width": 0},
        {"frames": None},
        {"bytes": 0},
        {"height": "x"},
    ],
)
def test_nonsense(change: dict[str, object]) -> None:
    """A sidecar with an impossible value, or of another version, is none."""
    sound = {
        "version": 1,
        "format": "jpg",
        "width": 1,
        "height": 1,
        "frames": 1,
        "bytes": 1,
        "stored_at": 0,
    }

    assert None is not sidecar.decode(IMAGE_ID, json.dumps(sound).encode())
    assert None is sidecar.decode(IMAGE_ID, json.dumps(sound | change).encode())
