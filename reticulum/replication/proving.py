"""Proving: every byte on this node is read now, then compared with what the others keep."""

import itertools
from collections.abc import AsyncGenerator, Callable, Iterable
from typing import Any

import attrs
from twisted.internet.interfaces import IReactorTime

from reticulum.errors import Busy
from reticulum.model import Holding, ImageId, NodeId
from reticulum.replication.health import Health
from reticulum.replication.here import Here
from reticulum.replication.scrub import Finding, Scrub
from reticulum.replication.tending import Tending
from reticulum.replication.ticking import ticking

PAGE = 50
"""Images compared in one step."""

Event = dict[str, Any]


@attrs.define(kw_only=True)
class _Tally:
    """What was found so far; *told* are events that nobody has heard yet."""

    total: int
    phase: str = "reading"
    checked: int = 0
    read_bytes: int = 0
    damaged: int = 0
    restored: int = 0
    lost: int = 0
    absent: int = 0
    compared: int = 0
    short: int = 0
    few: int = 0
    told: list[Event] = attrs.field(factory=list)

    def note(self, image_id: ImageId, finding: Finding) -> None:
        self.checked += 1
        self.damaged += finding in {Finding.RESTORED, Finding.LOST}
        self.restored += finding is Finding.RESTORED
        self.lost += finding is Finding.LOST
        if finding in {Finding.RESTORED, Finding.LOST}:
            self.tell(image_id, finding.value)

    def note_health(self, health: Health) -> None:
        self.compared += 1
        if health.is_whole:
            return
        if health.lacking or any(copy.holding is None for copy in health.keepers):
            self.short += 1
            self.tell(health.image_id, "short")
        else:
            self.few += 1

    def tell(self, image_id: ImageId, what: str) -> None:
        self.told.append({"event": what, "id": str(image_id)})

    def numbers(self) -> Event:
        return attrs.asdict(self, filter=lambda field, _: field.name not in {"told", "phase"})


@attrs.define(kw_only=True)
class Proving:
    """
    Reads and compares, as fast as the disk and the others allow, once at a time.

    Args:
        own: The id of this node.
        here: The copies on this node.
        scrub: Reads, and gets back what is damaged.
        tending: Compares.
        walk: Every image here with its length in bytes, in the order of ids; listed bit by bit.
        size: How many images are here, about.
        clock: For pauses.
    """

    _own: NodeId
    _here: Here
    _scrub: Scrub
    _tending: Tending
    _walk: Callable[[], Iterable[tuple[ImageId, int]]]
    _size: Callable[[], int]
    _clock: IReactorTime
    _is_under_way: bool = attrs.field(default=False, init=False)

    async def __call__(self, image_id: ImageId | None) -> AsyncGenerator[Event, None]:
        """
        Prove one image, or all that are here.

        Yields:
            See `KeepingConsole.verify`.

        Raises:
            Busy: It is under way already.
        """
        if self._is_under_way:
            raise Busy("the images of this node are being verified already", retry_after_s=60)
        self._is_under_way = True
        began = self._clock.seconds()
        tally = _Tally(total=self._size() if image_id is None else 1)
        work = self._all(tally) if image_id is None else self._one(image_id, tally)
        ticks = ticking(work, self._clock)
        try:
            async for _ in ticks:
                told, tally.told = tally.told, []
                for event in told:
                    yield event
                yield {"event": "progress", "phase": tally.phase, **tally.numbers()}
            took_s = self._clock.seconds() - began
            yield {"event": "done", **tally.numbers(), "took_s": took_s}
        finally:
            self._is_under_way = False
            await ticks.aclose()

    async def _all(self, tally: _Tally) -> None:
        for image_id, length in self._walk():
            tally.note(image_id, await self._scrub.examine(image_id))
            tally.read_bytes += length
        tally.phase = "comparing"
        ids = (image_id for image_id, _ in self._walk())
        while page := list(itertools.islice(ids, PAGE)):
            await self._compare(page, tally)

    async def _one(self, image_id: ImageId, tally: _Tally) -> None:
        holding = await self._here.holding(image_id)
        if holding is Holding.HELD:
            tally.note(image_id, await self._scrub.examine(image_id))
        elif holding is Holding.ABSENT:
            health = await self._tending.health(image_id)
            # It should be here: what is gone, or was cut short, is as bad as damaged.
            if health.keeps(self._own) and health.holders:
                restored = await self._scrub.miss(image_id) is Holding.VERIFIED
                tally.note(image_id, Finding.RESTORED if restored else Finding.LOST)
            else:
                tally.absent += 1
                tally.tell(image_id, "absent")
        known = self._here.originals.known(image_id)
        tally.read_bytes = 0 if known is None else known.length
        tally.phase = "comparing"
        await self._compare([image_id], tally)

    async def _compare(self, image_ids: list[ImageId], tally: _Tally) -> None:
        # Eager: whoever asked for this does not want to hear that it is another node's turn.
        for health in await self._tending.tend(image_ids, eager=True):
            if not self._here.is_deleted(health.image_id):
                tally.note_health(health)
