"""Many files on their way at once, as many as lanes; each is counted, told and noted."""

from collections.abc import Awaitable, Callable, Iterator
from typing import Protocol

import attrs

from reticulum.cli.importing.check import Damaged, NoImage
from reticulum.cli.importing.found import Found, Outcome, Passed
from reticulum.cli.importing.telling import Telling
from reticulum.cli.importing.way import Hopeless, Way
from reticulum.cli.progress import Progress
from reticulum.errors import ClientError

# What needs no node is done without a pause, but Ctrl+C has to be heard in between.
_WITHOUT_A_BREATH = 100


class Notes(Protocol):
    """What was done before; `Journal` on disk."""

    def has(self, found: Found) -> str | None:
        """The id of a file that was taken before, or None."""
        ...

    def add(self, found: Found, image_id: str) -> None:
        """Note that a file was taken."""
        ...


@attrs.frozen
class NoNotes(Notes):
    """Nothing was done before, and nothing is noted."""

    def has(self, found: Found) -> str | None:
        """Nothing was."""

    def add(self, found: Found, image_id: str) -> None:
        """Do nothing."""


@attrs.define(kw_only=True)
class Lanes:
    """
    Brings in what a walk gives.

    Args:
        finds: The walk; asked for the next one only when a lane is free.
        way: Takes each file.
        notes: What was done before.
        telling: Told of each.
        bar: Told of bytes and files.
        pause: Waits so many seconds.
    """

    _finds: Iterator[Found | Passed]
    _way: Way
    _notes: Notes
    _telling: Telling
    _bar: Progress
    _pause: Callable[[float], Awaitable[object]]
    _met: int = 0

    async def run(self, count: int) -> None:
        """
        Bring in all of them.

        Args:
            count: Lanes, at least 1.

        Raises:
            Hopeless: It ended before the end of the walk.
            ClientError: The report or the notes can't be written.
        """
        from twisted.internet.defer import (  # noqa: PLC0415  (slow to import)
            Deferred,
            FirstError,
            gatherResults,
        )

        lanes = [Deferred.fromCoroutine(self._lane()) for _ in range(count)]
        try:
            await gatherResults(lanes, consumeErrors=True)
        except FirstError as first:
            raise (first.subFailure.value or first) from None
        finally:
            for lane in lanes:
                lane.cancel()

    async def _lane(self) -> None:
        while found := next(self._finds, None):
            self._met += 1
            if self._met % _WITHOUT_A_BREATH == 0:
                await self._pause(0)
            if isinstance(found, Passed):
                self._telling.left(found.path, found.outcome, found.reason)
            elif image_id := self._notes.has(found):
                self._telling.taken(found.path, Outcome.BEFORE, image_id, found.length)
                self._bar.bytes_moved(found.length)
                self._bar.file_done()
            else:
                await self._bring(found)

    async def _bring(self, found: Found) -> None:
        moved = 0

        def sent(count: int) -> None:
            nonlocal moved
            moved += count
            self._bar.bytes_moved(count)

        try:
            outcome, image_id = await self._way.take(found, sent)
        except Hopeless:
            raise
        except NoImage as error:
            self._telling.left(found.path, Outcome.NOT_IMAGE, str(error))
        except Damaged as error:
            self._telling.left(found.path, Outcome.DAMAGED, str(error))
        except ClientError as error:
            self._telling.left(found.path, Outcome.FAILED, str(error))
        else:
            self._notes.add(found, str(image_id))
            self._telling.taken(found.path, outcome, str(image_id), found.length)
        self._bar.bytes_moved(found.length - moved)
        self._bar.file_done()
