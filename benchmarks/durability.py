"""
How long images live, how evenly they lie, and how much moves when a node joins.

    python benchmarks/durability.py [--seed N] [--quick]

Three parts, each with its table:

1. Loss per image and year against R·λ·(λτ)^(R-1). A reduced model: node deaths (Poisson) with the
   real placement rule and the real constants of noticing (grace, rounds of the landscape, the
   pause and the pace of the census); copies appear at once when a repair is due, and nothing is
   sent. λ is so large that losses can be counted. Whoever dies is replaced by a new, empty node.
2. The time from a death until every image is whole, through the real engine on the simulator.
3. Copies on the fullest node against the mean, and copies sent when a node joins, likewise.
"""

import argparse
import heapq
import itertools
import random
import statistics
import sys
import tempfile
from pathlib import Path

import attrs

from reticulum.model import Address, Contact, ImageId, Key, Member, NodeId
from reticulum.overlay.pauses import about
from reticulum.replication.census import SETTLE_S
from reticulum.replication.landscape import LONGEST_ROUND_S
from reticulum.replication.placement import lot, placement
from reticulum.settings.sections import ReplicationSettings
from reticulum.testing.simulator.keeping_grid import KeepingGrid

YEAR_S = 365.25 * 24 * 3600
ZONES = ("attic", "barn", "cellar", "dairy")
NODES = 50
IMAGES = 500
WALK_S = 10.0
"""The census, hurried, gets through what one node holds in so long."""
KEY_BYTES = 20
TERABYTE = 10**12
SETTINGS = ReplicationSettings()


@attrs.define(order=False)
class Kept:
    """An image of the model: where it belongs, and who has it."""

    key: Key
    holders: set[NodeId]


@attrs.frozen
class Lost:
    """What the model gave."""

    losses: int
    image_years: float
    tau_s: float

    @property
    def rate(self) -> float:
        """Losses per image and year."""
        return self.losses / self.image_years


class Model:
    """
    Deaths and repairs.

    Args:
        copies: Of each image.
        deaths: Of each node, per year.
        seed: Any whole number.
    """

    def __init__(self, copies: int, deaths: float, seed: int) -> None:
        self._random = random.Random(seed)  # noqa: S311  (to be repeatable)
        self._copies = copies
        self._deaths = deaths
        self._members: dict[NodeId, Member] = {}
        self._held: dict[NodeId, set[int]] = {}
        self._numbers = itertools.count()
        for _ in range(NODES):
            self._join(self._random.choice(ZONES))
        self._images = [self._new_image(number) for number in range(IMAGES)]
        self._delays: list[float] = []

    def run(self, years: float) -> Lost:
        """Let so many years pass."""
        now, losses = 0.0, 0
        repairs: list[tuple[float, int, Kept]] = []
        until = years * YEAR_S
        while True:
            gap_s = self._random.expovariate(NODES * self._deaths / YEAR_S)
            now += gap_s
            while repairs and repairs[0][0] <= min(now, until):
                self._repair(*heapq.heappop(repairs)[1:])
            if now > until:
                break
            dead = self._random.choice(list(self._members))
            zone = self._members.pop(dead).zone
            self._join(zone)
            noticed: dict[NodeId, float] = {}
            for number in self._held.pop(dead):
                image = self._images[number]
                image.holders.discard(dead)
                if not image.holders:
                    losses += 1
                    self._images[number] = self._new_image(number)
                    continue
                first = self._first(image)
                delay = noticed.setdefault(first, self._notice_s())
                delay += self._random.uniform(0, WALK_S)
                self._delays.append(delay)
                heapq.heappush(repairs, (now + delay, number, image))
        return Lost(losses, IMAGES * years, statistics.mean(self._delays))

    def _notice_s(self) -> float:
        """From a death until one node gives the dead one up and its census gets under way."""
        answered_s = -self._random.uniform(0, LONGEST_ROUND_S)
        look_s = self._random.uniform(0, LONGEST_ROUND_S)
        while look_s - answered_s < SETTINGS.grace_s:
            look_s += about(LONGEST_ROUND_S, self._random)
        return look_s + about(SETTLE_S, self._random)

    def _first(self, image: Kept) -> NodeId:
        """The best of those who have it: its turn it is."""
        return min(image.holders, key=lambda one: (lot(image.key, self._members[one]), one))

    def _repair(self, number: int, image: Kept) -> None:
        if self._images[number] is not image:
            return  # lost meanwhile: another one has its place
        order = placement(image.key, list(self._members.values()), self._copies)
        # For one death, one copy: who has died meanwhile still counts until its grace ends.
        for member in order:
            if member.node_id not in image.holders:
                self._hold(image, member.node_id, number)
                return

    def _new_image(self, number: int) -> Kept:
        image = Kept(Key(self._random.randbytes(KEY_BYTES)), set())
        order = placement(image.key, list(self._members.values()), self._copies)
        for member in order[: self._copies]:
            self._hold(image, member.node_id, number)
        return image

    def _hold(self, image: Kept, node_id: NodeId, number: int) -> None:
        image.holders.add(node_id)
        self._held[node_id].add(number)

    def _join(self, zone: str) -> None:
        node_id = NodeId(self._random.randbytes(KEY_BYTES))
        contact = Contact(node_id, Address("192.0.2.1", 1 + next(self._numbers) % 65_535))
        self._members[node_id] = Member(contact=contact, zone=zone, capacity=TERABYTE)
        self._held[node_id] = set()


def losses(seed: int, *, quick: bool) -> None:
    """Print the first table."""
    sys.stdout.write(
        "R   λ/year    τ        λτ      image-years  losses  simulated  formula  ratio\n"
    )
    for copies, deaths, years in ((2, 300, 0.1), (2, 700, 0.04), (3, 1500, 0.04), (3, 2500, 0.02)):
        lost = Model(copies, deaths, seed).run(years / 4 if quick else years)
        tau = lost.tau_s / YEAR_S
        formula = copies * deaths * (deaths * tau) ** (copies - 1)
        sys.stdout.write(
            f"{copies}  {deaths:7}  {lost.tau_s:6.0f} s  {deaths * tau:6.4f}  "
            f"{lost.image_years:11.1f}  {lost.losses:6}  {lost.rate:9.3f}  {formula:7.3f}  "
            f"{lost.rate / formula:5.2f}\n"
        )
    tau = lost.tau_s / YEAR_S
    for what, yearly in (("volatile homes, λ = 2", 2.0), ("servers, λ = 0.1", 0.1)):
        rate = 3 * yearly * (yearly * tau) ** 2
        sys.stdout.write(f"formula, R = 3, τ = {lost.tau_s:.0f} s, {what}: {rate:.1e} a year\n")


def grown(folder: Path, nodes: int, seed: int) -> KeepingGrid:
    """A grid whose nodes know each other, with default settings."""
    grid = KeepingGrid(folder, seed, SETTINGS)
    grid.grow([ZONES[number % len(ZONES)] for number in range(nodes)])
    grid.run(60)
    return grid


def upload(grid: KeepingGrid, count: int) -> list[ImageId]:
    """Upload by way of each node in turn."""
    members = grid.members
    ids = [grid.upload(members[number % len(members)]).original.image_id for number in range(count)]
    grid.run(10)
    return ids


def repair(seed: int, *, quick: bool) -> None:
    """Print how long the real engine takes."""
    took: list[float] = []
    for number in range(1 if quick else 3):
        with tempfile.TemporaryDirectory() as folder:
            grid = grown(Path(folder), 12, seed + number)
            ids = upload(grid, 60)
            grid.run(SETTINGS.grace_s)
            victim = grid.members[1 + number]
            short = [image_id for image_id in ids if victim.disk.has(image_id)]
            victim.kill()
            begun = grid.grid.clock.seconds()
            while short and grid.grid.clock.seconds() - begun < 2 * SETTINGS.grace_s:
                grid.run(2)
                whole = [one for one in short if len(grid.having(one)) >= SETTINGS.copies]
                took += [grid.grid.clock.seconds() - begun] * len(whole)
                short = [one for one in short if one not in whole]
            grid.close()
    sys.stdout.write(
        f"12 nodes, {len(took)} copies lost: each is back after {statistics.mean(took):.0f} s on "
        f"average, the last one after {max(took):.0f} s ({len(short)} still short)\n"
    )


def load(seed: int, nodes: int, images: int) -> None:
    """Print how even the load is, and what a newcomer costs."""
    with tempfile.TemporaryDirectory() as folder:
        grid = grown(Path(folder), nodes, seed)
        upload(grid, images)
        grid.run(SETTINGS.grace_s)
        copies = [len(member.disk) for member in grid.members]
        before = _given(grid)
        (newcomer,) = grid.grow([ZONES[nodes % len(ZONES)]])
        grid.run(300)
        moved, total = _given(grid) - before, sum(copies)
        dice = random.Random(seed)  # noqa: S311  (to be repeatable)
        everybody = [
            Member(contact=member.node.contact, zone=member.zone, capacity=TERABYTE)
            for member in grid.members[:nodes]
        ]
        placed = dict.fromkeys((member.node_id for member in everybody), 0)
        for _ in range(5000):
            order = placement(Key(dice.randbytes(KEY_BYTES)), everybody, SETTINGS.copies)
            for member in order[: SETTINGS.copies]:
                placed[member.node_id] += 1
        sys.stdout.write(
            f"{nodes:5}  {images:6}  {total:6}  {max(copies) * nodes / total:8.2f}  "
            f"{max(placed.values()) / statistics.mean(placed.values()):14.2f}  {moved:6}  "
            f"{moved / total:6.1%}  {len(newcomer.disk):8}  {1 / (nodes + 1):6.1%}\n"
        )
        grid.close()


def _given(grid: KeepingGrid) -> int:
    return sum(member.life.replication.status()["given"] for member in grid.members)


def main() -> None:
    """Run all."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--quick", action="store_true", help="smaller, and less exact")
    options = parser.parse_args()
    losses(options.seed, quick=options.quick)
    repair(options.seed, quick=options.quick)
    sys.stdout.write(
        "nodes  images  copies  max/mean  placement only   moved   share  newcomer  1/(N+1)\n"
    )
    load(options.seed, 12, 200 if options.quick else 600)
    load(options.seed, 50, 200 if options.quick else 600)


if __name__ == "__main__":
    main()
