"""What only originals on a real disk can promise: flushing, damage, strays, full disks."""

import errno
import hashlib
import os
from collections.abc import Callable
from pathlib import Path

import pytest
from twisted.internet import defer
from twisted.logger import globalLogPublisher

from reticulum.errors import Busy, NoSpace, NotAnImage, UnknownImage
from reticulum.model import Facts, Format, HashName, ImageId, Original, Size
from reticulum.storage import layout, rehash, soundness
from reticulum.storage.census import Stock
from reticulum.storage.originals import OriginalsOnDisk

NOON = 1_700_000_000.0
FACTS = Facts(format=Format.JPG, size=Size(3, 2), frames=1)


def id_of(content: bytes) -> ImageId:
    return ImageId(HashName.SHA256, hashlib.sha256(content).hexdigest())


class Looks:
    """An `inspect` that notes what it is asked for."""

    def __init__(self, error: Exception | None = None) -> None:
        self.at: list[Path] = []
        self._error = error

    async def __call__(self, path: Path) -> Facts:
        """Answer, or fail as told."""
        self.at.append(path)
        if self._error is not None:
            raise self._error
        return FACTS


def start(
    data: Path, inspect: Looks | None = None, fsync: Callable[[int], None] = os.fsync, most: int = 9
) -> OriginalsOnDisk:
    """A node's originals after a (re)start, without threads."""
    originals = OriginalsOnDisk(
        data,
        inspect=inspect or Looks(),
        now=lambda: NOON,
        in_thread=defer.execute,
        fsync=fsync,
        most_known=most,
    )
    originals.prepare()
    return originals


async def put(originals: OriginalsOnDisk, content: bytes) -> tuple[Original, bool]:
    incoming = originals.begin(HashName.SHA256)
    try:
        incoming.write(content)
        await incoming.seal()
        return await originals.keep(incoming, FACTS)
    finally:
        incoming.abandon()


def files_in(data: Path) -> set[str]:
    return {str(path.relative_to(data)) for path in data.rglob("*") if path.is_file()}


def place(data: Path, content: bytes, image_id: ImageId | None = None) -> Path:
    """Copy an original into its place by hand, without a sidecar."""
    path = data / layout.original(image_id or id_of(content))
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    return path


async def test_two_files(tmp_path: Path) -> None:
    """An image is two files in the place the design fixes, and nothing else is left."""
    await put(start(tmp_path), b"picture")

    image_id = id_of(b"picture")
    assert {layout.original(image_id), layout.sidecar(image_id)} == files_in(tmp_path)


async def test_flushed_before_acknowledged(tmp_path: Path) -> None:
    """Bytes, sidecar, and each folder up to the top are flushed, the names once they are there."""
    image_id = id_of(b"picture")
    path = tmp_path / layout.original(image_id)
    flushed: list[tuple[str, bool]] = []

    def fsync(fd: int) -> None:
        os.fsync(fd)
        flushed.append((str(Path(f"/proc/self/fd/{fd}").readlink()), path.exists()))

    originals = start(tmp_path, fsync=fsync)
    flushed.clear()
    await put(originals, b"picture")

    names = [name for name, _ in flushed]
    shelf = path.parent
    for folder in (shelf.parents[2], shelf.parents[1], shelf.parents[0]):
        assert str(folder) in names
    assert 2 == sum(name.startswith(f"{tmp_path}/incoming/") for name in names)
    assert (str(shelf), True) == flushed[-1]
    assert all(not kept for _, kept in flushed[:-1])


async def test_survives_a_restart(tmp_path: Path) -> None:
    """What was kept is found by the next process, without looking into it again."""
    original, _ = await put(start(tmp_path), b"picture")
    looks = Looks()

    originals = start(tmp_path, looks)

    assert original == await originals.find(original.image_id)
    assert b"picture" == (await originals.path(original.image_id)).read_bytes()
    assert (original, False) == await put(originals, b"picture")
    assert [] == looks.at


async def test_start_clears_incoming(tmp_path: Path) -> None:
    """What a killed process was writing is removed at the next start."""
    incoming = start(tmp_path).begin(HashName.SHA1)
    incoming.write(b"half a pict")

    start(tmp_path)

    assert set() == files_in(tmp_path)
    incoming.abandon()


@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EDQUOT])
async def test_full_at_any_flush(tmp_path: Path, code: int) -> None:
    """Wherever the disk turns out to be full, that is said, and no file is left."""
    counts = 0
    fails_at = 0

    def fsync(_: int) -> None:
        nonlocal counts
        counts += 1
        if counts == fails_at:
            raise OSError(code, os.strerror(code))

    originals = start(tmp_path, fsync=fsync)
    for fails_at in range(1, 99):
        counts = 0
        content = b"picture %d" % fails_at
        try:
            await put(originals, content)
        except NoSpace:
            assert set() == files_in(tmp_path)
            with pytest.raises(UnknownImage):
                await originals.find(id_of(content))
        else:
            break
    assert 5 < fails_at < 20


async def test_other_disk_errors_are_not_hidden(tmp_path: Path) -> None:
    """An error that is not "full" comes out as it is, and leaves nothing either."""
    failing = False

    def fsync(_: int) -> None:
        if failing:
            raise OSError(errno.EIO, "bad sector")

    originals = start(tmp_path, fsync=fsync)
    failing = True

    with pytest.raises(OSError, match="bad sector"):
        await put(originals, b"picture")

    assert set() == files_in(tmp_path)


async def test_without_a_sidecar(tmp_path: Path) -> None:
    """An original copied into its place by hand is served; it is looked into once."""
    place(tmp_path, b"picture")
    looks = Looks()

    found = await start(tmp_path, looks).find(id_of(b"picture"))
    again = await start(tmp_path, looks).find(id_of(b"picture"))

    assert (FACTS, 7) == (found.facts, found.length)
    assert found == again
    assert 1 == len(looks.at)
    assert [found] == await start(tmp_path).page(None, 9)


async def test_without_a_sidecar_in_pages(tmp_path: Path) -> None:
    """A page shows originals without a sidecar too, and leaves out what is no image."""
    place(tmp_path, b"one")
    await put(start(tmp_path), b"two")

    assert 2 == len(await start(tmp_path).page(None, 9))

    (tmp_path / layout.sidecar(id_of(b"one"))).unlink()

    page = await start(tmp_path, Looks(NotAnImage("text"))).page(None, 1)
    assert [id_of(b"two")] == [original.image_id for original in page]


async def test_looking_inside_can_wait(tmp_path: Path) -> None:
    """When the workers are busy that is said, rather than that the image is unknown."""
    place(tmp_path, b"picture")

    with pytest.raises(Busy):
        await start(tmp_path, Looks(Busy("all workers"))).find(id_of(b"picture"))


async def test_no_image_at_all(tmp_path: Path) -> None:
    """Bytes in an image's place that are no image are not claimed to be one."""
    place(tmp_path, b"text")

    with pytest.raises(UnknownImage):
        await start(tmp_path, Looks(NotAnImage("text"))).find(id_of(b"text"))


@pytest.mark.parametrize("content", [b"{", b"{}", b'{"version": 9}', b""])
async def test_damaged_sidecar(tmp_path: Path, content: bytes) -> None:
    """A damaged sidecar is made again from the original."""
    await put(start(tmp_path), b"picture")
    (tmp_path / layout.sidecar(id_of(b"picture"))).write_bytes(content)
    looks = Looks()

    await start(tmp_path, looks).find(id_of(b"picture"))
    await start(tmp_path, looks).find(id_of(b"picture"))

    assert 1 == len(looks.at)


def flip(path: Path) -> None:
    content = path.read_bytes()
    path.write_bytes(content[:-1] + bytes([content[-1] ^ 1]))


@pytest.mark.parametrize("restarted", [True, False])
@pytest.mark.parametrize("damage", [flip, lambda path: os.truncate(path, 3)], ids=["flip", "cut"])
async def test_damage_is_noticed(
    tmp_path: Path, damage: Callable[[Path], None], *, restarted: bool
) -> None:
    """Damaged bytes are never given out: they go to quarantine with a warning, others stay."""
    originals = start(tmp_path)
    original, _ = await put(originals, b"picture")
    other, _ = await put(originals, b"other")
    path = await originals.path(original.image_id)
    damage(path)
    if restarted:
        originals = start(tmp_path)
    events: list[str] = []
    observe = lambda event: events.append(str(event["log_level"]))  # noqa: E731 - an observer
    globalLogPublisher.addObserver(observe)

    with pytest.raises(UnknownImage, match="no longer match"):
        await originals.path(original.image_id)

    globalLogPublisher.removeObserver(observe)
    assert 1 == sum("warn" in event for event in events)
    assert not path.exists()
    assert 2 == sum(name.startswith("quarantine/") for name in files_in(tmp_path))
    assert [other] == await originals.page(None, 9)
    with pytest.raises(UnknownImage):
        await originals.find(original.image_id)
    assert (original, True) == await put(originals, b"picture")


@pytest.mark.parametrize("restarted", [True, False])
async def test_find_never_claims_a_truncated_one(tmp_path: Path, *, restarted: bool) -> None:
    """An original shorter than it was is not found, though nobody has read it yet."""
    originals = start(tmp_path)
    original, _ = await put(originals, b"picture")
    os.truncate(tmp_path / layout.original(original.image_id), 3)
    if restarted:
        originals = start(tmp_path)

    assert [] == await originals.page(None, 9)
    with pytest.raises(UnknownImage):
        await originals.find(original.image_id)


async def test_removed_by_hand(tmp_path: Path) -> None:
    """An original that somebody deleted is unknown at once, and can be uploaded again."""
    originals = start(tmp_path)
    original, _ = await put(originals, b"picture")
    (tmp_path / layout.original(original.image_id)).unlink()

    for question in (originals.find, originals.path):
        with pytest.raises(UnknownImage, match="no image"):
            await question(original.image_id)
    assert (original, True) == await put(originals, b"picture")


async def test_folders_removed_by_hand(tmp_path: Path) -> None:
    """Folders that vanish while the node runs are made again."""
    originals = start(tmp_path)
    original, _ = await put(originals, b"picture")
    os.rename(tmp_path / "originals", tmp_path / "elsewhere")  # noqa: PTH104

    assert (original, True) == await put(originals, b"picture")


async def test_damaged_one_is_replaced_by_an_upload(tmp_path: Path) -> None:
    """Uploading an image whose stored bytes are damaged mends it."""
    path = place(tmp_path, b"pictuer", id_of(b"picture"))

    original, is_new = await put(start(tmp_path), b"picture")

    assert is_new
    assert b"picture" == path.read_bytes()
    assert original == await start(tmp_path).find(id_of(b"picture"))


async def test_bytes_are_read_once(tmp_path: Path) -> None:
    """Checking is remembered, and done again once the file looks touched."""
    await put(start(tmp_path), b"picture")
    in_threads: list[object] = []

    def noted(work: Callable[..., Path], *args: object) -> defer.Deferred[Path]:
        in_threads.append(work)
        return defer.execute(work, *args)

    originals = OriginalsOnDisk(tmp_path, inspect=Looks(), now=lambda: NOON, in_thread=noted)
    path = await originals.path(id_of(b"picture"))
    in_threads.clear()

    assert path == await originals.path(id_of(b"picture"))
    assert [] == in_threads
    os.utime(path)
    assert path == await originals.path(id_of(b"picture"))
    assert 1 == len(in_threads)


async def test_more_originals_than_are_remembered(tmp_path: Path) -> None:
    """Memory is bounded; what was forgotten is read again."""
    originals = start(tmp_path, most=2)
    kept = [(await put(originals, bytes([number])))[0] for number in range(6)]

    for original in kept:
        assert original == await originals.find(original.image_id)
        assert (await originals.path(original.image_id)).exists()


async def test_strays_are_passed_over(tmp_path: Path) -> None:
    """Files and folders that are not ours are neither listed, nor counted, nor touched."""
    originals = start(tmp_path)
    original, _ = await put(originals, b"picture")
    shelf = (tmp_path / layout.original(original.image_id)).parent
    for stray in (
        shelf / "note.json",
        shelf / "x",
        shelf.parent / "zz",
        tmp_path / "originals/md5",
    ):
        stray.write_text("mine")

    await originals.count()

    assert [original] == await originals.page(None, 9)
    assert Stock(originals=1, bytes=7, is_complete=True) == originals.stock
    assert (shelf / "note.json").exists()


async def test_count(tmp_path: Path) -> None:
    """The numbers are right after counting, and stay right whatever happens then."""
    before = start(tmp_path)
    for content in (b"1", b"22", b"333"):
        await put(before, content)
    originals = start(tmp_path)

    assert Stock(originals=0, bytes=0, is_complete=False) == originals.stock
    await put(originals, b"4444")
    await originals.count()
    assert Stock(originals=4, bytes=10, is_complete=True) == originals.stock
    await put(originals, b"4444")
    await put(originals, b"55555")
    await originals.remove(id_of(b"1"))
    await originals.remove(id_of(b"1"))
    assert Stock(originals=4, bytes=14, is_complete=True) == originals.stock
    flip(tmp_path / layout.original(id_of(b"22")))
    with pytest.raises(UnknownImage):
        await originals.path(id_of(b"22"))
    assert Stock(originals=3, bytes=12, is_complete=True) == originals.stock


async def test_count_can_be_broken_off(tmp_path: Path) -> None:
    """A node that stops does not wait until everything is counted."""
    originals = start(tmp_path)
    originals.stop()

    await originals.count()

    assert not originals.stock.is_complete


async def test_lone_sidecars_go(tmp_path: Path) -> None:
    """A sidecar whose original never came is removed when originals are counted."""
    originals = start(tmp_path)
    original, _ = await put(originals, b"picture")
    (tmp_path / layout.original(original.image_id)).unlink()

    await start(tmp_path).count()

    assert set() == files_in(tmp_path)


async def test_abandoned_while_being_sealed(tmp_path: Path) -> None:
    """A client that leaves while the disk flushes leaves no file, and no other file is closed."""
    waiting: list[Callable[[], object]] = []

    def later(work: Callable[..., object], *args: object) -> defer.Deferred[object]:
        done: defer.Deferred[object] = defer.Deferred()
        waiting.append(lambda: work(*args))
        return done

    originals = OriginalsOnDisk(tmp_path, inspect=Looks(), now=lambda: NOON, in_thread=later)
    originals.prepare()
    incoming = originals.begin(HashName.SHA256)
    incoming.write(b"picture")
    sealing = defer.Deferred.fromCoroutine(incoming.seal())
    incoming.abandon()
    with (tmp_path / "mine").open("wb") as mine:
        waiting[0]()
        mine.write(b"still open")
        mine.flush()
    sealing.addErrback(lambda _: None)
    sealing.cancel()

    assert {"mine"} == files_in(tmp_path)
    with pytest.raises(ValueError, match="sealed"):
        await originals.keep(incoming, FACTS)


async def test_modes(tmp_path: Path) -> None:
    """Originals are for the node and its group alone."""
    before = os.umask(0o022)
    try:
        original, _ = await put(start(tmp_path), b"picture")
    finally:
        os.umask(before)
    path = tmp_path / layout.original(original.image_id)

    assert 0o640 == path.stat().st_mode & 0o777
    assert 0o750 == path.parent.stat().st_mode & 0o777
    assert 0o700 == (tmp_path / "incoming").stat().st_mode & 0o777


async def test_verify_believes_no_memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Rot that leaves size, times and inode as they were is found by `verify`, and by it alone."""
    for module in (rehash, soundness):
        monkeypatch.setattr(module, "signature", lambda status: (status.st_size, 0, 0, 0))
    originals = start(tmp_path)
    original, _ = await put(originals, b"picture")
    path = tmp_path / layout.original(original.image_id)
    flip(path)
    await originals.count()

    assert path == await originals.path(original.image_id)
    assert not await originals.verify(original.image_id)

    assert not path.exists()
    assert 2 == len(list((tmp_path / "quarantine").iterdir()))
    assert Stock(originals=0, bytes=0, is_complete=True) == originals.stock


async def test_verify_reads_in_slices(tmp_path: Path) -> None:
    """No thread reads more than 8 MB of an original at a time."""
    originals = start(tmp_path)
    original, _ = await put(originals, bytes(20_000_000))
    read: list[int] = []

    async def pause(length: int) -> None:
        read.append(length)

    assert await originals.verify(original.image_id, pause)
    assert [8_000_000, 8_000_000, 4_000_000] == read


@pytest.mark.parametrize("content,is_sound", [(b"picture", True), (b"pictuer", False)])
async def test_replaced_while_being_verified(
    tmp_path: Path, content: bytes, is_sound: bool
) -> None:
    """What was put in the place of an original meanwhile is judged by its own bytes."""
    path = place(tmp_path, b"pictuer", id_of(b"picture"))
    originals = start(tmp_path)

    async def replace(_: int) -> None:
        (tmp_path / "new").write_bytes(content)
        (tmp_path / "new").rename(path)

    assert is_sound == await originals.verify(id_of(b"picture"), replace)
    assert is_sound == path.exists()
    assert is_sound != (tmp_path / "quarantine").exists()


async def test_removed_while_being_verified(tmp_path: Path) -> None:
    """A deletion in mid-look is no damage."""
    originals = start(tmp_path)
    original, _ = await put(originals, b"picture")

    async def remove(_: int) -> None:
        await originals.remove(original.image_id)

    assert not await originals.verify(original.image_id, remove)
    assert set() == files_in(tmp_path)


async def test_verify_works_in_threads_alone(tmp_path: Path) -> None:
    """However large an original is, hashing it never holds up the reactor."""
    place(tmp_path, b"picture")
    waiting: list[Callable[[], object]] = []

    def later(work: Callable[..., object], *args: object) -> defer.Deferred[object]:
        done: defer.Deferred[object] = defer.Deferred()
        waiting.append(lambda: done.callback(work(*args)))
        return done

    originals = OriginalsOnDisk(tmp_path, inspect=Looks(), now=lambda: NOON, in_thread=later)
    results: list[bool] = []
    defer.Deferred.fromCoroutine(originals.verify(id_of(b"picture"))).addCallback(results.append)
    while waiting:
        assert [] == results
        assert None is originals.verified_at(id_of(b"picture"))
        waiting.pop()()

    assert [True] == results
    assert NOON == originals.verified_at(id_of(b"picture"))


async def test_verified_at_is_forgotten_with_the_file(tmp_path: Path) -> None:
    """A touched file counts as unseen, and so does every file after a restart."""
    originals = start(tmp_path)
    original, _ = await put(originals, b"picture")
    os.utime(tmp_path / layout.original(original.image_id))

    assert None is originals.verified_at(original.image_id)
    assert await originals.verify(original.image_id)
    assert NOON == originals.verified_at(original.image_id)
    assert None is start(tmp_path).verified_at(original.image_id)


async def test_set_aside_is_kept_in_quarantine(tmp_path: Path) -> None:
    """What was set aside is whole in quarantine; both folders are flushed before that is said."""
    flushed: list[str] = []

    def fsync(fd: int) -> None:
        flushed.append(str(Path(f"/proc/self/fd/{fd}").readlink()))

    originals = start(tmp_path, fsync=fsync)
    original, _ = await put(originals, b"picture")
    await originals.count()
    flushed.clear()

    assert await originals.set_aside(original.image_id, "is in doubt")

    shelf = (tmp_path / layout.original(original.image_id)).parent
    assert [str(tmp_path / "quarantine"), str(shelf)] == flushed
    moved, sidecar = sorted((tmp_path / "quarantine").iterdir())
    assert b"picture" == moved.read_bytes()
    assert f"{moved.name}.json" == sidecar.name
    assert Stock(originals=0, bytes=0, is_complete=True) == originals.stock


async def test_set_aside_on_a_full_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What can't be set aside stays, and is not said to be."""
    originals = start(tmp_path)
    original, _ = await put(originals, b"picture")

    def full(self: Path, **_: object) -> None:
        raise OSError(errno.ENOSPC, "full")

    monkeypatch.setattr(Path, "mkdir", full)

    with pytest.raises(NoSpace):
        await originals.set_aside(original.image_id, "is in doubt")
    assert original == await originals.find(original.image_id)


@pytest.mark.parametrize("how", ["page", "find", "path", "verify"])
async def test_what_is_found_damaged_by_the_way_is_told(tmp_path: Path, how: str) -> None:
    """Once, whoever came across it; not to who asked for a check, and not of what is no image."""
    (cut, _), (other, _) = [await put(start(tmp_path), content) for content in (b"one", b"two")]
    os.truncate(tmp_path / layout.original(cut.image_id), 2)
    originals, told = start(tmp_path), list[ImageId]()
    originals.damaged = told.append
    match how:
        case "page":
            assert [other] == await originals.page(None, 9)
        case "verify":
            assert not await originals.verify(cut.image_id)
        case _:
            with pytest.raises(UnknownImage):
                await getattr(originals, how)(cut.image_id)
    assert ([] if how == "verify" else [cut.image_id]) == told
    with pytest.raises(UnknownImage):
        await originals.find(cut.image_id)
    assert len(told) == (how != "verify")


async def test_what_is_no_image_is_not_told_as_damaged(tmp_path: Path) -> None:
    """Its bytes are as they were."""
    place(tmp_path, b"text")
    originals, told = start(tmp_path, Looks(NotAnImage("text"))), list[ImageId]()
    originals.damaged = told.append
    assert [] == await originals.page(None, 9)
    assert [] == told
