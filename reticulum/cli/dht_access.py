"""Where `reticulum dht` looks from: a running node, or nothing but an invite."""

import functools
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import attrs
import click

from reticulum.cli.grid import DEFAULT_DATA
from reticulum.cli.node import Node
from reticulum.cli.output import Output
from reticulum.cli.session import Session, json_option
from reticulum.cli.target import Target
from reticulum.errors import BadInvite
from reticulum.interfaces import DhtConsole

if TYPE_CHECKING:
    from reticulum.overlay.invite import Invite

Command = Callable[..., int]
Work = Callable[[DhtConsole], Awaitable[int]]


@attrs.frozen(kw_only=True)
class Access:
    """
    One run of a command that looks at the DHT.

    Args:
        data: Data directory of the node to look from; not read if there is an invite.
        invite: To look from this process, as a client of that grid.
        output: Where results and complaints go.
    """

    data: Path
    invite: "Invite | None" = None
    output: Output

    def run(self, work: Work) -> int:
        """
        Do *work* with a console.

        Returns:
            What *work* returned: the exit code.

        Raises:
            ClientError: There is no node there, or none answers; or out of *work*.
        """
        if self.invite is None:
            return Session(Target(data=self.data), self.output).run(
                lambda node: work(_console_of(node))
            )
        # The overlay's sockets are asyncio's. Only now: all of this is slow to import.
        if "twisted.internet.reactor" not in sys.modules:
            from twisted.internet import asyncioreactor  # noqa: PLC0415

            asyncioreactor.install()
        from reticulum.cli.dht_visit import visit  # noqa: PLC0415
        from reticulum.cli.running import run_reactor  # noqa: PLC0415

        invite = self.invite
        return run_reactor(lambda reactor: visit(invite, reactor, work))


def _console_of(node: Node) -> DhtConsole:
    from reticulum.cli.dht_remote import RemoteConsole  # noqa: PLC0415  (with its caller)

    return RemoteConsole(node)


def access_options(function: Command) -> Command:
    """Give a command --data, --invite, --node and --json, as one argument: `access`."""

    @functools.wraps(function)
    def with_access(
        *, data: Path | None, invite: str | None, url: str | None, as_json: bool, **others: Any
    ) -> int:
        if url is not None:
            raise click.UsageError(
                "the DHT is for the operator, not for everybody who reaches --node: use --data on "
                "the node's own machine, or --invite from here"
            )
        if data is not None and invite is not None:
            raise click.UsageError("--data and --invite are two places to look from: use one")
        output = Output(sys.stdout, sys.stderr, as_json)
        parsed = None if invite is None else _parsed(invite)
        access = Access(data=data or Path(DEFAULT_DATA), invite=parsed, output=output)
        return function(access, **others)

    options: list[Callable[[Command], Command]] = [
        click.option(
            "--data",
            metavar="DIR",
            type=click.Path(path_type=Path),
            help="Look from the node on this machine whose data directory this is, by its "
            f"control socket; {DEFAULT_DATA} if nothing is said.",
        ),
        click.option(
            "--invite",
            metavar="INVITE",
            help="Look from here, as a client of the grid, without any node of one's own; "
            "- reads it from standard input.",
        ),
        click.option("--node", "url", metavar="URL", hidden=True),
        json_option,
    ]
    wrapped: Command = with_access
    for option in reversed(options):
        wrapped = option(wrapped)
    return wrapped


def _parsed(text: str) -> "Invite":
    from reticulum.overlay.invite import Invite  # noqa: PLC0415  (slow to import)

    try:
        invite = Invite.parse(sys.stdin.readline() if text == "-" else text)
    except BadInvite as error:
        raise click.UsageError(str(error)) from None
    if not invite.entrances:
        raise click.UsageError("the invite has no address to knock at: use --data")
    return invite
