"""Keeps a node's memory in its notebook: read at the start, written now and then and at the end."""

import random
from itertools import islice

from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger

from reticulum.overlay.freshness import Saved
from reticulum.overlay.memory import MOST_RECORDS, Memory, NotReadable
from reticulum.overlay.parts import Parts
from reticulum.overlay.pauses import Alarm, about
from reticulum.overlay.surroundings import Notebook

EVERY_S = 300.0

_log = Logger()


class Remembering:
    """
    Between the parts of a node and its notebook.

    Args:
        parts: Of the node.
        notebook: Where it is written.
        clock: For pauses.
        rng: For pauses.
    """

    def __init__(
        self, parts: Parts, notebook: Notebook, *, clock: IReactorTime, rng: random.Random
    ) -> None:
        self._parts = parts
        self._notebook = notebook
        self._rng = rng
        self._alarm = Alarm(clock)
        self._is_broken = False

    def stop(self) -> None:
        """Wait for nothing any more."""
        self._alarm.close()

    async def run(self) -> None:
        """Write now and then until cancelled."""
        while True:
            await self._alarm.pause(about(EVERY_S, self._rng))
            await self.write()

    async def write_once_joined(self) -> None:
        """Write as soon as the node is in: killed soon after, it must find its grid again."""
        await self._parts.upkeep.joined()
        await self.write()

    async def recall(self) -> None:
        """Read, and tell every part; what can't be read is left alone, with one warning."""
        try:
            text = await self._notebook.read()
            memory = Memory.read(text) if text else Memory()
        except (OSError, NotReadable) as error:
            _log.warn("overlay.memory_lost reason={reason}: beginning anew", reason=str(error))
            return
        parts = self._parts
        parts.joining.remember(saved.contact for saved in memory.peers)
        parts.voice.resume(memory.sequence)
        parts.keeping.restore(memory.records)
        if memory.sweep is not None:
            parts.announcer.resume(*memory.sweep)

    async def write(self) -> None:
        """Write; what can't be written is told once, until it can."""
        parts = self._parts
        saved = parts.neighbours.table.saved()
        memory = Memory(
            peers=tuple(saved) or tuple(Saved(c, 0.0) for c in parts.joining.remembered()),
            sequence=parts.voice.sequence,
            sweep=(parts.announcer.sweep.position, parts.announcer.sweep.due),
            records=tuple(islice(parts.keeping, MOST_RECORDS)),
        )
        try:
            await self._notebook.write(memory.text())
        except OSError as error:
            if not self._is_broken:
                _log.warn("overlay.memory_not_kept reason={reason}", reason=str(error))
            self._is_broken = True
        else:
            self._is_broken = False
