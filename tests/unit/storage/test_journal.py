"""The append-only file under kills, flipped bits and full disks."""

import errno
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from twisted.logger import globalLogPublisher

from reticulum.storage.durable import Durable
from reticulum.storage.frames import MOST_BYTES, body_at, frame, scan
from reticulum.storage.journal import Journal

BODIES = [b"first", b"", b"x" * 300, b"last one"]


def journal_at(path: Path, fsync: Any = os.fsync) -> Journal:
    durable = Durable(path.parent, fsync=fsync, folder_mode=0o700, file_mode=0o600)
    return Journal(path, durable)


def loaded(path: Path) -> tuple[Journal, list[bytes]]:
    """After a restart."""
    journal = journal_at(path)
    return journal, [body for _, body in journal.load()]


@pytest.fixture
def logged() -> Iterator[list[str]]:
    """Formats of what is logged meanwhile."""
    events: list[str] = []

    def note(event: dict[str, Any]) -> None:
        events.append(event["log_format"])

    globalLogPublisher.addObserver(note)
    yield events
    globalLogPublisher.removeObserver(note)


@given(st.lists(st.binary(max_size=40), max_size=5), st.binary(max_size=30))
def test_entries_come_back(bodies: list[bytes], behind: bytes) -> None:
    """Entries are told from each other, and from whatever lies behind them."""
    found = [body for _, body in scan(b"".join(map(frame, bodies)) + behind)]

    assert bodies == found[: len(bodies)]


def test_longest_entry() -> None:
    """A body of 65,535 bytes is the longest one."""
    assert bytes(MOST_BYTES) == body_at(frame(bytes(MOST_BYTES)), 0)


@given(st.binary(min_size=1, max_size=60), st.data())
def test_no_flipped_bit_passes(body: bytes, data: st.DataObject) -> None:
    """An entry with one bit flipped, wherever, is no entry."""
    entry = bytearray(frame(body))
    bit = data.draw(st.integers(0, 8 * len(entry) - 1))
    entry[bit // 8] ^= 1 << bit % 8

    assert None is body_at(bytes(entry), 0)


def test_cut_at_every_byte_of_the_last_entry(tmp_path: Path, logged: list[str]) -> None:
    """A kill while writing costs that entry, none before, and none that is written afterwards."""
    whole = b"".join(map(frame, BODIES))
    last = len(frame(BODIES[-1]))
    for cut in range(1, last + 1):
        path = tmp_path / str(cut)
        path.write_bytes(whole[:-cut])

        journal, found = loaded(path)
        assert whole[:-last] == path.read_bytes()
        journal.append([b"after"])

        assert BODIES[:-1] == found
        assert [*BODIES[:-1], b"after"] == loaded(path)[1]
        assert whole[:-last] + frame(b"after") == path.read_bytes()
    assert ["journal.torn file={file} cut_bytes={cut}"] * (last - 1) == logged


def test_flipped_byte_costs_one_entry(tmp_path: Path, logged: list[str]) -> None:
    """Damage anywhere before the last entry costs the entry it is in; a line in the log tells."""
    whole = b"".join(map(frame, BODIES))
    starts = [0, *(sum(len(frame(body)) for body in BODIES[:n]) for n in (1, 2, 3, 4))]
    path = tmp_path / "journal"
    for at in range(starts[3]):
        path.write_bytes(whole[:at] + bytes([whole[at] ^ 0x55]) + whole[at + 1 :])
        hit = next(number for number in range(4) if at < starts[number + 1])
        logged.clear()

        _, found = loaded(path)

        assert BODIES[:hit] + BODIES[hit + 1 :] == found
        assert ["journal.damaged file={file} lost_bytes={lost}"] == logged
        assert len(whole) == path.stat().st_size


def test_draft_is_cleared(tmp_path: Path) -> None:
    """What a kill in the midst of writing anew has left is removed at the next start."""
    (tmp_path / "journal.new").write_bytes(frame(b"half"))

    assert [] == loaded(tmp_path / "journal")[1]
    assert [] == list(tmp_path.iterdir())


def test_garbage_is_cut_off(tmp_path: Path) -> None:
    """A file of nothing but garbage is an empty journal that can be written to."""
    path = tmp_path / "journal"
    path.write_bytes(os.urandom(5000))
    journal, found = loaded(path)

    journal.append([b"new"])

    assert [] == found
    assert frame(b"new") == path.read_bytes()


def test_flushed_before_it_is_acknowledged(tmp_path: Path) -> None:
    """The bytes are flushed behind the writing, and once the file is new so is its name."""
    flushed: list[tuple[str, int]] = []
    path = tmp_path / "journal"

    def fsync(fd: int) -> None:
        flushed.append((str(Path(f"/proc/self/fd/{fd}").readlink()), path.stat().st_size))

    journal = journal_at(path, fsync)
    journal.append([b"1"])
    journal.append([b"2"])
    journal.append([b"3"], flush=False)
    journal.flush()

    size = len(frame(b"1"))
    assert [
        (str(path), size),
        (str(tmp_path), size),
        (str(path), 2 * size),
        (str(path), 3 * size),
    ] == flushed


def test_failure_leaves_nothing(tmp_path: Path) -> None:
    """What cannot be flushed is not in the file, and the next entry is where it would have been."""
    path = tmp_path / "journal"
    failing = [False]

    def fsync(fd: int) -> None:
        if failing[0]:
            raise OSError(errno.ENOSPC, "full")

    journal = journal_at(path, fsync)
    failing[0] = True
    with pytest.raises(OSError, match="full"):
        journal.append([b"lost"])
    assert not path.exists()
    failing[0] = False
    journal.append([b"kept"])
    failing[0] = True
    with pytest.raises(OSError, match="full"):
        journal.append([b"lost", b"too"])
    with pytest.raises(OSError, match="full"):
        journal.replace([b"lost"])

    failing[0] = False
    (place,) = journal.append([b"and this"])

    assert [b"kept", b"and this"] == loaded(path)[1]
    assert [b"and this"] == list(journal.read([(place, 8)]))
    assert ["journal"] == os.listdir(tmp_path)  # noqa: PTH208


def test_read_of_what_is_gone(tmp_path: Path) -> None:
    """Damaged, cut off or removed: the place of such an entry is empty, the others are read."""
    path = tmp_path / "journal"
    journal = journal_at(path)
    places = [(at, 3) for at in journal.append([b"one", b"two", b"tri"])]
    whole = path.read_bytes()
    path.write_bytes(whole[:-1].replace(b"two", b"tow"))

    assert [b"one", None, None] == list(journal.read(places))

    path.unlink()

    assert [None] * 3 == list(journal.read(places))


def test_replaced_and_removed(tmp_path: Path) -> None:
    """A journal written anew holds the new entries alone, a removed one none."""
    path = tmp_path / "journal"
    journal = journal_at(path)
    journal.append([b"old"] * 9)
    (tmp_path / "journal.new").write_bytes(b"left by a killed process")

    journal.replace([b"new"])
    journal.append([b"more"])

    assert [b"new", b"more"] == loaded(path)[1]
    journal.remove()
    journal.remove()
    assert [] == loaded(path)[1]
    assert [] == list(tmp_path.iterdir())
