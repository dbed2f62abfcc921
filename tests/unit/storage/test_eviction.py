"""Choosing what goes: the oldest, enough of it, and not more than can be remembered."""

from hypothesis import given
from hypothesis import strategies as st

from reticulum.storage.eviction import Kept, oldest

kept = st.lists(
    st.builds(Kept, st.integers(0, 50), st.uuids().map(str), st.integers(0, 100)), max_size=40
)


@given(kept, st.integers(-10, 3000))
def test_oldest_and_no_more(files: list[Kept], excess: int) -> None:
    """The chosen are the first ones in order of use, up to the one that makes it enough."""
    expected: list[Kept] = []
    for file in sorted(files):
        if sum(one.length for one in expected) >= excess:
            break
        expected.append(file)

    chosen = oldest(files, excess, most=1000)

    assert expected == chosen


@given(kept, st.integers(1, 3000), st.integers(1, 5))
def test_bounded(files: list[Kept], excess: int, most: int) -> None:
    """With too many to remember, the oldest of them are chosen, so that rounds come to an end."""
    chosen = oldest(files, excess, most)

    assert len(chosen) <= most
    assert sorted(files)[: len(chosen)] == chosen
    assert bool(chosen) == bool(files)
