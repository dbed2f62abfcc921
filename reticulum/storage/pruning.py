"""The blocking half of the rendition cache: taking in, making room, clearing away."""

import contextlib
import os
import secrets
import shutil
import threading
from collections.abc import Iterator
from pathlib import Path

from twisted.logger import Logger

from reticulum.model import HashName
from reticulum.storage import eviction, layout
from reticulum.storage.full_disk import is_full
from reticulum.storage.ledger import Count, Ledger

_log = Logger()

_STAMP = ".pipeline"
_DISCARDED = ".discarded-"
# How many files one walk may choose for removal: about 5 MB of memory.
_MOST_AT_ONCE = 20_000


class Pruning:
    """
    Files below *top*, never more bytes than the bound; safe to use from several threads.

    Args:
        top: Folder of the cache.
        max_bytes: The bound, at least 0.
    """

    def __init__(self, top: Path, max_bytes: int) -> None:
        self._top = top
        self._stop = threading.Event()
        self._walking = threading.Lock()
        self.ledger = Ledger(max_bytes)
        self.evicted = 0

    def stop(self) -> None:
        """Break off walks."""
        self._stop.set()

    def discard(self, stamp: str) -> None:
        """Move what an earlier run left half-made, and an earlier pipeline made, aside."""
        useless = [layout.SCRATCH]
        path = self._top / _STAMP
        if not path.exists() or path.read_text(encoding="utf-8", errors="replace") != stamp:
            useless += [name.value for name in HashName]
        for name in useless:
            with contextlib.suppress(FileNotFoundError):
                (self._top / name).rename(self._top / f"{_DISCARDED}{secrets.token_hex(8)}")
        if len(useless) > 1:
            # Last of all: killed before, the next start does it again.
            draft = self._top / f"{_DISCARDED}{secrets.token_hex(8)}"
            draft.write_text(stamp, encoding="utf-8")
            draft.rename(path)

    def settle(self) -> None:
        """Delete what was moved aside, count the rest, shrink to the bound."""
        for path in self._top.glob(f"{_DISCARDED}*"):
            if path.is_dir():
                shutil.rmtree(path, ignore_errors=True)
            else:
                path.unlink(missing_ok=True)
        with self._walking:
            self._make_room(0)

    def shrink(self) -> None:
        """Shrink to the bound, if it is passed."""
        with self._walking:
            if self.ledger.is_over:
                self._make_room(0)

    def keep(self, made: Path, target: Path, now_ns: int) -> None:
        """Move *made* to *target* if there is, or can be made, room; delete it otherwise."""
        try:
            length = made.stat().st_size
            if not self._reserve(length):
                return
            freed = length
            try:
                freed = self._put(made, target, now_ns)
            except OSError as error:
                if not is_full(error):
                    _log.warn("a rendition cannot be kept: {error}", error=error)
            finally:
                self.ledger.settle(length, freed=freed)
        except FileNotFoundError:
            return
        finally:
            made.unlink(missing_ok=True)

    def remove(self, folder: Path) -> None:
        """Delete all files in the folder of one image."""
        for file in list(eviction.files(str(folder))):
            self._unlink(file)

    def _put(self, made: Path, target: Path, now_ns: int) -> int:
        os.utime(made, ns=(now_ns, made.stat().st_mtime_ns))
        replaced = target.stat().st_size if target.exists() else 0
        target.parent.mkdir(parents=True, exist_ok=True)
        try:
            made.rename(target)
        except FileNotFoundError:
            # Making room removes empty folders, and somebody may empty the cache by hand.
            target.parent.mkdir(parents=True, exist_ok=True)
            made.rename(target)
        return replaced

    def _reserve(self, length: int) -> bool:
        if self.ledger.reserve(length):
            return True
        if not self.ledger.is_known or length > self.ledger.max_bytes:
            return False
        with self._walking:
            # Whoever had the lock before may have made room enough.
            if self.ledger.reserve(length):
                return True
            self._make_room(length)
        return self.ledger.reserve(length)

    def _make_room(self, wanted: int) -> None:
        ledger = self.ledger
        while True:
            excess = ledger.total - ledger.goal(wanted)
            with ledger.counting() as count:
                chosen = eviction.oldest(self._walk(count), excess, _MOST_AT_ONCE)
            if ledger.total + wanted <= ledger.max_bytes or self._stop.is_set():
                return
            gone = sum(ledger.total > ledger.goal(wanted) and self._unlink(file) for file in chosen)
            self.evicted += gone
            if ledger.total + wanted <= ledger.max_bytes or (excess > 0 and not gone):
                return

    def _walk(self, count: Count) -> Iterator[eviction.Kept]:
        for file in eviction.walk(self._top):
            if self._stop.is_set():
                return
            count.seen += file.length
            yield file
        count.is_complete = True

    def _unlink(self, file: eviction.Kept) -> bool:
        path = Path(file.path)
        try:
            path.unlink()
        except OSError:
            return False
        with contextlib.suppress(OSError):
            path.parent.rmdir()
        self.ledger.release(file.length)
        return True
