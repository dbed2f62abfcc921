"""A look at a grid from nothing: an overlay node in this process, a client, gone at the end."""

import random
import time
from collections.abc import Awaitable, Callable, Iterable
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from twisted.internet.defer import Deferred
from twisted.internet.defer import TimeoutError as DeferredTimeoutError

from reticulum import __version__
from reticulum.aio import deferred
from reticulum.errors import ClientError
from reticulum.interfaces import DhtConsole
from reticulum.model import Key
from reticulum.overlay.console import Console
from reticulum.overlay.grid_keys import GridKeys, KeyRing
from reticulum.overlay.invite import Invite
from reticulum.overlay.names import Names
from reticulum.overlay.network import Network
from reticulum.overlay.node import OverlayNode
from reticulum.overlay.records import Role
from reticulum.overlay.surroundings import Offer, Place, Send

JOIN_S = 20.0

Work = Callable[[DhtConsole], Awaitable[int]]


async def visit(invite: Invite, reactor: Any, work: Work) -> int:
    """
    Join the grid as a client, do *work*, leave.

    Raises:
        ClientError: Nobody answers at the invite's addresses; or out of *work*.
        StartError: No UDP port can be opened.
    """
    names = Names(reactor.nameResolver)
    network = Network(lambda send, _knock: _node(invite, reactor, names, send))
    await deferred(network.listen(0))
    node = network.overlay
    try:
        await node.start()
        await _join(node, invite, reactor)
        console = Console(node=node, resident=None, resolve=names, clock=reactor, now=time.time)
        return await work(console)
    finally:
        await node.stop()
        network.stop()
        await network.closed()


def _node(invite: Invite, reactor: Any, names: Names, send: Send) -> OverlayNode:
    return OverlayNode(
        private_key=Ed25519PrivateKey.generate(),
        ring=KeyRing(GridKeys.of_secret(invite.secret)),
        send=send,
        clock=reactor,
        wall_ms=lambda: time.time_ns() // 1_000_000,
        rng=random.SystemRandom(),
        # The port is the one that is got; see `OverlayNode.listens_on`.
        place=Place(port=1, entrances=invite.entrances, role=Role.CLIENT),
        offer=lambda: Offer(software=f"reticulum {__version__}"),
        stock=_Nothing(),
        resolve=names,
        notebook=_Nothing(),
    )


async def _join(node: OverlayNode, invite: Invite, reactor: Any) -> None:
    try:
        await Deferred.fromCoroutine(node.joined()).addTimeout(JOIN_S, reactor)
    except DeferredTimeoutError:
        clocks = node.status().wrong_clocks
        if clocks:
            raise ClientError(
                f"the clock of {clocks[0].address} and this machine's differ by "
                f"{abs(clocks[0].off_s):.0f} s, and 60 s is the most: set the wrong one right"
            ) from None
        places = ", ".join(map(str, invite.entrances))
        raise ClientError(
            f"nobody of that grid answered at {places} within {JOIN_S:g} s: is the node there up, "
            "does a firewall let UDP through, is the invite older than a rotation?"
        ) from None


class _Nothing:
    """No images, and nothing remembered."""

    def holds(self, key: Key) -> bool:
        """None of them."""
        del key
        return False

    def keys(self) -> Iterable[tuple[Key, int]]:
        """None."""
        return ()

    async def read(self) -> str:
        """Nothing was written."""
        return ""

    async def write(self, text: str) -> None:
        """Keep nothing."""
        del text
