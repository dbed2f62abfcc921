"""A demo without a terminal: one step after the other, each with a limit in time."""

import time
from collections.abc import Callable, Sequence

import attrs

from reticulum.cli.demo.actor import Actor
from reticulum.cli.demo.events import Reporter
from reticulum.cli.demo.stage import Stage
from reticulum.cli.demo.steps import Step, Word
from reticulum.errors import ClientError

_PAUSE_S = 0.1


@attrs.define(kw_only=True)
class Performance:
    """
    A run of a script.

    Args:
        stage: The grid, not started yet.
        reporter: Is told what happens.
        images: How many to upload if a step does not say.
        seconds: How long a step may take.
        check: Called often; raises to end it.
        healed_s: From the last kill until every image had all its copies; None if not so far.
        intact: Images that came out as they went in, at the last look; None before it.
    """

    _stage: Stage
    _reporter: Reporter
    _images: int
    _seconds: float
    _check: Callable[[], None]
    healed_s: float | None = attrs.field(default=None, init=False)
    intact: int | None = attrs.field(default=None, init=False)
    _killed_at: float | None = attrs.field(default=None, init=False)

    def run(self, steps: Sequence[Step]) -> None:
        """
        Start the grid and do *steps*.

        Raises:
            ClientError: One of them failed, or took too long.
        """
        self._stage.start()
        self._until_up()
        self._stage.tell_up()
        does: dict[Word, Callable[[int | None], None]] = {
            Word.UPLOAD: self._upload,
            Word.DELETE: self._delete,
            Word.KILL: self._kill,
            Word.REVIVE: self._revive,
            Word.WIPE: self._wipe,
            Word.HEAL: self._heal,
            Word.CHECK: self._look,
            Word.WAIT: self._wait,
        }
        for step in steps:
            does[step.word](step.number)

    def _upload(self, number: int | None) -> None:
        self._stage.upload(self._images if number is None else number)
        self._settle("uploads are over")

    def _delete(self, number: int | None) -> None:
        images = list(self._stage.images)
        for image_id in self._stage.rng.sample(images, min(number or 1, len(images))):
            self._stage.delete(image_id)
        self._settle("deletions are over")

    def _kill(self, number: int | None) -> None:
        # One that holds much, so that there is something to heal.
        by_images = sorted(self._stage.alive, key=_count, reverse=True)
        actor = _named(number, by_images, "runs")
        self._killed_at = time.monotonic()
        self._stage.kill(actor)

    def _revive(self, number: int | None) -> None:
        self._stage.revive(_named(number, self._stage.dead, "is down"))
        self._until_up()

    def _wipe(self, number: int | None) -> None:
        self._stage.revive(_named(number, self._stage.dead, "is down"), is_wiped=True)
        self._until_up()

    def _heal(self, number: int | None) -> None:
        self._until(lambda: self._stage.tally().is_safe, "every image has its copies", number)
        if self._killed_at is not None:
            self.healed_s, self._killed_at = time.monotonic() - self._killed_at, None

    def _look(self, number: int | None) -> None:
        del number
        images = len(self._stage.images)
        self.intact = self._stage.intact()
        text = f"{self.intact} of {images} images came out as they went in"
        self._reporter.tell("checked", text, intact=self.intact, images=images)
        if self.intact < images:
            raise ClientError(text)

    def _wait(self, number: int | None) -> None:
        end = time.monotonic() + (1 if number is None else number)
        while time.monotonic() < end:
            self._turn()

    def _settle(self, what: str) -> None:
        refused = self._stage.refused
        self._until(lambda: not self._stage.under_way, what)
        if self._stage.refused > refused:
            raise ClientError(f"{self._stage.refused - refused} pictures were refused")

    def _until_up(self) -> None:
        self._until(lambda: self._stage.is_up, "all nodes are up and see each other")

    def _until(self, holds: Callable[[], bool], what: str, within_s: float | None = None) -> None:
        limit_s = self._seconds if within_s is None else within_s
        end = time.monotonic() + limit_s
        while not holds():
            if time.monotonic() >= end:
                state = self._stage.tally().in_words()
                raise ClientError(f"not within {limit_s:g} s: {what} ({state})")
            self._turn()

    def _turn(self) -> None:
        self._check()
        self._stage.tick()
        if self._stage.losses:
            raise ClientError(self._stage.losses[0])
        time.sleep(_PAUSE_S)


def _named(number: int | None, fit: Sequence[Actor], what: str) -> Actor:
    """The node of that number, if it is fit; the first that is, if none was said."""
    for actor in fit:
        if number in {None, actor.number}:
            return actor
    raise ClientError(f"{'no node' if number is None else f'node {number} is not one that'} {what}")


def _count(actor: Actor) -> int:
    return len(actor.facts.images) if actor.facts else 0
