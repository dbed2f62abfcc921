"""A run of a demo from its first check to the end of its last process."""

import time
from collections import deque
from collections.abc import Sequence
from pathlib import Path

import attrs

from reticulum.cli.demo.child import find_twistd
from reticulum.cli.demo.counting import Tally
from reticulum.cli.demo.events import Event, Reporter
from reticulum.cli.demo.folder import demo_folder
from reticulum.cli.demo.places import Place, make_places
from reticulum.cli.demo.script import Performance
from reticulum.cli.demo.signals import Ending, ending
from reticulum.cli.demo.stage import Stage
from reticulum.cli.demo.steps import Step
from reticulum.cli.output import Output
from reticulum.errors import ClientError

_DONE, _FAILED = 0, 1
_REMEMBERED = 50


@attrs.frozen(kw_only=True)
class Wanted:
    """
    What a person asked for.

    Args:
        nodes: How many.
        images: How many.
        folder: Where; None for a temporary directory.
        is_kept: Whether it stays.
        seconds: How long a step may take.
        steps: The script; None for a terminal with keys.
        seed: Of the pictures.
    """

    nodes: int
    images: int
    folder: Path | None
    is_kept: bool
    seconds: float
    steps: Sequence[Step] | None
    seed: int


def run_demo(wanted: Wanted, output: Output) -> int:
    """
    Make a grid, show it, and leave nothing behind.

    Returns:
        The exit code.

    Raises:
        ClientError: There can be no demo here.
        KeyboardInterrupt: A signal ended it.
    """
    twistd = find_twistd()
    with (
        ending() as end,
        demo_folder(wanted.folder, is_kept=wanted.is_kept) as folder,
    ):
        places = make_places(folder, wanted.nodes)
        end.check()
        try:
            if wanted.steps is None:
                _live(wanted, places, twistd, folder, end)
                output.line(f"all {len(places)} nodes are stopped")
                return _DONE
            return _scripted(wanted, wanted.steps, places, twistd, output=output, end=end)
        finally:
            if wanted.is_kept:
                output.complain(f"everything is kept in {folder}")


def _live(wanted: Wanted, places: Sequence[Place], twistd: Path, folder: Path, end: Ending) -> None:
    from rich.console import Console  # noqa: PLC0415  (slow to import)

    from reticulum.cli.demo.live import Scene, run_live  # noqa: PLC0415

    events: deque[Event] = deque(maxlen=_REMEMBERED)
    reporter = Reporter(events.append, time.monotonic)
    stage = Stage(places=places, twistd=twistd, reporter=reporter, seed=wanted.seed)
    scene = Scene(
        stage=stage,
        reporter=reporter,
        events=events,
        folder=folder,
        images=wanted.images,
        check=end.check,
    )
    try:
        run_live(scene, Console())
    finally:
        stage.close()


def _scripted(
    wanted: Wanted,
    steps: Sequence[Step],
    places: Sequence[Place],
    twistd: Path,
    *,
    output: Output,
    end: Ending,
) -> int:
    def tell(event: Event) -> None:
        output.record(event.record())
        output.line(f"{event.at_s:6.1f} s  {event.text}")

    reporter = Reporter(tell, time.monotonic)
    urls = [place.url for place in places]
    reporter.tell("nodes", f"in a browser: {' '.join(urls)}", urls=urls)
    stage = Stage(places=places, twistd=twistd, reporter=reporter, seed=wanted.seed)
    performance = Performance(
        stage=stage,
        reporter=reporter,
        images=wanted.images,
        seconds=wanted.seconds,
        check=end.check,
    )
    reason = None
    try:
        performance.run(steps)
    except ClientError as error:
        reason = str(error)
    finally:
        tally = stage.tally()
        stage.close()
    _tell_outcome(performance, reporter, tally, reason)
    return _DONE if reason is None else _FAILED


def _tell_outcome(
    performance: Performance, reporter: Reporter, tally: Tally, reason: str | None
) -> None:
    healed_s = None if performance.healed_s is None else round(performance.healed_s, 1)
    healed = "" if healed_s is None else f", all copies there again {healed_s:.0f} s after a kill"
    reporter.tell(
        "done",
        f"failed: {reason}" if reason else f"done: {tally.images} images{healed}",
        ok=reason is None,
        reason=reason,
        images=tally.images,
        intact=performance.intact,
        healed_s=healed_s,
        short=tally.short,
    )
