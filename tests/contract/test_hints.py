"""What every `Hints` promises, asked of the real ones and of their twin in memory."""

import itertools
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.internet import reactor
from twisted.internet.defer import Deferred, gatherResults

from reticulum.aio import Threads
from reticulum.interfaces import Hints
from reticulum.model import HashName, ImageId, NodeId
from reticulum.storage.hints import HintsOnDisk
from reticulum.storage.hints_in_memory import HintsInMemory

KINDS = ["disk", "memory"]
ANN, BOB = NodeId(b"a" * 20), NodeId(b"b" * 20)


def name(number: int) -> ImageId:
    hash_name = list(HashName)[number % 2]
    return ImageId(hash_name, f"{number:0{hash_name.hex_digits}x}")


def names(*numbers: int) -> list[ImageId]:
    return list(map(name, numbers))


@pytest.fixture
def threads() -> Iterator[Threads]:
    pool = Threads(reactor, most=4, name="disk")
    pool.start()
    yield pool
    pool.stop()


Make = Callable[[str, int], Hints]


@pytest.fixture
def make(tmp_path: Path, threads: Threads) -> Make:
    """A maker of empty ones of either kind, so that one test can have several."""
    numbers = itertools.count()

    def empty(kind: str, most: int) -> Hints:
        if kind == "memory":
            return HintsInMemory(most=most)
        folder = tmp_path / str(next(numbers))
        folder.mkdir()
        disk = HintsOnDisk(folder, in_thread=threads, most=most)
        disk.prepare()
        return disk

    return empty


@pytest.fixture(params=KINDS)
def hints(request: pytest.FixtureRequest, make: Make) -> Hints:
    return make(request.param, 6)


async def test_added_is_owed(hints: Hints) -> None:
    """A debt is known to its creditor and by its image."""
    await hints.add(ANN, names(1, 2))
    await hints.add(BOB, names(2))

    assert names(1, 2) == list(hints.of(ANN, 9))
    assert names(2) == list(hints.of(BOB, 9))
    assert {ANN, BOB} == set(hints.creditors())
    assert hints.owed(name(1))
    assert not hints.owed(name(3))
    assert 3 == len(hints)


async def test_nothing_is_owed(hints: Hints) -> None:
    """Who is owed nothing gets nothing, and to forget what is not owed changes nothing."""
    await hints.done(ANN, names(1))
    await hints.add(ANN, [])

    assert [] == list(hints.of(ANN, 9))
    assert [] == list(hints.creditors())
    assert 0 == len(hints)


async def test_paid_is_forgotten(hints: Hints) -> None:
    """A paid debt is gone, the same image for another node is not."""
    await hints.add(ANN, names(1, 2))
    await hints.add(BOB, names(1))

    await hints.done(ANN, names(1, 5))

    assert names(2) == list(hints.of(ANN, 9))
    assert hints.owed(name(1))
    await hints.done(BOB, names(1))
    assert not hints.owed(name(1))
    assert [ANN] == list(hints.creditors())


async def test_added_twice_is_one_debt(hints: Hints) -> None:
    """To owe once more changes neither number nor order."""
    await hints.add(ANN, names(1, 2, 1))
    await hints.add(ANN, names(1))

    assert names(1, 2) == list(hints.of(ANN, 9))
    await hints.done(ANN, names(1))
    assert not hints.owed(name(1))


async def test_oldest_first(hints: Hints) -> None:
    """No more than asked for, in the order in which they were made."""
    await hints.add(ANN, names(3, 1))
    await hints.add(ANN, names(2))

    assert names(3, 1) == list(hints.of(ANN, 2))


async def test_oldest_are_forgotten(hints: Hints) -> None:
    """Beyond the bound it is the oldest debt that goes, whoever's it is."""
    await hints.add(ANN, names(1))
    await hints.add(BOB, names(1, 2, 3, 4, 5))
    await hints.add(ANN, names(6, 7))

    assert 6 == len(hints)
    assert names(6, 7) == list(hints.of(ANN, 9))
    assert names(2, 3, 4, 5) == list(hints.of(BOB, 9))
    assert not hints.owed(name(1))


async def test_at_the_same_time(hints: Hints) -> None:
    """Debts made and paid at the same time end as if that had been one after the other."""
    await gatherResults(
        [Deferred.fromCoroutine(hints.add(ANN, names(number))) for number in range(5)]
        + [Deferred.fromCoroutine(hints.done(ANN, names(number))) for number in range(3)]
    )

    assert names(3, 4) == list(hints.of(ANN, 9))


CHANGES = st.lists(
    st.tuples(st.booleans(), st.sampled_from([ANN, BOB]), st.lists(st.integers(0, 5), max_size=4)),
    max_size=12,
)


# Not parametrised: pytest-twisted wraps a @given test once for each parameter, round the last one.
@settings(max_examples=40, deadline=None)
@given(kind=st.sampled_from(KINDS), most=st.integers(1, 5), changes=CHANGES)
async def test_bounded_list(
    make: Make, kind: str, most: int, changes: list[tuple[bool, NodeId, list[int]]]
) -> None:
    """They are a list of pairs, each once, of which the first go when there are too many."""
    hints = make(kind, most)
    expected: list[tuple[NodeId, ImageId]] = []
    for is_new, node_id, numbers in changes:
        await (hints.add if is_new else hints.done)(node_id, names(*numbers))
        for image_id in names(*numbers):
            debt = (node_id, image_id)
            if is_new and debt not in expected:
                expected = [*expected, debt][-most:]
            elif not is_new and debt in expected:
                expected.remove(debt)

        assert len(expected) == len(hints)
        for creditor in (ANN, BOB):
            of_node = [image_id for whom, image_id in expected if whom == creditor]
            assert of_node == list(hints.of(creditor, 9))
            assert bool(of_node) == (creditor in hints.creditors())
        for number in range(6):
            assert hints.owed(name(number)) == any(one == name(number) for _, one in expected)
