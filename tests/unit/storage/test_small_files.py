"""Small state on disk: when the node was last alive, how far its upkeep has come, what is free."""

import errno
import os
from collections.abc import Callable
from pathlib import Path

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st
from twisted.internet import defer

from reticulum.errors import NoSpace
from reticulum.storage.attendance import Attendance
from reticulum.storage.room import Room
from reticulum.storage.upkeep_file import UpkeepFile

NOON = 1_700_000_000.0


def full(_: int) -> None:
    raise OSError(errno.ENOSPC, "full")


def attendance(
    data: Path, now: float = NOON, fsync: Callable[[int], None] = os.fsync
) -> Attendance:
    """After a (re)start, without threads."""
    made = Attendance(data, now=lambda: now, in_thread=defer.execute, fsync=fsync)
    made.prepare()
    return made


async def test_first_start(tmp_path: Path) -> None:
    """Who was never here was never alive here; a stamp is for the next process to see."""
    first = attendance(tmp_path)
    assert None is first.last()

    await first.stamp()

    assert None is first.last()
    assert NOON == attendance(tmp_path).last()


async def test_last_stamp_counts(tmp_path: Path) -> None:
    """Each stamp takes the place of the one before, also of a draft that a kill has left."""
    await attendance(tmp_path).stamp()
    (tmp_path / "attendance.new").write_text("17")
    await attendance(tmp_path, NOON + 60.25).stamp()

    assert NOON + 60.25 == attendance(tmp_path).last()
    assert ["attendance"] == [path.name for path in tmp_path.iterdir()]


@pytest.mark.parametrize("content", [b"", b"x", b"nan", b"inf", b"\xff" * 999])
async def test_damaged_stamp(tmp_path: Path, content: bytes) -> None:
    """A damaged stamp is no first start: the time of the file counts instead."""
    path = tmp_path / "attendance"
    path.write_bytes(content)
    os.utime(path, (NOON, NOON))

    assert NOON == attendance(tmp_path).last()


async def test_stamp_on_a_full_disk(tmp_path: Path) -> None:
    """On a full disk the last stamp stands."""
    await attendance(tmp_path).stamp()

    with pytest.raises(NoSpace):
        await attendance(tmp_path, NOON + 60, full).stamp()

    assert NOON == attendance(tmp_path).last()
    assert ["attendance"] == [path.name for path in tmp_path.iterdir()]


async def test_upkeep_is_read_back(tmp_path: Path) -> None:
    """What was written last is what the next process reads; at first that is nothing."""
    assert {} == await UpkeepFile(tmp_path, in_thread=defer.execute).read()

    for state in ({"scrub": {"after": "sha1-…", "left": 3}}, {"census": [1, None, 2.5]}):
        await UpkeepFile(tmp_path, in_thread=defer.execute).write(state)

        assert state == await UpkeepFile(tmp_path, in_thread=defer.execute).read()


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b"1", b"\xff", b"[" * 100_000])
async def test_damaged_upkeep(tmp_path: Path, content: bytes) -> None:
    """A damaged file means to begin from the beginning, and can be replaced."""
    upkeep = UpkeepFile(tmp_path, in_thread=defer.execute)
    (tmp_path / "upkeep.json").write_bytes(content)

    assert {} == await upkeep.read()
    await upkeep.write({"fresh": True})
    assert {"fresh": True} == await upkeep.read()


async def test_upkeep_is_bounded(tmp_path: Path) -> None:
    """More than 1 MB is refused, on a full disk anything is; what was there stays."""
    upkeep = UpkeepFile(tmp_path, in_thread=defer.execute)
    await upkeep.write({"small": 1})

    with pytest.raises(ValueError, match="1000000 bytes"):
        await upkeep.write({"large": "x" * 1_000_000})
    with pytest.raises(NoSpace):
        await UpkeepFile(tmp_path, in_thread=defer.execute, fsync=full).write({})

    assert {"small": 1} == await upkeep.read()
    assert ["upkeep.json"] == [path.name for path in tmp_path.iterdir()]


@attrs.define
class Disk:
    """A disk of 4 kB blocks, and a clock."""

    blocks: int = 1000
    free: int = 1000
    now: float = 0.0
    asked: int = 0

    def __call__(self, _: Path) -> os.statvfs_result:
        self.asked += 1
        free = self.free
        return os.statvfs_result((9999, 4096, self.blocks, free + 50, free, 0, 0, 0, 0, 255))

    def room(self, reserve_bytes: int = 10**12) -> Room:
        return Room(Path(), reserve_bytes=reserve_bytes, monotonic=lambda: self.now, statvfs=self)


def test_room_of_a_real_disk(tmp_path: Path) -> None:
    """What the operating system says, in bytes."""
    room = Room(tmp_path, reserve_bytes=0, monotonic=lambda: 0.0)

    assert 0 < room.free() < room.capacity()
    assert not room.is_down_to_reserve()


def test_room_in_bytes() -> None:
    """Only what others than root may use counts as free; the disk is what it is in all."""
    room = Disk(blocks=1000, free=300).room()

    assert (300 * 4096, 1000 * 4096) == (room.free(), room.capacity())


@given(st.integers(0, 1000), st.integers(0, 400_000))
def test_reserve(free: int, reserve_bytes: int) -> None:
    """The reserve is what was set, or 5 % of a small disk."""
    room = Disk(blocks=1000, free=free).room(reserve_bytes)

    assert (free * 4096 < min(reserve_bytes, 50 * 4096)) == room.is_down_to_reserve()


def test_room_is_asked_once_a_second() -> None:
    """However often somebody wants to know, the operating system is asked once a second."""
    disk = Disk()
    room = disk.room()
    for _ in range(9):
        room.is_down_to_reserve()
        room.free()
    assert 1 == disk.asked
    disk.free, disk.now = 10, 0.9
    assert not room.is_down_to_reserve()

    disk.now = 1.0

    assert room.is_down_to_reserve()
    assert 2 == disk.asked
