"""A demo on a terminal: draws what is, does what keys say."""

import sys
import time
from collections import deque
from collections.abc import Callable
from pathlib import Path

import attrs
from rich.console import Console
from rich.live import Live

from reticulum.cli.demo import gallery
from reticulum.cli.demo.controls import Controls
from reticulum.cli.demo.events import Event, Reporter
from reticulum.cli.demo.stage import Stage
from reticulum.cli.demo.terminal import keyboard
from reticulum.cli.demo.view import Shown, screen

_FRAME_S = 0.2
_PAGE_S = 2.0


@attrs.define(kw_only=True)
class Scene:
    """
    A grid to be looked at.

    Args:
        stage: The grid, not started yet.
        reporter: Is told what happens.
        events: What was told so far.
        folder: For the page with the pictures.
        images: How many to upload when the nodes are up.
        check: Called often; raises to end it.
    """

    stage: Stage
    reporter: Reporter
    events: "deque[Event]"
    folder: Path
    images: int
    check: Callable[[], None]
    _is_filled: bool = attrs.field(default=False, init=False)
    _page_at: float = attrs.field(default=float("-inf"), init=False)

    def turn(self) -> None:
        """Take in what has happened, and do what is due."""
        self.check()
        self.stage.tick()
        if not self._is_filled and self.stage.alive and self.stage.is_up:
            self._is_filled = True
            self.stage.tell_up()
            self.stage.upload(self.images)
        if time.monotonic() - self._page_at >= _PAGE_S:
            self._page_at = time.monotonic()
            gallery.write(self.folder, list(self.stage.images), self.stage.rows())

    def shown(self, chosen: int) -> Shown:
        """What the screen shows, with a node *chosen*."""
        return Shown(
            rows=self.stage.rows(),
            tally=self.stage.tally(),
            events=list(self.events),
            chosen=chosen,
            gallery=self.folder / gallery.GALLERY_NAME,
        )


def run_live(scene: Scene, console: Console) -> None:
    """Show a grid until somebody presses `q`."""
    controls = Controls(scene.stage, scene.reporter)
    with (
        keyboard(sys.stdin.fileno()) as keys,
        Live(console=console, screen=True, auto_refresh=False) as live,
    ):
        scene.stage.start()
        while not controls.is_over:
            scene.turn()
            drawn = screen(scene.shown(controls.chosen), console.width, console.height)
            live.update(drawn, refresh=True)
            for key in keys.pressed(_FRAME_S):
                controls.press(key)
