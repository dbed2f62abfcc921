"""How far the upkeep of this node has come: positions of scrub, census and their like."""

import json
import os
from pathlib import Path
from typing import Any

from twisted.logger import Logger

from reticulum.aio import InThread
from reticulum.storage import layout
from reticulum.storage.durable import Fsync
from reticulum.storage.small_file import SmallFile

_log = Logger()

LONGEST_BYTES = 1_000_000


class UpkeepFile:
    """
    One JSON object in `DIR/upkeep.json`; to lose it costs work, never an image.

    Args:
        data: `DIR`, which exists; nobody else writes there.
        in_thread: Where work on the disk may block.
        fsync: Flushes an open file or folder.
    """

    def __init__(self, data: Path, *, in_thread: InThread, fsync: Fsync = os.fsync) -> None:
        self._file = SmallFile(data / layout.UPKEEP, most=LONGEST_BYTES, fsync=fsync)
        self._in_thread = in_thread

    async def read(self) -> dict[str, Any]:
        """What was written last; empty if nothing was, or it is damaged (the log says so)."""
        content = await self._in_thread(self._file.read)
        if content is None:
            return {}
        try:
            state: Any = json.loads(content)
        # A RecursionError is what deeply nested brackets give.
        except (ValueError, RecursionError) as error:
            _log.warn("upkeep_file.damaged error={error}", error=error)
            return {}
        if not isinstance(state, dict):
            _log.warn("upkeep_file.damaged error={error}", error="no JSON object")
            return {}
        return state

    async def write(self, state: dict[str, Any]) -> None:
        """
        Replace all of it, durably, or nothing.

        Raises:
            NoSpace: The disk is full.
            ValueError: Longer than 1 MB as JSON.
            TypeError: It holds what JSON can't.
        """
        await self._in_thread(self._file.write, json.dumps(state).encode())
