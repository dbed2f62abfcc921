"""This node in the DHT: what it is made of, and its sockets."""

import random
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from reticulum.aio import InThread
from reticulum.assembly.peer_address import is_wild
from reticulum.model import Address
from reticulum.node.stock import NodeStock
from reticulum.overlay.entrance import Entrance
from reticulum.overlay.entrance_file import read_entrances
from reticulum.overlay.grid_keys import KeyRing
from reticulum.overlay.identity import Identity
from reticulum.overlay.names import Names
from reticulum.overlay.network import Network
from reticulum.overlay.node import OverlayNode
from reticulum.overlay.notebook import NotebookFile
from reticulum.overlay.surroundings import Attached, Dial, Offer, Place, Send
from reticulum.settings.sections import PeerSettings

NOTEBOOK_NAME = "overlay.json"


def network_of(
    *,
    data: Path,
    settings: PeerSettings,
    identity: Identity,
    ring: KeyRing,
    host: str,
    port: int,
    offer: Callable[[], Offer],
    stock: NodeStock,
    resolve: Names,
    dial_back: Dial,
    attached: Attached,
    in_thread: InThread,
    reactor: Any,
) -> Network:
    """
    Wire it, not listening yet.

    Args:
        data: Directory.
        settings: Of the peer address.
        identity: Node key.
        ring: Keys of the grid.
        host: Where to listen.
        port: Likewise.
        offer: What the node says about itself now.
        stock: Images here.
        resolve: Addresses of host names.
        dial_back: Dials others back over TCP.
        attached: Whom this node relays for.
        in_thread: Where work on the disk may block.
        reactor: The clock.
    """

    def make(send: Send, knock: Send) -> OverlayNode:
        return OverlayNode(
            private_key=identity.key,
            ring=ring,
            send=send,
            clock=reactor,
            wall_ms=lambda: time.time_ns() // 1_000_000,
            rng=random.SystemRandom(),
            place=Place(
                port=port,
                addresses=() if is_wild(host) else (Address(host, port),),
                entrances=(
                    *(Entrance.parse(text) for text in settings.entrances),
                    *read_entrances(data),
                ),
            ),
            offer=offer,
            stock=stock,
            resolve=resolve,
            notebook=NotebookFile(data / NOTEBOOK_NAME, in_thread),
            knock=knock,
            dial=dial_back,
            attached=attached,
        )

    return Network(make)
