"""Where a node listens for other nodes, and what it tells them to dial."""

import errno
import socket
from contextlib import ExitStack
from pathlib import Path

from reticulum.errors import BadSettings
from reticulum.model import Address
from reticulum.overlay.network import EVERYWHERE
from reticulum.settings.sections import PeerSettings

PORT_NAME = "peer.port"
_TRIES = 20
_IPV4, _IPV6 = (socket.AF_INET, "192.0.2.1"), (socket.AF_INET6, "2001:db8::1")
"""Families, and addresses of documentation (RFC 5737, RFC 3849): nothing is ever sent to them."""
_WILD = {
    EVERYWHERE: ((_IPV4, _IPV6), "127.0.0.1"),
    "0.0.0.0": ((_IPV4,), "127.0.0.1"),  # noqa: S104  (compared with)
    "::": ((_IPV6,), "::1"),
}


def is_wild(host: str) -> bool:
    """Whether *host* stands for every address of this machine."""
    return host in _WILD


def peer_address(data: Path, peer: PeerSettings) -> tuple[str, int]:
    """
    Where to listen for other nodes.

    The default port is only a suggestion: if it is taken, or 0 was said, another one is found
    that is free for both UDP and TCP, and remembered: others know the node by it after a
    restart. One that was asked for must be had.

    Returns:
        An IP address, or `EVERYWHERE`; and the port.

    Raises:
        BadSettings: The address can't be listened on.
    """
    text, _, number = peer.address.rpartition(":")
    host, port = EVERYWHERE if text == "*" else text.strip("[]"), int(number)
    is_asked = peer.address != PeerSettings().address
    for attempt in (port or _remembered(data), _remembered(data), *[0] * _TRIES):
        try:
            found = _free(host, attempt)
        except (OSError, OverflowError) as error:
            in_use = isinstance(error, OSError) and error.errno == errno.EADDRINUSE
            if not in_use or (is_asked and port):
                raise BadSettings(
                    f"can't listen for other nodes on {peer.address}: {error}; "
                    "set another address with --peer or address in [peer]"
                ) from None
        else:
            _remember(data, found)
            return host, found
    raise BadSettings("no port is free for other nodes: set one with --peer")


def _remembered(data: Path) -> int:
    try:
        number = int((data / PORT_NAME).read_text(encoding="ascii"))
    except (OSError, ValueError):
        return 0
    return number if 0 < number < 1 << 16 else 0


def _remember(data: Path, port: int) -> None:
    draft = data / f"{PORT_NAME}.new"
    draft.write_text(f"{port}\n", encoding="ascii")
    draft.replace(data / PORT_NAME)


def _free(host: str, port: int) -> int:
    with ExitStack() as held:
        if host != EVERYWHERE:
            return _bound(held, host, port)
        number = _bound(held, "0.0.0.0", port)  # noqa: S104  (asked for)
        try:
            return _bound(held, "::", number)
        except OSError as error:
            if error.errno == errno.EADDRINUSE:
                raise
            return number  # a machine without IPv6 is no fault


def _bound(held: ExitStack, host: str, port: int) -> int:
    """Bind both kinds of socket to one number, for as long as they are *held*."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    udp = held.enter_context(socket.socket(family, socket.SOCK_DGRAM))
    tcp = held.enter_context(socket.socket(family, socket.SOCK_STREAM))
    tcp.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    if family == socket.AF_INET6:
        for each in (udp, tcp):
            each.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
    udp.bind((host, port))
    number: int = udp.getsockname()[1]
    tcp.bind((host, number))
    return number


def dialled_at(host: str, port: int, seen: Address | None) -> list[Address]:
    """
    Where others may reach this node, best first, never a wildcard.

    Args:
        host: Where it listens.
        port: UDP and TCP.
        seen: As other nodes see it.
    """
    if not is_wild(host):
        return [Address(host, port)]
    ways, loopback = _WILD[host]
    found = [seen] if seen is not None else []
    found += [Address(here, port) for here in (*map(_own, ways), loopback) if here]
    return list(dict.fromkeys(found))


def own_door(host: str, port: int) -> Address:
    """Where this machine itself reaches the node that listens on *host*."""
    return Address(_WILD[host][1] if is_wild(host) else host, port)


def own_hosts(host: str) -> list[str]:
    """This machine's addresses on the way to others, as far as it listens for them on *host*."""
    if not is_wild(host):
        return [host]
    return [own for own in map(_own, _WILD[host][0]) if own is not None]


def _own(way: tuple[int, str]) -> str | None:
    """This machine's address on the way to another one; None if there is no such way."""
    family, elsewhere = way
    try:
        with socket.socket(family, socket.SOCK_DGRAM) as probe:
            probe.connect((elsewhere, 9))
            host: str = probe.getsockname()[0]
            return host
    except OSError:
        return None
