"""
Runs nodes of a grid in this process, each with sockets of its own, until it is ended.

    python3 benchmarks/neighbours.py COUNT PORT DATA

They join through the node at PORT with the secret in DATA, announce images and look for some.
Prints "joined" when all are in.
"""

# ruff: noqa: E402  (the reactor has to be there before anything asks for one)

import os
import random
import sys
import time
from pathlib import Path

from twisted.internet import asyncioreactor

asyncioreactor.install()
sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from twisted.internet import reactor
from twisted.internet.defer import Deferred, gatherResults
from twisted.internet.task import deferLater

from reticulum.model import Key
from reticulum.overlay.entrance import Entrance
from reticulum.overlay.grid_files import GridFiles
from reticulum.overlay.listening import Overlay
from reticulum.overlay.network import Network
from reticulum.overlay.node import OverlayNode
from reticulum.overlay.surroundings import Offer, Place, Send
from reticulum.testing.simulator.belongings import NotebookInMemory, StockInMemory, no_names

IMAGES = 200
"""Of each node, announced at its start."""
LOOKUP_S = (0.5, 1.5)
"""Between two lookups of one node; anything between these."""


async def live(entrance: Entrance, data: Path) -> OverlayNode:
    """Start one node and wait until it is in."""
    stock = StockInMemory()
    for _ in range(IMAGES):
        stock.add(Key(os.urandom(20)), 20)

    def make(send: Send) -> OverlayNode:
        return OverlayNode(
            private_key=Ed25519PrivateKey.generate(),
            ring=GridFiles(data).read(),
            send=send,
            clock=reactor,
            wall_ms=lambda: time.time_ns() // 1_000_000,
            rng=random.SystemRandom(),
            place=Place(port=4160, entrances=(entrance,)),
            offer=Offer,
            stock=stock,
            resolve=no_names,
            notebook=NotebookInMemory(),
        )

    network = Network(make)
    await Overlay(network, port=0, interface="127.0.0.1").start()
    await network.overlay.joined()
    return network.overlay


async def look(node: OverlayNode) -> None:
    """Look for an image that nobody has, again and again: everybody close is asked."""
    while True:
        await deferLater(reactor, random.uniform(*LOOKUP_S))  # noqa: S311  (a pace)
        await node.holders(Key(os.urandom(20)))


async def main() -> None:
    """Run them for ever."""
    count, port, data = sys.argv[1:]
    entrance = Entrance("127.0.0.1", int(port))
    starting = [Deferred.fromCoroutine(live(entrance, Path(data))) for _ in range(int(count))]
    nodes = await gatherResults(starting)
    print("joined", flush=True)
    await gatherResults([Deferred.fromCoroutine(look(node)) for node in nodes])


if __name__ == "__main__":
    Deferred.fromCoroutine(main()).addErrback(lambda failure: print(failure, flush=True))
    reactor.run()
