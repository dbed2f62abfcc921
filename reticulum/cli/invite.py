"""`reticulum invite`: print the one string that lets another node join the grid."""

import ipaddress
import os
import socket
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from reticulum.cli.grid import data_option, running_grid
from reticulum.cli.node import JsonObject
from reticulum.cli.output import Output
from reticulum.cli.session import json_option
from reticulum.errors import ClientError
from reticulum.overlay.entrance import Entrance
from reticulum.settings import CONFIG_NAME, read_settings

if TYPE_CHECKING:
    from reticulum.overlay.grid_keys import GridKeys

# Documentation addresses (RFC 5737, RFC 3849): nothing is ever sent to them.
_ELSEWHERE = ((socket.AF_INET, "192.0.2.1"), (socket.AF_INET6, "2001:db8::1"))

_EVERYWHERE = {
    "*": (socket.AF_INET, socket.AF_INET6),
    "::": (socket.AF_INET, socket.AF_INET6),
    "0.0.0.0": (socket.AF_INET,),  # noqa: S104  (compared, not bound)
}


@click.command(short_help="Print an invite to the grid.")
@data_option
@click.option(
    "--address",
    "addresses",
    metavar="HOST:PORT",
    multiple=True,
    help="Where other nodes reach this one, or any other of the grid; up to 8 times.",
)
@click.option("--grouped", is_flag=True, help="In groups of five characters, to be read aloud.")
@click.option("--next", "the_next", is_flag=True, help="With the next secret, in a rotation.")
@json_option
def invite(
    data: Path, addresses: tuple[str, ...], *, grouped: bool, the_next: bool, as_json: bool
) -> int:
    """
    Print an invite: the grid's secret and where to knock, in one word.

    Whoever reads it is a member of the grid; hand it on as you would a password. It is for
    'reticulum init DIR --join INVITE' or 'twistd reticulum --join INVITE'.

    Without --address, it has the addresses that the running node knows of itself; if it does
    not run, the one in its settings.

    With --json, an object: "invite", "fingerprint" and "addresses".
    """
    from reticulum.overlay.grid_files import GridFiles  # noqa: PLC0415  (slow to import)

    output = Output(sys.stdout, sys.stderr, as_json)
    files = GridFiles(data)
    ring, following = files.read(), files.next()
    if the_next and following is None:
        raise ClientError("there is no next secret: no rotation is under way")
    if following is not None and not the_next:
        output.complain(
            "a rotation is under way: the new node has to take part, from 'reticulum grid accept' "
            "on, or invite it with --next once all nodes have done 'reticulum grid use'"
        )
    keys = following if the_next and following is not None else ring.current
    running = None if addresses else running_grid(data)
    found = entrances(data, addresses, output, running)
    print_invite(keys, found, output, grouped=grouped)
    return 0


def print_invite(
    keys: "GridKeys", found: Sequence[Entrance], output: Output, *, grouped: bool = False
) -> None:
    """
    Print the invite alone, on one line.

    Raises:
        UsageError: The addresses are too long together.
    """
    from reticulum.overlay.invite import Invite  # noqa: PLC0415  (slow to import)

    try:
        made = Invite(keys.secret, tuple(found))
        text = made.grouped() if grouped else made.text()
    except ValueError:
        raise click.UsageError(
            "too many addresses, or too long ones: 8 are possible, and 603 bytes in all"
        ) from None
    fingerprint = keys.fingerprint.hex()
    addresses = [str(each) for each in found]
    output.record({"invite": text, "fingerprint": fingerprint, "addresses": addresses})
    output.line(text)


def entrances(
    data: Path, given: Sequence[str], output: Output, running: JsonObject | None
) -> tuple[Entrance, ...]:
    """
    Where a new node is to knock; complains if that works on this machine only.

    Args:
        data: Directory of the node.
        given: What a person said; beats the rest.
        output: For complaints.
        running: What the running node says of itself; None if none runs.

    Raises:
        UsageError: One of *given* is no address.
    """
    texts = list(given) or list((running or {}).get("addresses", ())) or [_configured(data)]
    try:
        found = tuple(dict.fromkeys(_dialled(texts, outward)))
    except ValueError as error:
        raise click.UsageError(f"{error}; wanted something like 203.0.113.7:4160") from None
    if all(map(_is_loopback, found)):
        output.complain(
            f"this invite is of use on this machine only: it says {', '.join(map(str, found))}; "
            "with --address HOST:PORT it says where others reach a node of the grid"
        )
    elif not given and not running:
        output.complain(
            f"it says {', '.join(map(str, found))}, as far as can be told while the node does "
            "not run; --address HOST:PORT says otherwise"
        )
    return found


def _dialled(texts: Sequence[str], own: Callable[[str], Sequence[str]]) -> Iterator[Entrance]:
    """Each address; where one means every address of this machine, those that *own* knows."""
    for text in texts:
        host, colon, port = text.rpartition(":")
        host = host.strip("[]")
        if not (colon and host in _EVERYWHERE):
            yield Entrance.parse(text)
            continue
        for each in own(host) or ["127.0.0.1"]:
            yield Entrance.parse(f"[{each}]:{port}" if ":" in each else f"{each}:{port}")


def outward(wildcard: str) -> list[str]:
    """This machine's own addresses on its routes to elsewhere; loopback is none."""
    found = []
    for family, elsewhere in _ELSEWHERE:
        if family not in _EVERYWHERE[wildcard]:
            continue
        try:
            with socket.socket(family, socket.SOCK_DGRAM) as probe:
                probe.connect((elsewhere, 9))
                found.append(probe.getsockname()[0])
        except OSError:
            continue
    return [host for host in found if not ipaddress.ip_address(host).is_loopback]


def _configured(data: Path) -> str:
    environment = {k: v for k, v in os.environ.items() if k.startswith("RETICULUM_")}
    config = data / CONFIG_NAME
    settings = read_settings(
        flags={}, environment=environment, config=config if config.is_file() else None
    )
    return settings.peer.address


def _is_loopback(entrance: Entrance) -> bool:
    if entrance.is_name:
        return entrance.host == "localhost" or entrance.host.endswith(".localhost")
    return ipaddress.ip_address(entrance.host).is_loopback
