"""Copies that are owed, on disk: a journal of debts made and paid."""

import os
import threading
from collections.abc import Sequence
from pathlib import Path

from twisted.logger import Logger

from reticulum.aio import InThread
from reticulum.errors import NoSpace
from reticulum.model import ImageId, NodeId
from reticulum.storage import layout
from reticulum.storage.debts import Debts
from reticulum.storage.durable import Durable, Fsync
from reticulum.storage.full_disk import full_disk_told
from reticulum.storage.hint_entries import ADDED, DONE, Change, encode, encode_all, replay
from reticulum.storage.journal import Journal

_log = Logger()

# One debt in an entry of its own; the journal is written anew when it is four times that long.
_DEBT_BYTES = 64
_WASTE = 4
_LEAST_BYTES = 65_536


class HintsOnDisk:
    """
    Debts in memory, and in the journal `DIR/hints/journal`; a `Hints`.

    Call `prepare` once before use. Payments are not flushed: who pays a debt twice loses little.

    Args:
        data: `DIR`, which exists; nobody else writes there.
        in_thread: Where work on the disk may block.
        fsync: Flushes an open file or folder.
        most: Debts; beyond that the oldest is forgotten.
    """

    def __init__(
        self, data: Path, *, in_thread: InThread, fsync: Fsync = os.fsync, most: int = 100_000
    ) -> None:
        self._folder = data / layout.HINTS
        self._in_thread = in_thread
        self._durable = Durable(data, fsync=fsync, folder_mode=0o700, file_mode=0o600)
        self._journal = Journal(self._folder / "journal", self._durable)
        self._debts = Debts(most)
        # What the journal does not have yet; whoever comes to write takes all of it along.
        self._pending: list[Change] = []
        # The journal lacks a change that could not be written: only to write it anew helps.
        self._is_behind = False
        self._is_flushed = True
        # The first is held while the disk works, and so never in the reactor's thread.
        self._writing = threading.Lock()
        self._guard = threading.Lock()

    def prepare(self) -> None:
        """Read the journal, and write it anew without what was paid. Blocks."""
        self._durable.make_folder(self._folder)
        for _, entry in self._journal.load():
            try:
                replay(entry, self._debts)
            except ValueError as error:
                _log.warn("hint.damaged error={error}", error=error)
        if self._journal.length:
            try:
                with full_disk_told():
                    self._rewrite()
            except NoSpace as error:
                _log.warn("hints.not_compacted error={error}", error=error)

    def __len__(self) -> int:
        return len(self._debts)

    async def add(self, node_id: NodeId, image_ids: Sequence[ImageId]) -> None:
        """
        Note that a node is to get images; see `Hints`.

        Raises:
            NoSpace: The disk is full; they are remembered until there is room, or a restart.
        """
        with self._guard:
            new = self._debts.add(node_id, image_ids)
            self._pending.append((ADDED, node_id, new))
        await self._in_thread(self._write, durably=True)

    async def done(self, node_id: NodeId, image_ids: Sequence[ImageId]) -> None:
        """Forget debts; see `Hints`. On a full disk they may be back after a restart."""
        with self._guard:
            gone = self._debts.done(node_id, image_ids)
            if not gone:
                return
            self._pending.append((DONE, node_id, gone))
        try:
            await self._in_thread(self._write, durably=False)
        except NoSpace as error:
            _log.warn("hint.not_written error={error}", error=error)

    def of(self, node_id: NodeId, most: int) -> Sequence[ImageId]:
        """Up to *most* images that a node is to get, the oldest debts first."""
        return self._debts.of(node_id, most)

    def creditors(self) -> Sequence[NodeId]:
        """Nodes that are owed something."""
        return self._debts.creditors()

    def owed(self, image_id: ImageId) -> bool:
        """Whether anybody is owed an image."""
        return self._debts.owed(image_id)

    def _write(self, *, durably: bool) -> None:
        with self._writing, full_disk_told():
            with self._guard:
                changes, self._pending = self._pending, []
            entries = [entry for change in changes for entry in encode(change)]
            enough = _LEAST_BYTES + _WASTE * _DEBT_BYTES * len(self._debts)
            if self._is_behind or self._journal.length > enough:
                self._rewrite()
            elif entries:
                self._is_behind = True
                self._journal.append(entries, flush=durably)
                self._is_behind, self._is_flushed = False, durably
            elif durably and not self._is_flushed:
                self._journal.flush()
                self._is_flushed = True

    def _rewrite(self) -> None:
        self._is_behind = True
        with self._guard:
            debts = list(self._debts)
            # In the debts already; to add what was forgotten since would push others out.
            self._pending.clear()
        self._journal.replace(encode_all(debts))
        self._is_behind, self._is_flushed = False, True
