"""Tombstones on disk: a file for each day on which some expire, removed when that day is over."""

import contextlib
import heapq
import itertools
import os
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path

from twisted.logger import Logger

from reticulum.aio import InThread
from reticulum.errors import NoSpace
from reticulum.model import ImageId, Tombstone
from reticulum.storage import layout
from reticulum.storage.burials import Burial, Burials
from reticulum.storage.buried import Buried, decode, must_fit
from reticulum.storage.durable import Durable, Fsync
from reticulum.storage.full_disk import full_disk_told
from reticulum.storage.journal import Journal
from reticulum.storage.packed_id import pack

_log = Logger()

_DAY_S = 86_400
_US = 1_000_000


class _Day:
    """The tombstones that expire on one day: the file, and what is in memory of it."""

    def __init__(self, number: int, journal: Journal) -> None:
        self.number = number
        self.journal = journal
        self.burials = Burials()

    def rows(self, serial: int) -> Iterator[tuple["_Day", Burial]]:
        """Burials with a higher serial, in order, each with this day."""
        return ((self, burial) for burial in self.burials.behind(serial))


def _serial_of(row: tuple[_Day, Burial]) -> int:
    return row[1].serial


class GraveyardOnDisk:
    """
    Tombstones below `DIR/tombstones`; a `Graveyard`. Call `prepare` once before use.

    A file is named by its day: whole days since 1970 when what is in it expires. The numbers
    that `since` gives to go on with are microseconds since 1970, and good after a restart, too.

    Args:
        data: `DIR`, which exists; nobody else writes there.
        now: Seconds since 1970, UTC.
        in_thread: Where work on the disk may block.
        fsync: Flushes an open file or folder.
        most: Tombstones at one time, and half as many as there may be with those replaced.
    """

    def __init__(
        self,
        data: Path,
        *,
        now: Callable[[], float],
        in_thread: InThread,
        fsync: Fsync = os.fsync,
        most: int = 1_000_000,
    ) -> None:
        self._folder = data / layout.TOMBSTONES
        self._now = now
        self._in_thread = in_thread
        self._most = most
        self._durable = Durable(data, fsync=fsync, folder_mode=0o700, file_mode=0o600)
        self._days: dict[int, _Day] = {}
        self._serial = 0
        # The first is held while the disk works, and so never in the reactor's thread.
        self._writing = threading.Lock()
        self._guard = threading.Lock()

    def prepare(self) -> None:
        """Make the folder, read what is there, and forget what has expired. Blocks."""
        self._durable.make_folder(self._folder)
        names = {path.name for path in self._folder.iterdir()}
        for number in sorted(int(name) for name in names if name.isdecimal()):
            if str(number) in names:
                self._load(number)
        self._expire()

    def __len__(self) -> int:
        with self._guard:
            return sum(len(day.burials) for day in self._days.values())

    async def keep(self, tombstones: Sequence[Tombstone]) -> Sequence[Tombstone]:
        """
        Keep what is news; see `Graveyard`. Of several for one image the highest counts.

        Raises:
            NoSpace: The disk is full, or there would be too many; none of them is kept.
            ValueError: A number in one of them is beyond all reason.
        """
        for tombstone in tombstones:
            must_fit(tombstone)
        return await self._in_thread(self._keep, tombstones)

    def get(self, image_id: ImageId) -> Tombstone | None:
        """
        The last one of an image; see `Graveyard`.

        Costs a short read of a file if there is one. If the disk gives it no more, `packed` is
        empty: the image stays deleted here, but nobody can be convinced of it.
        """
        with self._guard:
            found = self._find(pack(image_id))
        if found is None or found[1].expires <= self._now():
            return None
        day, burial = found
        (entry,) = day.journal.read([(burial.offset, burial.length)])
        if entry is not None:
            return decode(entry).tombstone
        _log.warn("tombstone.unreadable image={image}", image=image_id)
        return Tombstone(
            image_id=image_id,
            sequence=burial.sequence,
            expires=burial.expires,
            revoked=burial.revoked,
            packed=b"",
        )

    def since(self, learned: int, after: int, most: int) -> tuple[Sequence[Tombstone], int | None]:
        """Tombstones in the order in which they were learned; see `Graveyard`."""
        first, now = max(learned * _US - 1, after), self._now()
        with self._guard:
            rows = heapq.merge(*(day.rows(first) for day in self._days.values()), key=_serial_of)
            alive = (row for row in rows if row[1].expires > now)
            found = list(itertools.islice(alive, most + 1))
        by_day: dict[_Day, list[Burial]] = {}
        for day, burial in found[:most]:
            by_day.setdefault(day, []).append(burial)
        read = [
            decode(entry)
            for day, burials in by_day.items()
            for entry in day.journal.read([(one.offset, one.length) for one in burials])
            if entry is not None
        ]
        page = [buried.tombstone for buried in sorted(read, key=lambda buried: buried.serial)]
        return page, found[most - 1][1].serial if len(found) > most else None

    async def expire(self) -> int:
        """Forget the days that are over; returns how many tombstones went."""
        return await self._in_thread(self._expire)

    def _day(self, number: int) -> _Day:
        journal = Journal(self._folder / str(number), self._durable)
        return self._days.get(number) or _Day(number, journal)

    def _find(self, packed_id: bytes) -> tuple[_Day, Burial] | None:
        for day in self._days.values():
            if burial := day.burials.get(packed_id):
                return day, burial
        return None

    def _load(self, number: int) -> None:
        day = self._days[number] = self._day(number)
        for offset, entry in day.journal.load():
            try:
                self._enter(day, decode(entry), offset, len(entry))
            except ValueError as error:
                _log.warn("tombstone.damaged day={day} error={error}", day=number, error=error)

    def _enter(self, day: _Day, buried: Buried, offset: int, length: int) -> None:
        one = buried.tombstone
        if found := self._find(buried.packed_id):
            if found[1].sequence >= one.sequence:
                return
            found[0].burials.discard(buried.packed_id)
        burial = Burial(buried.serial, one.sequence, one.expires, one.revoked, offset, length)
        day.burials.add(buried.packed_id, burial)
        self._serial = max(self._serial, buried.serial)

    def _keep(self, tombstones: Iterable[Tombstone]) -> Sequence[Tombstone]:
        with self._writing:
            news = self._news(tombstones)
            self._require_room(news)
            with full_disk_told():
                self._write(news)
        return [buried.tombstone for buried in news]

    def _news(self, tombstones: Iterable[Tombstone]) -> list[Buried]:
        highest: dict[bytes, Tombstone] = {}
        now = self._now()
        for one in tombstones:
            packed_id = pack(one.image_id)
            found = self._find(packed_id)
            known = max(
                highest[packed_id].sequence if packed_id in highest else 0,
                found[1].sequence if found else 0,
            )
            if one.sequence > known and one.expires > now:
                highest[packed_id] = one
        serials = itertools.count(max(self._serial + 1, int(now * _US)))
        return [Buried(next(serials), packed_id, one) for packed_id, one in highest.items()]

    def _require_room(self, news: Sequence[Buried]) -> None:
        images = sum(self._find(buried.packed_id) is None for buried in news)
        entries = sum(day.burials.entries for day in self._days.values())
        # Who deletes and uploads one image for ever leaves entries that hold no more.
        if (images and len(self) + images > self._most) or entries + len(news) > 2 * self._most:
            raise NoSpace(f"this node remembers no more than {self._most} deletions")

    def _write(self, news: Iterable[Buried]) -> None:
        """Write to each day's file; what fails halfway is taken back, also from other days."""
        by_day: dict[int, list[Buried]] = {}
        for buried in news:
            number = buried.tombstone.expires // _DAY_S
            if found := self._find(buried.packed_id):
                # Or the one that it replaces would be back once this one's file is removed.
                number = max(number, found[0].number)
            by_day.setdefault(number, []).append(buried)
        written: list[tuple[_Day, list[Buried], list[bytes], Sequence[int]]] = []
        with contextlib.ExitStack() as undo:
            for number, of_day in by_day.items():
                day = self._day(number)
                entries = [buried.encode() for buried in of_day]
                length = day.journal.length
                offsets = day.journal.append(entries)
                undo.callback(day.journal.take_back, length)
                written.append((day, of_day, entries, offsets))
                with self._guard:
                    self._days[number] = day
            undo.pop_all()
        with self._guard:
            for day, of_day, entries, offsets in written:
                for buried, entry, offset in zip(of_day, entries, offsets, strict=True):
                    self._enter(day, buried, offset, len(entry))

    def _expire(self) -> int:
        today = int(self._now() // _DAY_S)
        gone = 0
        with self._writing:
            for number in [number for number in self._days if number < today]:
                day = self._days[number]
                day.journal.remove()
                with self._guard:
                    del self._days[number]
                gone += len(day.burials)
        return gone
