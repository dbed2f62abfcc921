"""A grid of simulated nodes that keep images: what people and misfortune do to it."""

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import attrs
from twisted.internet.defer import Deferred

from reticulum.errors import ReticulumError
from reticulum.model import ImageId, Receipt, Write
from reticulum.overlay.records import Role
from reticulum.settings.sections import ReplicationSettings
from reticulum.testing.simulator.exchange import Exchange
from reticulum.testing.simulator.grid import Grid
from reticulum.testing.simulator.keeper_member import KeeperMember
from reticulum.testing.simulator.member import Habits

PNG = b"\x89PNG\r\n\x1a\n"
START_S = 120.0
ASK_S = 90.0


class KeepingGrid:
    """
    Nodes with disks, all through the first one, and images.

    Args:
        folder: For their disks; it exists and is empty.
        seed: Any whole number.
        settings: Of replication, on every node.
        loss: Share of datagrams lost, 0 to 1; calls between nodes are late by it, not lost.
    """

    def __init__(
        self, folder: Path, seed: int, settings: ReplicationSettings, *, loss: float = 0.0
    ) -> None:
        self.grid = Grid(seed, loss=loss)
        self.exchange = Exchange(
            self.grid.clock,
            self.grid.network,
            self.grid.network.delays,
            self.grid.relays,
            self.grid.dice(),
        )
        self._folder = folder
        self.settings = settings
        self.members: list[KeeperMember] = []
        self._images = 0

    def grow(self, zones: Iterable[str], *, relayed: bool = False) -> list[KeeperMember]:
        """Let nodes join, one in each of *zones*, one after the other; wait until all serve."""
        new = [self.add(zone, relayed=relayed) for zone in zones]
        starting = [self.begin(member) for member in new]
        for one in starting:
            self.grid.wait(one, START_S)
        return new

    def add(self, zone: str = "", *, relayed: bool = False, **settings: Any) -> KeeperMember:
        """Set up one more node; it does not run yet. If it is *relayed*, nobody can dial it."""
        folder = self._folder / f"node{len(self.members)}"
        folder.mkdir()
        entrances = tuple(member.address for member in self.members[:2])
        member = KeeperMember(
            self.grid,
            self.exchange,
            self.grid.free_address(),
            Habits(entrances=entrances, role=Role.SERVER, zone=zone, relayed=relayed),
            settings=attrs.evolve(self.settings, **settings),
            folder=folder,
        )
        self.members.append(member)
        return member

    def begin(self, member: KeeperMember) -> Deferred[None]:
        """Start a node, or start it again; the Deferred tells when it serves."""
        return Deferred.fromCoroutine(member.start())

    def start(self, member: KeeperMember) -> None:
        """Start a node, or start it again, and wait until it serves."""
        self.grid.wait(self.begin(member), START_S)

    def close(self) -> None:
        """Kill everybody, and leave no work half-done for the garbage collector to find."""
        for member in self.members:
            member.close()

    def run(self, seconds: float) -> None:
        """Let time pass."""
        self.grid.run(seconds)

    def upload(self, member: KeeperMember, write: Write = Write.QUORUM) -> Receipt:
        """Upload a new image to a node."""
        self._images += 1
        return self.upload_again(member, PNG + b"%d" % self._images, write)

    def upload_again(
        self, member: KeeperMember, content: bytes, write: Write = Write.QUORUM
    ) -> Receipt:
        """Upload bytes to a node."""
        return self.grid.wait(member.life.upload(content, write), ASK_S)

    def delete(self, member: KeeperMember, image_id: ImageId) -> None:
        """Delete an image, by way of a node."""
        self.grid.wait(member.life.delete(image_id), ASK_S)

    def read(self, member: KeeperMember, image_id: ImageId) -> str | None:
        """Where a node got an image from; None if nobody gave it."""
        try:
            return self.grid.wait(member.life.read(image_id), ASK_S)
        except ReticulumError:
            return None

    def split(self, *sides: Iterable[KeeperMember]) -> None:
        """Cut the ways between the *sides*; `heal` mends them."""
        self.grid.network.split([[member.address for member in side] for side in sides])

    def heal(self) -> None:
        """Mend all ways."""
        self.grid.network.heal()

    def alive(self) -> Sequence[KeeperMember]:
        """Nodes that run."""
        return [member for member in self.members if member.running]

    def having(self, image_id: ImageId) -> Sequence[KeeperMember]:
        """Nodes that run and have the bytes of an image, sound and believed in."""
        return [member for member in self.alive() if _keeps(member, image_id)]

    def zones(self) -> int:
        """In how many zones nodes run."""
        return len({member.zone or str(member.node_id) for member in self.alive()})


def _keeps(member: KeeperMember, image_id: ImageId) -> bool:
    disk = member.disk
    return disk.has(image_id) and disk.originals.known(image_id) is not None
