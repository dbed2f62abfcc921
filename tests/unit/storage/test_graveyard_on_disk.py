"""What only tombstones on a real disk can promise: restarts, kills, damage, full disks."""

import errno
import os
import random
from collections.abc import Callable
from pathlib import Path

import pytest
from twisted.internet import defer

from reticulum.errors import NoSpace
from reticulum.model import HashName, ImageId, Tombstone
from reticulum.storage.graveyard import GraveyardOnDisk

NOON = 1_700_000_000
DAY = 86_400


def name(number: int) -> ImageId:
    hash_name = list(HashName)[number % 2]
    return ImageId(hash_name, f"{number:0{hash_name.hex_digits}x}")


def grave(number: int, sequence: int = 1, days: int = 30, *, revoked: bool = False) -> Tombstone:
    return Tombstone(
        image_id=name(number),
        sequence=sequence,
        expires=NOON + days * DAY,
        revoked=revoked,
        packed=random.Random(number).randbytes(170),  # noqa: S311
    )


def start(
    data: Path,
    now: float = NOON,
    fsync: Callable[[int], None] = lambda _: None,
    most: int = 1_000_000,
) -> GraveyardOnDisk:
    """A node's graveyard after a (re)start, without threads."""
    graveyard = GraveyardOnDisk(
        data, now=lambda: now, in_thread=defer.execute, fsync=fsync, most=most
    )
    graveyard.prepare()
    return graveyard


def everything(graveyard: GraveyardOnDisk) -> list[Tombstone]:
    found, end = graveyard.since(0, 0, 10_000)
    assert end is None
    return list(found)


async def test_survives_a_restart(tmp_path: Path) -> None:
    """The next process knows them all, in the order of learning, over all days and statements."""
    first = start(tmp_path)
    await first.keep([grave(number, days=1 + number % 5) for number in range(20)])
    await first.keep([grave(3, 2, days=2, revoked=True), grave(0, 7, days=30)])

    second = start(tmp_path)

    assert everything(first) == everything(second)
    assert 20 == len(second)
    for number in range(20):
        assert first.get(name(number)) == second.get(name(number))
    assert grave(3, 2, days=2, revoked=True) == second.get(name(3))
    assert [] == list(await second.keep([grave(0, 6)]))


async def test_going_on_after_a_restart(tmp_path: Path) -> None:
    """Who was in the midst of the pages goes on where it was, also with what came since."""
    first = start(tmp_path)
    await first.keep([grave(number, days=1 + number) for number in range(5)])
    _, after = first.since(0, 0, 3)
    assert after is not None

    second = start(tmp_path)
    await second.keep([grave(9)])

    found, end = second.since(0, after, 9)
    assert [grave(3, days=4), grave(4, days=5), grave(9)] == found
    assert None is end


async def test_days_that_are_over_are_removed(tmp_path: Path) -> None:
    """What expired while the node was off is neither known nor on the disk after the start."""
    await start(tmp_path).keep([grave(1, days=1), grave(2, days=40)])
    (tmp_path / "tombstones/note").write_text("mine")

    graveyard = start(tmp_path, NOON + 9 * DAY)

    assert [grave(2, days=40)] == everything(graveyard)
    assert {"note", str(NOON // DAY + 40)} == set(os.listdir(tmp_path / "tombstones"))  # noqa: PTH208


async def test_replaced_stays_replaced_after_a_restart(tmp_path: Path) -> None:
    """A revocation that expires early outlives the deletion on the disk that it revoked."""
    first = start(tmp_path)
    await first.keep([grave(1, 1, days=9)])
    await first.keep([grave(1, 2, days=2, revoked=True)])

    second = start(tmp_path, NOON + 5 * DAY)

    assert None is second.get(name(1))
    assert [] == everything(second)


async def test_flushed_before_acknowledged(tmp_path: Path) -> None:
    """Each file is flushed with the tombstone in it, and so are the names up to the top."""
    flushed: list[tuple[str, int]] = []

    def fsync(fd: int) -> None:
        os.fsync(fd)
        flushed.append((str(Path(f"/proc/self/fd/{fd}").readlink()), os.fstat(fd).st_size))

    graveyard = start(tmp_path, fsync=fsync)
    await graveyard.keep([grave(1, days=1), grave(2, days=2)])

    folder = tmp_path / "tombstones"
    names = [path for path, _ in flushed]
    assert str(tmp_path) in names
    assert str(folder) in names
    for path in folder.iterdir():
        assert (str(path), path.stat().st_size) in flushed


async def test_cut_at_every_byte_of_the_last_one(tmp_path: Path) -> None:
    """A kill while one is written costs that one at most, and never yields garbage."""
    graveyard = start(tmp_path)
    await graveyard.keep([grave(1), grave(2)])
    (path,) = (tmp_path / "tombstones").iterdir()
    before = path.stat().st_size
    await graveyard.keep([grave(3)])
    whole = path.read_bytes()
    for length in range(before, len(whole) + 1):
        path.write_bytes(whole[:length])

        found = everything(start(tmp_path))

        assert [grave(1), grave(2), *([grave(3)] if length == len(whole) else [])] == found


async def test_flipped_byte_costs_one(tmp_path: Path) -> None:
    """Wherever a byte is damaged, all others are there, and what was hit can be learned again."""
    graves = [grave(number) for number in range(1, 4)]
    await start(tmp_path).keep(graves)
    (path,) = (tmp_path / "tombstones").iterdir()
    whole = path.read_bytes()
    for at in range(len(whole)):
        path.write_bytes(whole[:at] + bytes([whole[at] ^ 1]) + whole[at + 1 :])

        graveyard = start(tmp_path)

        found = everything(graveyard)
        assert 2 == len(found)
        (lost,) = (one for one in graves if one not in found)
        assert [lost] == list(await graveyard.keep(graves))
        assert [*found, lost] == everything(graveyard)


async def test_damaged_while_running(tmp_path: Path) -> None:
    """An image stays deleted although its statement can't be read any more; nobody is told it."""
    graveyard = start(tmp_path)
    await graveyard.keep([grave(1), grave(2)])
    (path,) = (tmp_path / "tombstones").iterdir()
    content = path.read_bytes()
    path.write_bytes(content.replace(grave(1).packed, bytes(170)))

    found = graveyard.get(name(1))

    assert found is not None
    assert (1, False, b"") == (found.sequence, found.revoked, found.packed)
    assert [grave(2)] == everything(graveyard)


async def test_full_disk(tmp_path: Path) -> None:
    """On a full disk none of a message is kept, also of the days that still fitted in."""
    full = [10**9]

    def fsync(fd: int) -> None:
        full[0] -= 1
        if full[0] < 0:
            raise OSError(errno.ENOSPC, "full")
        os.fsync(fd)

    graveyard = start(tmp_path, fsync=fsync)
    await graveyard.keep([grave(1, days=1)])
    for fitting in range(4):
        full[0] = fitting
        with pytest.raises(NoSpace):
            await graveyard.keep([grave(2, days=1), grave(3, days=2), grave(4, days=3)])
        assert [grave(1, days=1)] == everything(graveyard)
        full[0] = 10**9
        assert [grave(1, days=1)] == everything(start(tmp_path))

    assert 1 == len(await graveyard.keep([grave(3, days=2)]))
    assert [grave(1, days=1), grave(3, days=2)] == everything(start(tmp_path))


async def test_bounded(tmp_path: Path) -> None:
    """Nobody can fill this node's memory with deletions; those that there are can be replaced."""
    graveyard = start(tmp_path, most=2)
    await graveyard.keep([grave(1), grave(2)])

    with pytest.raises(NoSpace):
        await graveyard.keep([grave(3)])

    assert [grave(1), grave(2)] == everything(graveyard)
    for sequence in (2, 3):
        assert 1 == len(await graveyard.keep([grave(1, sequence, revoked=True)]))
    with pytest.raises(NoSpace):
        await graveyard.keep([grave(1, 4)])
