"""`reticulum dht`: look at the DHT of the grid, for people and as JSON."""

import re
from contextlib import aclosing

import click

from reticulum.cli import target
from reticulum.cli.dht_access import Access, access_options
from reticulum.cli.dht_crawl import show_crawl
from reticulum.cli.dht_health import health, repair
from reticulum.cli.dht_nat import nat
from reticulum.cli.dht_tables import (
    show_found,
    show_holders,
    show_ping,
    show_records,
    show_table,
    show_trace,
)
from reticulum.errors import BadImageId
from reticulum.interfaces import DhtConsole
from reticulum.model import ImageId, Key, NodeId
from reticulum.overlay.entrance import Entrance

_KEY = re.compile(r"[0-9A-Fa-f]{40}")


@click.group(short_help="Look at the DHT of the grid.")
def dht() -> None:
    """
    Look at the DHT: which nodes there are, who knows whom, who holds an image.

    From a node that runs on this machine (--data DIR), or from nothing with --invite INVITE.
    """


def node_id(_context: click.Context, _argument: click.Parameter, text: str) -> NodeId:
    """
    Parse a node id.

    Raises:
        BadParameter: It is none.
    """
    if not _KEY.fullmatch(text):
        raise click.BadParameter(f"{text!r} is not a node id: wanted 40 hexadecimal digits")
    return NodeId.parse(text)


def whom(_context: click.Context, _argument: click.Parameter, text: str) -> str:
    """
    Check a node id or an address.

    Raises:
        BadParameter: It is neither.
    """
    if _KEY.fullmatch(text):
        return text.lower()
    try:
        return str(Entrance.parse(text))
    except ValueError as error:
        raise click.BadParameter(f"neither a node id nor HOST:PORT: {error}") from None


def key(_context: click.Context, _argument: click.Parameter, text: str) -> Key:
    """
    Parse 40 digits as they are, or an image id into the key where its records belong.

    Raises:
        BadParameter: It is neither.
    """
    if _KEY.fullmatch(text):
        return Key.parse(text)
    try:
        return Key.of_image(ImageId.parse(text))
    except BadImageId:
        raise click.BadParameter(
            f"{text[:80]!r} is neither a key, of 40 hexadecimal digits, nor an image id"
        ) from None


@dht.command(short_help="Ask whether a node is there.")
@click.argument("node", metavar="NODE|HOST:PORT", callback=whom)
@access_options
def ping(access: Access, node: str) -> int:
    """
    Ask whether a node is there, and how long its answer takes.

    With --json: "answered", and "id", "address", "rtt_s", "role", "software", "seen", or "reason".
    """

    async def work(console: DhtConsole) -> int:
        return show_ping(node, await console.ping(node), access.output)

    return access.run(work)


@dht.command(short_help="Show the routing table.")
@access_options
def table(access: Access) -> int:
    """
    Show the routing table: buckets, and how the contacts in them do.

    With --json: "id", "contacts", "buckets", each with "low", "depth", "idle_s", "waiting" and
    "contacts".
    """

    async def work(console: DhtConsole) -> int:
        return show_table(await console.table(), access.output)

    return access.run(work)


@dht.command(short_help="Find a node by its id.")
@click.argument("node", metavar="NODE", callback=node_id)
@access_options
def find(access: Access, node: NodeId) -> int:
    """
    Find where a node is, and what it says of itself. Exit code 1 if nobody knows it.

    With --json: "id", "address", "relay" (the one that has it, if it is reached through relays)
    and "record", each null if it was not found.
    """

    async def work(console: DhtConsole) -> int:
        return show_found(await console.find(node), access.output)

    return access.run(work)


@dht.command(short_help="Show every hop of a lookup.")
@click.argument("target_key", metavar="KEY|IMAGE", callback=key)
@access_options
def trace(access: Access, target_key: Key) -> int:
    """
    Look up a key, or an image's, and show every hop, below the one that named it.

    40 hexadecimal digits are a key; for the image of that SHA-1 write sha1- before them.

    With --json: "target", "hops", "closest", "holders", "ending", "asked", "took_s"; each hop has
    "id", "address", "depth", "referrer", "distance_bits", "state", "rtt_s".
    """

    async def work(console: DhtConsole) -> int:
        return show_trace(await console.trace(target_key), access.output)

    return access.run(work)


@dht.command(short_help="Show who holds an image.")
@click.argument("image_id", metavar="ID", callback=target.image_id)
@click.option("--verify", is_flag=True, help="Ask each holder itself whether it has the image.")
@access_options
def holders(access: Access, image_id: ImageId, *, verify: bool) -> int:
    """
    Show who holds an image. No holder at all is an answer, too: exit code 0.

    With --json: "holders", each with "id", "address", "relay" (whose address it is then, or null),
    "source" and, with --verify, "verified".
    """

    async def work(console: DhtConsole) -> int:
        return show_holders(await console.holders(image_id, verify=verify), access.output)

    return access.run(work)


@dht.command(short_help="Show the records a node keeps for others.")
@access_options
def records(access: Access) -> int:
    """
    Show the records that the node keeps for others.

    With --json: "now", "counts", "nodes", "providers".
    """

    async def work(console: DhtConsole) -> int:
        return show_records(await console.records(), access.output)

    return access.run(work)


@dht.command(short_help="Walk over all nodes.")
@access_options
def crawl(access: Access) -> int:
    """
    Ask every node for its neighbours until no new ones turn up, then the relays for the nodes
    behind them, and sum up what was found.

    With --json: "nodes", "summary", "silent", "twins", "wrong_clocks".
    """

    async def work(console: DhtConsole) -> int:
        async with aclosing(console.crawl()) as events:
            return await show_crawl(events, access.output)

    return access.run(work)


dht.add_command(health)
dht.add_command(nat)
dht.add_command(repair)
