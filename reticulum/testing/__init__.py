"""Fakes, small nodes and a simulator, shipped: for tests of what builds on it, and our own."""

from reticulum.imaging.inline import InlineRenderer
from reticulum.storage.memory import OriginalsInMemory, RenditionsInMemory
from reticulum.testing.loopback import LoopbackNode, testnet
from reticulum.testing.small import SmallNode, here_on, small_node

__all__ = [
    "InlineRenderer",
    "LoopbackNode",
    "OriginalsInMemory",
    "RenditionsInMemory",
    "SmallNode",
    "here_on",
    "small_node",
    "testnet",
]
