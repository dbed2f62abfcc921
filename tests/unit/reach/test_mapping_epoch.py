"""The gateway's clock against ours."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reticulum.reach.mapping.epoch import EpochWatch


@given(st.integers(0, 2**32 - 1), st.floats(0, 1e9))
def test_first_look(theirs_s: int, ours_s: float) -> None:
    """There is nothing to compare with yet."""
    assert EpochWatch().goes_on(theirs_s, ours_s)


@pytest.mark.parametrize(
    "theirs, ours, goes_on",
    [
        (60, 60, True),
        (0, 0, True),
        (-1, 1, True),
        (-2, 0, False),
        (-1000, 60, False),
        (57, 60, True),
        (54, 60, False),
        (66, 60, True),
        (67, 60, False),
        (-1, 60, False),
    ],
)
def test_second_look(theirs: int, ours: float, *, goes_on: bool) -> None:
    """A clock that has fallen back, or gone on too little or too far, has begun anew."""
    watch = EpochWatch()
    watch.goes_on(1000, 50.0)
    assert goes_on == watch.goes_on(1000 + theirs, 50.0 + ours)


def test_anew() -> None:
    """What was noted last counts, also if it was a surprise."""
    watch = EpochWatch()
    watch.goes_on(1000, 0.0)
    assert not watch.goes_on(5, 60.0)
    assert watch.goes_on(65, 120.0)
