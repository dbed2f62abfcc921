"""The routing table: who enters, who stays, who is closest."""

import itertools

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st
from kademlia.node import Node
from unit.overlay.lookup_network import closest, contact, dice

from reticulum.model import Contact, Key
from reticulum.overlay.bucket_tree import FEW, MOST_BUCKETS, MOST_RANGES, STALE_S
from reticulum.overlay.freshness import MOST_FAILURES, QUESTIONABLE_S, Saved
from reticulum.overlay.table import ALONE_S, PING_AGAIN_S, Table

FAR = 2**159
"""Added to a number, it puts it into the half of the key space where the own id is not."""


@attrs.define
class Seconds:
    now: float = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Seconds:
    return Seconds()


@pytest.fixture
def table(clock: Seconds) -> Table:
    """Of node 0, with buckets of three."""
    return Table(contact(0).node_id, clock=clock, k=3)


def fill(table: Table, *numbers: int) -> None:
    for number in numbers:
        table.answered(contact(number))


def known(table: Table) -> list[int]:
    return [c.node_id.number for c in table.contacts()]


keys = st.integers(0, 2**160 - 1)


@given(own=keys, others=st.sets(keys, max_size=120), target=keys, k=st.integers(1, 30))
def test_closest_are_the_closest_of_the_table(
    own: int, others: set[int], target: int, k: int
) -> None:
    """As if all contacts were sorted; ranges cover the key space without gap or overlap."""
    table = Table(contact(own).node_id, clock=Seconds(), k=3)
    fill(table, *sorted(others))

    for key in (target, *sorted(others)[:3]):
        wanted = Key(key.to_bytes(20))
        assert closest(table.contacts(), wanted, k) == table.closest(wanted, k)
    ranges = [bucket.range for bucket in table.buckets]
    assert 0 == ranges[0][0]
    assert 2**160 - 1 == ranges[-1][1]
    assert all(a[1] + 1 == b[0] for a, b in itertools.pairwise(ranges))
    for bucket in table.buckets:
        assert len(bucket) <= 3
        assert all(bucket.has_in_range(entry) for entry in bucket.entries())
        assert 2 ** (160 - bucket.depth()) == bucket.range[1] - bucket.range[0] + 1


def test_target_itself_is_closest_to_itself(table: Table) -> None:
    """A node id resolves to its address."""
    fill(table, 1, 2, 3)

    assert contact(2) == table.closest(contact(2).node_id)[0]


def test_own_id_is_never_entered(table: Table) -> None:
    """Neither answered nor heard."""
    fill(table, 0)
    assert table.heard(contact(0)) is None
    assert [] == known(table)


def test_who_is_only_heard_is_checked_first(table: Table, clock: Seconds) -> None:
    """The caller is told to ping it, not twice in ten seconds; its answer enters it."""
    assert contact(5) == table.heard(contact(5))
    assert table.heard(contact(5)) is None
    assert [] == known(table)
    clock.now += PING_AGAIN_S
    assert contact(5) == table.heard(contact(5))

    table.answered(contact(5))

    assert [5] == known(table)
    assert table.heard(contact(5)) is None


def test_silent_candidate_is_forgotten(table: Table) -> None:
    """It leaves no trace in the bucket."""
    table.heard(contact(5))
    table.failed(contact(5).node_id)

    assert [0] == [view.waiting for view in table.view(lambda _: None)]


def test_full_bucket_keeps_who_is_there(table: Table, clock: Seconds) -> None:
    """A newcomer waits; the least recently seen is checked, if it was silent for long."""
    numbers = [2**159 + (n << 150) for n in (1, 2, 3, 4)]  # depth 5: splits no further
    fill(table, *numbers[:3])
    assert table.answered(contact(numbers[3])) is None
    clock.now += QUESTIONABLE_S
    fill(table, numbers[0])

    assert contact(numbers[1]) == table.answered(contact(numbers[3]))
    assert table.answered(contact(numbers[3])) is None, "it was just named for a ping"
    assert numbers[:3] == known(table)


def test_one_failure_evicts_if_a_replacement_answered(table: Table) -> None:
    """Its place is taken at once by who has answered, not by who was only heard."""
    numbers = [2**159 + (n << 150) for n in (1, 2, 3, 4, 5)]
    fill(table, *numbers[:4])
    assert table.heard(contact(numbers[4])) is None, "there is no place to check it for"

    table.failed(contact(numbers[0]).node_id)

    assert numbers[1:4] == known(table)


def test_three_failures_evict(table: Table, clock: Seconds) -> None:
    """And who was only heard is to be checked for the place."""
    numbers = [2**159 + (n << 150) for n in (1, 2, 3, 4)]
    fill(table, *numbers[:3])
    table.heard(contact(numbers[3]))
    clock.now += PING_AGAIN_S
    for _ in range(MOST_FAILURES - 1):
        assert table.failed(contact(numbers[0]).node_id) is None
    assert numbers[:3] == known(table)
    sound = table.closest(contact(numbers[0]).node_id, sound=True)
    assert {contact(n) for n in numbers[1:3]} == set(sound)

    assert contact(numbers[3]) == table.failed(contact(numbers[0]).node_id)
    assert numbers[1:3] == known(table)


def test_answer_forgives_failures(table: Table) -> None:
    """Three in a row are meant."""
    fill(table, 1)
    for _ in range(5):
        table.failed(contact(1).node_id)
        table.failed(contact(1).node_id)
        table.answered(contact(1))

    assert [1] == known(table)


def test_own_outage_evicts_nobody(table: Table, clock: Seconds) -> None:
    """While nobody answers, the cable is out here."""
    fill(table, 1, 2)
    clock.now += ALONE_S + 1
    for _ in range(10):
        table.failed(contact(1).node_id)

    assert [1, 2] == known(table)


def test_node_that_moved_has_its_new_address(table: Table) -> None:
    """One id, one contact."""
    fill(table, 1)
    table.answered(contact(1, port=5000))

    assert [contact(1, port=5000)] == table.contacts()


def test_node_that_became_another_is_replaced(table: Table) -> None:
    """The old id goes at once, unless it is known elsewhere."""
    fill(table, 1, 2)
    table.replaced(contact(1), Contact(contact(9).node_id, contact(1).address))
    table.replaced(contact(2, port=7), Contact(contact(8).node_id, contact(2, port=7).address))

    assert [2, 8, 9] == known(table)


def test_buckets_off_the_own_id_split_to_a_depth_of_five(table: Table) -> None:
    """Paper, section 4.2, with b = 5: also when all nodes there share more bits than that."""
    fill(table, *(FAR + n for n in range(10)))

    assert [5] == [b.depth() for b in table.buckets if b.has_in_range(Node(FAR.to_bytes(20)))]


def test_table_is_bounded(clock: Seconds) -> None:
    """Twenty thousand nodes, each bucket and each cache full: some hundred contacts stay."""
    table = Table(contact(0).node_id, clock=clock)
    random_ = dice(1)
    fill(table, *(random_.getrandbits(160) for _ in range(20_000)))

    assert len(known(table)) < 1200
    assert len(table.buckets) < 80 < MOST_BUCKETS
    assert all(len(b.replacement_nodes) <= 20 for b in table.buckets)


def test_made_up_candidates_push_out_nobody_who_answered(table: Table) -> None:
    """Of a full cache, those only heard go first."""
    numbers = [2**159 + (n << 150) for n in range(1, 5)]
    fill(table, *numbers)
    for n in range(100, 130):
        table.heard(contact(2**159 + (n << 140)))
    table.failed(contact(numbers[0]).node_id)

    assert numbers[1:] == known(table)


def test_bucket_without_lookups_for_an_hour_is_refreshed(table: Table, clock: Seconds) -> None:
    """A random key of its range; answers and questions of others do not count as lookups."""
    fill(table, *range(1, 5), *(FAR + n for n in range(1, 5)))
    clock.now += STALE_S + 1
    fill(table, *range(1, 5))
    table.closest(Key(bytes(20)))
    table.looked_up(contact(FAR).node_id)

    stale = [b for b in table.buckets if not b.has_in_range(Node(FAR.to_bytes(20)))]
    for choice in (lambda _n: 0, lambda n: n - 1):
        refreshed = [key.number for key in table.refresh_keys(choice)]
        assert [b.range[choice(2)] for b in stale] == refreshed
    for key in table.refresh_keys(lambda _n: 0):
        table.looked_up(key)
    assert [] == table.refresh_keys(lambda _n: 0)


def test_far_ranges_with_few_contacts_are_to_be_explored(clock: Seconds) -> None:
    """A key of each, the widest first; not of those that have some, nor of one's own place."""
    table = Table(contact(0).node_id, clock=clock)
    fill(table, *(n << 145 for n in range(1, 21)), *(2**158 + n for n in range(FEW)))
    for choice in (lambda _n: 0, lambda n: n - 1):
        keys = [key.number.bit_length() for key in table.unexplored_keys(choice)]
        assert [160, *range(158, 150, -1)] == keys


def test_a_small_grid_is_known_without_exploring(clock: Seconds) -> None:
    """Nine neighbours, wherever they are, were all seen when the node looked at its own place."""
    table = Table(contact(0).node_id, clock=clock)
    fill(table, *range(1, 10))
    assert [] == table.unexplored_keys(lambda _n: 0)


def test_nobody_makes_a_node_explore_for_ever(clock: Seconds) -> None:
    """However close to it made-up neighbours are: no more ranges than any grid fills."""
    table = Table(contact(0).node_id, clock=clock)
    fill(table, *range(1, 21))
    assert MOST_RANGES == len(table.unexplored_keys(lambda _n: 0))


def test_doubtful_contacts_are_checked_least_recently_seen_first(
    table: Table, clock: Seconds
) -> None:
    """Those silent for a quarter of an hour, and those that failed."""
    fill(table, 3)
    clock.now += 1
    fill(table, 1)
    clock.now += QUESTIONABLE_S
    fill(table, 2, 4)
    table.failed(contact(4).node_id)

    assert [contact(3), contact(1)] == table.to_check(2)
    assert [] == table.to_check(2), "they were just named for a ping"


def test_saved_contacts_are_plain_values(table: Table, clock: Seconds) -> None:
    """Most recently seen first: they are asked first after a restart."""
    fill(table, 1)
    clock.now += 5
    fill(table, 2)

    assert [Saved(contact(2), 1005.0), Saved(contact(1), 1000.0)] == table.saved()


def test_view_tells_ages_and_round_trips(table: Table, clock: Seconds) -> None:
    """For `reticulum dht table`."""
    fill(table, 1)
    clock.now += 5
    fill(table, 1)
    clock.now += 2
    table.failed(contact(1).node_id)

    [view] = table.view({contact(1).node_id: 0.05}.get)
    assert (Key(bytes(20)), 0, 7.0, 0) == (view.low, view.depth, view.idle_s, view.waiting)
    [row] = view.contacts
    assert (contact(1), 7.0, 2.0, 1, 0.05) == attrs.astuple(row, recurse=False)
