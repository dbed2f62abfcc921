"""What is in doubt after a long absence, across restarts, kills and damage."""

import errno
from collections.abc import Callable
from pathlib import Path

import pytest
from twisted.internet import defer

from reticulum.errors import NoSpace
from reticulum.model import Facts, Format, HashName, ImageId, Original, Size
from reticulum.storage.doubt import Doubt

NOON = 1_700_000_000.0


def original(number: int, stored_at: float = NOON - 1) -> Original:
    hash_name = list(HashName)[number % 2]
    return Original(
        image_id=ImageId(hash_name, f"{number:0{hash_name.hex_digits}x}"),
        facts=Facts(format=Format.PNG, size=Size(1, 1), frames=1),
        length=1,
        stored_at=stored_at,
    )


def names(*numbers: int) -> list[ImageId]:
    return [original(number).image_id for number in numbers]


def start(data: Path, fsync: Callable[[int], None] = lambda _: None) -> Doubt:
    """After a (re)start, without threads."""
    doubt = Doubt(data, in_thread=defer.execute, fsync=fsync)
    doubt.prepare()
    return doubt


def doubted(doubt: Doubt) -> list[int]:
    return [number for number in range(6) if doubt.is_doubtful(original(number))]


async def test_nothing_is_in_doubt(tmp_path: Path) -> None:
    """Without a long absence nothing is in doubt, and clearing or ending that is no fault."""
    doubt = start(tmp_path)
    await doubt.clear(names(1))
    await doubt.end()

    assert not doubt.active
    assert [] == doubted(doubt)
    assert [] == list(tmp_path.iterdir())


async def test_stored_before(tmp_path: Path) -> None:
    """What was stored before the time is in doubt, what came then or later is not."""
    doubt = start(tmp_path)
    await doubt.begin(NOON)

    assert doubt.active
    assert doubt.is_doubtful(original(1, NOON - 0.001))
    assert not doubt.is_doubtful(original(1, NOON))


async def test_outlives_restarts(tmp_path: Path) -> None:
    """Neither the doubt nor what was cleared is lost by a restart in the middle; the end is."""
    doubt = start(tmp_path)
    await doubt.begin(NOON)
    await doubt.clear(names(1, 2))
    await doubt.clear(names(4))
    assert [0, 3, 5] == doubted(doubt)

    second = start(tmp_path)
    assert second.active
    assert [0, 3, 5] == doubted(second)
    await second.end()
    assert [] == doubted(second)

    assert not start(tmp_path).active
    assert [] == list(tmp_path.iterdir())


async def test_away_once_more(tmp_path: Path) -> None:
    """A second long absence puts all in doubt again, also what had been cleared."""
    doubt = start(tmp_path)
    await doubt.begin(NOON)
    await doubt.clear(names(1, 2))

    await doubt.begin(NOON + 9)

    for again in (doubt, start(tmp_path)):
        assert [0, 1, 2, 3, 4, 5] == doubted(again)
        assert again.is_doubtful(original(1, NOON + 8))


async def test_many_at_once(tmp_path: Path) -> None:
    """Thousands are cleared at once."""
    doubt = start(tmp_path)
    await doubt.begin(NOON)
    await doubt.clear(names(*range(2500)))

    assert not start(tmp_path).is_doubtful(original(2499))
    assert start(tmp_path).is_doubtful(original(2500))


async def test_cut_or_damaged_anywhere(tmp_path: Path) -> None:
    """No kill and no flipped byte ends the doubt, or clears what was not cleared."""
    doubt = start(tmp_path)
    await doubt.begin(NOON)
    await doubt.clear(names(1))
    await doubt.clear(names(2, 3))
    path = tmp_path / "doubt"
    whole = path.read_bytes()
    damaged = [whole[:length] for length in range(len(whole))]
    damaged += [whole[:at] + bytes([whole[at] ^ 1]) + whole[at + 1 :] for at in range(len(whole))]
    for content in damaged:
        path.write_bytes(content)
        for again in (start(tmp_path), start(tmp_path)):
            assert {0, 4, 5} <= set(doubted(again))


async def test_full_disk(tmp_path: Path) -> None:
    """What could not be noted as cleared stays in doubt; what can't be noted as doubted is."""
    full = [False]

    def fsync(_: int) -> None:
        if full[0]:
            raise OSError(errno.ENOSPC, "full")

    doubt = start(tmp_path, fsync)
    await doubt.begin(NOON)
    full[0] = True
    with pytest.raises(NoSpace):
        await doubt.clear(names(1))
    assert 1 in doubted(doubt)
    with pytest.raises(NoSpace):
        await doubt.begin(NOON + 9)
    assert doubt.is_doubtful(original(1, NOON + 8))
    full[0] = False

    await doubt.clear(names(2))

    again = start(tmp_path)
    assert again.is_doubtful(original(1, NOON + 8))
    assert not again.is_doubtful(original(2))


async def test_flushed_before_it_is_said(tmp_path: Path) -> None:
    """Doubt, clearing and the end of it are on the disk when the call returns."""
    flushed: list[str] = []

    def fsync(fd: int) -> None:
        flushed.append(Path(f"/proc/self/fd/{fd}").readlink().name)

    doubt = start(tmp_path, fsync)
    await doubt.begin(NOON)
    await doubt.clear(names(1))
    await doubt.end()

    assert ["doubt.new", tmp_path.name, "doubt", tmp_path.name] == flushed
