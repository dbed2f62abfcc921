"""`reticulum node`: see what a node keeps, and empty it before it is switched off."""

import time
from typing import TYPE_CHECKING

import click

from reticulum.cli.desk import Desk, desk_options
from reticulum.cli.dht_tables import counted
from reticulum.cli.live_line import live_line
from reticulum.cli.node import JsonObject
from reticulum.cli.output import Output, bytes_in_words

if TYPE_CHECKING:  # slow to import
    from reticulum.cli.keeping_remote import RemoteKeeping

LOOK_S = 1.0


@click.group(short_help="See or drain a node on this machine.")
def node() -> None:
    """See what a node keeps, and hand on all of it before the node is switched off for good."""


@node.command(short_help="Show what the node keeps.")
@desk_options
def status(desk: Desk) -> int:
    """
    Show what the node keeps, who else does, and how far a drain is.

    Exit code 0.

    With --json: "id", "zone", "shelf", "capacity_bytes", "images", "copies", "settled", "others"
    ("alive", "storing", "full", "zones"), "drain" ("draining", "images", "safe", "rounds",
    "fewest", "possible", "is_safe").
    """

    async def work(console: "RemoteKeeping") -> int:
        told = await console.node()
        desk.output.record(told)
        show_node(told, desk.output)
        return 0

    return desk.run(work)


@node.command(short_help="Hand on everything before a node leaves.")
@click.option("--wait", is_flag=True, help="Wait until the node is safe to switch off.")
@click.option(
    "--timeout",
    "timeout_s",
    metavar="SECONDS",
    type=click.FloatRange(min=0),
    help="With --wait: for so long; otherwise without an end.",
)
@click.option("--cancel", is_flag=True, help="Stay: take copies again.")
@desk_options
def drain(desk: Desk, *, wait: bool, timeout_s: float | None, cancel: bool) -> int:
    """
    Give a copy of everything to other nodes, so that this one can be switched off.

    The node takes no more copies, but goes on to serve, and hands on what is uploaded to it. That
    lasts over restarts, until --cancel. Say it again with --wait to see how far it is.

    Exit code 0; with --wait only if the node is safe to switch off: each of its images is kept by
    as many other nodes as there are to be copies, and each of them has read the bytes.

    With --json, an object as 'reticulum node status' has it.
    """
    if cancel and wait:
        raise click.UsageError("--cancel ends a drain: there is nothing to wait for")
    if timeout_s is not None and not wait:
        raise click.UsageError("--timeout goes with --wait")

    async def work(console: "RemoteKeeping") -> int:
        told = await (console.stay() if cancel else console.drain())
        is_over = True
        if wait:
            told, is_over = await _wait(console, told, timeout_s, desk.output)
        desk.output.record(told)
        desk.output.line(drain_in_words(told))
        if not is_over:
            desk.output.complain("the time is up; the drain goes on")
        return 0 if told["drain"]["is_safe"] or not wait else 1

    return desk.run(work)


async def _wait(
    console: "RemoteKeeping", told: JsonObject, timeout_s: float | None, output: Output
) -> tuple[JsonObject, bool]:
    """The last state, and whether it will stay so."""
    from twisted.internet import reactor  # noqa: PLC0415  (it runs by now)
    from twisted.internet.task import deferLater  # noqa: PLC0415  (slow to import)

    until = float("inf") if timeout_s is None else time.monotonic() + timeout_s
    with live_line(output, "draining") as show:
        while not _is_over(told):
            if time.monotonic() >= until:
                return told, False
            await deferLater(reactor, LOOK_S)
            told = await console.node()
            show(drain_in_words(told))
    return told, True


def _is_over(told: JsonObject) -> bool:
    """Whether nothing more will come of waiting."""
    drain = told["drain"]
    return bool(drain["is_safe"]) or not drain["draining"] or _is_all_there_can_be(told)


def _is_all_there_can_be(told: JsonObject) -> bool:
    drain = told["drain"]
    return (
        drain["possible"] < told["copies"]
        and drain["rounds"] > 0
        and told["settled"]
        and (drain["fewest"] is None or drain["fewest"] >= drain["possible"])
    )


def show_node(told: JsonObject, output: Output) -> None:
    """Print what a node keeps."""
    others = told["others"]
    zones = {zone or "no zone": count for zone, count in others["zones"].items()}
    shelves = {"open": "takes copies", "full": "full", "closed": "takes no copies"}
    output.line(f"node      {told['id']}, zone {told['zone'] or '-'}")
    output.line(
        f"keeps     {told['images']} images of {bytes_in_words(told['capacity_bytes'])}; "
        f"{shelves[told['shelf']]}"
    )
    output.line(
        f"others    {others['alive']} answer, {others['storing']} keep copies "
        f"({others['full']} full); by zone: {counted(zones)}"
    )
    if not told["settled"]:
        output.line("          it has just begun to look around: there may be more")
    output.line(f"drain     {drain_in_words(told)}")


def drain_in_words(told: JsonObject) -> str:
    """How far a drain is, in a line."""
    drain, copies = told["drain"], told["copies"]
    if not drain["draining"]:
        return "not draining"
    images = drain["images"]
    if drain["is_safe"]:
        return f"safe to switch off: all {images} images are kept by {copies} other nodes"
    if drain["possible"] < copies:
        text = (
            f"only {drain['possible']} of {copies} copies can exist: {drain['possible']} other "
            f"nodes keep copies, and {copies} are wanted"
        )
        if _is_all_there_can_be(told) and drain["possible"]:
            text += "; these have all images"
        return f"{text}. Add a node, or set copies lower"
    if drain["safe"] == images and drain["rounds"]:
        return f"draining: {drain['safe']} of {told['images']} images are safe; telling the others"
    return f"draining: {drain['safe']} of {told['images']} images are safe"
