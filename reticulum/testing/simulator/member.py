"""One node of a simulated grid: production objects, with what outlives their restarts."""

import random
from collections.abc import Callable

import attrs
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from reticulum.model import Address, Contact, NodeId
from reticulum.overlay.entrance import Entrance
from reticulum.overlay.grid_keys import KeyRing
from reticulum.overlay.node import OverlayNode
from reticulum.overlay.records import Role
from reticulum.overlay.surroundings import Offer, Place
from reticulum.testing.simulator.belongings import NotebookInMemory, StockInMemory, no_names
from reticulum.testing.simulator.clock import HeapClock
from reticulum.testing.simulator.network import Network
from reticulum.testing.simulator.node_clock import NodeClock
from reticulum.testing.simulator.relays import Anchors, AttachedHere, Relays

SEED_BYTES = 32


@attrs.frozen(kw_only=True)
class Habits:
    """
    How a node is set up.

    Args:
        entrances: Where it knocks.
        role: None to find out.
        skew_s: Seconds by which its wall clock is ahead.
        zone: Its zone's name.
        relayed: It is behind a NAT, and hangs on two relays; a client then.
    """

    entrances: tuple[Address, ...] = ()
    role: Role | None = None
    skew_s: float = 0.0
    zone: str = ""
    relayed: bool = False


class Member:
    """
    A node of a simulated grid, running or not.

    Args:
        address: Where it lives.
        habits: How it is set up.
        ring: Keys of the grid.
        clock: Of the simulation.
        network: That it lives on.
        relays: Those of the grid.
        random_: Its own; everything random in it comes from here.
        offer: What it says about itself now; from its habits if not given.
    """

    def __init__(
        self,
        address: Address,
        habits: Habits,
        *,
        ring: KeyRing,
        clock: HeapClock,
        network: Network,
        relays: Relays,
        random_: random.Random,
        offer: Callable[[], Offer] | None = None,
    ) -> None:
        self._clock = clock
        self._network = network
        self._relays = relays
        self._random = random_
        self.key = Ed25519PrivateKey.from_private_bytes(random_.randbytes(SEED_BYTES))
        public = self.key.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
        self._own = NodeId.of_public_key(public)
        self._offer = offer or self._usual_offer
        self.ring = ring
        self.address = address
        self.habits = habits
        self.stock = StockInMemory()
        self.notebook = NotebookInMemory()
        self.place = network.place(address)
        self.anchors: Anchors | None = None
        if habits.relayed:
            self.place.lets_in = set()
            dice = random.Random(random_.getrandbits(64))  # noqa: S311  (to be repeatable)
            self.anchors = Anchors(relays, Contact(self._own, address), dice)
        self.time = NodeClock(clock, habits.skew_s)
        self.overlay = self._made()
        self.running = False
        self.since = clock.seconds()
        """When it started last, in seconds of the simulation."""

    @property
    def node_id(self) -> NodeId:
        """Who it is, also after a restart."""
        return self._own

    @property
    def contact(self) -> Contact:
        """Who it is and where it lives."""
        return Contact(self.node_id, self.address)

    async def start(self) -> None:
        """
        Start, or start again, as a process does: with its key, images and notebook.

        Raises:
            ValueError: It runs.
        """
        if self.running:
            raise ValueError(f"{self.address} runs")
        if not self.time.running:
            self.time = NodeClock(self._clock, self.habits.skew_s)
            self.overlay = self._made()
        self.running, self.since = True, self._clock.seconds()
        self._network.listen(self.address, self.overlay.received)
        if self.anchors is None:
            self._relays.open(self.contact, self.habits.zone)
        else:
            self.anchors.start(self.overlay, self.time)
        await self.overlay.start()

    async def stop(self) -> None:
        """Stop as on SIGTERM."""
        await self.overlay.stop()
        self.kill()

    def kill(self) -> None:
        """Stop as on SIGKILL: no word more, no timer fires, nothing is written."""
        if self.running:
            self.running = False
            if self.anchors is not None:
                self.anchors.stop()
            self._relays.close(self._own)
            self.time.stop()
            self._network.leave(self.address)

    def forget_images(self) -> None:
        """Have none any more: the disk was lost."""
        self.stock = StockInMemory()

    def is_server(self) -> bool:
        """Whether it runs and others may enter it in their tables."""
        return self.running and self.overlay.status().role is Role.SERVER

    def clients(self) -> list[Contact]:
        """Whom it relays for."""
        return self._relays.clients(self._own)

    @property
    def relays(self) -> tuple[Contact, ...]:
        """Those that it hangs on."""
        return () if self.anchors is None else self.anchors.held

    def _usual_offer(self) -> Offer:
        return Offer(zone=self.habits.zone, software="simulated", relays=self.relays)

    def _made(self) -> OverlayNode:
        time, habits = self.time, self.habits

        def send(datagram: bytes, to: Address) -> None:
            if time.running:
                self._network.send(self.place, datagram, to)

        return OverlayNode(
            private_key=self.key,
            ring=self.ring,
            send=send,
            clock=time,
            wall_ms=time.wall_ms,
            rng=random.Random(self._random.getrandbits(64)),  # noqa: S311  (to be repeatable)
            place=Place(
                port=self.address.port,
                entrances=tuple(Entrance(at.host, at.port) for at in habits.entrances),
                role=Role.CLIENT if habits.relayed else habits.role,
            ),
            offer=self._offer,
            stock=self.stock,
            resolve=no_names,
            notebook=self.notebook,
            attached=AttachedHere(self._relays, self._own),
        )
