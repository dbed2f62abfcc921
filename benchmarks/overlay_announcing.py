"""What announcing costs: by the planner's own arithmetic, region by region, and in a small grid."""

import random
import statistics
import time
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any, cast

from reticulum.model import Key, NodeId
from reticulum.overlay.announcing import round_s
from reticulum.overlay.announcing.piles import COPIES, piles
from reticulum.overlay.announcing.region import KEY_BITS, PEERS, SPACE, region_bits
from reticulum.overlay.announcing.rounds import round_packets
from reticulum.testing.simulator.grid import Grid

Row = dict[str, object]
SIZES = (100, 1000, 10_000, 100_000)
AMOUNTS = (100, 10_000, 100_000, 1_000_000)
USUAL_SIZE, MOST_IMAGES = 1000, 1_000_000
SAMPLE = 24
SETTLED_S = 600.0


def announcing(messages_per_lookup: float, seed: int) -> Iterator[Row]:
    """
    Plan one round: of a million images in grids of several sizes, of fewer in one of 1,000.

    Regions are sampled; records are dealt out by the planner itself, to nodes at random places.
    Every datagram with records is answered by one, and every region with images costs one lookup.

    Args:
        messages_per_lookup: Datagrams sent and received, as measured.
        seed: Of ids and keys.
    """
    random_ = random.Random(seed)  # noqa: S311  (to be repeatable)
    fewer = [(USUAL_SIZE, images) for images in AMOUNTS if images < MOST_IMAGES]
    for nodes, images in [*fewer, *((nodes, MOST_IMAGES) for nodes in SIZES)]:
        regions = 1 << region_bits(nodes)
        sample = [
            _region(random_, nodes, images, regions, messages_per_lookup)
            for _ in range(min(SAMPLE, regions) if images == MOST_IMAGES else 4 * SAMPLE)
        ]
        packets = regions * statistics.mean(sample)
        period_s = round_s(images, regions)
        yield {
            "nodes": nodes,
            "images": images,
            "regions": regions,
            "copies": COPIES,
            "packets": round(packets),
            "round_hours": round(period_s / 3600, 2),
            "packets_per_s": round(packets / period_s, 2),
            "sent_per_s": round(packets / 2 / period_s, 2),
        }


def _region(
    random_: random.Random, nodes: int, images: int, regions: int, messages_per_lookup: float
) -> float:
    """Datagrams for one region, both ways; none if no image happens to be in it."""
    held = _about(random_, images / regions)
    inside = max(_about(random_, nodes / regions), COPIES)
    if not held:
        return 0.0
    servers = [_within(random_, regions) for _ in range(min(inside, PEERS))]
    records = (SimpleNamespace(key=_within(random_, regions)) for _ in range(held))
    return 2 * sum(1 for _ in piles(cast("Any", records), servers)) + messages_per_lookup


def _about(random_: random.Random, mean: float) -> int:
    """How many of many fall into one region: Poisson's, nearly."""
    return max(round(random_.gauss(mean, mean**0.5)), 0)


def _within(random_: random.Random, regions: int) -> NodeId:
    return Key(random_.randrange(SPACE // regions).to_bytes(KEY_BITS // 8))


def announced(nodes: int, images: int, seed: int) -> Iterator[Row]:
    """
    Let one node of a grid announce its images again, and count what it sends and receives.

    What the same node sends and receives without any image, in a grid of the same seed, is taken
    off.

    Args:
        nodes: Of the grid.
        images: Of that node.
        seed: Of everything random.
    """
    begun = time.process_time()
    regions = 1 << region_bits(nodes)
    period_s = round_s(images, regions)
    quiet, others = _counted(nodes, 0, period_s, seed)
    packets, kept = _counted(nodes, images, period_s, seed)
    yield {
        "nodes": nodes,
        "images": images,
        "copies": round((kept - others) / images, 2),
        "packets": packets - quiet,
        "round_hours": round(period_s / 3600, 2),
        "packets_per_s": round((packets - quiet) / period_s, 2),
        "planned_sent_per_s": round(round_packets(images, regions) / period_s, 2),
        "cpu_s": round(time.process_time() - begun, 1),
    }


def _counted(nodes: int, images: int, period_s: float, seed: int) -> tuple[int, int]:
    """
    Let time pass until a node with images is in its second round, and count for one round.

    Returns:
        Datagrams that it sent and received in that round, and records that all nodes keep.
    """
    grid = Grid(seed)
    grid.grow(nodes)
    member = grid.members[nodes // 2]
    keys = random.Random(seed)  # noqa: S311  (to be repeatable)
    for _ in range(images):
        member.stock.add(Key(keys.randbytes(KEY_BITS // 8)), 20)
    # What is there at its start is overdue, and told as fast as may be.
    member.kill()
    grid.start(member)
    grid.run(SETTLED_S + period_s)
    traffic = member.place.traffic
    before = traffic.sent + traffic.received
    grid.run(period_s)
    records = sum(other.overlay.status().records for other in grid.running())
    return traffic.sent + traffic.received - before, records
