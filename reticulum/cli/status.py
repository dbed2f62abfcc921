"""`reticulum status`: how the node is."""

from typing import Any

import click

from reticulum.cli.node import JsonObject, Node
from reticulum.cli.output import Output, bytes_in_words, clean, seconds_in_words
from reticulum.cli.session import Session, node_options


@click.command(short_help="Show how the node is.")
@node_options
def status(session: Session) -> int:
    """
    Show what the node says of itself, by parts.

    With --json, the object that GET /v1/status answers.
    """
    return session.run(lambda node: show_status(node, session.output))


async def show_status(node: Node, output: Output) -> int:
    """
    Print the status.

    Returns:
        Exit code.
    """
    told = await node.status()
    output.record(told)
    output.show(_table(told))
    return 0


def _table(told: JsonObject) -> Any:
    from rich.table import Table  # noqa: PLC0415  (slow to import)
    from rich.text import Text  # noqa: PLC0415

    table = Table.grid(padding=(0, 2))
    for part, values in told.items():
        rows = values if isinstance(values, dict) else {"": values}
        for index, (name, value) in enumerate(rows.items()):
            table.add_row(
                Text(clean(part) if index == 0 else "", style="bold"),
                Text(clean(name).removesuffix("_s").replace("_", " ")),
                Text(in_words(name, value), overflow="fold"),
            )
    return table


def in_words(name: str, value: object) -> str:
    """A value as people read it; the end of its name says the unit."""
    if value is None or value == "":
        return "-"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int | float):
        if name.endswith("bytes"):
            return bytes_in_words(int(value))
        if name.endswith("_s"):
            return seconds_in_words(value)
    return _in_words_together(value) if isinstance(value, dict | list) else clean(str(value))


def _in_words_together(value: dict[str, object] | list[object]) -> str:
    if isinstance(value, list):
        return "; ".join(in_words("", item) for item in value) or "none"
    return ", ".join(f"{clean(key)} {in_words(key, item)}" for key, item in value.items())
