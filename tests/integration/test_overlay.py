"""Real nodes on real sockets, in one process."""

import hashlib
import random
import socket
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import attrs
import pytest
import pytest_twisted
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from twisted.internet import reactor
from twisted.internet.task import deferLater

from reticulum.aio import Threads
from reticulum.model import Address, Contact, Key
from reticulum.overlay.entrance import Entrance
from reticulum.overlay.grid_keys import GridKeys, KeyRing
from reticulum.overlay.listening import Overlay
from reticulum.overlay.names import Names
from reticulum.overlay.network import Network
from reticulum.overlay.node import OverlayNode
from reticulum.overlay.notebook import NotebookFile
from reticulum.overlay.surroundings import Offer, Place, Send

RING = KeyRing(GridKeys.of_secret(b"i" * 32))


@attrs.define
class Stock:
    here: dict[Key, int] = attrs.field(factory=dict)

    def holds(self, key: Key) -> bool:
        return key in self.here

    def keys(self) -> Sequence[tuple[Key, int]]:
        return list(self.here.items())


@attrs.define
class Running:
    network: Network
    part: Overlay
    stock: Stock
    host: str

    @property
    def node(self) -> OverlayNode:
        return self.network.overlay

    @property
    def contact(self) -> Contact:
        return Contact(self.node.node_id, Address(self.host, self.network.port))


def key_of(text: str) -> Key:
    return Key(hashlib.sha256(text.encode()).digest()[:20])


def sleep(seconds: float) -> Any:
    return deferLater(reactor, seconds, lambda: None)


@asynccontextmanager
async def loopback(folder: Path) -> AsyncIterator[Any]:
    """A function that starts nodes; all of them are stopped at the end."""
    threads = Threads(reactor, most=2, name="notebooks")
    threads.start()
    running: list[Running] = []

    async def start(*entrances: Entrance, host: str = "127.0.0.1") -> Running:
        number, stock = len(running), Stock()

        def make(send: Send, _knock: Send) -> OverlayNode:
            return OverlayNode(
                private_key=Ed25519PrivateKey.generate(),
                ring=RING,
                send=send,
                clock=reactor,
                wall_ms=lambda: time.time_ns() // 1_000_000,
                rng=random.SystemRandom(),
                place=Place(port=4160, entrances=entrances),
                offer=Offer,
                stock=stock,
                resolve=Names(reactor.nameResolver),
                notebook=NotebookFile(folder / f"{number}.json", threads),
            )

        network = Network(make)
        part = Overlay(network, port=0, interface=host)
        await part.start()
        running.append(Running(network, part, stock, host))
        return running[-1]

    try:
        yield start
    finally:
        for each in running:
            await each.part.stop()
        threads.stop()


def entrance(of: Running, host: str | None = None) -> Entrance:
    return Entrance(host or of.host, of.network.port)


@pytest_twisted.ensureDeferred
async def test_eight_nodes_are_one_grid(tmp_path: Path) -> None:
    """Joined through one door, by name or by number: all know and find all, and images."""
    async with loopback(tmp_path) as start:
        first = await start()
        rest = [
            await start(entrance(first, "localhost" if number == 3 else None))
            for number in range(7)
        ]
        for each in rest:
            await each.node.joined()
        last, image = rest[-1], key_of("an image")
        # Who came at the same moment is seen at the second look, 4 to 6 s behind the first.
        for _ in range(150):
            if all(each.node.status().peers == 7 for each in [first, *rest]):
                break
            await sleep(0.1)
        everybody = {each.node.node_id for each in [first, *rest]}
        for each in [first, *rest]:
            others = everybody - {each.node.node_id}
            assert others == {contact.node_id for contact in each.node.table.contacts()}
            assert others == {c.node_id for c in await each.node.closest(each.node.node_id)}
        assert {c.node_id for c in await last.node.closest(image)} == {
            each.node.node_id for each in [first, *rest[:-1]]
        }
        assert first.contact.address == (await last.node.find(first.node.node_id)).address
        assert first.contact == (await last.node.ping(first.contact)).contact

        first.node.announce(image, 20)
        for _ in range(100):
            if first.node.status().news == 0:
                break
            await sleep(0.05)
        holders = await last.node.holders(image)
        assert [first.node.node_id] == [holder.node_id for holder in holders]
        assert 7 == len((await last.node.trace(image)).closest)
    assert '"peers"' in (tmp_path / "0.json").read_text()


@pytest_twisted.ensureDeferred
async def test_ipv6(tmp_path: Path) -> None:
    """Two nodes on ::1."""
    async with loopback(tmp_path) as start:
        first = await start(host="::1")
        second = await start(entrance(first), host="::1")
        await second.node.joined()
        assert (first.contact,) == await second.node.closest(key_of("x"))


@pytest_twisted.ensureDeferred
async def test_strangers_get_silence(tmp_path: Path) -> None:
    """Whatever is thrown at the port: not a byte comes back, and the node goes on."""
    async with loopback(tmp_path) as start:
        first = await start()
        second = await start(entrance(first))
        await second.node.joined()
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as stranger:
            stranger.bind(("127.0.0.1", 0))
            stranger.setblocking(False)
            rng = random.Random(1)  # noqa: S311  (any bytes will do)
            for length in [0, 1, 8, 64, 65, 1000, 60_000]:
                stranger.sendto(rng.randbytes(length), ("127.0.0.1", first.network.port))
            for _ in range(2000):
                stranger.sendto(rng.randbytes(200), ("127.0.0.1", first.network.port))
            await sleep(0.5)
            with pytest.raises(BlockingIOError):
                stranger.recv(100)
        assert sum(first.node.status().refused.values()) > 100
        assert first.contact == (await second.node.ping(first.contact)).contact
