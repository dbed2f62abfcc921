"""`reticulum dht nat`: how a node is reached, rung by rung, and what could be done about it."""

from typing import TYPE_CHECKING

import click

from reticulum.cli.desk import Desk, desk_options
from reticulum.cli.node import JsonObject
from reticulum.cli.output import Output

if TYPE_CHECKING:  # slow to import
    from reticulum.cli.keeping_remote import RemoteKeeping

_IN_WORDS = {
    "public": "others reach this node directly",
    "relayed": "others reach this node through relays",
    "unreachable": "nobody can reach this node; it can reach others",
    "looking": "this node is about to find out how it can be reached",
}


@click.command(short_help="Show how others reach this node.")
@desk_options
def nat(desk: Desk) -> int:
    """
    Show every rung that a node behind a router climbs to be reached, with what speaks for it.

    The rungs: whether a router passes the port on; which address others see; whether they can dial
    it back; which relays pass bytes on; how many nodes behind relays are connected directly; what
    was found on the local network.

    Exit code 0 if others reach the node, directly or through relays, else 1.

    With --json: "id", "role" (server or client), "reach" (public, relayed, unreachable or looking),
    "rungs", "relays", "advice". Each of "rungs" has "rung" (map, addresses, dial-back, relay,
    direct, discover), "state", "evidence"; each of "relays" has "id", "address", "zone"; "advice"
    has sentences.
    """

    async def work(console: "RemoteKeeping") -> int:
        told = await console.nat()
        desk.output.record(told)
        show_nat(told, desk.output)
        return 0 if told["reach"] in {"public", "relayed"} else 1

    return desk.run(work)


def show_nat(told: JsonObject, output: Output) -> None:
    """Print how a node is reached."""
    output.line(f"{told['reach']}: {_IN_WORDS.get(told['reach'], told['reach'])}")
    for rung in told["rungs"]:
        output.line(f"{rung['rung']:<9} {rung['state']:<11} {rung['evidence']}")
    for advice in told["advice"]:
        output.line(f"advice    {advice}")
