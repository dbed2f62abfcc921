"""What replication keeps on the disk of a node, beside the originals."""

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Protocol

import attrs

from reticulum.aio import InThread
from reticulum.interfaces import Graveyard, Hints
from reticulum.replication.doubting import Doubts
from reticulum.replication.keeper import UpkeepFile
from reticulum.settings.sections import ReplicationSettings
from reticulum.storage.attendance import Attendance
from reticulum.storage.doubt import Doubt
from reticulum.storage.graveyard import GraveyardOnDisk
from reticulum.storage.hints import HintsOnDisk
from reticulum.storage.room import Room
from reticulum.storage.upkeep_file import UpkeepFile as UpkeepFileOnDisk


class Presence(Protocol):
    """When this node was last alive, over restarts."""

    def last(self) -> float | None:
        """When the process before this one was, seconds since 1970; None if there was none."""

    async def stamp(self) -> None:
        """
        Note that it is alive now.

        Raises:
            NoSpace, OSError: It can't be written.
        """


class Space(Protocol):
    """Room on the disk, in bytes."""

    def free(self) -> int:
        """What may still be written."""

    def capacity(self) -> int:
        """All there is."""

    def is_down_to_reserve(self) -> bool:
        """Whether copies of others must be refused."""


@attrs.frozen(kw_only=True)
class Stores:
    """
    What replication keeps on the disk of this node, beside the originals.

    Args:
        graveyard: Tombstones.
        hints: Debts.
        doubt: What is in doubt after a long absence.
        attendance: When this node was last alive.
        upkeep: Where walks were.
        room: Free space.
        prepare: Reads everything, once, before use. Blocks.
    """

    graveyard: Graveyard
    hints: Hints
    doubt: Doubts
    attendance: Presence
    upkeep: UpkeepFile
    room: Space
    prepare: Callable[[], None]

    @classmethod
    def on(
        cls, data: Path, settings: ReplicationSettings, reactor: Any, in_thread: InThread
    ) -> "Stores":
        """Lay them out below *data*; `prepare` reads what is there."""
        graveyard = GraveyardOnDisk(data, now=time.time, in_thread=in_thread)
        hints = HintsOnDisk(data, in_thread=in_thread)
        doubt = Doubt(data, in_thread=in_thread)
        attendance = Attendance(data, now=time.time, in_thread=in_thread)

        def prepare() -> None:
            for part in (graveyard, hints, doubt, attendance):
                part.prepare()

        return cls(
            graveyard=graveyard,
            hints=hints,
            doubt=doubt,
            attendance=attendance,
            upkeep=UpkeepFileOnDisk(data, in_thread=in_thread),
            room=Room(data, reserve_bytes=settings.reserve_bytes, monotonic=reactor.seconds),
            prepare=prepare,
        )
