"""What every command that talks with a node shares: its options, and its run on the reactor."""

import functools
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import attrs
import click
from click.core import ParameterSource

from reticulum.cli.node import Node
from reticulum.cli.output import Output
from reticulum.cli.target import DEFAULT_URL, Target, node_url, upload_key

Command = Callable[..., int]


@attrs.frozen
class Session:
    """
    One run of a command that talks with a node.

    Args:
        target: Which node.
        output: Where results and complaints go.
    """

    target: Target
    output: Output

    def run(self, work: Callable[[Node], Awaitable[int]]) -> int:
        """
        Do *work* with a client for the node.

        Returns:
            What *work* returned: the exit code.

        Raises:
            ClientError: Out of *work*.
            KeyboardInterrupt: It was interrupted.
        """
        # Only now: Twisted's HTTP takes most of a second to import on a small machine.
        from reticulum.cli.connection import connect  # noqa: PLC0415
        from reticulum.cli.running import run_reactor  # noqa: PLC0415

        async def connected(reactor: Any) -> int:
            connection = connect(self.target, reactor)
            try:
                return await work(connection.node)
            finally:
                await connection.close()

        return run_reactor(connected)


def json_option(function: Command) -> Command:
    """Give a command its --json, as the argument `as_json`."""
    return click.option("--json", "as_json", is_flag=True, help="Answer in JSON, for machines.")(
        function
    )


def node_options(function: Command) -> Command:
    """Give a command --node, --data, --key and --json, as one argument: `session`."""

    @functools.wraps(function)
    def with_session(
        *, node: str, data: Path | None, key: str | None, as_json: bool, **others: Any
    ) -> int:
        source = click.get_current_context().get_parameter_source("node")
        if data is not None and source is ParameterSource.COMMANDLINE:
            raise click.UsageError("--node and --data name two ways to a node: use one of them")
        target = Target(url=node, data=data, key=key)
        return function(Session(target, Output(sys.stdout, sys.stderr, as_json)), **others)

    options: list[Callable[[Command], Command]] = [
        click.option(
            "--node",
            metavar="URL",
            callback=node_url,
            default=DEFAULT_URL,
            show_default=True,
            envvar="RETICULUM_NODE",
            show_envvar=True,
            help="The node to talk with.",
        ),
        click.option(
            "--data",
            metavar="DIR",
            type=click.Path(path_type=Path),
            help="Talk with the node on this machine whose data directory this is, by its "
            "control socket: with the operator's rights, without a key.",
        ),
        click.option(
            "--key",
            metavar="KEY",
            callback=upload_key,
            envvar="RETICULUM_KEY",
            show_envvar=True,
            help="Upload key. In the environment it is not seen by other users.",
        ),
        json_option,
    ]
    wrapped: Command = with_session
    for option in reversed(options):
        wrapped = option(wrapped)
    return wrapped
