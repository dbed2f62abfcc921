"""The sweep: a few images every half an hour, a million in half a day; fifty packets a second."""

import random
import statistics

import pytest
from hypothesis import given
from hypothesis import strategies as st
from overlay_strategies import NOW, key, keys, message, unsigned_record

from reticulum.model import Key, NodeId
from reticulum.overlay.announcing import (
    Change,
    KeyIndex,
    NetworkSize,
    News,
    Region,
    Sweep,
    gap_s,
    piles,
    region_bits,
    round_s,
    settled_region,
)
from reticulum.overlay.announcing.piles import COPIES, PER_DATAGRAM
from reticulum.overlay.announcing.region import SPACE
from reticulum.overlay.announcing.rounds import (
    LONGEST_ROUND_S,
    PACKETS_S,
    SHORTEST_ROUND_S,
    round_packets,
)
from reticulum.overlay.announcing.sweep import LONGEST_GAP_S, MOST_PACKETS_S
from reticulum.overlay.messages import Store, encode
from reticulum.overlay.records import LIFETIME_S

_HALF_DAY_S = 12 * 3600
PERIOD_S = 7200.0


def _nodes(count: int, seed: int = 1) -> list[NodeId]:
    chance = random.Random(seed)  # noqa: S311
    return [NodeId(chance.randbytes(20)) for _ in range(count)]


def _closest(nodes: list[NodeId], target: Key, count: int = 20) -> list[NodeId]:
    return sorted(nodes, key=target.distance)[:count]


def test_packet_budget() -> None:
    """
    N = 1,000 and 1,000,000 images, eight copies of each record: 50 packets a second are enough
    for the records, their receipts and the lookups, all within half a day.
    """
    nodes, chance = _nodes(1000), random.Random(2)  # noqa: S311
    images, lookup_packets = 1_000_000, 2 * 50
    packets = regions = 0.0
    space = sampled = 0.0
    sweep = Sweep(0, NOW)
    while regions < 3:
        wanted = sweep.region(region_bits(len(nodes)))
        found = _closest(nodes, Key(sweep.position.to_bytes(20)))
        settled = settled_region(Key(sweep.position.to_bytes(20)), found)
        region = max(wanted, settled, key=lambda r: r.bits)
        share = (region.end - sweep.position) / SPACE
        held = sorted(
            Key(chance.randrange(sweep.position, region.end).to_bytes(20))
            for _ in range(round(images * share))
        )
        datagrams = sum(1 for _ in piles((unsigned_record(1, k) for k in held), found))
        packets += 2 * datagrams + lookup_packets
        space += share
        sampled += len(held)
        regions += 1
        sweep = sweep.after(region, NOW, PERIOD_S)

    a_round, period_s = packets / space, round_s(images, 1 << region_bits(len(nodes)))
    assert a_round / period_s < 50
    assert period_s < _HALF_DAY_S
    # In one direction, and if there were all of half a day: 8 / 12 of a packet an image.
    assert a_round / 2 / _HALF_DAY_S < 17
    assert sampled / space == pytest.approx(images, rel=0.01)


def test_catching_up_is_bounded() -> None:
    """A node that was away hurries at forty packets a second, and is done in half a day."""
    packets = 1_000_000 * COPIES / PER_DATAGRAM

    assert packets / MOST_PACKETS_S < _HALF_DAY_S


def test_a_datagram_holds_a_pile() -> None:
    """Twelve records fit."""
    records = tuple(unsigned_record(1, key(n)) for n in range(PER_DATAGRAM))

    assert 0 == encode(message(Store(token=b"12345678", providers=records))).providers_left


@pytest.mark.parametrize("bits", [0, 3, 6])
def test_a_round_meets_every_key_in_time(bits: int) -> None:
    """Every region once, each when it is due, the whole in one period."""
    sweep = Sweep(key(1).number, NOW)
    regions = []
    start = sweep.position
    while not regions or sweep.position != Region.around(key(1), bits).first:
        region = sweep.region(bits)
        regions.append(region)
        sweep = sweep.after(region, sweep.due, PERIOD_S)

    assert len(regions) == len(set(regions)) == 2**bits
    part = (regions[0].end - start) / SPACE + (2**bits - 1) / 2**bits
    assert NOW + PERIOD_S * part == pytest.approx(sweep.due)


@given(st.lists(st.integers(0, 20), min_size=1, max_size=60), keys())
def test_regions_may_change_on_the_way(sizes: list[int], start: Key) -> None:
    """When the grid grows or shrinks meanwhile nothing is left out, and time is that of space."""
    sweep = Sweep(start.number, NOW)
    passed = 0
    for bits in sizes:
        region = sweep.region(bits)
        assert region.first <= sweep.position < region.end
        passed += region.end - sweep.position
        slot = sweep.slot_s(region, PERIOD_S)
        following = sweep.after(region, sweep.due, PERIOD_S)
        assert following.position == region.end % SPACE
        assert following.due == pytest.approx(sweep.due + slot)
        sweep = following

    assert NOW + PERIOD_S * passed / SPACE == pytest.approx(sweep.due)


def test_goes_on_after_a_restart() -> None:
    """Position and due time are all there is to remember."""
    sweep = Sweep.begin(key(1), NOW)
    sweep = sweep.after(sweep.region(6), NOW, PERIOD_S)
    restored = Sweep(sweep.position, sweep.due)

    assert sweep == restored
    assert sweep.region(6) == restored.region(6)


def test_a_node_that_was_away_is_behind() -> None:
    """By what it missed, but never by more than a round; a new one by a whole round."""
    sweep = Sweep(0, NOW)
    region = sweep.region(1)
    back = sweep.after(region, NOW + 30 * 86_400, PERIOD_S)

    assert NOW + 30 * 86_400 - PERIOD_S == back.due
    assert Sweep.begin(key(1), NOW).due == NOW - LONGEST_ROUND_S
    hurry = gap_s(10_000, Sweep.begin(key(1), NOW), region, NOW, PERIOD_S)
    assert 1 / MOST_PACKETS_S == pytest.approx(hurry)


def test_a_clock_set_back_does_not_stop_it() -> None:
    """The next region is at most a round away."""
    early = NOW - 365 * 86_400

    assert Sweep(0, NOW).after(Region(3, 0), early, PERIOD_S).due == early + PERIOD_S
    assert Sweep(7, NOW).within(early, PERIOD_S) == Sweep(7, early + PERIOD_S)


def test_rounds_that_become_shorter() -> None:
    """What was planned for later is due within the new round; what is due stays so."""
    assert Sweep(7, NOW + 40_000).within(NOW, 1800.0) == Sweep(7, NOW + 1800)
    assert Sweep(7, NOW + 100).within(NOW, 1800.0) == Sweep(7, NOW + 100)
    assert Sweep(7, NOW - 9000).within(NOW, 1800.0) == Sweep(7, NOW - 9000)


def test_gaps() -> None:
    """As slow as the time allows, but few packets go at once; never faster than the bound."""
    sweep, region = Sweep(0, NOW), Region(6, 0)
    slot = sweep.slot_s(region, 36_000)

    def gap(packets: int, now: float = NOW) -> float:
        return gap_s(packets, sweep, region, now, 36_000)

    assert slot / 10_000 == pytest.approx(gap(10_000))
    assert LONGEST_GAP_S == gap(5)
    assert 1 / MOST_PACKETS_S == gap(10**6)
    assert 1 / MOST_PACKETS_S == gap(5, NOW + 2 * slot)
    assert LONGEST_GAP_S == gap(0)


@pytest.mark.parametrize("images", [0, 1, 100, 5000])
def test_few_images_are_announced_often(images: int) -> None:
    """A node with few images is round every half an hour, in grids of up to 1,000 nodes."""
    for nodes in (1, 60, 1000):
        assert SHORTEST_ROUND_S == round_s(images, 1 << region_bits(nodes))


@given(st.integers(0, 10**8), st.integers(0, 32))
def test_a_round_costs_little_or_is_as_rare_as_may_be(images: int, bits: int) -> None:
    """Six packets a second are sent at most, unless records would expire meanwhile."""
    period_s = round_s(images, 1 << bits)

    assert SHORTEST_ROUND_S <= period_s <= LONGEST_ROUND_S
    if period_s < LONGEST_ROUND_S:
        assert round_packets(images, 1 << bits) / period_s <= PACKETS_S * 1.000001
    assert period_s <= round_s(images + 1000, 1 << bits)


@pytest.mark.parametrize("nodes", [60, 1000])
@pytest.mark.parametrize("images", [30, 1000, 30_000])
def test_round_packets(nodes: int, images: int) -> None:
    """The estimate is no less than what the planner sends, and less than twice that."""
    bits, chance = region_bits(nodes), random.Random(4)  # noqa: S311
    ids = _nodes(nodes)
    held = [Key(chance.randbytes(20)) for _ in range(images)]
    sent = 0
    for prefix in range(1 << bits):
        region = Region(bits, prefix)
        records = [unsigned_record(1, k) for k in held if k in region]
        if records:
            middle = Key(((region.first + region.end) // 2).to_bytes(20))
            sent += 30 + sum(1 for _ in piles(records, _closest(ids, middle)))

    assert sent <= round_packets(images, 1 << bits) < 2 * sent


def test_one_round_may_fail() -> None:
    """Records outlive two rounds."""
    assert LIFETIME_S > 2 * LONGEST_ROUND_S


@pytest.mark.parametrize("size, bits", [(0, 0), (1, 0), (20, 0), (21, 1), (1000, 6), (10_000, 9)])
def test_region_bits(size: float, bits: int) -> None:
    """Ten to twenty nodes a region."""
    assert bits == region_bits(size)


@given(keys(), st.integers(0, 1000))
def test_settled_region(target: Key, seed: int) -> None:
    """A lookup of twenty nodes knows all nodes of its region, or nearly so if these are few."""
    nodes = _nodes(300, seed)
    found = _closest(nodes, target)

    region = settled_region(target, found)

    assert target in region
    inside = [node_id for node_id in nodes if node_id in region]
    assert len(inside) >= COPIES
    if len(inside) <= 20:
        assert set(inside) <= set(found)


def test_settled_region_of_a_small_grid() -> None:
    """If a lookup finds all there are, the whole key space is settled."""
    assert Region(0, 0) == settled_region(key(1), _nodes(19))
    assert Region(0, 0) == settled_region(key(1), [])


@pytest.mark.parametrize("size", [5, 100, 1000, 5000])
def test_network_size(size: int) -> None:
    """Within a few per cent after some lookups, and within a half after one."""
    nodes, chance = _nodes(size), random.Random(3)  # noqa: S311
    estimate = NetworkSize()
    for _ in range(40):
        target = Key(chance.randbytes(20))
        estimate.learn(target, _closest(nodes, target))

    assert estimate.nodes == pytest.approx(size, rel=0.2)


def test_network_size_is_unbiased() -> None:
    """The mean of single estimates is the size."""
    means = []
    for seed in range(60):
        estimate = NetworkSize()
        estimate.learn(key(seed), _closest(_nodes(500, seed), key(seed)))
        means.append(estimate.nodes)

    assert statistics.mean(means) == pytest.approx(500, rel=0.15)


def test_a_few_liars_do_not_grow_the_network() -> None:
    """Neighbourhoods full of made-up nodes move the estimate little."""
    nodes, estimate = _nodes(500), NetworkSize()
    for n in range(30):
        crowded = [NodeId((key(n).number ^ m).to_bytes(20)) for m in range(1, 21)]
        estimate.learn(key(n), crowded if n % 4 == 0 else _closest(nodes, key(n)))

    assert estimate.nodes == pytest.approx(500, rel=0.35)
    assert 1 == NetworkSize().nodes


@given(st.lists(keys(), max_size=40), st.integers(1, 30))
def test_piles(images: list[Key], count: int) -> None:
    """Each record goes to the nodes closest to it, once, in whole datagrams."""
    nodes = _nodes(count)

    dealt = list(piles((unsigned_record(1, image) for image in images), nodes, copies=3))

    for image in set(images):
        getting = [n for n, pile in dealt for record in pile if record.key == image]
        wanted = _closest(nodes, image, 3) * images.count(image)
        assert sorted(wanted) == sorted(getting)
    assert all(1 <= len(pile) <= PER_DATAGRAM for _, pile in dealt)
    assert len([pile for _, pile in dealt if len(pile) < PER_DATAGRAM]) <= count


def test_piles_are_lazy() -> None:
    """Only what is sent is signed."""
    signed = []

    def sign() -> object:
        for n in range(10_000):
            signed.append(n)
            yield unsigned_record(1, key(n))

    next(piles(sign(), _nodes(20)))

    assert len(signed) < 20 * PER_DATAGRAM


def test_piles_for_nobody() -> None:
    """A node that is alone sends nothing."""
    assert [] == list(piles([unsigned_record(1, key(1))], []))


@given(st.lists(st.tuples(st.booleans(), keys() | st.integers(0, 9).map(key), st.integers(0, 63))))
def test_key_index(steps: list[tuple[bool, Key, int]]) -> None:
    """It is a sorted dictionary, region by region."""
    index, model = KeyIndex(), {}
    for is_new, image, size in steps:
        if is_new:
            index.add(image, size)
            model[image] = size
        else:
            index.discard(image)
            model.pop(image, None)

    assert len(model) == len(index)
    assert sorted(model.items()) == list(index.within(Region(0, 0)))
    for bits in (1, 12, 13):
        for image in model:
            region = Region.around(image, bits)
            expected = sorted(item for item in model.items() if item[0] in region)
            assert expected == list(index.within(region))
            assert len(expected) == index.count(region)


def test_key_index_of_neighbours() -> None:
    """Regions smaller than a shelf hold no neighbour of theirs."""
    index = KeyIndex()
    one, other = Key(bytes(20)), Key(b"\0\1" + bytes(18))
    index.add(one, 1)
    index.add(other, 2)

    assert [(other, 2)] == list(index.within(Region.around(other, 16)))


def test_key_index_may_change_while_it_is_read() -> None:
    """A region takes minutes; images come and go meanwhile."""
    index = KeyIndex()
    for n in range(500):
        index.add(key(n), 1)

    seen = []
    for image, _ in index.within(Region(0, 0)):
        seen.append(image)
        index.discard(image)
        index.add(Key(bytes(20)), 2)

    assert sorted(key(n) for n in range(500)) == seen


def test_news_at_once() -> None:
    """The oldest change and its neighbours are told with one lookup; of each key the last."""
    news = News()
    images = [Key(bytes([first]) + bytes(19)) for first in (1, 200, 2, 3)]
    for image in images:
        news.add(image, Change(held=True, size_class=20))
    news.add(images[2], Change(held=False))

    told = news.oldest(1)

    assert told is not None
    region, changes = told
    assert Region(1, 0) == region
    assert {images[0], images[3], images[2]} == set(changes)
    assert not changes[images[2]].held
    news.told(changes)
    assert 1 == len(news)


def test_news_that_change_while_they_are_told() -> None:
    """A key that changed again is told again."""
    news = News()
    news.add(key(1), Change(held=True))
    told = news.oldest(0)
    assert told is not None
    news.add(key(1), Change(held=False))
    news.told(told[1])
    news.postpone(told[1])

    again = news.oldest(0)
    assert again is not None
    assert not again[1][key(1)].held


def test_news_that_could_not_be_told() -> None:
    """They wait behind the others and hold nobody up."""
    news = News()
    for first in (1, 200):
        news.add(Key(bytes([first]) + bytes(19)), Change(held=True))
    told = news.oldest(1)
    assert told is not None
    news.postpone(told[1])

    after = news.oldest(1)
    assert after is not None
    assert Region(1, 1) == after[0]
    assert 2 == len(news)


def test_news_are_bounded() -> None:
    """The oldest are left to the sweep."""
    news = News(most=10)
    for n in range(30):
        news.add(key(n), Change(held=True))

    told = news.oldest(0)
    assert told is not None
    assert {key(n) for n in range(20, 30)} == set(told[1])
    assert News().oldest(3) is None
