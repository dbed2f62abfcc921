"""One life of a simulated node that keeps images: the parts a real one is wired from, running."""

import random
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any, TypeVar

from twisted.internet.defer import Deferred

from reticulum.assembly.replication import Replication, replication_of
from reticulum.errors import HolderFailed, UnknownImage
from reticulum.interfaces import Custody, Originals
from reticulum.model import (
    Contact,
    Facts,
    Format,
    HashName,
    ImageId,
    Key,
    NodeId,
    Original,
    Receipt,
    Shelf,
    Size,
    Write,
)
from reticulum.node.holders import FindByDht
from reticulum.node.tasks import Tasks
from reticulum.node.upload import Upload
from reticulum.overlay.identity import Identity
from reticulum.overlay.records import size_class
from reticulum.replication.departure import Departure
from reticulum.replication.handover import receive
from reticulum.replication.here import Here
from reticulum.settings.sections import ReplicationSettings
from reticulum.testing.simulator.disk import Disk
from reticulum.testing.simulator.exchange import pause
from reticulum.testing.simulator.member import Member
from reticulum.testing.simulator.node_clock import NodeClock
from reticulum.testing.simulator.peers import SimulatedPeers

T = TypeVar("T")

SLOWEST_DISK_S = 0.020
"""A change of the disk takes up to so long."""
FACTS = Facts(format=Format.PNG, size=Size(1, 1), frames=1)


class _Inspector:
    """Takes everything for a tiny PNG; the part of a `Renderer` that an upload needs."""

    async def inspect(self, source: Path) -> Facts:
        """What everything is."""
        del source
        return FACTS

    async def render(self, *args: object) -> None:
        """Nobody makes pictures in a simulation."""
        raise NotImplementedError


class Process:
    """
    From a start to the next stop or kill.

    Args:
        member: In the overlay; it runs.
        disk: Its own.
        peers: How it asks others.
        identity: Its key.
        settings: In force now.
        stores_copies: Whether it keeps copies for others.
        random_: Its own.
    """

    def __init__(
        self,
        member: Member,
        disk: Disk,
        peers: SimulatedPeers,
        identity: Identity,
        *,
        settings: Callable[[], ReplicationSettings],
        stores_copies: Callable[[], bool],
        random_: random.Random,
    ) -> None:
        self._member = member
        self._overlay = member.overlay
        self.clock: NodeClock = member.time
        self.disk = disk
        self.departure = Departure()
        self.tasks = Tasks()
        self._stores_copies = stores_copies
        self.here = Here(
            originals=disk.originals,
            graveyard=disk.graveyard,
            came=self._came,
            went=self._went,
            forget=_nothing,
            believe=lambda image_id: disk.doubt.clear([image_id]),
        )
        stores = disk.mount(lambda: pause(self.clock, random_.uniform(0, SLOWEST_DISK_S)))
        self._find = FindByDht(self._overlay)
        self.peers = peers
        self.replication: Replication = replication_of(
            settings=settings,
            zone=member.habits.zone,
            port=member.address.port,
            identity=identity,
            reactor=self.clock,
            overlay=self._overlay,
            peers=peers,
            here=self.here,
            stores=stores,
            shelf=self.shelf,
            departure=self.departure,
            size=lambda: len(disk),
            find=self._find,
            came=self._came,
            tasks=self.tasks,
            clients=member.clients,
            now=self.clock.wall,
            rng=random_,
        )
        self._upload = Upload(
            here=self.here,
            copying=self.replication.copying,
            renderer=_Inspector(),
            tasks=self.tasks,
            hash_name=HashName.SHA256,
        )

    @property
    def node_id(self) -> NodeId:
        """Who it is."""
        return self._member.node_id

    @property
    def custody(self) -> Custody:
        """What others may ask."""
        return self.replication.custody

    @property
    def originals(self) -> Originals:
        """What others may get."""
        return self.disk.originals

    def shelf(self) -> Shelf:
        """What it does for images of others now."""
        if self.departure.is_near or not self._stores_copies():
            return Shelf.CLOSED
        return Shelf.FULL if self.disk.room.is_down_to_reserve() else Shelf.OPEN

    def run(self, work: Coroutine[Deferred[Any], Any, T]) -> Deferred[T]:
        """Do work that another node has asked for."""
        return self.tasks.run(work)

    async def upload(self, content: bytes, write: Write) -> Receipt:
        """Take an image in."""
        incoming = self._upload.begin()
        incoming.write(content)
        return await self._upload.finish(incoming, write)

    async def delete(self, image_id: ImageId) -> None:
        """Delete an image in the whole grid."""
        await self.replication.copying.delete(image_id)

    async def read(self, image_id: ImageId) -> str:
        """
        Serve an original: from here, from who should hold it, from who says that he does.

        Returns:
            Where it came from, in words.

        Raises:
            UnknownImage: Nobody gave it.
        """
        if self.here.is_deleted(image_id):
            raise UnknownImage(f"{image_id} was deleted")
        try:
            await self.here.originals.find(image_id)
            await self.here.originals.path(image_id)
        except UnknownImage:
            return await self._read_elsewhere(image_id)
        return "here"

    async def _read_elsewhere(self, image_id: ImageId) -> str:
        replication = self.replication
        placed = await replication.tending.order(image_id)
        contacts = [
            one.contact for one in placed if not one.silent_s and one.node_id != self.node_id
        ]
        for contact in contacts:
            if await self._got(contact, image_id):
                return f"{contact.address}, by placement"
        for contact in await self._find(Key.of_image(image_id), frozenset({self.node_id})):
            if await self._got(contact, image_id):
                return f"{contact.address}, by lookup"
        raise UnknownImage(f"nobody gave {image_id}")

    async def _got(self, contact: Contact, image_id: ImageId) -> bool:
        try:
            incoming, _ = await receive(self.here, self.replication.peers, contact, image_id)
        except (HolderFailed, UnknownImage):
            return False
        incoming.abandon()
        return not self.here.is_deleted(image_id)

    def _came(self, original: Original) -> None:
        key, size = Key.of_image(original.image_id), size_class(original.length)
        self._member.stock.add(key, size)
        self._overlay.announce(key, size)

    def _went(self, image_id: ImageId) -> None:
        key = Key.of_image(image_id)
        self._member.stock.drop(key)
        self._overlay.withdraw(key)


async def _nothing(image_id: ImageId) -> None:
    """Nothing is made of images in a simulation."""
