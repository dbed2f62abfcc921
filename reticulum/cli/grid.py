"""`reticulum grid`: see the secrets of a grid, and change to a new one without a pause."""

import json
import sys
from collections.abc import Callable
from http import HTTPStatus
from pathlib import Path
from typing import TYPE_CHECKING

import click

from reticulum.cli.node import JsonObject, Node, Refused, Unreachable
from reticulum.cli.output import Output
from reticulum.cli.session import Session, json_option
from reticulum.cli.target import Target
from reticulum.errors import BadInvite, ClientError
from reticulum.settings.names import CONTROL_NAME

if TYPE_CHECKING:
    from reticulum.overlay.grid_files import GridFiles

DEFAULT_DATA = "reticulum-data"
"""Where 'twistd reticulum' keeps a node when nobody says otherwise."""

Command = Callable[..., int]


def data_option(function: Command) -> Command:
    """Give a command the data directory of a node on this machine, as the argument `data`."""
    return click.option(
        "--data",
        metavar="DIR",
        type=click.Path(path_type=Path),
        default=DEFAULT_DATA,
        show_default=True,
        help="Data directory of the node.",
    )(function)


@click.group(short_help="Show or change the secret of the grid.")
def grid() -> None:
    """
    Show or change the secret that makes a node a member of its grid.

    To change it without a pause, in this order, each step on every node before the next step:

    \b
      1. grid rotate         on one node: makes the next secret, prints an invite with it
         grid accept INVITE  on all others: they accept it besides the old one
      2. grid use            on every node: it seals with the new one, and accepts both
      3. grid forget         on every node: the old one is accepted no longer

    Whoever has only the old secret is out after step 3; that is how a node is expelled. A node
    that misses a step comes back with 'grid accept' and 'grid use'. A running node follows at
    once; one that is not running follows when it starts.
    """  # noqa: D301  (click's mark, a real backspace)


@grid.command(short_help="Tell which secrets are in use.")
@data_option
@json_option
def show(data: Path, *, as_json: bool) -> int:
    """
    Tell the fingerprints of the secrets, which are public; never the secrets.

    With --json, an object: "current", "next", "previous" and "running"; the last is null if no
    node runs on DIR, else what it seals with ("current") and all that it accepts ("accepted").
    """
    output = Output(sys.stdout, sys.stderr, as_json)
    tell(_files(data), output, running_grid(data))
    return 0


@grid.command(short_help="Make the next secret.")
@data_option
@click.option("--address", "addresses", metavar="HOST:PORT", multiple=True, help="For the invite.")
@json_option
def rotate(data: Path, addresses: tuple[str, ...], *, as_json: bool) -> int:
    """
    Make the next secret and print an invite with it, for 'reticulum grid accept' elsewhere.

    The node goes on to seal with the current one. Step 1 of three; see 'reticulum grid --help'.

    With --json, an object: "invite", "fingerprint" and "addresses".
    """
    import os  # noqa: PLC0415  (here alone)

    from reticulum.cli.invite import entrances, print_invite  # noqa: PLC0415  (imports this one)
    from reticulum.overlay.grid_keys import SECRET_BYTES, GridKeys  # noqa: PLC0415  (slow)

    files = _files(data)
    if (under_way := files.next()) is not None:
        raise ClientError(
            f"a rotation to {under_way.fingerprint.hex()} is under way: 'reticulum invite --next' "
            "prints its invite again, 'reticulum grid forget --next' gives it up"
        )
    output = Output(sys.stdout, sys.stderr, as_json)
    secret = os.urandom(SECRET_BYTES)
    files.accept(secret)
    running = running_grid(data)
    print_invite(GridKeys.of_secret(secret), entrances(data, addresses, output, running), output)
    output.complain("now: 'reticulum grid accept INVITE' on all other nodes, then 'grid use'")
    _complain_if_behind(files, output, running)
    return 0


@grid.command(short_help="Take the next secret from another node.")
@click.argument("invite", metavar="INVITE")
@data_option
@json_option
def accept(invite: str, data: Path, *, as_json: bool) -> int:
    """
    Accept the secret of INVITE besides the current one; - reads it from standard input.

    INVITE is what 'reticulum grid rotate' printed. Step 1 of three; see 'reticulum grid --help'.
    """
    from reticulum.overlay.invite import Invite  # noqa: PLC0415  (slow to import)

    try:
        parsed = Invite.parse(sys.stdin.readline() if invite == "-" else invite)
    except BadInvite as error:
        raise click.UsageError(str(error)) from None
    files = _files(data)
    files.accept(parsed.secret)
    return _told(files, as_json=as_json)


@grid.command(short_help="Seal with the next secret from now on.")
@data_option
@json_option
def use(data: Path, *, as_json: bool) -> int:
    """
    Seal with the next secret from now on, and still accept the one before.

    Only once every node has accepted it: those that have not no longer hear this one. Step 2
    of three; see 'reticulum grid --help'.
    """
    files = _files(data)
    files.use()
    return _told(files, as_json=as_json)


@grid.command(short_help="Accept the previous secret no longer.")
@data_option
@click.option("--next", "the_next", is_flag=True, help="Give up a rotation: forget the next one.")
@json_option
def forget(data: Path, *, the_next: bool, as_json: bool) -> int:
    """
    Accept the previous secret no longer: who has only that is out.

    Only once every node seals with the new one. Step 3 of three; see 'reticulum grid --help'.
    """
    files = _files(data)
    files.forget(the_next=the_next)
    return _told(files, as_json=as_json)


def tell(files: "GridFiles", output: Output, running: JsonObject | None) -> None:
    """Print the secrets' fingerprints, and complain if a running node has others."""
    ring, following, before = files.read(), files.next(), files.previous()
    told = {
        "current": ring.current.fingerprint.hex(),
        "next": following and following.fingerprint.hex(),
        "previous": before and before.fingerprint.hex(),
    }
    output.record({**told, "running": running})
    meanings = {
        "current": "in use",
        "next": "accepted, not in use yet",
        "previous": "still accepted",
    }
    for name, fingerprint in told.items():
        if fingerprint is not None:
            output.line(f"{name:<9} {fingerprint}  {meanings[name]}")
    output.line("node      " + ("not running" if running is None else "running"))
    _complain_if_behind(files, output, running)


def running_grid(data: Path) -> JsonObject | None:
    """
    What a node that runs on *data* seals with and accepts, after it has read the files again.

    Returns:
        See `Control.get_grid`; None if no node runs there, or none that can tell.
    """
    # Without a socket there is no node, and no need to import and run a reactor.
    if not (data / CONTROL_NAME).is_socket():
        return None
    found: list[JsonObject] = []

    async def ask(node: Node) -> int:
        found.append(await grid_in_force(node))
        return 0

    try:
        Session(Target(data=data), Output(sys.stdout, sys.stderr)).run(ask)
    except Unreachable:
        return None
    except Refused as refused:
        # A node without an overlay.
        if refused.status == HTTPStatus.NOT_FOUND:
            return None
        raise
    return found[0]


async def grid_in_force(node: Node) -> JsonObject:
    """
    Ask a node by its control socket; it reads its secrets again first.

    Raises:
        Unreachable: There is no node, or what answers is none.
        Refused: It does not take part in a grid.
    """
    pieces: list[bytes] = []
    await node.picture("/v1/grid", pieces.append)
    try:
        told = json.loads(b"".join(pieces))
    except ValueError:
        raise Unreachable("what answers at the control socket is no Reticulum node") from None
    if not isinstance(told, dict) or not isinstance(told.get("current"), str):
        raise Unreachable("what answers at the control socket is no Reticulum node")
    return told


def _told(files: "GridFiles", *, as_json: bool) -> int:
    tell(files, Output(sys.stdout, sys.stderr, as_json), running_grid(files.data))
    return 0


def _complain_if_behind(files: "GridFiles", output: Output, running: JsonObject | None) -> None:
    ring = files.read()
    if running is None or (
        running.get("current") == ring.current.fingerprint.hex()
        and set(running.get("accepted", ())) == {each.hex() for each in ring.accepted}
    ):
        return
    output.complain("the running node has other secrets than its files: restart it")


def _files(data: Path) -> "GridFiles":
    from reticulum.overlay.grid_files import GridFiles  # noqa: PLC0415  (slow to import)

    return GridFiles(data)
