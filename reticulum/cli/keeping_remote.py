"""The keeping of images as a running node does it, asked by its control socket."""

import functools
import sys
from collections.abc import AsyncGenerator, Awaitable, Callable
from pathlib import Path
from typing import Any

import attrs
import click

from reticulum.cli.grid import DEFAULT_DATA
from reticulum.cli.json_lines import JsonLines, events
from reticulum.cli.node import JsonObject, Node
from reticulum.cli.output import Output
from reticulum.cli.session import Session, json_option
from reticulum.cli.target import Target
from reticulum.model import ImageId

Command = Callable[..., int]


@attrs.frozen
class RemoteKeeping:
    """
    A `KeepingConsole` at the other end of a control socket.

    Args:
        node: The connection.
    """

    _node: Node

    async def health(self, image_id: ImageId, *, verify: bool) -> JsonObject:
        """Who should have an image, and who has it."""
        return await self._get(f"health/{image_id}{'?verify=1' if verify else ''}")

    def repair(self, image_id: ImageId) -> AsyncGenerator[JsonObject, None]:
        """Bring an image to where it belongs."""
        return self._events(f"repair/{image_id}")

    def verify(self, image_id: ImageId | None) -> AsyncGenerator[JsonObject, None]:
        """Read and compare."""
        return self._events("verify" if image_id is None else f"verify/{image_id}")

    async def node(self) -> JsonObject:
        """What the node keeps, and how far its drain is."""
        return await self._get("node")

    async def drain(self) -> JsonObject:
        """Begin to hand on everything."""
        return await self._act("drain")

    async def stay(self) -> JsonObject:
        """End a drain."""
        return await self._act("stay")

    def _events(self, what: str) -> AsyncGenerator[JsonObject, None]:
        return events(lambda take: self._node.act(f"/v1/keeping/{what}", take))

    async def _get(self, what: str) -> JsonObject:
        lines = JsonLines()
        await self._node.picture(f"/v1/keeping/{what}", lines.take)
        return lines.only()

    async def _act(self, what: str) -> JsonObject:
        lines = JsonLines()
        await self._node.act(f"/v1/keeping/{what}", lines.take)
        return lines.only()


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

    def run(self, work: Callable[[RemoteKeeping], Awaitable[int]]) -> int:
        """
        Do *work*.

        Returns:
            What it returned: the exit code.

        Raises:
            ClientError: There is no node there, or none answers; or out of *work*.
        """
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
