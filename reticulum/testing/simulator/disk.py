"""The disk of a simulated node: it outlives every process, and can rot, fill up, or be lost."""

from collections.abc import Callable, Iterator
from pathlib import Path

from reticulum.assembly.stores import Stores
from reticulum.interfaces import Incoming
from reticulum.model import Facts, ImageId, Original
from reticulum.storage.graveyard_in_memory import GraveyardInMemory
from reticulum.storage.hints_in_memory import HintsInMemory
from reticulum.storage.memory import OriginalsInMemory
from reticulum.testing.simulator.small_stores import (
    AttendanceInMemory,
    DoubtInMemory,
    RoomInMemory,
    Slowness,
    UpkeepInMemory,
    at_once,
)

MOST_HINTS = 1000
ROT = b"\0 rot"


class _OriginalsOnSlowDisk(OriginalsInMemory):
    """Changes take time, during which the process may be killed."""

    slowness: Slowness = staticmethod(at_once)

    async def keep(self, incoming: Incoming, facts: Facts) -> tuple[Original, bool]:
        """Make a sealed original permanent."""
        await self.slowness()
        return await super().keep(incoming, facts)

    async def remove(self, image_id: ImageId) -> bool:
        """Delete for good."""
        await self.slowness()
        return await super().remove(image_id)

    def images(self) -> list[Original]:
        """All that lie here, sound or not, in doubt or not, in the order in which they came."""
        return [original for original, _ in self._kept.values()]


class _ForgetfulGraveyard(GraveyardInMemory):
    """Can be made as it will be in a month, at once."""

    def forget_all(self) -> None:
        """Let all of them have expired."""
        self._kept.clear()


class Disk:
    """
    What a node of a simulation keeps over its restarts.

    Args:
        folder: For the bytes of originals; it exists, and belongs to this disk alone.
        now: Seconds since 1970, as the node believes.
    """

    def __init__(self, folder: Path, now: Callable[[], float]) -> None:
        self._folder = folder
        self.graveyard = _ForgetfulGraveyard(now=now)
        self.hints = HintsInMemory(most=MOST_HINTS)
        self.doubt = DoubtInMemory()
        self.attendance = AttendanceInMemory(now)
        self.upkeep = UpkeepInMemory()
        self.room = RoomInMemory()
        self.originals = _OriginalsOnSlowDisk(folder, now=now, is_doubtful=self.doubt.is_doubtful)

    def __len__(self) -> int:
        return len(self.originals.images())

    def mount(self, slowness: Slowness) -> Stores:
        """Give it to a process; it takes over from the one before."""
        self.originals.slowness = slowness
        self.attendance.prepare()
        return Stores(
            graveyard=self.graveyard,
            hints=self.hints,
            doubt=self.doubt,
            attendance=self.attendance,
            upkeep=self.upkeep,
            room=self.room,
            prepare=self.attendance.prepare,
        )

    def has(self, image_id: ImageId) -> bool:
        """Whether the bytes of an image lie here, sound."""
        return self.lies(image_id) and self.originals.verified_at(image_id) is not None

    def lies(self, image_id: ImageId) -> bool:
        """Whether anything lies here for an image, sound or not."""
        return any(original.image_id == image_id for original in self.originals.images())

    def walk(self) -> Iterator[tuple[ImageId, int]]:
        """Every original with its length in bytes."""
        return iter([(one.image_id, one.length) for one in self.originals.images()])

    def rot(self, image_id: ImageId) -> bool:
        """Damage the bytes of an image; returns whether it lies here."""
        if not self.lies(image_id):
            return False
        (self._folder / str(image_id)).write_bytes(ROT)
        return True
