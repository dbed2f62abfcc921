"""What each key of a demo does."""

from collections.abc import Callable

import attrs

from reticulum.cli.demo.actor import Actor
from reticulum.cli.demo.events import Reporter
from reticulum.cli.demo.stage import Stage


@attrs.define
class Controls:
    """
    Keys in, actions out.

    Args:
        stage: What they act on.
        reporter: Is told what can't be done.
        chosen: Number of the chosen node; 0 leaves it to chance.
        is_over: Whether `q` was pressed.
    """

    _stage: Stage
    _reporter: Reporter
    chosen: int = 0
    is_over: bool = False

    def press(self, key: str) -> None:
        """Do what *key* stands for; unknown keys do nothing."""
        actions: dict[str, Callable[[], None]] = {
            "k": self._kill,
            "r": self._revive,
            "w": self._wipe,
            "u": self._upload,
            "d": self._delete,
            "n": lambda: self._move(1),
            "p": lambda: self._move(-1),
            "q": self._quit,
        }
        if key.isdigit():
            self._choose(int(key))
        elif key in actions:
            actions[key]()

    def _choose(self, number: int) -> None:
        if number <= len(self._stage.actors):
            self.chosen = number

    def _move(self, by: int) -> None:
        """Round and round, past nobody: 0 is one of the places."""
        self.chosen = (self.chosen + by) % (len(self._stage.actors) + 1)

    def _kill(self) -> None:
        if actor := self._one(self._stage.alive, "runs"):
            self._stage.kill(actor)

    def _revive(self) -> None:
        if actor := self._one(self._stage.dead, "is down"):
            self._stage.revive(actor)

    def _wipe(self) -> None:
        if actor := self._one(self._stage.dead, "is down"):
            self._stage.revive(actor, is_wiped=True)

    def _upload(self) -> None:
        if self._stage.alive:
            self._stage.upload(1)
        else:
            self._reporter.tell("refused", "no node runs: press r")

    def _delete(self) -> None:
        images = list(self._stage.images)
        if images and self._stage.alive:
            self._stage.delete(self._stage.rng.choice(images))
        else:
            self._reporter.tell("refused", "there is nothing to delete, or no node runs")

    def _quit(self) -> None:
        self.is_over = True

    def _one(self, fit: list[Actor], what: str) -> Actor | None:
        """The chosen node, if it is fit; any that is, if none is chosen."""
        candidates = [actor for actor in fit if self.chosen in {0, actor.number}]
        if candidates:
            return self._stage.rng.choice(candidates)
        whom = f"node {self.chosen} is not one that" if self.chosen else "there is no node that"
        self._reporter.tell("refused", f"{whom} {what}")
        return None
