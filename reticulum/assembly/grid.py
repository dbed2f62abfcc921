"""A node's place in its grid: the overlay, the doors between nodes, and what people get of it."""

import random
import shutil
import time
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import Any

import attrs

from reticulum import __version__
from reticulum.aio import InThread
from reticulum.assembly.peer_address import is_wild, peer_address
from reticulum.assembly.secrets import GridSecrets
from reticulum.imaging.pipeline import PIPELINE
from reticulum.interfaces import Originals, Part, Pictures, Renditions
from reticulum.model import Address, Contact, ImageId, Key, Original
from reticulum.node.fetch import Fetch
from reticulum.node.flight import SingleFlight
from reticulum.node.recent import Recent
from reticulum.node.retrieve import Retrieve
from reticulum.node.retrieve_from_grid import RetrieveFromGrid
from reticulum.node.stock import NodeStock
from reticulum.node.tasks import Tasks
from reticulum.overlay.console import Console, Resident
from reticulum.overlay.entrance import Entrance
from reticulum.overlay.entrance_file import read_entrances
from reticulum.overlay.grid_files import GridFiles
from reticulum.overlay.identity import Identity
from reticulum.overlay.listening import Overlay
from reticulum.overlay.names import Names
from reticulum.overlay.network import Network
from reticulum.overlay.node import OverlayNode
from reticulum.overlay.notebook import NotebookFile
from reticulum.overlay.surroundings import Offer, Place, Send
from reticulum.reach.admission import Admission
from reticulum.reach.dial import HttpPeers
from reticulum.reach.introduction import Introduction
from reticulum.reach.lanes import Bounds, Lanes
from reticulum.reach.pipes import DirectPipes
from reticulum.reach.tls import NodeTls
from reticulum.settings.sections import Settings
from reticulum.web.peer_listening import NoIntake, PeerListener
from reticulum.web.peering import Peering
from reticulum.web.site import NodeSite

NOTEBOOK_NAME = "overlay.json"
# Above the 30 s for which a dialler keeps a silent connection.
PEER_IDLE_S = 60
PEER_CONNECTIONS = 500
LONGEST_ANSWER_BYTES = 400_000_000
# A missing image is asked for again after so long; facts of others are believed for so long.
MISSING_S = 5.0
BELIEVED_S = 300.0
REMEMBERED = 10_000


@attrs.define(kw_only=True)
class Grid:
    """
    What the rest of the node gets.

    Args:
        overlay: This node in the DHT.
        pictures: From here or from whoever holds the image.
        facts: Likewise.
        console: For the operator.
        parts: To be started in this order.
        status: In values that JSON can hold.
        follow: Reads the grid's secrets again and puts them in force; tells what is in force.
    """

    overlay: OverlayNode
    pictures: Pictures
    facts: Callable[[ImageId], Awaitable[Original]]
    console: Console
    parts: list[Part]
    status: Callable[[], dict[str, Any]]
    follow: Callable[[], dict[str, Any]]


def grid_of(
    *,
    data: Path,
    settings: Settings,
    identity: Identity,
    reactor: Any,
    in_thread: InThread,
    stock: NodeStock,
    retrieve: Retrieve,
    originals: Originals,
    renditions: Renditions,
    tasks: Tasks,
    unready: Callable[[], str | None],
) -> Grid:
    """Wire everything that has to do with other nodes."""
    host, port = peer_address(data, settings.peer)
    files = GridFiles(data)
    ring = files.read()

    def offer() -> Offer:
        disk = shutil.disk_usage(data)
        return Offer(
            zone=settings.node.zone,
            capacity=disk.total,
            free=disk.free,
            software=f"reticulum {__version__}",
        )

    names = Names(reactor.nameResolver)

    def make(send: Send) -> OverlayNode:
        return OverlayNode(
            private_key=identity.key,
            ring=ring,
            send=send,
            clock=reactor,
            wall_ms=lambda: time.time_ns() // 1_000_000,
            rng=random.SystemRandom(),
            place=Place(
                port=port,
                addresses=() if is_wild(host) else (Address(host, port),),
                entrances=(
                    *(Entrance.parse(text) for text in settings.peer.entrances),
                    *read_entrances(data),
                ),
            ),
            offer=offer,
            stock=stock,
            resolve=names,
            notebook=NotebookFile(data / NOTEBOOK_NAME, in_thread),
        )

    network = Network(make)
    overlay = network.overlay
    stock.crier = overlay
    tls = NodeTls(identity.key)
    peers = HttpPeers(
        pipes=DirectPipes(reactor=reactor),
        introduction=Introduction(
            own_id=overlay.node_id,
            tls=tls,
            clock=reactor,
            key=lambda: secrets.ring.current.peer_http,
        ),
        lanes=Lanes(reactor, Bounds()),
        clock=reactor,
        max_bytes=LONGEST_ANSWER_BYTES,
    )
    fetch = Fetch(
        holders=_HoldersByDht(overlay),
        peers=peers,
        originals=originals,
        missing=Recent(most=REMEMBERED, seconds=MISSING_S, now=reactor.seconds),
    )
    pictures = RetrieveFromGrid(
        here=retrieve,
        fetch=fetch,
        originals=originals,
        renditions=renditions,
        flight=SingleFlight(tasks),
        known=Recent(most=REMEMBERED, seconds=BELIEVED_S, now=reactor.seconds),
        pipeline=PIPELINE,
    )
    site = NodeSite(
        public=Peering(retrieve=retrieve, originals=originals, unready=unready),
        intake=NoIntake(),
        clock=reactor,
        idle_timeout_s=PEER_IDLE_S,
        max_connections=PEER_CONNECTIONS,
    )
    admission = Admission(
        site,
        own_id=overlay.node_id,
        clock=reactor,
        keys=lambda: [keys.peer_http for keys in secrets.ring.accepted.values()],
    )
    secrets = GridSecrets(files=files, ring=ring, overlay=overlay, host=host, port=port)
    return Grid(
        overlay=overlay,
        pictures=pictures,
        facts=pictures.facts,
        console=Console(
            node=overlay,
            resident=Resident(offer=offer, holds=stock.holds),
            resolve=names,
            clock=reactor,
            now=time.time,
        ),
        parts=[
            peers,
            Overlay(network, port=port, interface=host),
            PeerListener(
                reactor=reactor, site=site, admission=admission, tls=tls, hosts=[host], port=port
            ),
        ],
        status=lambda: {**_status(overlay), "fetched": pictures.fetched, "port": port},
        follow=secrets.follow,
    )


@attrs.frozen
class _HoldersByDht:
    """Who holds an image, by a lookup; a `Holders`."""

    _overlay: OverlayNode

    async def holders(self, image_id: ImageId) -> Sequence[Contact]:
        """Nodes that should hold the image; those that answered for themselves come first."""
        found = await self._overlay.holders(Key.of_image(image_id))
        contacts = []
        for holder in sorted(found, key=lambda holder: holder.address is None):
            address = holder.address or (await self._overlay.find(holder.node_id)).address
            if address is not None:
                contacts.append(Contact(holder.node_id, address))
        return contacts


def _status(overlay: OverlayNode) -> dict[str, Any]:
    status = overlay.status()
    return {
        "role": str(status.role.name).lower(),
        "joined": status.joined,
        "peers": status.peers,
        "records": status.records,
        "announced": status.images,
        "seen_as": None if status.seen is None else str(status.seen),
        "refused": {reason.name.lower(): count for reason, count in status.refused.items()},
        "wrong_clocks": [
            {"address": str(clock.address), "off_s": clock.off_s} for clock in status.wrong_clocks
        ],
        "twins": [
            {
                "id": str(twin.node_id),
                "addresses": [str(address) for address in twin.addresses],
                "own": twin.own,
            }
            for twin in status.twins
        ],
    }
