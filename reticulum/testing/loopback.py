"""A grid of real overlay nodes in this process: UDP on loopback, data directories, real time."""

import os
import random
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

import attrs
from twisted.internet.task import deferLater

from reticulum.aio import Threads
from reticulum.model import Address, Contact
from reticulum.overlay.entrance import Entrance
from reticulum.overlay.grid_keys import SECRET_BYTES, GridKeys, KeyRing
from reticulum.overlay.identity import SECRET_NAME, Identity
from reticulum.overlay.listening import Overlay
from reticulum.overlay.names import Names
from reticulum.overlay.network import Network
from reticulum.overlay.node import OverlayNode
from reticulum.overlay.notebook import NotebookFile
from reticulum.overlay.surroundings import Offer, Place, Send
from reticulum.testing.simulator.belongings import StockInMemory

HOST = "127.0.0.1"
_UNKNOWN_PORT = 4160
"""Until the node listens: then it is told the one it got."""


@attrs.frozen(kw_only=True)
class LoopbackNode:
    """
    One node of a `testnet`.

    Args:
        data: Its data directory, with node key, grid secret and notebook.
        network: Its sockets.
        stock: Its images.
        part: Starts and stops it.
    """

    data: Path
    network: Network
    stock: StockInMemory
    part: Overlay

    @property
    def overlay(self) -> OverlayNode:
        """What it can do."""
        return self.network.overlay

    @property
    def address(self) -> Address:
        """Where it listens; only while it runs."""
        return Address(HOST, self.network.port)

    @property
    def contact(self) -> Contact:
        """Who it is and where it listens; only while it runs."""
        return Contact(self.overlay.node_id, self.address)


@asynccontextmanager
async def testnet(
    reactor: Any, folder: Path, nodes: int
) -> AsyncIterator[tuple[LoopbackNode, ...]]:
    """
    Run *nodes* real nodes that have joined through the first of them.

    Nodes may be stopped by `part.stop` before the end; the rest is stopped then.

    Args:
        reactor: The asyncio reactor, running.
        folder: For their data directories; it exists.
        nodes: How many, at least 1.
    """
    secret = os.urandom(SECRET_BYTES)
    threads = Threads(reactor, most=2, name="notebooks")
    threads.start()
    running: list[LoopbackNode] = []
    async with AsyncExitStack() as ending:
        ending.callback(threads.stop)
        for number in range(nodes):
            data = folder / f"node-{number}"
            doors = tuple(Entrance(HOST, node.network.port) for node in running[:1])
            node = _made(reactor, data, secret, doors, threads)
            await node.part.start()
            ending.push_async_callback(node.part.stop)
            running.append(node)
        for node in running[1:]:
            await node.overlay.joined()
        # Out of the call in which the last one told that it had joined: it may be stopped next.
        await deferLater(reactor, 0)
        yield tuple(running)


# Its name is the design's; pytest would take it for a test.
setattr(testnet, "__test__", False)  # noqa: B010  (a function has no such attribute to mypy)


def _made(
    reactor: Any, data: Path, secret: bytes, doors: tuple[Entrance, ...], threads: Threads
) -> LoopbackNode:
    data.mkdir(mode=0o700)
    secret_file = data / SECRET_NAME
    secret_file.touch(mode=0o600)
    secret_file.write_text(f"{secret.hex()}\n")
    identity = Identity.create(data)
    stock = StockInMemory()

    def made(send: Send, knock: Send) -> OverlayNode:
        return OverlayNode(
            private_key=identity.key,
            ring=KeyRing(GridKeys.of_secret(identity.grid_secret)),
            send=send,
            clock=reactor,
            wall_ms=lambda: time.time_ns() // 1_000_000,
            rng=random.SystemRandom(),
            place=Place(port=_UNKNOWN_PORT, entrances=doors),
            offer=lambda: Offer(software="testnet"),
            stock=stock,
            resolve=Names(reactor.nameResolver),
            notebook=NotebookFile(data / "overlay" / "notebook", threads),
            knock=knock,
        )

    network = Network(made)
    return LoopbackNode(
        data=data,
        network=network,
        stock=stock,
        part=Overlay(network, port=0, interface=HOST),
    )
