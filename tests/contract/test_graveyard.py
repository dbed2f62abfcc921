"""What every `Graveyard` promises, asked of the real one and of its twin in memory."""

import itertools
from collections.abc import Callable, Iterator
from pathlib import Path

import attrs
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.internet import reactor
from twisted.internet.defer import Deferred, gatherResults

from reticulum.aio import Threads
from reticulum.interfaces import Graveyard
from reticulum.model import HashName, ImageId, Tombstone
from reticulum.storage.graveyard import GraveyardOnDisk
from reticulum.storage.graveyard_in_memory import GraveyardInMemory

NOON = 1_700_000_000
DAY = 86_400
KINDS = ["disk", "memory"]


@attrs.define
class Clock:
    """Seconds since 1970, as a test sets them."""

    now: float = NOON

    def __call__(self) -> float:
        return self.now


def name(number: int, hash_name: HashName = HashName.SHA256) -> ImageId:
    return ImageId(hash_name, f"{number:0{hash_name.hex_digits}x}")


def grave(
    number: int, sequence: int = 1, *, days: float = 30, revoked: bool = False, packed: bytes = b""
) -> Tombstone:
    return Tombstone(
        image_id=name(number),
        sequence=sequence,
        expires=int(NOON + days * DAY),
        revoked=revoked,
        packed=packed or f"{number} {sequence}".encode(),
    )


@pytest.fixture
def threads() -> Iterator[Threads]:
    pool = Threads(reactor, most=4, name="disk")
    pool.start()
    yield pool
    pool.stop()


@pytest.fixture
def clock() -> Clock:
    return Clock()


Make = Callable[[str], Graveyard]


@pytest.fixture
def make(tmp_path: Path, threads: Threads, clock: Clock) -> Make:
    """A maker of empty ones of either kind, so that one test can have several."""
    numbers = itertools.count()

    def empty(kind: str) -> Graveyard:
        if kind == "memory":
            return GraveyardInMemory(now=clock)
        folder = tmp_path / str(next(numbers))
        folder.mkdir()
        disk = GraveyardOnDisk(folder, now=clock, in_thread=threads)
        disk.prepare()
        return disk

    return empty


@pytest.fixture(params=KINDS)
def graveyard(request: pytest.FixtureRequest, make: Make) -> Graveyard:
    return make(request.param)


def walk(graveyard: Graveyard, learned: int = 0, most: int = 2) -> list[Tombstone]:
    """All pages, one after the other."""
    found: list[Tombstone] = []
    after: int | None = 0
    while after is not None:
        page, after = graveyard.since(learned, after, most)
        assert len(page) == most or after is None
        found += page
    return found


@pytest.mark.parametrize("hash_name", list(HashName))
@pytest.mark.parametrize("revoked", [False, True])
async def test_kept_is_found(graveyard: Graveyard, hash_name: HashName, revoked: bool) -> None:
    """Every field comes back as it was."""
    one = Tombstone(
        image_id=name(7, hash_name),
        sequence=NOON * 1000,
        expires=NOON + 9,
        revoked=revoked,
        packed=bytes(range(256)),
    )

    assert [one] == list(await graveyard.keep([one]))
    assert one == graveyard.get(one.image_id)
    assert None is graveyard.get(name(8, hash_name))


async def test_only_the_higher_sequence_is_news(graveyard: Graveyard) -> None:
    """Old and equal statements change nothing, and are not among what was kept."""
    await graveyard.keep([grave(1, 5)])

    assert [] == list(await graveyard.keep([grave(1, 5, packed=b"other"), grave(1, 4)]))
    assert grave(1, 5) == graveyard.get(name(1))
    assert [grave(1, 6, revoked=True)] == list(await graveyard.keep([grave(1, 6, revoked=True)]))
    assert grave(1, 6, revoked=True) == graveyard.get(name(1))


async def test_highest_of_one_batch(graveyard: Graveyard) -> None:
    """Several statements about one image in one message leave the highest."""
    batch = [grave(1, 3), grave(1, 8), grave(2, 1), grave(1, 5)]

    kept = await graveyard.keep(batch)

    assert {grave(1, 8), grave(2, 1)} == set(kept)
    assert grave(1, 8) == graveyard.get(name(1))
    assert [] == list(await graveyard.keep(batch))


async def test_race_has_one_winner(graveyard: Graveyard) -> None:
    """Of equal messages at the same time exactly one is news."""
    results = await gatherResults(
        [Deferred.fromCoroutine(graveyard.keep([grave(1), grave(2)])) for _ in range(9)]
    )

    assert 2 == sum(map(len, results))


async def test_expired_is_unknown(graveyard: Graveyard, clock: Clock) -> None:
    """From its expiry on a tombstone counts no more, and an expired one is never kept."""
    await graveyard.keep([grave(1, days=1)])
    clock.now = NOON + DAY - 1
    assert grave(1, days=1) == graveyard.get(name(1))

    clock.now = NOON + DAY

    assert None is graveyard.get(name(1))
    assert ([], None) == graveyard.since(0, 0, 9)
    assert [] == list(await graveyard.keep([grave(2, days=1)]))
    assert None is graveyard.get(name(2))


async def test_expire_forgets_what_is_over(graveyard: Graveyard, clock: Clock) -> None:
    """Two days after its expiry at the latest a tombstone takes no more room; others stay."""
    await graveyard.keep([grave(1, days=1), grave(2, days=1), grave(3, days=5)])
    assert 0 == await graveyard.expire()
    clock.now = NOON + 3 * DAY

    assert 2 == await graveyard.expire()
    assert 0 == await graveyard.expire()
    assert grave(3, days=5) == graveyard.get(name(3))
    assert [grave(1, 1, days=9)] == list(await graveyard.keep([grave(1, 1, days=9)]))


async def test_replaced_stays_replaced(graveyard: Graveyard, clock: Clock) -> None:
    """A revocation that expires early does not bring back the deletion that it revoked."""
    await graveyard.keep([grave(1, 1, days=9)])
    await graveyard.keep([grave(1, 2, days=2, revoked=True)])
    clock.now = NOON + 5 * DAY
    await graveyard.expire()

    assert None is graveyard.get(name(1))
    assert [] == list(await graveyard.keep([grave(1, 1, days=9)]))


async def test_since_goes_in_the_order_of_learning(graveyard: Graveyard, clock: Clock) -> None:
    """Pages show each image once, at the place of its last statement, whatever day it is of."""
    for number, days in enumerate((30, 2, 17, 2, 30)):
        await graveyard.keep([grave(number, days=days)])
        clock.now += 1
    await graveyard.keep([grave(1, 2, days=4, revoked=True)])

    seen = [(one.image_id, one.revoked) for one in walk(graveyard)]

    expected = [(name(number), False) for number in (0, 2, 3, 4)]
    assert [*expected, (name(1), True)] == seen


async def test_since_leaves_out_what_was_learned_before(graveyard: Graveyard, clock: Clock) -> None:
    """Who asks from a time on gets what was learned at that second or later, and only that."""
    for number in range(4):
        clock.now = NOON + 10 * number
        await graveyard.keep([grave(number)])

    assert [grave(2), grave(3)] == walk(graveyard, NOON + 20)
    assert [grave(3)] == walk(graveyard, NOON + 21)
    assert [] == walk(graveyard, NOON + 31)


async def test_learned_meanwhile_is_seen(graveyard: Graveyard) -> None:
    """What comes in between two pages is on a later page, also if the clock stands still."""
    await graveyard.keep([grave(number) for number in range(3)])
    first, after = graveyard.since(0, 0, 2)
    assert after is not None
    await graveyard.keep([grave(9)])

    second, end = graveyard.since(0, after, 9)

    assert [grave(0), grave(1), grave(2), grave(9)] == [*first, *second]
    assert None is end


async def test_clock_set_back(graveyard: Graveyard, clock: Clock) -> None:
    """The order of learning holds although the clock goes back; nobody misses one for it."""
    await graveyard.keep([grave(1)])
    _, _ = graveyard.since(0, 0, 9)
    clock.now -= 5000
    await graveyard.keep([grave(2)])

    assert [grave(1), grave(2)] == walk(graveyard)
    assert [grave(2)] == walk(graveyard, int(clock.now))[-1:]


@pytest.mark.parametrize(
    "wrong", [{"packed": bytes(5000)}, {"sequence": 2**64}, {"expires": 2**64}, {"expires": -1}]
)
async def test_beyond_all_reason(graveyard: Graveyard, wrong: dict[str, object]) -> None:
    """What no file could hold is refused, with all that came with it."""
    with pytest.raises(ValueError, match="no sound tombstone"):
        await graveyard.keep([grave(1), attrs.evolve(grave(2), **wrong)])

    assert None is graveyard.get(name(1))


# Not parametrised: pytest-twisted wraps a @given test once for each parameter, round the last one.
@settings(max_examples=40, deadline=None)
@given(
    kind=st.sampled_from(KINDS),
    batches=st.lists(
        st.lists(st.tuples(st.integers(0, 3), st.integers(1, 9), st.integers(1, 4)), max_size=4),
        max_size=6,
    ),
    most=st.integers(1, 4),
)
async def test_highest_sequence_wins(
    make: Make, kind: str, batches: list[list[tuple[int, int, int]]], most: int
) -> None:
    """However statements come in, the highest one of each image is what there is."""
    graveyard = make(kind)
    highest: dict[int, int] = {}
    for batch in batches:
        await graveyard.keep([grave(number, seq, days=days) for number, seq, days in batch])
        for number, sequence, _ in batch:
            highest[number] = max(sequence, highest.get(number, 0))

    for number, sequence in highest.items():
        found = graveyard.get(name(number))
        assert found is not None
        assert sequence == found.sequence
    assert highest == {
        int(one.image_id.digest, 16): one.sequence for one in walk(graveyard, most=most)
    }
