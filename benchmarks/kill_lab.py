"""Places for a grid in the NAT lab: three nodes on the Internet, nine behind NATs of all kinds."""

import contextlib
import socket
from collections.abc import Iterator, Sequence

import lab
from kill_client import Dial
from kill_grid import Place
from namespaces import Lab, Namespace
from nat_rules import Kind

PUBLIC, BEHIND = 3, 9
PEER = "*:4160"
SETTINGS = {"REACH_MAP_PORTS": "false", "REACH_DISCOVER": "false"}
"""There is neither a gateway that maps ports nor a network that two nodes share."""


@contextlib.contextmanager
def places() -> Iterator[Sequence[Place]]:
    """
    A lab, and where nodes are in it; those who serve people do so on their own loopback.

    Raises:
        Unavailable: There can be no lab here.
    """
    with lab.needed(), Lab() as made:
        public = [made.host(f"p{number}").namespace for number in range(PUBLIC)]
        behind = []
        for number in range(BEHIND):
            router = made.router(f"r{number}", kind_of(number))
            behind.append(made.host(f"n{number}", router.lan).namespace)
        yield [_place(each, each in public) for each in (*public, *behind)]


def kind_of(number: int) -> Kind:
    """What kind of NAT a node is behind: all four in turn."""
    kinds = list(Kind)
    return kinds[number % len(kinds)]


def _place(namespace: Namespace, is_public: bool) -> Place:
    return Place(
        peer=PEER,
        prefix=namespace.prefix,
        dial=_dial_in(namespace),
        is_public=is_public,
    )


def _dial_in(namespace: Namespace) -> Dial:
    def dial(port: int, timeout_s: float) -> socket.socket:
        return namespace.connect(("127.0.0.1", port), timeout_s)

    return dial
