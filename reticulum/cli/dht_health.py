"""`reticulum dht health` and `repair`: how the copies of one image do, and putting them right."""

from contextlib import aclosing
from typing import TYPE_CHECKING

import click

from reticulum.cli import target
from reticulum.cli.desk import Desk, desk_options
from reticulum.cli.dht_tables import columns, counted, through
from reticulum.cli.live_line import live_line
from reticulum.cli.node import JsonObject
from reticulum.cli.output import Output, seconds_in_words
from reticulum.errors import ClientError
from reticulum.model import ImageId

if TYPE_CHECKING:  # slow to import
    from reticulum.cli.keeping_remote import RemoteKeeping

_WORDS = {
    "verified": "has it, and read it",
    "held": "has it",
    "absent": "does not have it",
    "damaged": "had it damaged",
    "deleted": "knows it as deleted",
}


@click.command(short_help="Show how the copies of an image do.")
@click.argument("image_id", metavar="ID", callback=target.image_id)
@click.option("--verify", is_flag=True, help="Let every node that has it read its bytes.")
@desk_options
def health(desk: Desk, image_id: ImageId, *, verify: bool) -> int:
    """
    Ask every node that should have an image whether it does, in the order of placement.

    Changes nothing; but a copy that --verify finds damaged is put aside, and got anew. A node that
    read the bytes within a day, and whose file has not changed, does not read them again.

    Exit code 0 if the image is whole, else 1.

    With --json: "id", "verdict" (whole, short, recoverable, unreachable, lost or deleted), "text",
    "wanted", "live", "zones", "nodes", "elsewhere", "owed", "verified". Each of "nodes" has "id",
    "address", "relay" (whose address it is then, or null), "here", "zone", "shelf", "should",
    "state" (verified, held, absent, damaged, deleted or silent), "silent_s".
    """

    async def work(console: "RemoteKeeping") -> int:
        told = await console.health(image_id, verify=verify)
        desk.output.record(told)
        show_health(told, desk.output)
        return _code(told)

    return desk.run(work)


@click.command(short_help="Bring an image to where it belongs.")
@click.argument("image_id", metavar="ID", callback=target.image_id)
@desk_options
def repair(desk: Desk, image_id: ImageId) -> int:
    """
    Give an image now to every node that should have it and does not.

    Exit code 0 if it is whole then, else 1.

    With --json: "before" and "after", each as 'reticulum dht health' has it.
    """

    async def work(console: "RemoteKeeping") -> int:
        done: JsonObject | None = None
        with live_line(desk.output, "repairing"):
            async with aclosing(console.repair(image_id)) as told:
                async for event in told:
                    if event.get("event") == "done":
                        done = event
        if done is None:
            raise ClientError("the repair broke off: the node did not tell how it ended")
        before, after = done["before"], done["after"]
        desk.output.record({"before": before, "after": after})
        desk.output.line(f"before  {before['text']}")
        desk.output.line(f"after   {after['text']}")
        show_health(after, desk.output)
        return _code(after)

    return desk.run(work)


def show_health(told: JsonObject, output: Output) -> None:
    """Print how an image does."""
    rows = [
        (
            number,
            node["id"],
            "this node" if node["here"] else _where(node),
            node["zone"] or "-",
            "yes" if node["should"] else "no",
            _state(node),
            "" if node["shelf"] == "open" else f"shelf {node['shelf']}",
        )
        for number, node in enumerate(told["nodes"], 1)
    ]
    if rows:
        output.show(columns(("", "node", "address", "zone", "should", "says", ""), rows))
    for other in told["elsewhere"]:
        output.line(f"also      {other['id']} at {_where(other)} has it, and should not")
    for node_id in told["owed"]:
        output.line(f"owed      to {node_id}: it gets the image as soon as it takes it")
    zones = {zone or "no zone": count for zone, count in told["zones"].items()}
    output.line(f"copies    {told['live']} of {told['wanted']}; by zone: {counted(zones)}")
    output.line(f"verdict   {told['text']}")


def _where(node: JsonObject) -> str:
    relay, address = node["relay"], str(node["address"])
    return address if relay is None else through({"id": relay, "address": address})


def _state(node: JsonObject) -> str:
    if node["state"] == "silent":
        silent_s = node["silent_s"]
        since = f", for {seconds_in_words(silent_s)}" if silent_s >= 1 else ""
        return f"does not answer{since}"
    return _WORDS.get(str(node["state"]), str(node["state"]))


def _code(told: JsonObject) -> int:
    return 0 if told["verdict"] == "whole" else 1
