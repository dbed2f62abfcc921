"""Commands for the operator of a node on this machine, over its control socket."""

import functools
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import attrs
import click

from reticulum.cli.grid import DEFAULT_DATA
from reticulum.cli.output import Output
from reticulum.cli.session import Session, json_option
from reticulum.cli.target import Target

if TYPE_CHECKING:  # what follows it takes most of a second to import
    from reticulum.cli.keeping_remote import RemoteKeeping

Command = Callable[..., int]


@attrs.frozen
class Desk:
    """
    One run of a command for the operator of a node on this machine.

    Args:
        data: Its data directory.
        output: Where results and complaints go.
    """

    data: Path
    output: Output

    def run(self, work: Callable[["RemoteKeeping"], Awaitable[int]]) -> int:
        """
        Do *work*.

        Returns:
            What it returned: the exit code.

        Raises:
            ClientError: There is no node there, or none answers; or out of *work*.
        """
        from reticulum.cli.keeping_remote import RemoteKeeping  # noqa: PLC0415  (slow to import)

        session = Session(Target(data=self.data), self.output)
        return session.run(lambda node: work(RemoteKeeping(node)))


def desk_options(function: Command) -> Command:
    """Give a command --data and --json, as one argument: `desk`."""

    @functools.wraps(function)
    def with_desk(*, data: Path, url: str | None, as_json: bool, **others: Any) -> int:
        if url is not None:
            raise click.UsageError(
                "this is for the operator, not for everybody who reaches --node: use --data on "
                "the node's own machine"
            )
        return function(Desk(data, Output(sys.stdout, sys.stderr, as_json)), **others)

    options: list[Callable[[Command], Command]] = [
        click.option(
            "--data",
            metavar="DIR",
            type=click.Path(path_type=Path),
            default=DEFAULT_DATA,
            show_default=True,
            help="Data directory of a node that runs on this machine.",
        ),
        click.option("--node", "url", metavar="URL", hidden=True),
        json_option,
    ]
    wrapped: Command = with_desk
    for option in reversed(options):
        wrapped = option(wrapped)
    return wrapped
