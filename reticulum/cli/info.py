"""`reticulum info`: what the node knows of images."""

from collections.abc import Sequence
from typing import Any

import click

from reticulum.cli import target
from reticulum.cli.node import JsonObject, Node, Refused
from reticulum.cli.output import Output, bytes_in_words, clean
from reticulum.cli.session import Session, node_options
from reticulum.model import ImageId


@click.command(short_help="Tell what the node knows of images.")
@click.argument("image_ids", metavar="ID...", callback=target.image_ids, nargs=-1, required=True)
@node_options
def info(session: Session, image_ids: tuple[ImageId, ...]) -> int:
    """
    Tell type, size and address of each image.

    With --json, one object a line: what the node answers, or "id" and "error".
    """
    return session.run(lambda node: show_facts(node, image_ids, session.output))


async def show_facts(node: Node, image_ids: Sequence[ImageId], output: Output) -> int:
    """
    Print facts about images, in the order given.

    Returns:
        Exit code: 1 if the node refused any.
    """
    code = 0
    for image_id in image_ids:
        try:
            facts = await node.facts(image_id)
        except Refused as refused:
            code = 1
            output.record({"id": str(image_id), "error": str(refused)})
            output.complain(f"{image_id}: {refused}")
            continue
        output.record(facts)
        output.show(_table(facts))
    return code


def _table(facts: JsonObject) -> Any:
    from rich.table import Table  # noqa: PLC0415  (slow to import)
    from rich.text import Text  # noqa: PLC0415

    table = Table.grid(padding=(0, 2))
    rows = {
        "id": facts["id"],
        "type": facts["content_type"],
        "size": f"{facts.get('width')} x {facts.get('height')} px",
        "frames": facts.get("frames"),
        "bytes": _bytes(facts.get("bytes")),
        "url": facts.get("url"),
    }
    for name, value in rows.items():
        table.add_row(Text(name, style="bold"), Text(clean(str(value)), overflow="fold"))
    return table


def _bytes(count: object) -> str:
    return f"{count} ({bytes_in_words(count)})" if isinstance(count, int) else str(count)
