import hashlib
import random
from collections import Counter
from collections.abc import Sequence
from fractions import Fraction

import attrs
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from reticulum.model import Address, Contact, Key, Member, NodeId, Shelf
from reticulum.replication.placement import CANDIDATES, lot, nearest, placement, zone_of

COPIES = 3
ORDERS = [
    [23, 29, 16, 22, 2, 17, 19, 28, 25, 12, 15, 1, 8, 27, 9, 24, 11, 5, 3, 0],
    [28, 15, 9, 22, 2, 16, 11, 29, 27, 8, 17, 19, 24, 5, 23, 12, 1, 3, 0, 7],
    [27, 10, 17, 20, 28, 12, 4, 0, 7, 14, 25, 26, 13, 3, 6, 21, 18, 5, 22, 9],
]


def key(text: str) -> Key:
    return Key(hashlib.sha256(text.encode()).digest()[:20])


def member(name: str, zone: str = "", capacity: int = 10**12) -> Member:
    contact = Contact(NodeId(key(name).digest), Address("192.0.2.1", 4160))
    return Member(contact=contact, zone=zone, capacity=capacity)


def grid(nodes: int, zones: int = 4, name: str = "node") -> list[Member]:
    """Nodes of one size, evenly in zones."""
    return [member(f"{name} {number}", f"zone {number % zones}") for number in range(nodes)]


def holders(image: Key, members: Sequence[Member], copies: int = COPIES) -> set[NodeId]:
    return {one.node_id for one in placement(image, members, copies)[:copies]}


def images(count: int) -> list[Key]:
    return [key(f"image {number}") for number in range(count)]


@st.composite
def members(draw: st.DrawFn, most: int = 40) -> list[Member]:
    """Nodes of few zones and of all sizes and states."""
    drawn = draw(
        st.lists(
            st.tuples(
                st.integers(0, 10_000),
                st.sampled_from(["", "a", "b", "c", "d"]),
                st.sampled_from([0, 1, 10**9, 10**12, 2**64 - 1]),
                st.sampled_from([Shelf.OPEN, Shelf.OPEN, Shelf.FULL, Shelf.CLOSED]),
            ),
            unique_by=lambda one: one[0],
            max_size=most,
        )
    )
    return [
        attrs.evolve(member(f"node {number}", zone, capacity), shelf=shelf)
        for number, zone, capacity, shelf in drawn
    ]


keys = st.integers(0, 1000).map(lambda number: key(f"image {number}"))
copies_ = st.integers(1, 6)


@given(keys, members(), copies_, st.randoms())
def test_order_of_members_is_nothing(
    image: Key, known: list[Member], copies: int, dice: random.Random
) -> None:
    """Whoever lists the nodes in whatever order gets the same placement."""
    shuffled = dice.sample(known, len(known))

    assert placement(image, known, copies) == placement(image, shuffled, copies)


@given(keys, members(), copies_)
def test_who_is_chosen_among(image: Key, known: list[Member], copies: int) -> None:
    """All storing nodes among the 20 closest, each once, full ones too, and nobody else."""
    storing = [one for one in known if one.shelf is not Shelf.CLOSED]

    order = placement(image, known, copies)

    assert len(order) == len({one.node_id for one in order}) == min(len(storing), CANDIDATES)
    assert set(order) == set(nearest(image, storing))


@given(keys, members(), copies_)
def test_zones(image: Key, known: list[Member], copies: int) -> None:
    """Holders share a zone only if there are too few, and then zones are used evenly."""
    order = placement(image, known, copies)
    first, others = order[:copies], order[copies:]
    used = Counter(map(zone_of, first))

    assert len(used) == min(len(first), len(set(map(zone_of, order))))
    for stand_by in others:
        assert max(used.values()) <= used[zone_of(stand_by)] + 1
    waits = [used[zone_of(stand_by)] for stand_by in others]
    assert sorted(waits) == waits, "who shares a zone with a holder comes last"


@given(keys, members(CANDIDATES), copies_, st.data())
def test_leaving(image: Key, known: list[Member], copies: int, data: st.DataObject) -> None:
    """Who leaves and held nothing changes no holder; who held something, only its own copy."""
    assume(known)
    gone = data.draw(st.sampled_from(known))
    before = holders(image, known, copies)

    after = holders(image, [one for one in known if one != gone], copies)

    if gone.node_id not in before:
        assert before == after
    elif len({zone_of(one) for one in known if one.shelf is not Shelf.CLOSED}) > copies:
        assert len(before - after) == 1 == len(after - before)


@given(keys, members(CANDIDATES - 1), copies_)
def test_joining(image: Key, known: list[Member], copies: int) -> None:
    """Where all nodes are candidates, whoever comes takes copies; nobody else gets one."""
    newcomer = member("newcomer", "a")
    before = holders(image, known, copies)

    assert holders(image, [*known, newcomer], copies) - before <= {newcomer.node_id}


@given(keys, members(), st.data())
def test_beyond_the_candidates(image: Key, known: list[Member], data: st.DataObject) -> None:
    """Nodes farther than the 20 closest have no say."""
    near = nearest(image, [one for one in known if one.shelf is not Shelf.CLOSED])

    assert placement(image, near, COPIES) == placement(image, known, COPIES)


def test_full_and_without_zone() -> None:
    """Nodes without a zone are zones of their own; a full one keeps its place."""
    known = [member(f"node {number}") for number in range(5)]
    order = placement(key("image"), known, COPIES)
    full = [attrs.evolve(one, shelf=Shelf.FULL) for one in known]

    assert [one.node_id for one in order] == [
        one.node_id for one in placement(key("image"), full, COPIES)
    ]
    assert () == placement(key("image"), [], COPIES)


def test_the_example_of_the_protocol() -> None:
    """What docs/protocol/placement.md works out, to the last bit of each lot."""
    sizes = [("a", 4), ("a", 1), ("b", 1), ("", 1)]
    known = [
        member(f"node {number}", zone, size * 10**12) for number, (zone, size) in enumerate(sizes)
    ]

    assert "cc88f6acf10ba9e488201201e9067fd63fc23aeb" == str(key("image 0"))
    assert [23947841692.565437, 25829008677.7747, 228321537548.26053, 386791546057.8684] == [
        lot(key("image 0"), one) for one in known
    ]
    assert [known[at] for at in (0, 2, 3, 1)] == list(placement(key("image 0"), known, COPIES))


def test_the_same_on_every_machine() -> None:
    """The rule is part of the protocol: nodes of all versions and machines must agree."""
    known = [attrs.evolve(one, capacity=number * 10**11) for number, one in enumerate(grid(30))]
    names = {one.node_id: number for number, one in enumerate(known)}

    orders = [[names[one.node_id] for one in placement(image, known, 3)] for image in images(3)]

    assert ORDERS == orders


@pytest.mark.parametrize("nodes, limit", [(12, 1.1), (50, 1.9)])
def test_load(nodes: int, limit: float) -> None:
    """20,000 images lie evenly, and never twice in one zone."""
    known = grid(nodes)
    load: Counter[NodeId] = Counter()
    for image in images(20_000):
        first = placement(image, known, COPIES)[:COPIES]
        assert len({one.zone for one in first}) == COPIES
        load.update(one.node_id for one in first)

    assert max(load.values()) <= limit * 20_000 * COPIES / nodes


@pytest.mark.parametrize("nodes, limit", [(12, 1.0), (50, 1.6)])
def test_copies_that_move_when_a_node_joins(nodes: int, limit: float) -> None:
    """
    As many as the newcomer gets; half as many again where not all nodes are candidates.

    Mean of eight newcomers: how much one gets depends on how close others are.
    """
    known = grid(nodes)
    moved = 0
    for image in images(1000):
        before = holders(image, known)
        for number in range(8):
            newcomer = member(f"newcomer {number}", f"zone {number % 4}")
            moved += len(holders(image, [*known, newcomer]) - before)

    assert moved <= limit / nodes * 8 * 1000 * COPIES


def test_capacity() -> None:
    """A node gets its part of all capacity, within the eighth that closeness makes."""
    sizes = [1, 1, 2, 2, 4, 4, 8]
    shares: Counter[int] = Counter()
    for draw in range(20):
        known = [
            member(f"{draw} node {number}", capacity=size * 10**12)
            for number, size in enumerate(sizes)
        ]
        of = {one.node_id: size for one, size in zip(known, sizes, strict=True)}
        shares.update(of[placement(image, known, 1)[0].node_id] for image in images(1000))

    for size in set(sizes):
        fair = Fraction(size * sizes.count(size), sum(sizes))
        assert shares[size] == pytest.approx(float(20_000 * fair), rel=0.125)


def test_no_capacity() -> None:
    """Who offers nothing gets next to nothing, and yet is there when nobody else is."""
    known = [member("small", capacity=0), member("large")]

    assert all(placement(image, known, 1)[0].capacity for image in images(1000))
    assert known[:1] == list(placement(key("image"), known[:1], 1))
