"""One node of the demo as it is known at the moment: its process, and what it said last."""

import enum
import shutil
from pathlib import Path

import attrs

from reticulum.cli.demo.child import Child
from reticulum.cli.demo.counting import Facts
from reticulum.cli.demo.places import Place
from reticulum.overlay.identity import KEY_NAME, SECRET_NAME
from reticulum.settings import CONFIG_NAME

BUSY_S = 4.0
"""A node that took or gave a copy counts as healing for so long."""

_WHO_IT_IS = frozenset({CONFIG_NAME, KEY_NAME, SECRET_NAME})


class State(enum.StrEnum):
    """How a node does."""

    STARTING = "starting"
    UP = "up"
    HEALING = "healing"
    KILLED = "killed"
    ENDED = "ended"


@attrs.frozen(kw_only=True)
class Row:
    """
    What is shown of a node.

    Args:
        number: From 1.
        zone: What fails together with it.
        state: How it does.
        images: How many it holds; None if that is not known.
        given: Copies it gave to others; None if that is not known.
        repaired: Copies it restored; None if that is not known.
        url: For a browser.
    """

    number: int
    zone: str
    state: State
    images: int | None
    given: int | None
    repaired: int | None
    url: str


@attrs.define
class Actor:
    """
    A node.

    Args:
        place: Where it lives.
        child: Its process; None once it was killed, or has ended.
        facts: What it said last; None if it has not said anything since it was started.
        is_up: Whether it has been ready, and in its grid, since it was started.
        is_asked: Whether it is being asked just now.
        asked_at: When it was asked last.
    """

    place: Place
    child: Child | None = None
    facts: Facts | None = None
    is_up: bool = False
    is_asked: bool = False
    asked_at: float = float("-inf")
    _was_killed: bool = False
    _moved_at: float = float("-inf")

    @property
    def number(self) -> int:
        """From 1."""
        return self.place.number

    @property
    def is_alive(self) -> bool:
        """Whether it runs."""
        return self.child is not None

    def start(self, twistd: Path) -> None:
        """
        Start it, with whatever lies in its directory.

        Raises:
            ClientError: It can't be started.
        """
        self.child = Child.start(self.place, twistd)
        self.facts = None
        self.is_up = False
        # An answer that the process before still owes is none of this one.
        self.is_asked = False

    def kill(self) -> None:
        """End it as a power cut would."""
        if self.child is not None:
            self.child.kill()
            self._gone(was_killed=True)

    def has_ended(self) -> str | None:
        """How it ended, if it has ended by itself since the last call; its last words."""
        if self.child is None or self.child.exit_code is None:
            return None
        words = f"exit code {self.child.exit_code}: {self.child.last_words()}"
        self._gone(was_killed=False)
        return words

    def wipe(self) -> None:
        """Remove all but who it is: settings, node key, secret of the grid."""
        for path in self.place.data.iterdir():
            if path.name in _WHO_IT_IS:
                continue
            if path.is_dir() and not path.is_symlink():
                # A worker of the killed node may still be taking its own files away.
                shutil.rmtree(path, ignore_errors=True)
            else:
                path.unlink(missing_ok=True)

    def learn(self, facts: Facts, now: float, others: int) -> int:
        """
        Take what it said.

        Args:
            facts: All of it.
            now: The time.
            others: How many nodes it could know.

        Returns:
            How many images are new there.
        """
        before, self.facts = self.facts, facts
        self.is_up = self.is_up or facts.sees(others)
        if before is None:
            return 0
        if (before.images, before.given, before.repaired) != (
            facts.images,
            facts.given,
            facts.repaired,
        ):
            self._moved_at = now
        return len(facts.images - before.images)

    def row(self, now: float, *, is_short: bool) -> Row:
        """
        What to show of it.

        Args:
            now: The time.
            is_short: Whether some image of the grid is short of copies.
        """
        facts = self.facts
        return Row(
            number=self.number,
            zone=self.place.zone,
            state=self._state(now, is_short=is_short),
            images=None if facts is None else len(facts.images),
            given=None if facts is None else facts.given,
            repaired=None if facts is None else facts.repaired,
            url=self.place.url,
        )

    def _state(self, now: float, *, is_short: bool) -> State:
        if self.child is None:
            return State.KILLED if self._was_killed else State.ENDED
        if not self.is_up:
            return State.STARTING
        if is_short and now - self._moved_at < BUSY_S:
            return State.HEALING
        return State.UP

    def _gone(self, *, was_killed: bool) -> None:
        self.child = None
        self.facts = None
        self._was_killed = was_killed
