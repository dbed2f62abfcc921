"""`reticulum demo`: its options, and which way it goes."""

import sys
from pathlib import Path

import click

from reticulum.cli.demo.steps import DEFAULT, DEFAULT_ALONE, parse
from reticulum.cli.output import Output
from reticulum.cli.session import json_option

MOST_NODES = 30
MOST_IMAGES = 1000
MOST_SECONDS = 3600


@click.command(short_help="Run a whole grid on this machine, to kill nodes of.")
@click.option(
    "--nodes", type=click.IntRange(1, MOST_NODES), default=5, show_default=True, help="How many."
)
@click.option(
    "--images",
    type=click.IntRange(0, MOST_IMAGES),
    default=24,
    show_default=True,
    help="Pictures, which are drawn by the command itself.",
)
@click.option(
    "--dir",
    "folder",
    metavar="DIR",
    type=click.Path(path_type=Path, file_okay=False),
    help="Where the nodes keep everything: a new or empty directory. Otherwise a temporary one.",
)
@click.option("--keep", "is_kept", is_flag=True, help="Leave there what the nodes kept.")
@click.option(
    "--seconds",
    type=click.FloatRange(1, MOST_SECONDS),
    default=180,
    show_default=True,
    help="How long a step of a script may take.",
)
@click.option(
    "--script",
    metavar="STEPS",
    help=f"Do this and end; without a terminal, or with --json, it is '{DEFAULT}'.",
)
@click.option("--seed", type=int, default=1, show_default=True, help="Other pictures.")
@json_option
def demo(
    *,
    nodes: int,
    images: int,
    folder: Path | None,
    is_kept: bool,
    seconds: float,
    script: str | None,
    seed: int,
    as_json: bool,
) -> int:
    """
    Start a grid of real nodes on this machine, put pictures to it, and watch it.

    On a terminal, keys kill and revive nodes, and the screen shows how images get their copies
    back. The nodes live on loopback, in three zones; a node that is silent for 10 seconds is
    given up here, where a real grid waits a quarter of an hour. All is gone when the demo ends.

    A script is steps parted by commas: upload, delete, kill, revive, wipe, heal, check, wait. A
    number behind one says how many images, how many seconds, or which node. 'wipe' revives a
    killed node with its key and an empty disk, 'heal' waits until every image has 3 copies on
    live nodes, 'check' fetches every image and compares. The exit code is 1 if a step fails or
    takes longer than --seconds.

    With --json, an object a line for each event, the last with "event": "done", "ok",
    "healed_s", "images", "intact" and "short".
    """
    try:
        steps = parse(script if script is not None else DEFAULT if nodes > 1 else DEFAULT_ALONE)
    except ValueError as error:
        raise click.UsageError(str(error)) from None
    # Only now: rich and the keys of nodes are slow to import.
    from reticulum.cli.demo.running import Wanted, run_demo  # noqa: PLC0415

    is_seen = sys.stdin.isatty() and sys.stdout.isatty()
    wanted = Wanted(
        nodes=nodes,
        images=images,
        folder=folder,
        is_kept=is_kept,
        seconds=seconds,
        steps=None if is_seen and script is None and not as_json else steps,
        seed=seed,
    )
    return run_demo(wanted, Output(sys.stdout, sys.stderr, as_json))
