"""Round-trip times: smoothed as RFC 6298 says, bounded in time and number."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from unit.overlay.lookup_network import contact

from reticulum.overlay.rtt import FIRST_S, LONGEST_S, SHORTEST_S, RoundTrip, RoundTrips

ONE, TWO, THREE = (contact(number).node_id for number in (1, 2, 3))


def test_first_measurement() -> None:
    """Rule 2.2: the deviation is taken as half of it."""
    assert pytest.approx(0.3) == RoundTrip.first(0.1).timeout_s


def test_next_measurement() -> None:
    """Rule 2.3: an eighth and a quarter of the new one."""
    after = RoundTrip(0.1, 0.02).after(0.2)

    assert (pytest.approx(0.1125), pytest.approx(0.04)) == (after.srtt_s, after.rttvar_s)


@given(st.lists(st.floats(0, 100), min_size=1))
def test_timeout_stays_within_bounds(measured: list[float]) -> None:
    """Whatever was measured, 150 ms to 2 s."""
    trips = RoundTrips()
    for rtt_s in measured:
        trips.measured(ONE, rtt_s)

    assert SHORTEST_S <= trips.timeout_s(ONE) <= LONGEST_S
    assert SHORTEST_S <= trips.timeout_s(TWO) <= LONGEST_S


def test_steady_peer_is_given_little_more_than_it_needs() -> None:
    """Twenty equal measurements leave next to no variance."""
    trips = RoundTrips()
    for _ in range(20):
        trips.measured(ONE, 0.4)

    assert 0.4 < trips.timeout_s(ONE) < 0.41
    assert pytest.approx(0.4) == trips.srtt_s(ONE)


def test_stranger_is_given_what_the_others_need() -> None:
    """Half a second before anything is known; then the time of all peers together."""
    trips = RoundTrips()
    assert FIRST_S == trips.timeout_s(ONE)

    trips.measured(ONE, 0.08)

    assert pytest.approx(0.24) == trips.timeout_s(TWO)
    assert trips.srtt_s(TWO) is None


def test_longest_unmeasured_peer_is_forgotten() -> None:
    """The memory is bounded in peers."""
    trips = RoundTrips(most_peers=2)
    for peer in (ONE, TWO, ONE, THREE):
        trips.measured(peer, 0.1)

    assert 2 == len(trips)
    assert [True, False, True] == [trips.srtt_s(p) is not None for p in (ONE, TWO, THREE)]
