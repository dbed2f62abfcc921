"""What every `Renditions` promises, asked of the real one and of its twin in memory."""

import functools
import itertools
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from twisted.internet import reactor

from reticulum.aio import Threads
from reticulum.interfaces import Renditions
from reticulum.model import Format, HashName, ImageId, Rendition
from reticulum.storage.memory import RenditionsInMemory
from reticulum.storage.renditions import RenditionsOnDisk

NOON = 1_700_000_000.0
KINDS = ["disk", "memory"]


class Hours:
    """A clock that goes an hour on at each look."""

    def __init__(self) -> None:
        self.now = NOON

    def __call__(self) -> float:
        """Seconds since 1970."""
        self.now += 3600
        return self.now


def key(number: int, spec: str = "200w", output: Format = Format.JPG) -> Rendition:
    return Rendition(ImageId(HashName.SHA256, f"{number:064x}"), spec, output)


@pytest.fixture
def threads() -> Iterator[Threads]:
    pool = Threads(reactor, most=4, name="disk")
    pool.start()
    yield pool
    pool.stop()


Make = Callable[[int], Awaitable[Renditions]]


@pytest.fixture
def make_kind(tmp_path: Path, threads: Threads) -> Callable[[str, int], Awaitable[Renditions]]:
    """A maker of empty ones of either kind, so that one test can have several."""
    numbers = itertools.count()

    async def empty(kind: str, max_bytes: int) -> Renditions:
        folder = tmp_path / str(next(numbers))
        folder.mkdir()
        if kind == "memory":
            return RenditionsInMemory(folder, max_bytes=max_bytes)
        disk = RenditionsOnDisk(
            folder, max_bytes=max_bytes, stamp="1", now=Hours(), in_thread=threads
        )
        disk.prepare()
        await disk.count()
        return disk

    return empty


@pytest.fixture(params=KINDS)
def make(
    request: pytest.FixtureRequest, make_kind: Callable[[str, int], Awaitable[Renditions]]
) -> Make:
    return functools.partial(make_kind, request.param)


async def put(renditions: Renditions, rendition: Rendition, content: bytes) -> None:
    made = renditions.scratch(rendition)
    made.write_bytes(content)
    await renditions.keep(rendition, made)


def read(renditions: Renditions, rendition: Rendition) -> bytes | None:
    opened = renditions.open(rendition)
    if opened is None:
        return None
    body, length = opened
    with body:
        content = body.read()
    assert length == len(content)
    return content


async def test_kept_is_opened(make: Make) -> None:
    """What was kept is read back from its first byte, by as many readers as like."""
    renditions = await make(100)
    await put(renditions, key(1), b"small picture")

    assert b"small picture" == read(renditions, key(1))
    assert b"small picture" == read(renditions, key(1))


async def test_unknown_is_none(make: Make) -> None:
    """Another image, spec or format is another rendition."""
    renditions = await make(100)
    await put(renditions, key(1), b"picture")

    assert None is read(renditions, key(2))
    assert None is read(renditions, key(1, "201w"))
    assert None is read(renditions, key(1, output=Format.PNG))


async def test_scratch_is_fresh(make: Make) -> None:
    """Two renders of one rendition do not write to one file, and nothing is there yet."""
    renditions = await make(100)

    first, second = renditions.scratch(key(1)), renditions.scratch(key(1))

    assert first != second
    assert not first.exists()
    assert first.parent.is_dir()


async def test_made_is_gone(make: Make) -> None:
    """The file that was made is never left in the scratch folder, kept or not."""
    renditions = await make(10)
    for content in (b"fits", b"does not fit at all"):
        made = renditions.scratch(key(1))
        made.write_bytes(content)
        await renditions.keep(key(1), made)

        assert not made.exists()


async def test_replaced(make: Make) -> None:
    """Kept a second time, the newer bytes count, and only they take room."""
    renditions = await make(10)
    await put(renditions, key(1), b"12345")
    await put(renditions, key(1), b"abcde")
    await put(renditions, key(2), b"fghij")

    assert b"abcde" == read(renditions, key(1))
    assert b"fghij" == read(renditions, key(2))


async def test_least_recently_used_goes_first(make: Make) -> None:
    """Room is made by removing what nobody has opened for longest, and no more than that."""
    renditions = await make(100)
    for number in (1, 2, 3, 4):
        await put(renditions, key(number), b"x" * 25)
    read(renditions, key(1))

    await put(renditions, key(5), b"x" * 15)

    left = [number for number in range(1, 6) if renditions_has(renditions, number)]
    assert [1, 3, 4, 5] == left


def renditions_has(renditions: Renditions, number: int) -> bool:
    return read(renditions, key(number)) is not None


async def test_larger_than_the_cache(make: Make) -> None:
    """What can never fit is not kept, and nothing is removed for it."""
    renditions = await make(10)
    await put(renditions, key(1), b"12345")

    await put(renditions, key(2), b"12345678901")

    assert b"12345" == read(renditions, key(1))
    assert None is read(renditions, key(2))


async def test_off(make: Make) -> None:
    """A bound of 0 turns the cache off; rendering to scratch still works."""
    renditions = await make(0)
    await put(renditions, key(1), b"picture")

    assert None is read(renditions, key(1))


async def test_remove_is_for_all_of_one_image(make: Make) -> None:
    """Removing an image forgets each of its renditions and none of another's."""
    renditions = await make(100)
    await put(renditions, key(1), b"picture")
    await put(renditions, key(1, "full", Format.PNG), b"picture")
    await put(renditions, key(2), b"picture")

    await renditions.remove(key(1).image_id)
    await renditions.remove(key(3).image_id)

    assert None is read(renditions, key(1))
    assert None is read(renditions, key(1, "full", Format.PNG))
    assert b"picture" == read(renditions, key(2))


async def test_reader_outlives_removal(make: Make) -> None:
    """Whoever has a rendition open reads it to the end, though it is removed meanwhile."""
    renditions = await make(100)
    await put(renditions, key(1), b"picture")
    opened = renditions.open(key(1))
    assert opened is not None

    await renditions.remove(key(1).image_id)

    with opened[0] as body:
        assert b"picture" == body.read()


STEPS = st.tuples(
    st.sampled_from(["keep", "open", "remove"]), st.integers(0, 5), st.integers(0, 60)
)


# Not parametrised: pytest-twisted wraps a @given test once for each parameter, round the last one.
@given(kind=st.sampled_from(KINDS), steps=st.lists(STEPS, max_size=25))
async def test_bound_holds(
    make_kind: Callable[[str, int], Awaitable[Renditions]],
    kind: str,
    steps: list[tuple[str, int, int]],
) -> None:
    """Whatever is kept, opened and removed, the cache is never above its bound and never lies."""
    renditions = await make_kind(kind, 100)
    newest: dict[int, bytes] = {}
    for step, number, length in steps:
        if step == "keep":
            newest[number] = bytes([number]) * length
            await put(renditions, key(number), newest[number])
        elif step == "remove":
            newest.pop(number, None)
            await renditions.remove(key(number).image_id)
        elif (content := read(renditions, key(number))) is not None:
            assert newest[number] == content

        assert 100 >= sum(len(read(renditions, key(number)) or b"") for number in range(6))
