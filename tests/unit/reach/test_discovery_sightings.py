"""The bounded memory of nodes on the local network."""

import itertools

from hypothesis import given
from hypothesis import strategies as st
from twisted.internet.task import Clock

from reticulum.model import Address
from reticulum.reach.discovery.sightings import MOST_SERVICES, TOLD_EVERY_S, Sightings

HERE, THERE = Address("10.0.0.1", 4160), Address("10.0.0.2", 4160)


def address(number: int) -> Address:
    return Address(f"10.{number >> 16}.{number >> 8 & 255}.{number & 255}", 4160)


def sightings() -> tuple[Sightings, list[Address], Clock]:
    told: list[Address] = []
    clock = Clock()
    return Sightings(told.append, clock), told, clock


def test_told_at_once_and_not_again() -> None:
    """An address is told when it is seen first, then not for a minute, whatever names it has."""
    seen, told, clock = sightings()
    seen.put("a", [HERE])
    seen.put("a", [HERE, THERE])
    seen.put("b", [HERE])
    seen.tell_again()
    assert [HERE, THERE] == told
    clock.advance(TOLD_EVERY_S)
    seen.put("b", [HERE])
    assert [HERE, THERE, HERE] == told


def test_a_restarted_node_is_one() -> None:
    """A node that comes back under another name is not counted twice."""
    seen, _, _ = sightings()
    seen.put("before", [HERE])
    seen.put("other", [THERE])
    seen.put("after", [HERE])
    assert 2 == len(seen)
    seen.drop("before")
    assert 2 == len(seen)
    seen.drop("after")
    assert 1 == len(seen)


def test_told_again() -> None:
    """Those still there are told again; those gone are not."""
    seen, told, clock = sightings()
    seen.put("a", [HERE])
    seen.put("b", [THERE])
    seen.drop("b")
    clock.advance(TOLD_EVERY_S)
    seen.tell_again()
    assert [HERE, THERE, HERE] == told


def test_clearing_does_not_tell_sooner() -> None:
    """Whoever makes a node look anew does not make it send more."""
    seen, told, _ = sightings()
    seen.put("a", [HERE])
    seen.clear()
    assert 0 == len(seen)
    seen.put("a", [HERE])
    assert [HERE] == told


def test_eight_addresses() -> None:
    """The first eight addresses of a service count."""
    seen, told, _ = sightings()
    seen.put("a", [address(number) for number in range(700)])
    assert [address(number) for number in range(8)] == told


def test_a_flood_is_bounded_and_passes() -> None:
    """64 services are remembered; for others there is room again after a minute."""
    seen, told, clock = sightings()
    for number in range(1_000):
        seen.put(f"liar {number}", [address(8 * number + each) for each in range(8)])
    assert MOST_SERVICES == len(seen)
    assert MOST_SERVICES * 8 == len(told)
    clock.advance(TOLD_EVERY_S)
    seen.put("honest", [HERE])
    assert MOST_SERVICES == len(seen)
    assert HERE == told[-1]


steps = st.lists(
    st.tuples(
        st.sampled_from(["put", "drop", "clear", "again", "wait"]),
        st.integers(0, 200),
        st.lists(st.integers(0, 700), max_size=12),
    ),
    max_size=200,
)


@given(steps)
def test_bounds_hold_whatever_happens(steps: list[tuple[str, int, list[int]]]) -> None:
    """Never more than 64 services, never an address twice in a minute."""
    clock = Clock()
    times: dict[Address, list[float]] = {}
    seen = Sightings(lambda one: times.setdefault(one, []).append(clock.seconds()), clock)
    for what, number, numbers in steps:
        match what:
            case "put":
                seen.put(str(number), [address(each) for each in numbers])
            case "drop":
                seen.drop(str(number))
            case "clear":
                seen.clear()
            case "again":
                seen.tell_again()
            case _:
                clock.advance(number)
        assert len(seen) <= MOST_SERVICES
    for told in times.values():
        assert all(later - earlier >= TOLD_EVERY_S for earlier, later in itertools.pairwise(told))
