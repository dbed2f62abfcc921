"""`reticulum init`: make the data directory of a new node."""

import json
import os
import re
import shlex
import sys
from pathlib import Path

import attrs
import click

from reticulum.cli.config_file import render
from reticulum.cli.output import Output
from reticulum.cli.session import json_option
from reticulum.errors import BadInvite, ClientError
from reticulum.settings import CONFIG_NAME

_ENTRANCES = re.compile(r"^#?entrances = .*$", re.MULTILINE)


@attrs.frozen(kw_only=True)
class Made:
    """
    A data directory with what a node needs.

    Args:
        data: The directory, absolute.
        config: The settings file in it.
        key: The node key in it.
        secret: The grid secret in it.
        node_id: Of the node.
        entrances: Where it will knock first, as HOST:PORT.
    """

    data: Path
    config: Path
    key: Path
    secret: Path
    node_id: str
    entrances: tuple[str, ...] = ()


@click.command(short_help="Make the data directory of a new node.")
@click.argument("data", metavar="DIR", type=click.Path(path_type=Path))
@click.option(
    "--join", metavar="INVITE", help="Invite of the grid to join; - reads it from standard input."
)
@json_option
def init(data: Path, *, join: str | None, as_json: bool) -> int:
    """
    Write a commented settings file, the node key and the grid secret into DIR.

    The secret is that of a new grid, or with --join that of the invite; the addresses in the
    invite go into the settings file. The environment has RETICULUM_JOIN for 'twistd reticulum'
    only: here the invite is an argument, or a line on standard input, which no other user sees.

    Nothing that is there is overwritten: it is an error if any of the three is.

    With --json, an object: "node_id", "data", "config", "key", "secret", "entrances".
    """
    if join == "-":
        join = sys.stdin.readline()
    try:
        made = make(data, join)
    except BadInvite as error:
        raise click.UsageError(str(error)) from None
    output = Output(sys.stdout, sys.stderr, as_json)
    fields = attrs.asdict(made, value_serializer=lambda _made, _field, value: _plain(value))
    output.record(fields)
    output.line(f"node id   {made.node_id}")
    output.line(f"settings  {made.config}")
    output.line(f"node key  {made.key}")
    output.line(f"secret    {made.secret}")
    if made.entrances:
        output.line(f"knocks at {', '.join(made.entrances)}")
    elif join is not None:
        output.complain(
            "the invite has no address: name nodes of the grid as entrances in [peer] of "
            f"{made.config}"
        )
    output.line(f"next      twistd -n reticulum --data {shlex.quote(str(data))}")
    return 0


def make(data: Path, join: str | None = None) -> Made:
    """
    Make what a node needs in *data*, and the directory if it is missing.

    Args:
        data: The directory.
        join: Text of an invite; None for a new grid.

    Raises:
        ClientError: Something is there already, or it can't be written; nothing was overwritten.
        UnreadableSecret: A key can't be written.
        BadInvite: The invite can't be read; nothing was written.
    """
    # Only now: cryptography is slow to import.
    from reticulum.overlay.grid_files import apply_invite  # noqa: PLC0415
    from reticulum.overlay.identity import KEY_NAME, SECRET_NAME, Identity  # noqa: PLC0415
    from reticulum.overlay.invite import Invite  # noqa: PLC0415

    entrances = () if join is None else Invite.parse(join).entrances
    whole = data.absolute()
    config, key, secret = (whole / name for name in (CONFIG_NAME, KEY_NAME, SECRET_NAME))
    there = [path.name for path in (config, key, secret) if os.path.lexists(path)]
    if there:
        raise ClientError(
            f"{data} has {', '.join(there)} already; nothing was changed: take another "
            "directory, or start the node that is there with "
            f"'twistd -n reticulum --data {shlex.quote(str(data))}'"
        )
    try:
        if not whole.is_dir():
            whole.mkdir(parents=True)
            # A web server in front of the node has to get through to the renditions.
            whole.chmod(0o711)
        # Upload keys will stand in it.
        descriptor = os.open(config, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write(_with_entrances(render("."), [str(each) for each in entrances]))
    except OSError as error:
        raise ClientError(f"can't write {config}: {error.strerror}") from None
    if join is not None:
        apply_invite(whole, join)
    identity = Identity.create(whole)
    return Made(
        data=whole,
        config=config,
        key=key,
        secret=secret,
        node_id=identity.node_id,
        entrances=tuple(str(each) for each in entrances),
    )


def _with_entrances(text: str, entrances: list[str]) -> str:
    """The settings file with `entrances` in [peer] set, if there are any."""
    if not entrances:
        return text
    line = f"entrances = {json.dumps(entrances)}"
    if _ENTRANCES.search(text):
        return _ENTRANCES.sub(line, text, count=1)
    return text.replace("\n[peer]\n", f"\n[peer]\n{line}\n", 1)


def _plain(value: object) -> object:
    return str(value) if isinstance(value, Path) else value
