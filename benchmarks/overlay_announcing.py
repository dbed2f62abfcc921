"""What announcing a million images costs: the sweep planner's own arithmetic, region by region."""

import random
import statistics
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any, cast

from reticulum.model import Key, NodeId
from reticulum.overlay.announcing.piles import COPIES, piles
from reticulum.overlay.announcing.region import KEY_BITS, PEERS, SPACE, region_bits
from reticulum.overlay.announcing.sweep import PERIOD_S

Row = dict[str, object]
IMAGES = 1_000_000
SAMPLE = 24


def announcing(sizes: list[int], messages_per_lookup: float, seed: int) -> Iterator[Row]:
    """
    Plan one round of a node with a million images, in grids of several sizes.

    Regions are sampled; records are dealt out by the planner itself, to nodes at random places.
    Every datagram with records is answered by one, and every region costs one lookup.

    Args:
        sizes: Nodes of the grids.
        messages_per_lookup: Datagrams sent and received, as measured.
        seed: Of ids and keys.
    """
    random_ = random.Random(seed)  # noqa: S311  (to be repeatable)
    for nodes in sizes:
        bits = region_bits(nodes)
        stores = [_stores(random_, nodes, bits) for _ in range(min(SAMPLE, 2**bits))]
        packets = 2**bits * (2 * statistics.mean(stores) + messages_per_lookup)
        yield {
            "nodes": nodes,
            "images": IMAGES,
            "regions": 2**bits,
            "copies": COPIES,
            "packets": round(packets),
            "hours": PERIOD_S / 3600,
            "packets_per_s": round(packets / PERIOD_S, 1),
            "sent_per_s": round(packets / 2 / PERIOD_S, 1),
        }


def _stores(random_: random.Random, nodes: int, bits: int) -> int:
    """Datagrams with records for one region."""
    inside = max(round(random_.gauss(nodes / 2**bits, (nodes / 2**bits) ** 0.5)), COPIES)
    servers = [_within(random_, bits) for _ in range(min(inside, PEERS))]
    records = (SimpleNamespace(key=_within(random_, bits)) for _ in range(IMAGES >> bits))
    return sum(1 for _ in piles(cast("Any", records), servers))


def _within(random_: random.Random, bits: int) -> NodeId:
    return Key(random_.randrange(SPACE >> bits).to_bytes(KEY_BITS // 8))
