"""What only a rendition cache on a real disk can promise: restarts, other hands, true sums."""

import os
import shutil
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st
from twisted.internet import defer

from reticulum.model import Format, HashName, ImageId, Rendition
from reticulum.storage import layout
from reticulum.storage.renditions import CacheStatus, RenditionsOnDisk

NOON = 1_700_000_000.0


class Clock:
    """Seconds since 1970, as told."""

    def __init__(self) -> None:
        self.now = NOON

    def __call__(self) -> float:
        """Seconds since 1970."""
        return self.now


def key(number: int, spec: str = "200w") -> Rendition:
    return Rendition(ImageId(HashName.SHA256, f"{number:064x}"), spec, Format.JPG)


async def start(
    data: Path, clock: Clock, max_bytes: int = 100, stamp: str = "1", *, counted: bool = True
) -> RenditionsOnDisk:
    """A node's cache after a (re)start, without threads."""
    renditions = RenditionsOnDisk(
        data, max_bytes=max_bytes, stamp=stamp, now=clock, in_thread=defer.execute
    )
    renditions.prepare()
    if counted:
        await renditions.count()
    return renditions


async def put(renditions: RenditionsOnDisk, number: int, length: int, spec: str = "200w") -> None:
    made = renditions.scratch(key(number))
    made.write_bytes(b"x" * length)
    await renditions.keep(key(number, spec), made)


def has(renditions: RenditionsOnDisk, number: int) -> bool:
    opened = renditions.open(key(number))
    if opened is None:
        return False
    opened[0].close()
    return True


def bytes_in(data: Path) -> int:
    top = data / "renditions"
    return sum(
        path.stat().st_size
        for path in top.rglob("*")
        if path.is_file() and path.name != ".pipeline"
    )


def delete(path: Path) -> None:
    path.unlink(missing_ok=True)


async def test_order_of_use_survives_a_restart(tmp_path: Path) -> None:
    """After a restart, what was used last before it is still what stays longest."""
    clock = Clock()
    before = await start(tmp_path, clock)
    for number in (1, 2, 3):
        clock.now += 60
        await put(before, number, 30)
    clock.now += 60
    assert has(before, 1)

    after = await start(tmp_path, clock)
    assert 90 == after.status().bytes
    clock.now += 60
    await put(after, 4, 30)

    assert [True, False, True, True] == [has(after, number) for number in (1, 2, 3, 4)]


async def test_a_use_does_not_change_the_mtime(tmp_path: Path) -> None:
    """The mtime is what *made* had, however often it is served: a stable Last-Modified."""
    clock = Clock()
    renditions = await start(tmp_path, clock)
    made = renditions.scratch(key(1))
    made.write_bytes(b"picture")
    os.utime(made, (1, 1_600_000_000))
    await renditions.keep(key(1), made)
    clock.now += 3600
    assert has(renditions, 1)

    status = (tmp_path / layout.rendition(key(1))).stat()

    assert 1_600_000_000 == status.st_mtime
    assert clock.now == status.st_atime


async def test_busy_file_is_noted_once_a_second(tmp_path: Path) -> None:
    """Serving one file a thousand times a second does not write to the disk as often."""
    clock = Clock()
    renditions = await start(tmp_path, clock)
    await put(renditions, 1, 10)
    clock.now += 0.9
    assert has(renditions, 1)

    assert NOON == (tmp_path / layout.rendition(key(1))).stat().st_atime


async def test_another_pipeline_empties(tmp_path: Path) -> None:
    """Pictures made by an older pipeline are not served, nor do they take room."""
    clock = Clock()
    await put(await start(tmp_path, clock), 1, 10)

    uncounted = await start(tmp_path, clock, stamp="2", counted=False)
    assert not has(uncounted, 1)
    again = await start(tmp_path, clock, stamp="2")

    assert 0 == bytes_in(tmp_path) == again.status().bytes
    assert ".pipeline" in os.listdir(tmp_path / "renditions")  # noqa: PTH208


async def test_scratch_is_cleared_at_start(tmp_path: Path) -> None:
    """What a killed process was rendering is removed at the next start."""
    clock = Clock()
    (await start(tmp_path, clock)).scratch(key(1)).write_bytes(b"half")

    await start(tmp_path, clock)

    assert 0 == bytes_in(tmp_path)


async def test_served_but_not_kept_before_counting(tmp_path: Path) -> None:
    """Until the cache is counted nobody knows what fits: hits are served, nothing is added."""
    clock = Clock()
    await put(await start(tmp_path, clock), 1, 10)
    renditions = await start(tmp_path, clock, counted=False)

    await put(renditions, 2, 10)

    assert [True, False] == [has(renditions, 1), has(renditions, 2)]


async def test_smaller_bound_after_a_restart(tmp_path: Path) -> None:
    """A bound lowered in the settings holds once the cache is counted; 0 empties it."""
    clock = Clock()
    before = await start(tmp_path, clock)
    for number in range(5):
        clock.now += 60
        await put(before, number, 20)

    await start(tmp_path, clock, max_bytes=50)
    assert 40 == bytes_in(tmp_path)
    await start(tmp_path, clock, max_bytes=0)
    assert 0 == bytes_in(tmp_path)


async def test_resize(tmp_path: Path) -> None:
    """The bound can be changed while the node runs; a smaller one holds at once."""
    clock = Clock()
    renditions = await start(tmp_path, clock)
    for number in range(5):
        clock.now += 60
        await put(renditions, number, 20)

    await renditions.resize(50)

    assert [False, False, False, True, True] == [has(renditions, number) for number in range(5)]
    assert 40 == bytes_in(tmp_path)
    await renditions.resize(200)
    await put(renditions, 6, 150)
    assert 190 == bytes_in(tmp_path) == renditions.status().bytes


async def test_emptied_by_hand(tmp_path: Path) -> None:
    """Somebody may delete the whole folder while the node runs: it goes on, and sums are right."""
    clock = Clock()
    renditions = await start(tmp_path, clock)
    for number in range(5):
        await put(renditions, number, 20)
    shutil.rmtree(tmp_path / "renditions")

    assert not has(renditions, 1)
    await put(renditions, 7, 60)

    assert has(renditions, 7)
    assert 60 == renditions.status().bytes == bytes_in(tmp_path)
    assert 0 == renditions.status().evicted


async def test_status(tmp_path: Path) -> None:
    """The status tells how well the cache does."""
    clock = Clock()
    renditions = await start(tmp_path, clock)
    await put(renditions, 1, 60)
    has(renditions, 1)
    has(renditions, 2)
    await put(renditions, 2, 60)

    expected = CacheStatus(bytes=60, max_bytes=100, hits=1, misses=1, evicted=1)
    assert expected == renditions.status()


async def test_remove_gives_room_back(tmp_path: Path) -> None:
    """Removed renditions take no room, on the disk or in the sums."""
    renditions = await start(tmp_path, Clock())
    await put(renditions, 1, 40)
    await put(renditions, 1, 40, "full")

    await renditions.remove(key(1).image_id)

    assert 0 == renditions.status().bytes == bytes_in(tmp_path)
    assert not (tmp_path / layout.renditions_of(key(1).image_id)).exists()


async def test_made_may_have_vanished(tmp_path: Path) -> None:
    """A rendition that is not there any more is not kept, and no room is lost for it."""
    renditions = await start(tmp_path, Clock())

    await renditions.keep(key(1), renditions.scratch(key(1)))

    assert 0 == renditions.status().bytes


async def test_others_can_read(tmp_path: Path) -> None:
    """A web server in front runs as another user: renditions are readable as the umask allows."""
    before = os.umask(0o022)
    try:
        await put(await start(tmp_path, Clock()), 1, 10)
    finally:
        os.umask(before)
    path = tmp_path / layout.rendition(key(1))

    assert 0o644 == path.stat().st_mode & 0o777
    assert 0o755 == path.parent.stat().st_mode & 0o777


async def test_broken_off(tmp_path: Path) -> None:
    """A node that stops does not wait for the walk; the numbers are then not believed."""
    clock = Clock()
    await put(await start(tmp_path, clock), 1, 10)
    renditions = await start(tmp_path, clock, counted=False)
    renditions.stop()

    await renditions.count()
    await put(renditions, 2, 10)

    assert not has(renditions, 2)


STEPS = st.tuples(
    st.sampled_from(["keep", "open", "remove", "restart", "resize", "empty", "delete one"]),
    st.integers(0, 5),
    st.integers(0, 130),
)


@given(steps=st.lists(STEPS, max_size=30))
async def test_bound_holds_on_the_disk(tmp_path: Path, steps: list[tuple[str, int, int]]) -> None:
    """Whatever happens, the bytes on the disk never exceed the bound or the sum."""
    shutil.rmtree(tmp_path / "renditions", ignore_errors=True)
    clock, bound = Clock(), 100
    renditions = await start(tmp_path, clock, bound)
    for step, number, length in steps:
        clock.now += 60
        if step == "keep":
            await put(renditions, number, length)
        elif step == "open":
            has(renditions, number)
        elif step == "remove":
            await renditions.remove(key(number).image_id)
        elif step == "restart":
            renditions = await start(tmp_path, clock, bound)
            assert bytes_in(tmp_path) == renditions.status().bytes
        elif step == "resize":
            bound = length
            await renditions.resize(bound)
        elif step == "empty":
            shutil.rmtree(tmp_path / "renditions", ignore_errors=True)
        else:
            delete(tmp_path / layout.rendition(key(number)))

        assert bytes_in(tmp_path) <= renditions.status().bytes <= bound
