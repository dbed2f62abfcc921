"""What only hints on a real disk can promise: restarts, kills, damage, full disks."""

import errno
import os
from collections.abc import Callable
from pathlib import Path

import pytest
from twisted.internet import defer

from reticulum.errors import NoSpace
from reticulum.model import HashName, ImageId, NodeId
from reticulum.storage.hints import HintsOnDisk

ANN, BOB = NodeId(b"a" * 20), NodeId(b"b" * 20)


def name(number: int) -> ImageId:
    hash_name = list(HashName)[number % 2]
    return ImageId(hash_name, f"{number:0{hash_name.hex_digits}x}")


def names(*numbers: int) -> list[ImageId]:
    return list(map(name, numbers))


def start(
    data: Path, fsync: Callable[[int], None] = lambda _: None, most: int = 100_000
) -> HintsOnDisk:
    """A node's hints after a (re)start, without threads."""
    hints = HintsOnDisk(data, in_thread=defer.execute, fsync=fsync, most=most)
    hints.prepare()
    return hints


def told(hints: HintsOnDisk) -> dict[NodeId, list[ImageId]]:
    return {node_id: list(hints.of(node_id, 10**6)) for node_id in hints.creditors()}


def journal_in(data: Path) -> Path:
    return data / "hints/journal"


async def test_survives_a_restart(tmp_path: Path) -> None:
    """The next process owes the same, in the same order, however often it is restarted."""
    first = start(tmp_path)
    await first.add(ANN, names(5, 1, 3))
    await first.add(BOB, names(1, 2))
    await first.add(ANN, names(4))
    await first.done(ANN, names(1))

    second = start(tmp_path)
    third = start(tmp_path)

    expected = {ANN: names(5, 3, 4), BOB: names(1, 2)}
    assert [expected] * 3 == [told(first), told(second), told(third)]
    assert 5 == len(third)


async def test_bound_after_a_restart(tmp_path: Path) -> None:
    """What was forgotten stays forgotten; the order over all nodes outlives the restart."""
    first = start(tmp_path, most=3)
    await first.add(ANN, names(1))
    await first.add(BOB, names(2, 3))
    await first.add(ANN, names(4))
    second = start(tmp_path, most=3)
    assert {BOB: names(2, 3), ANN: names(4)} == told(second)

    await second.add(ANN, names(5))

    assert {BOB: names(3), ANN: names(4, 5)} == told(start(tmp_path, most=3))


async def test_more_than_one_entry_holds(tmp_path: Path) -> None:
    """A node that is owed thousands of images at once is owed them after a restart."""
    await start(tmp_path).add(ANN, names(*range(3500)))

    assert {ANN: names(*range(3500))} == told(start(tmp_path))


async def test_cut_at_every_byte_of_the_last_entry(tmp_path: Path) -> None:
    """A kill while a debt is noted costs that one at most, and never yields garbage."""
    hints = start(tmp_path)
    await hints.add(ANN, names(1, 2))
    await hints.add(BOB, names(3))
    path = journal_in(tmp_path)
    before = path.stat().st_size
    await hints.add(ANN, names(4))
    whole = path.read_bytes()
    for length in range(before, len(whole) + 1):
        path.write_bytes(whole[:length])

        found = told(start(tmp_path))

        of_ann = names(1, 2, 4) if length == len(whole) else names(1, 2)
        assert {ANN: of_ann, BOB: names(3)} == found


async def test_flipped_byte_costs_one_entry(tmp_path: Path) -> None:
    """Wherever a byte is damaged, only what was noted in that entry is lost."""
    hints = start(tmp_path)
    for number in range(3):
        await hints.add(ANN, names(number))
    path = journal_in(tmp_path)
    whole = path.read_bytes()
    for at in range(len(whole)):
        path.write_bytes(whole[:at] + bytes([whole[at] ^ 1]) + whole[at + 1 :])

        found = told(start(tmp_path))[ANN]

        assert 2 == len(found)
        assert set(found) < set(names(0, 1, 2))


async def test_journal_stays_short(tmp_path: Path) -> None:
    """Debts that come and go for ever do not make the file grow for ever."""
    hints = start(tmp_path)
    await hints.add(BOB, names(1))
    longest = 0
    for _ in range(60):
        await hints.add(ANN, names(*range(100)))
        await hints.done(ANN, names(*range(100)))
        longest = max(longest, journal_in(tmp_path).stat().st_size)

    assert 60_000 < longest < 80_000
    assert {BOB: names(1)} == told(start(tmp_path))
    assert 100 > journal_in(tmp_path).stat().st_size


async def test_full_disk_then_room(tmp_path: Path) -> None:
    """On a full disk debts are remembered for now; once there is room, they are noted as well."""
    full = [False]

    def fsync(_: int) -> None:
        if full[0]:
            raise OSError(errno.ENOSPC, "full")

    hints = start(tmp_path, fsync)
    await hints.add(ANN, names(1))
    full[0] = True
    with pytest.raises(NoSpace):
        await hints.add(ANN, names(2))
    with pytest.raises(NoSpace):
        await hints.add(ANN, names(2))
    await hints.done(ANN, names(1))
    assert {ANN: names(2)} == told(hints)
    full[0] = False
    assert {ANN: names(1)} == told(start(tmp_path))

    await hints.add(BOB, names(3))

    assert {ANN: names(2), BOB: names(3)} == told(start(tmp_path))
    assert ["journal"] == os.listdir(tmp_path / "hints")  # noqa: PTH208


async def test_flushed_before_acknowledged(tmp_path: Path) -> None:
    """Debts are flushed at once; payments with the next debt, also if that one is old."""
    flushed: list[tuple[str, int]] = []

    def fsync(fd: int) -> None:
        flushed.append((str(Path(f"/proc/self/fd/{fd}").readlink()), os.fstat(fd).st_size))

    hints = start(tmp_path, fsync)
    path = journal_in(tmp_path)
    await hints.add(ANN, names(1, 2))
    assert (str(path), path.stat().st_size) in flushed
    flushed.clear()
    await hints.done(ANN, names(1))
    assert [] == flushed

    await hints.add(ANN, names(2))

    assert [(str(path), path.stat().st_size)] == flushed


async def test_taken_along(tmp_path: Path) -> None:
    """Whoever writes takes along what others have changed, in the order of the changes."""
    waiting: list[Callable[[], object]] = []

    def later(work: Callable[..., object], **words: object) -> defer.Deferred[object]:
        done: defer.Deferred[object] = defer.Deferred()
        waiting.append(lambda: done.callback(work(**words)))
        return done

    hints = HintsOnDisk(tmp_path, in_thread=later, fsync=lambda _: None)
    hints.prepare()
    for change in (hints.add(ANN, names(1)), hints.done(ANN, names(1)), hints.add(ANN, names(1))):
        defer.Deferred.fromCoroutine(change)

    for work in reversed(waiting):
        work()

    assert {ANN: names(1)} == told(start(tmp_path))


async def test_written_anew_while_debts_change(tmp_path: Path) -> None:
    """What changes while the journal is written anew is not lost, and pushes nothing out."""
    await start(tmp_path, most=2).add(ANN, names(1, 2))
    waiting: list[Callable[[], object]] = []

    def later(work: Callable[..., object], **words: object) -> defer.Deferred[object]:
        waiting.append(lambda: work(**words))
        return defer.Deferred()

    class Meddled(HintsOnDisk):
        def _rewrite(self) -> None:
            for change in (
                self.add(ANN, names(3)),
                self.done(ANN, names(3)),
                self.add(ANN, names(4)),
            ):
                defer.Deferred.fromCoroutine(change)
            super()._rewrite()

    hints = Meddled(tmp_path, in_thread=later, fsync=lambda _: None, most=2)
    hints.prepare()
    for work in waiting:
        work()

    assert {ANN: names(2, 4)} == told(hints) == told(start(tmp_path, most=2))
