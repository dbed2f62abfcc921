"""Regions of the key space: all keys with the same first bits, and the nodes among them."""

import math
from collections.abc import Sequence
from typing import Self

import attrs
from attrs import validators as v

from reticulum.model import Key, NodeId
from reticulum.model.peers import KEY_BYTES

KEY_BITS = 8 * KEY_BYTES
SPACE = 1 << KEY_BITS
PEERS = 20
"""Nodes that a region should have at most: as many as one lookup finds."""
FEWEST_PEERS = 8
"""As many as keep each record: with these a region needs nobody from outside."""


@attrs.frozen
class Region:
    """
    All keys that begin with certain bits.

    Args:
        bits: How many, 0 to 160.
        prefix: These bits as a number.
    """

    bits: int = attrs.field(validator=[v.ge(0), v.le(KEY_BITS)])
    prefix: int = attrs.field(validator=v.ge(0))

    @classmethod
    def around(cls, key: Key, bits: int) -> Self:
        """Of all regions with *bits* the one that *key* is in."""
        return cls(bits, key.number >> (KEY_BITS - bits))

    @property
    def first(self) -> int:
        """Number of its first key."""
        return self.prefix << (KEY_BITS - self.bits)

    @property
    def end(self) -> int:
        """Number behind that of its last key."""
        return (self.prefix + 1) << (KEY_BITS - self.bits)

    def __contains__(self, key: Key) -> bool:
        return key.number >> (KEY_BITS - self.bits) == self.prefix


def region_bits(network_size: float) -> int:
    """
    Choose regions of 10 to 20 nodes.

    Args:
        network_size: Nodes, estimated.

    Returns:
        Bits, 0 to 32.
    """
    return min(max(math.ceil(math.log2(max(network_size, 1) / PEERS)), 0), 32)


def settled_region(target: Key, found: Sequence[NodeId], wanted: int = PEERS) -> Region:
    """
    Name the widest region around *target* whose nodes a lookup has all found.

    If the *wanted* closest nodes share c bits with the target, then all nodes that share more
    than c are among them. With fewer than `FEWEST_PEERS` there, the region of c bits is named:
    the closest nodes of its keys may then be missing in part, which costs a record or two of the
    eight copies and no more.

    Args:
        target: What was looked for.
        found: The closest nodes, by the lookup.
        wanted: As many as it looked for; if it found fewer there are no others, anywhere.

    Source: the sweep of go-libp2p-kad-dht, `provider/internal/keyspace`.
    """
    if len(found) < wanted:
        return Region(0, 0)
    shared = min(KEY_BITS - target.distance(node_id).bit_length() for node_id in found)
    narrow = Region.around(target, min(shared + 1, KEY_BITS))
    inside = sum(node_id in narrow for node_id in found)
    return narrow if inside >= FEWEST_PEERS else Region.around(target, shared)
