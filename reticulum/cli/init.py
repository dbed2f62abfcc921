"""`reticulum init`: make the data directory of a new node."""

import os
import shlex
import sys
from pathlib import Path

import attrs
import click

from reticulum.cli.config_file import render
from reticulum.cli.output import Output
from reticulum.cli.session import json_option
from reticulum.errors import ClientError
from reticulum.settings import CONFIG_NAME


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
    """

    data: Path
    config: Path
    key: Path
    secret: Path
    node_id: str


@click.command(short_help="Make the data directory of a new node.")
@click.argument("data", metavar="DIR", type=click.Path(path_type=Path))
@click.option("--join", metavar="INVITE", help="Invite of the grid to join (not possible yet).")
@json_option
def init(data: Path, *, join: str | None, as_json: bool) -> int:
    """
    Write a commented settings file, the node key and the secret of a new grid into DIR.

    Nothing that is there is overwritten: it is an error if any of the three is.

    With --json, an object: "node_id", "data", "config", "key", "secret".
    """
    if join is not None:
        raise click.UsageError(
            "joining a grid is not possible yet: this version runs a grid of one node; "
            "leave out --join"
        )
    made = make(data)
    output = Output(sys.stdout, sys.stderr, as_json)
    fields = attrs.asdict(made, value_serializer=lambda _made, _field, value: str(value))
    output.record(fields)
    output.line(f"node id   {made.node_id}")
    output.line(f"settings  {made.config}")
    output.line(f"node key  {made.key}")
    output.line(f"secret    {made.secret}")
    output.line(f"next      twistd -n reticulum --data {shlex.quote(str(data))}")
    return 0


def make(data: Path) -> Made:
    """
    Make what a node needs in *data*, and the directory if it is missing.

    Raises:
        ClientError: Something is there already, or it can't be written; nothing was overwritten.
        UnreadableSecret: A key can't be written.
    """
    # Only now: cryptography is slow to import.
    from reticulum.overlay.identity import KEY_NAME, SECRET_NAME, Identity  # noqa: PLC0415

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
            file.write(render("."))
    except OSError as error:
        raise ClientError(f"can't write {config}: {error.strerror}") from None
    identity = Identity.create(whole)
    return Made(data=whole, config=config, key=key, secret=secret, node_id=identity.node_id)
