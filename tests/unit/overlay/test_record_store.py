"""The record stores: the latest of each speaker, bounded, whatever comes."""

import tracemalloc

import pytest
from hypothesis import given
from hypothesis import strategies as st
from overlay_strategies import (
    NOW,
    forged,
    key,
    node_record,
    private_key,
    provider_record,
    unsigned_record,
)

from reticulum.errors import BadRecord, RecordFault
from reticulum.model import Key, NodeId
from reticulum.overlay.records import Bounds, NodeStore, ProviderRecord, ProviderStore
from reticulum.overlay.records.farthest import Farthest
from reticulum.overlay.records.provider import WITHDRAWN

_OWN = provider_record(0).speaker
_DAY = 86_400


def _store(per_key: int = 64, records: int = 1000, own: NodeId = _OWN) -> ProviderStore:
    return ProviderStore(own, bytes(32), Bounds(per_key=per_key, records=records))


def _fault(store: ProviderStore | NodeStore, record: object, now: float = NOW) -> RecordFault:
    with pytest.raises(BadRecord) as caught:
        store.put(record, now)
    return caught.value.fault


def _try(store: ProviderStore | NodeStore, record: object) -> RecordFault | None:
    """Why a record is not kept; None if it is."""
    try:
        store.put(record, NOW)
    except BadRecord as refused:
        return refused.fault
    return None


def _select(store: ProviderStore, image: Key, now: float = NOW) -> list[ProviderRecord]:
    return store.select(image, now, seed=1)[0]


def test_kept_once() -> None:
    """The same record again is fine and changes nothing."""
    store = _store()

    assert [True, False] == [store.put(provider_record(), NOW) for _ in range(2)]
    assert [provider_record()] == _select(store, key(1))
    assert 1 == len(store)


@given(st.permutations(range(5)))
def test_the_highest_sequence_holds(order: list[int]) -> None:
    """Whatever the order of arrival."""
    store = _store()
    for sequence in order:
        fault = _try(store, unsigned_record(1, key(1), sequence=sequence))
        assert fault in (None, RecordFault.OUTDATED)

    assert [4] == [record.sequence for record in _select(store, key(1))]
    assert 1 == len(store)


def test_a_sequence_that_goes_back() -> None:
    """An older record is refused as that, and so is another one of the same number."""
    store = _store()
    store.put(provider_record(sequence=5), NOW)

    assert RecordFault.OUTDATED is _fault(store, provider_record(sequence=4))
    assert RecordFault.OUTDATED is _fault(store, provider_record(sequence=5, withdrawn=True))


def test_withdrawn() -> None:
    """A node that deleted an image is no holder any more, nor by an older record sent again."""
    store = _store()
    store.put(provider_record(sequence=1), NOW)
    store.put(provider_record(sequence=2, withdrawn=True), NOW)

    assert [] == _select(store, key(1))
    assert RecordFault.OUTDATED is _fault(store, provider_record(sequence=1))
    store.put(provider_record(sequence=3), NOW)
    assert 1 == len(_select(store, key(1)))


def test_withdrawn_before_it_came() -> None:
    """Datagrams overtake each other."""
    store = _store()
    store.put(provider_record(sequence=2, withdrawn=True), NOW)

    assert RecordFault.OUTDATED is _fault(store, provider_record(sequence=1))


def test_expired() -> None:
    """What has expired is neither taken nor given, and soon gone."""
    store = _store()
    store.put(provider_record(1), NOW)
    store.put(provider_record(2, 2, now=NOW + 60), NOW + 60)

    later = NOW + _DAY
    assert RecordFault.EXPIRED is _fault(store, provider_record(3), later)
    assert [] == _select(store, key(1), later)
    assert [0, 1] == [store.expire(later) for _ in range(2)]
    assert [provider_record(2, 2, now=NOW + 60)] == list(store)


def test_expiry_goes_round_in_small_steps() -> None:
    """A full store is looked through without a pause, and ends empty."""
    store = _store()
    for image in range(300):
        store.put(unsigned_record(1, key(image)), NOW)

    dropped = [store.expire(NOW + _DAY, most_keys=10) for _ in range(40)]

    assert 300 == sum(dropped)
    assert max(dropped) <= 10
    assert 0 == len(store)


def test_ten_thousand_providers_of_one_image() -> None:
    """Those who came first stay, and so does the own record; the rest is a lottery."""
    store = _store()
    honest = [unsigned_record(node, key(1)) for node in range(3)]
    for record in honest:
        store.put(record, NOW)
    faults = [_try(store, unsigned_record(node, key(1))) for node in range(100, 10_100)]
    own = provider_record(0)
    store.put(own, NOW)

    selected = _select(store, key(1))
    assert own == selected[0]
    assert {record.packed for record in honest} < {record.packed for record in selected}
    assert 64 == len(store) == len(selected)
    assert {None, RecordFault.NO_ROOM} == set(faults)
    assert faults.count(None) < 500


def test_every_newcomer_has_a_chance() -> None:
    """Half of the places of a crowded key are drawn: being late is not hopeless."""
    store = _store(per_key=8)
    for node in range(1000):
        _try(store, unsigned_record(node, key(1)))

    first = {unsigned_record(node, key(1)).packed for node in range(8)}
    selected = {record.packed for record in _select(store, key(1))}
    assert 4 <= len(selected & first) < 8


def test_withdrawn_ones_make_room_first() -> None:
    """Who holds nothing takes nobody's place."""
    store = _store(per_key=4)
    gone = forged(unsigned_record(0, key(1)), flags=WITHDRAWN)
    store.put(gone, NOW)
    for node in range(1, 5):
        store.put(unsigned_record(node, key(1)), NOW)

    assert 4 == len(_select(store, key(1))) == len(store)
    late = forged(unsigned_record(9, key(1)), flags=WITHDRAWN)
    assert RecordFault.NO_ROOM is _fault(store, late)


@given(st.lists(st.tuples(st.integers(0, 9), st.integers(0, 9), st.integers(0, 3)), max_size=80))
def test_bounded(puts: list[tuple[int, int, int]]) -> None:
    """Never more than the bounds, and the count is the truth."""
    store = _store(per_key=3, records=12)
    for node, image, sequence in puts:
        fault = _try(store, unsigned_record(node, key(image), sequence=sequence))
        assert fault in (None, RecordFault.NO_ROOM, RecordFault.OUTDATED)
        records = list(store)
        assert len(store) == len(records) <= 12
        assert len(records) == len({(r.speaker, r.key) for r in records})
        assert all(len(_select(store, r.key)) <= 3 for r in records)


def test_a_full_store_keeps_what_is_close() -> None:
    """Keys that others are closer to go first, and do not come in."""
    store = _store(records=10)
    images = sorted((key(n) for n in range(40)), key=_OWN.distance)
    for image in [*images[20:], *images[:10]]:
        assert _try(store, unsigned_record(1, image)) in (None, RecordFault.NO_ROOM)

    assert set(images[:10]) == {record.key for record in store}
    assert RecordFault.NO_ROOM is _fault(store, unsigned_record(1, images[15]))


def test_a_crowd_can_not_push_out_what_is_closer() -> None:
    """Many records of a far key end in refusals, and closer keys stay."""
    store = _store(records=10)
    images = sorted((key(n) for n in range(10)), key=_OWN.distance)
    for image in images:
        store.put(unsigned_record(1, image), NOW)

    assert RecordFault.NO_ROOM is _fault(store, unsigned_record(2, images[-1]))
    assert set(images[:-1]) == {record.key for record in store}


def test_select_pages() -> None:
    """One seed, one order: pages are parts of one list. Another seed, another order."""
    store = _store()
    for node in range(10):
        store.put(unsigned_record(node, key(1)), NOW)

    def pages(seed: int) -> list[ProviderRecord]:
        page, left = store.select(key(1), NOW, seed=seed, most=4)
        rest, none = store.select(key(1), NOW, seed=seed, offset=4, most=60)
        assert (6, 0) == (left, none)
        return page + rest

    assert pages(1) == pages(1) != pages(2)
    assert 10 == len({record.packed for record in pages(1)})
    assert ([], 0) == store.select(key(1), NOW, seed=1, offset=200)
    assert ([], 0) == store.select(key(2), NOW, seed=1)


def test_load_spreads() -> None:
    """Every holder is named first about as often as any other."""
    store = _store()
    for node in range(4):
        store.put(unsigned_record(node, key(1)), NOW)

    firsts = [store.select(key(1), NOW, seed=n, most=1)[0][0].packed for n in range(400)]

    assert all(60 < firsts.count(first) < 140 for first in set(firsts))


def test_restored() -> None:
    """What is iterated is what a new store can be filled with."""
    store = _store()
    for node in range(5):
        for image in range(5):
            store.put(unsigned_record(node, key(image), sequence=node), NOW)
    again = _store()
    for record in store:
        again.put(record, NOW)

    assert sorted(r.packed for r in store) == sorted(r.packed for r in again)


def test_may_change_while_it_is_iterated() -> None:
    """Records are written to disk while others come and go."""
    store = _store()
    for image in range(10):
        store.put(unsigned_record(1, key(image)), NOW)

    for number, _ in enumerate(store):
        store.put(unsigned_record(2, key(100 + number)), NOW)
        store.expire(NOW + _DAY, most_keys=3)


def test_expiry_while_keys_are_given_up() -> None:
    """What is gone before its turn came is passed over."""
    store = _store(records=20)
    for image in range(20):
        store.put(unsigned_record(1, key(image)), NOW)
    store.expire(NOW, most_keys=1)
    for image in range(20, 200):
        _try(store, unsigned_record(1, key(image)))

    for _ in range(3):
        store.expire(NOW + _DAY)
    assert 0 == len(store)


def test_memory() -> None:
    """A record costs what the bounds say it does."""
    tracemalloc.start()
    store = _store(records=10_000)
    for number in range(6000):
        store.put(unsigned_record(number % 4, key(number // 3)), NOW)
    each = tracemalloc.get_traced_memory()[0] / len(store)
    tracemalloc.stop()

    assert each < 500


def test_later_records_leave_nothing_behind() -> None:
    """Ten thousand new versions of one record take the place of one."""
    store = _store()
    store.put(unsigned_record(1, key(1)), NOW)
    tracemalloc.start()
    for sequence in range(2, 10_000):
        store.put(unsigned_record(1, key(1), sequence=sequence), NOW)
    assert tracemalloc.get_traced_memory()[0] < 100_000
    tracemalloc.stop()


@given(st.lists(st.tuples(st.booleans(), st.integers(0, 20))))
def test_farthest(steps: list[tuple[bool, int]]) -> None:
    """It is a set that always knows the farthest, like a slow one that looks at all."""
    farthest, model = Farthest(_OWN), set()
    for is_new, number in steps * 8:
        if is_new:
            farthest.add(key(number))
            model.add(key(number))
        else:
            farthest.discard(key(number))
            model.discard(key(number))
        assert max(model, key=_OWN.distance, default=None) == farthest.farthest()


def test_node_store() -> None:
    """The latest record of each node, until it expires."""
    store = NodeStore(_OWN)
    node_id = node_record().speaker

    assert [True, False, True] == [
        store.put(node_record(sequence=sequence), NOW) for sequence in (1, 1, 2)
    ]
    assert RecordFault.OUTDATED is _fault(store, node_record(sequence=1))
    assert RecordFault.EXPIRED is _fault(store, node_record(2), NOW + _DAY)
    assert node_record(sequence=2) == store.get(node_id, NOW)
    assert [node_record(sequence=2)] == list(store)
    assert store.get(node_id, NOW + _DAY) is None
    assert store.get(key(1), NOW) is None
    assert (1, 0) == (store.expire(NOW + _DAY), len(store))


def test_node_store_is_bounded() -> None:
    """A full one keeps the closest."""
    store = NodeStore(_OWN, most=3)
    records = sorted(map(node_record, range(1, 9)), key=lambda r: _OWN.distance(r.speaker))
    for record in [*records[4:], *records[:4]]:
        assert _try(store, record) in (None, RecordFault.NO_ROOM)

    assert {r.packed for r in records[:3]} == {r.packed for r in store}
    assert RecordFault.NO_ROOM is _fault(store, records[-1])


def test_the_own_key_is_a_node_of_its_own() -> None:
    """The maker of test keys makes different ones."""
    assert private_key(1).sign(b"") != private_key(2).sign(b"")
