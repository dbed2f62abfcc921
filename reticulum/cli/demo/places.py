"""Where the nodes of a demo live: directories, zones and ports, made before any of them starts."""

import os
import random
import socket
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path

import attrs

from reticulum.cli.init import make
from reticulum.errors import ClientError
from reticulum.overlay.entrance import Entrance
from reticulum.overlay.entrance_file import keep_entrances
from reticulum.overlay.grid_keys import SECRET_BYTES
from reticulum.overlay.invite import MOST_ENTRANCES, Invite
from reticulum.settings.names import CONTROL_NAME

LOOPBACK = "127.0.0.1"
ZONES = ("east", "west", "north")
# Below what Linux takes for outgoing connections, which could be on the port of a killed node.
_FIRST_PORT, _LAST_PORT = 20_000, 31_999
_TRIES = 200


@attrs.frozen(kw_only=True)
class Place:
    """
    Where one node lives, however often it is killed.

    Args:
        number: From 1.
        zone: What fails together with it.
        data: Its data directory.
        http_port: Of its HTTP for people.
        peer_port: For other nodes, UDP and TCP.
    """

    number: int
    zone: str
    data: Path
    http_port: int
    peer_port: int

    @property
    def url(self) -> str:
        """For a browser, without a slash at the end."""
        return f"http://{LOOPBACK}:{self.http_port}"

    @property
    def control(self) -> Path:
        """Its control socket."""
        return self.data / CONTROL_NAME

    @property
    def log(self) -> Path:
        """All that it writes."""
        return self.data.with_suffix(".log")


def make_places(folder: Path, count: int) -> tuple[Place, ...]:
    """
    Make the data directories of *count* nodes of one new grid.

    Each knocks at those before it: two that knock at each other in the same moment could not tell
    whether others reach them by themselves.

    Raises:
        ClientError: Something can't be written, or no ports are free.
    """
    ports = free_ports(2 * count)
    places = tuple(
        Place(
            number=number,
            zone=ZONES[(number - 1) % len(ZONES)],
            data=folder / f"node{number}",
            http_port=ports[2 * number - 2],
            peer_port=ports[2 * number - 1],
        )
        for number in range(1, count + 1)
    )
    secret = os.urandom(SECRET_BYTES)
    for place in places:
        make(place.data, Invite(secret, _entrances(places[: place.number - 1])).text())
    return places


def knock_at_others(place: Place, places: Sequence[Place]) -> None:
    """Let a node that comes back, perhaps with nothing, knock at the others, whoever they are."""
    keep_entrances(place.data, _entrances([each for each in places if each != place]))


def _entrances(places: Sequence[Place]) -> tuple[Entrance, ...]:
    return tuple(Entrance(LOOPBACK, each.peer_port) for each in places[:MOST_ENTRANCES])


def free_ports(count: int) -> list[int]:
    """
    Different numbers that are free on loopback, for UDP and TCP.

    Raises:
        ClientError: There are not so many.
    """
    found: list[int] = []
    with ExitStack() as held:
        for number in _candidates(_TRIES + count):
            if len(found) == count:
                break
            if _is_free(held, number):
                found.append(number)
    if len(found) < count:
        raise ClientError(f"can't find {count} free ports on {LOOPBACK}")
    return found


def _candidates(most: int) -> Iterator[int]:
    return iter(random.SystemRandom().sample(range(_FIRST_PORT, _LAST_PORT + 1), most))


def _is_free(held: ExitStack, number: int) -> bool:
    for kind in (socket.SOCK_STREAM, socket.SOCK_DGRAM):
        bound = held.enter_context(socket.socket(socket.AF_INET, kind))
        try:
            bound.bind((LOOPBACK, number))
        except OSError:
            return False
    return True
