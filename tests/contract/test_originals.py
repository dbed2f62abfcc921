"""What every `Originals` promises, asked of the real one and of its twin in memory."""

import hashlib
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
from reticulum.errors import UnknownImage
from reticulum.interfaces import Originals
from reticulum.model import Facts, Format, HashName, ImageId, Original, Size
from reticulum.storage.memory import OriginalsInMemory
from reticulum.storage.originals import OriginalsOnDisk

NOON = 1_700_000_000.0
FACTS = Facts(format=Format.JPG, size=Size(3, 2), frames=1)


def id_of(content: bytes, hash_name: HashName = HashName.SHA256) -> ImageId:
    return ImageId(hash_name, hashlib.new(hash_name.value, content).hexdigest())


async def inspect_nothing(path: Path) -> Facts:
    raise AssertionError(f"asked to look into {path}")


@pytest.fixture
def threads() -> Iterator[Threads]:
    pool = Threads(reactor, most=4, name="disk")
    pool.start()
    yield pool
    pool.stop()


@attrs.define
class Doubted:
    """Images in doubt, as a test sets them."""

    ids: set[ImageId] = attrs.field(factory=set)

    def __call__(self, original: Original) -> bool:
        return original.image_id in self.ids


@attrs.define
class Clock:
    """Seconds since 1970, as a test sets them."""

    now: float = NOON

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def doubted() -> Doubted:
    return Doubted()


KINDS = ["disk", "memory"]
Make = Callable[[str], Originals]


@pytest.fixture
def make(tmp_path: Path, threads: Threads, clock: Clock, doubted: Doubted) -> Make:
    """A maker of empty ones of either kind, so that one test can have several."""
    numbers = itertools.count()

    def empty(kind: str) -> Originals:
        folder = tmp_path / str(next(numbers))
        folder.mkdir()
        if kind == "memory":
            return OriginalsInMemory(folder, now=clock, is_doubtful=doubted)
        disk = OriginalsOnDisk(
            folder,
            inspect=inspect_nothing,
            now=clock,
            in_thread=threads,
            is_doubtful=doubted,
        )
        disk.prepare()
        return disk

    return empty


@pytest.fixture(params=KINDS)
def originals(request: pytest.FixtureRequest, make: Make) -> Originals:
    return make(request.param)


async def put(
    originals: Originals, content: bytes, hash_name: HashName = HashName.SHA256
) -> tuple[Original, bool]:
    incoming = originals.begin(hash_name)
    incoming.write(content)
    await incoming.seal()
    return await originals.keep(incoming, FACTS)


@pytest.mark.parametrize("hash_name", list(HashName))
async def test_kept_is_found(originals: Originals, hash_name: HashName) -> None:
    """What was kept is found under the hash of its bytes, with its facts and its bytes."""
    original, is_new = await put(originals, b"picture", hash_name)

    expected = Original(
        image_id=id_of(b"picture", hash_name), facts=FACTS, length=7, stored_at=NOON
    )
    assert is_new
    assert expected == original
    assert expected == await originals.find(expected.image_id)
    assert b"picture" == (await originals.path(expected.image_id)).read_bytes()


async def test_length_counts_what_was_written(originals: Originals) -> None:
    """An incoming original says how long it is so far."""
    incoming = originals.begin(HashName.SHA256)
    incoming.write(b"12")
    incoming.write(b"")
    incoming.write(b"345")

    assert 5 == incoming.length

    incoming.abandon()


async def test_sealed_can_be_looked_into(originals: Originals) -> None:
    """Sealing gives a file with exactly the bytes written, to inspect before it is kept."""
    incoming = originals.begin(HashName.SHA256)
    incoming.write(b"pict")
    incoming.write(b"ure")

    path = await incoming.seal()

    assert b"picture" == path.read_bytes()

    incoming.abandon()


async def test_second_upload_is_not_new(originals: Originals) -> None:
    """Equal bytes are kept once: the second time they are not new, and nothing has changed."""
    first, _ = await put(originals, b"picture")

    second, is_new = await put(originals, b"picture")

    assert not is_new
    assert first == second
    assert [first] == await originals.page(None, 9)


async def test_damaged_is_replaced(originals: Originals) -> None:
    """Sound bytes take the place of damaged ones, without anybody having to look first."""
    original, _ = await put(originals, b"picture")
    path = await originals.path(original.image_id)
    path.write_bytes(b"pictura")

    kept, _ = await put(originals, b"picture")

    assert original.image_id == kept.image_id
    assert b"picture" == (await originals.path(original.image_id)).read_bytes()


async def test_race_has_one_winner(originals: Originals) -> None:
    """Of many equal uploads at the same time exactly one is new."""
    results = await gatherResults(
        [Deferred.fromCoroutine(put(originals, b"picture")) for _ in range(12)]
    )

    assert 1 == sum(is_new for _, is_new in results)
    assert 1 == len({original for original, _ in results})


async def test_abandoned_leaves_nothing(originals: Originals) -> None:
    """An abandoned upload leaves neither an original nor a file, however often that is said."""
    incoming = originals.begin(HashName.SHA256)
    incoming.write(b"picture")
    path = await incoming.seal()

    incoming.abandon()
    incoming.abandon()

    assert not path.exists()
    with pytest.raises(UnknownImage):
        await originals.find(id_of(b"picture"))


async def test_abandon_after_keep_changes_nothing(originals: Originals) -> None:
    """A caller may abandon in a `finally`: what has been kept stays."""
    incoming = originals.begin(HashName.SHA256)
    incoming.write(b"picture")
    await incoming.seal()
    original, _ = await originals.keep(incoming, FACTS)

    incoming.abandon()

    assert original == await originals.find(original.image_id)
    assert b"picture" == (await originals.path(original.image_id)).read_bytes()


async def test_unsealed_is_not_kept(originals: Originals) -> None:
    """Bytes that are not on the disk yet are never acknowledged."""
    incoming = originals.begin(HashName.SHA256)
    incoming.write(b"picture")

    with pytest.raises(ValueError, match="sealed"):
        await originals.keep(incoming, FACTS)

    incoming.abandon()


async def test_sealed_takes_no_more(originals: Originals) -> None:
    """What was looked into is what is kept: nothing is added after the seal."""
    incoming = originals.begin(HashName.SHA256)
    incoming.write(b"picture")
    await incoming.seal()

    with pytest.raises(ValueError, match="sealed"):
        incoming.write(b"more")
    with pytest.raises(ValueError, match="sealed"):
        await incoming.seal()

    incoming.abandon()


async def test_unknown(originals: Originals) -> None:
    """What was never kept is unknown to every question, and removing it removes nothing."""
    stranger = id_of(b"stranger")

    with pytest.raises(UnknownImage, match=str(stranger)):
        await originals.find(stranger)
    with pytest.raises(UnknownImage, match=str(stranger)):
        await originals.path(stranger)
    assert not await originals.remove(stranger)


async def test_removed_is_gone(originals: Originals) -> None:
    """A removed original is unknown, its file is gone, and it can come back as a new one."""
    original, _ = await put(originals, b"picture")
    path = await originals.path(original.image_id)

    assert await originals.remove(original.image_id)

    assert not path.exists()
    assert [] == await originals.page(None, 9)
    with pytest.raises(UnknownImage):
        await originals.find(original.image_id)
    with pytest.raises(UnknownImage):
        await originals.path(original.image_id)
    assert not await originals.remove(original.image_id)
    assert (original, True) == await put(originals, b"picture")


async def test_empty_page(originals: Originals) -> None:
    """Nothing kept, or nothing asked for, is an empty page."""
    assert [] == await originals.page(None, 9)

    await put(originals, b"picture")

    assert [] == await originals.page(None, 0)


# Not parametrised: pytest-twisted wraps a @given test once for each parameter, round the last one.
@settings(max_examples=30)
@given(
    kind=st.sampled_from(KINDS),
    contents=st.sets(st.tuples(st.binary(min_size=1, max_size=3), st.sampled_from(HashName))),
    limit=st.integers(1, 4),
)
async def test_pages_show_each_once_in_order(
    make: Make, kind: str, contents: set[tuple[bytes, HashName]], limit: int
) -> None:
    """Going through the pages shows every original once, in the order of the ids' text."""
    originals = make(kind)
    for content, hash_name in contents:
        await put(originals, content, hash_name)

    seen: list[str] = []
    after = None
    while page := await originals.page(after, limit):
        seen += [str(original.image_id) for original in page]
        after = page[-1].image_id
        assert len(page) == limit or [] == await originals.page(after, limit)

    assert sorted(str(id_of(content, name)) for content, name in contents) == seen


async def test_page_after_a_removed_one(originals: Originals) -> None:
    """Where a page begins need not exist: somebody may have removed it since the last page."""
    kept = [(await put(originals, bytes([number])))[0] for number in range(5)]
    kept.sort(key=lambda original: str(original.image_id))
    await originals.remove(kept[2].image_id)

    assert kept[3:] == await originals.page(kept[2].image_id, 9)


async def test_verify_sound(originals: Originals, clock: Clock) -> None:
    """A sound original is verified as often as one likes, and the time of it is known."""
    original, _ = await put(originals, b"picture")
    assert NOON == originals.verified_at(original.image_id)

    for _ in range(2):
        clock.now += 60
        assert await originals.verify(original.image_id)
        assert clock.now == originals.verified_at(original.image_id)

    clock.now += 60
    await originals.path(original.image_id)
    assert NOON + 120 == originals.verified_at(original.image_id)


async def test_verify_finds_damage(originals: Originals) -> None:
    """Of a damaged original nothing is told as sound; once verified it is out of the way."""
    original, _ = await put(originals, b"picture")
    path = await originals.path(original.image_id)
    path.write_bytes(b"pictuer")
    assert None is originals.verified_at(original.image_id)

    assert not await originals.verify(original.image_id)

    assert not path.exists()
    assert [] == await originals.page(None, 9)
    with pytest.raises(UnknownImage):
        await originals.find(original.image_id)
    assert (original, True) == await put(originals, b"picture")
    assert await originals.verify(original.image_id)


async def test_damaged_has_no_path(originals: Originals) -> None:
    """What was damaged behind our back is unknown to whoever wants its file."""
    original, _ = await put(originals, b"picture")
    (await originals.path(original.image_id)).write_bytes(b"pictuer")

    with pytest.raises(UnknownImage):
        await originals.path(original.image_id)
    assert [] == await originals.page(None, 9)


async def test_verify_what_is_not_here(originals: Originals) -> None:
    """What was never here, or is no more, is neither verified nor was it ever."""
    original, _ = await put(originals, b"picture")
    await originals.remove(original.image_id)

    for image_id in (original.image_id, id_of(b"stranger")):
        assert not await originals.verify(image_id)
        assert None is originals.verified_at(image_id)


async def test_verify_at_a_walk(originals: Originals) -> None:
    """Who reads slowly is told of every byte that was read."""
    original, _ = await put(originals, b"picture")
    read: list[int] = []

    async def pause(length: int) -> None:
        read.append(length)

    assert await originals.verify(original.image_id, pause)
    assert [7] == read


async def test_set_aside_is_gone(originals: Originals) -> None:
    """What was set aside is unknown to every question, and can come back as a new one."""
    original, _ = await put(originals, b"picture")
    path = await originals.path(original.image_id)

    assert await originals.set_aside(original.image_id, "is in doubt")

    assert not path.exists()
    assert None is originals.known(original.image_id)
    assert None is originals.verified_at(original.image_id)
    assert [] == await originals.page(None, 9)
    with pytest.raises(UnknownImage):
        await originals.path(original.image_id)
    assert not await originals.set_aside(original.image_id, "is in doubt")
    assert (original, True) == await put(originals, b"picture")


async def test_doubtful_passes_for_unknown(originals: Originals, doubted: Doubted) -> None:
    """What is in doubt is not served, but walked over, so that it can be checked."""
    original, _ = await put(originals, b"picture")
    doubted.ids.add(original.image_id)

    assert None is originals.known(original.image_id)
    with pytest.raises(UnknownImage):
        await originals.find(original.image_id)
    assert [original] == await originals.page(None, 9)

    doubted.ids.clear()
    assert original == await originals.find(original.image_id)
