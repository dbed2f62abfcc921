"""A simulated node that keeps images: killed, revived, wiped, as a machine is."""

import random
from pathlib import Path

import attrs
from twisted.internet.defer import Deferred

from reticulum.model import Address, NodeId
from reticulum.overlay.identity import Identity
from reticulum.overlay.surroundings import Offer
from reticulum.settings.sections import ReplicationSettings
from reticulum.testing.simulator.disk import Disk
from reticulum.testing.simulator.exchange import Exchange
from reticulum.testing.simulator.grid import Grid
from reticulum.testing.simulator.member import Habits, Member
from reticulum.testing.simulator.peers import SimulatedPeers
from reticulum.testing.simulator.process import Process


class KeeperMember:
    """
    A node of a `KeepingGrid`, running or not.

    Args:
        grid: Where it lives.
        exchange: How it is asked, and asks.
        address: Where.
        habits: How it is set up.
        settings: Of replication, in force now.
        folder: Where its disks are; it exists.
    """

    def __init__(
        self,
        grid: Grid,
        exchange: Exchange,
        address: Address,
        habits: Habits,
        *,
        settings: ReplicationSettings,
        folder: Path,
    ) -> None:
        self._exchange = exchange
        self._random: random.Random = grid.dice()
        self._folder = folder
        self._disks = 0
        self._past: list[Process] = []
        self.settings = settings
        self.disk = self._new_disk()
        self.process: Process | None = None
        self.node = Member(
            address,
            habits,
            ring=grid.ring,
            clock=grid.clock,
            network=grid.network,
            relays=grid.relays,
            random_=grid.dice(),
            offer=self._offer,
        )
        self.identity = Identity(str(self.node.node_id), self.node.key, b"")

    @property
    def node_id(self) -> NodeId:
        """Who it is."""
        return self.node.node_id

    @property
    def address(self) -> Address:
        """Where it lives."""
        return self.node.address

    @property
    def zone(self) -> str:
        """What fails together with it."""
        return self.node.habits.zone

    @property
    def running(self) -> bool:
        """Whether the process runs."""
        return self.node.running

    @property
    def serving(self) -> bool:
        """Whether it has learned what it missed, and serves."""
        return (
            self.running
            and self.process is not None
            and (self.process.replication.keeper.is_up_to_date)
        )

    @property
    def life(self) -> Process:
        """The process that runs, or ran last."""
        if self.process is None:
            raise ValueError(f"{self.address} was never started")
        return self.process

    async def start(self) -> None:
        """Start, or start again; returns when it serves."""
        # The overlay and the clock of this life are made in the first step of that.
        started = Deferred.fromCoroutine(self.node.start())
        if self.process is not None:
            self._past.append(self.process)
        node = self.node
        life = self.process = Process(
            node,
            self.disk,
            SimulatedPeers(self._exchange, node.place, node.time),
            self.identity,
            settings=lambda: self.settings,
            stores_copies=lambda: self.settings.store,
            random_=random.Random(self._random.getrandbits(64)),  # noqa: S311  (repeatable)
        )
        await started
        await life.replication.keeper.start()
        if life is self.process and node.running:
            self._exchange.open(self.address, life)

    async def stop(self) -> None:
        """Stop as on SIGTERM."""
        life = self.life
        self._exchange.close(self.address)
        await life.replication.keeper.stop()
        await life.tasks.settle()
        await self.node.stop()

    def kill(self) -> None:
        """Stop as on SIGKILL."""
        self._exchange.close(self.address)
        self.node.kill()

    def close(self) -> None:
        """Be killed for the last time: whatever any of its lives still waited for is given up."""
        self.kill()
        lives = self._past if self.process is None else [*self._past, self.process]
        for life in lives:
            life.tasks.cancel()

    def wipe(self) -> None:
        """Lose the disk for ever; only while it does not run. Key and address stay."""
        self.disk = self._new_disk()
        self.node.forget_images()

    def skew(self, seconds: float) -> None:
        """Set the wall clock of this node, now and after restarts."""
        self.node.habits = attrs.evolve(self.node.habits, skew_s=seconds)
        self.node.time.skew_s = seconds

    def _offer(self) -> Offer:
        shelf = self.life.shelf() if self.process is not None else Offer().shelf
        room = self.disk.room
        return Offer(
            zone=self.zone,
            capacity=room.capacity(),
            free=room.free(),
            software="simulated",
            shelf=shelf,
            relays=self.node.relays,
        )

    def _new_disk(self) -> Disk:
        self._disks += 1
        folder = self._folder / f"disk{self._disks}"
        folder.mkdir()
        # Every life has a clock of its own.
        return Disk(folder, lambda: self.node.time.wall())  # noqa: PLW0108
