from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

import pytest
from twisted.internet import reactor
from twisted.internet.task import deferLater

from reticulum.errors import NodeError
from reticulum.model import Key
from reticulum.testing import testnet

NODES = 6


async def until(true: Callable[[], Coroutine[Any, Any, bool]]) -> bool:
    """Whether it becomes true within 20 s: new nodes are servers only once they are dialled."""
    for _ in range(100):
        if await true():
            return True
        await deferLater(reactor, 0.2)
    return False


async def test_real_nodes_form_a_grid(tmp_path: Path) -> None:
    """Nodes on loopback join through the first; what one announces, the last finds."""
    async with testnet(reactor, tmp_path, NODES) as nodes:
        assert NODES == len({node.address for node in nodes})
        last, key = nodes[-1].overlay, Key(b"k" * 20)
        others = {node.contact for node in nodes[:-1]}

        async def finds_everybody() -> bool:
            return others == set(await last.closest(nodes[0].overlay.node_id))

        assert await until(finds_everybody)

        nodes[1].stock.add(key)
        nodes[1].overlay.announce(key)

        async def finds_the_image() -> bool:
            holders = await last.holders(key)
            return [nodes[1].overlay.node_id] == [holder.node_id for holder in holders]

        assert await until(finds_the_image)


async def test_a_node_can_be_stopped_alone(tmp_path: Path) -> None:
    """What was stopped is silent, keeps its files, and does not disturb the end."""
    async with testnet(reactor, tmp_path, 3) as nodes:
        gone = nodes[2].contact
        await nodes[2].part.stop()
        with pytest.raises(NodeError):
            await nodes[0].overlay.ping(gone)
        assert (tmp_path / "node-2" / "node.key").exists()
        assert (tmp_path / "node-2" / "overlay" / "notebook").read_text()


async def test_two_testnets_are_two_grids(tmp_path: Path) -> None:
    """Nodes of one testnet are strangers to those of another."""
    for name in ("one", "other"):
        (tmp_path / name).mkdir()
    async with (
        testnet(reactor, tmp_path / "one", 1) as (one,),
        testnet(reactor, tmp_path / "other", 1) as (other,),
    ):
        with pytest.raises(NodeError):
            await one.overlay.ping(other.address)
