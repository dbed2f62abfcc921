"""Which datagrams were received before."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reticulum.errors import Refusal
from reticulum.overlay.replay import WINDOW, Windows

START = 1_700_000_000_000
A, B, C = b"a" * 25, b"b" * 25, b"c" * 25
COUNTERS = st.integers(0, 4 * WINDOW) | st.integers(0, 2**64 - 1)


def _windows(most: int = 8) -> Windows:
    return Windows(START, most)


@given(st.lists(COUNTERS, max_size=60))
def test_no_counter_is_taken_twice(counters: list[int]) -> None:
    """The model is a set; the window may only be stricter, and only left of itself."""
    windows, taken = _windows(), set[int]()
    for counter in counters:
        before = windows.refusal(A, counter)
        refusal = windows.take(A, counter, START, START)
        assert before == refusal
        if counter in taken:
            assert refusal in {Refusal.REPLAYED, Refusal.OLD}
        elif taken and counter <= max(taken) - WINDOW:
            assert refusal is Refusal.OLD
        else:
            assert refusal is None
            taken.add(counter)


@given(st.permutations(range(WINDOW)))
def test_any_order_within_the_window(counters: list[int]) -> None:
    """What the network shuffles arrives all the same, once."""
    windows = _windows()

    assert all(windows.take(A, counter, START, START) is None for counter in counters)
    assert all(windows.refusal(A, counter) is Refusal.REPLAYED for counter in counters)


def test_the_edge_of_the_window() -> None:
    """1023 behind is taken, 1024 behind is not."""
    windows = _windows()
    windows.take(A, 5000, START, START)

    assert windows.refusal(A, 5000 - WINDOW + 1) is None
    assert windows.refusal(A, 5000 - WINDOW) is Refusal.OLD


def test_a_refusal_changes_nothing() -> None:
    """Whoever replays can't move a window or keep a sender remembered."""
    windows = _windows(most=2)
    windows.take(A, 5, START, START)
    windows.take(B, 5, START, START)
    assert windows.take(A, 5, START, START + 5) is Refusal.REPLAYED

    windows.take(C, 5, START, START)

    assert windows.refusal(A, 5) is None, "A was the one heard longest ago"
    assert windows.refusal(B, 5) is Refusal.REPLAYED


def test_senders_do_not_share_counters() -> None:
    """Two boots count for themselves."""
    windows = _windows()

    assert [None, None] == [windows.take(who, 0, START, START) for who in (A, B)]


def test_before_our_start() -> None:
    """After a restart nothing is known, so what is older than it is refused."""
    windows = _windows()

    assert windows.take(A, 0, START - 1, START) is Refusal.OLD
    assert windows.take(A, 0, START, START) is None
    assert windows.take(A, 1, START - 1, START) is None, "a sender known by now has its window"


def test_an_evicted_sender_can_not_be_replayed() -> None:
    """A member that makes up boots pushes everyone out, and recordings stay out."""
    windows, now = _windows(most=4), START + 10
    windows.take(A, 7, now, now)
    for i in range(4):
        assert windows.take(bytes([i]), 0, now + 1, now + 1) is None

    assert windows.take(A, 7, now, now + 2) is Refusal.OLD
    assert windows.take(A, 8, now + 2, now + 2) is None, "its next one is taken"


def test_a_flood_keeps_no_right_clock_out() -> None:
    """The floor stays at what was evicted; the flooder's own stamps don't raise it."""
    windows, most = _windows(most=100), 100
    for i in range(10_000):
        now = START + i
        assert windows.take(i.to_bytes(4), 0, now + 60_000, now) is None
        if i % 100 == 99:
            assert windows.take(A, i, now - most // 2, now) is None

    assert len(windows) == most
    assert windows.floor_ms <= START + 10_000 - most // 2


def test_our_clock_set_back() -> None:
    """A start with a wrong clock does not lock everyone out once it is right."""
    windows = Windows(START + 3_600_000)

    assert windows.take(A, 0, START, START) is None
    assert windows.floor_ms == START


def test_at_least_one_sender() -> None:
    """A window for nobody is a mistake."""
    with pytest.raises(ValueError, match="at least one"):
        Windows(START, 0)
