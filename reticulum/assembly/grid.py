"""A node's place in its grid: the overlay, the doors between nodes, and what people get of it."""

import time
from collections.abc import Callable, Iterable
from functools import partial
from pathlib import Path
from typing import Any

import attrs

from reticulum import __version__
from reticulum.aio import InThread
from reticulum.assembly.keeping import holds_over_pipe, keeping_of
from reticulum.assembly.nat_report import nat_report, reach_status
from reticulum.assembly.network import network_of
from reticulum.assembly.overlay_status import overlay_status
from reticulum.assembly.peer_address import peer_address
from reticulum.assembly.peer_site import LONGEST_ANSWER_BYTES, peer_site_of
from reticulum.assembly.reach import (
    AttachedThere,
    Behind,
    greeting_of,
    reach_of_node,
    router_secret_of,
)
from reticulum.assembly.reading import Reading, reading_of
from reticulum.assembly.replication import Replication, replication_of
from reticulum.assembly.secrets import GridSecrets
from reticulum.assembly.stores import Stores
from reticulum.interfaces import KeepingConsole, Part, Renditions
from reticulum.model import ImageId, NodeId, Shelf
from reticulum.node.holders import FindByDht
from reticulum.node.retrieve import Retrieve
from reticulum.node.stock import NodeStock
from reticulum.node.tasks import Tasks
from reticulum.overlay.console import Console, Resident
from reticulum.overlay.grid_files import GridFiles
from reticulum.overlay.identity import Identity
from reticulum.overlay.listening import Overlay
from reticulum.overlay.names import Names
from reticulum.overlay.surroundings import Offer
from reticulum.reach.admission import Admission
from reticulum.reach.dial import HttpPeers
from reticulum.reach.dial_back import DialBack
from reticulum.reach.introduction import Introduction
from reticulum.reach.lanes import Bounds, Lanes
from reticulum.reach.pipes import DirectPipes
from reticulum.reach.tls import NodeTls
from reticulum.replication.departure import Departure
from reticulum.replication.here import Here
from reticulum.settings.sections import Settings
from reticulum.web.peer_listening import PeerListener


@attrs.define(kw_only=True)
class Grid:
    """
    What the rest of the node gets.

    Args:
        reading: Pictures from here or from whoever holds the image.
        console: For the operator.
        keeping: Likewise, for the copies of images.
        parts: To be started in this order.
        status: In values that JSON can hold.
        reach: How it is reached, in such values.
        nat: The same at length, for whoever wants to mend it.
        follow: Reads the grid's secrets again and puts them in force; tells what is in force.
        replication: Copies on other nodes.
    """

    reading: Reading
    console: Console
    keeping: KeepingConsole
    parts: list[Part]
    status: Callable[[], dict[str, Any]]
    reach: Callable[[], dict[str, Any]]
    nat: Callable[[], dict[str, Any]]
    follow: Callable[[], dict[str, Any]]
    replication: Replication


def grid_of(
    *,
    data: Path,
    settings: Settings,
    live: Callable[[], Settings],
    identity: Identity,
    reactor: Any,
    in_thread: InThread,
    stock: NodeStock,
    retrieve: Retrieve,
    here: Here,
    stores: Stores,
    size: Callable[[], int],
    walk: Callable[[], Iterable[tuple[ImageId, int]]],
    renditions: Renditions,
    tasks: Tasks,
    unready: Callable[[], str | None],
) -> Grid:
    """
    Wire everything that has to do with other nodes.

    Args:
        data: Directory.
        settings: At the start.
        live: In force now.
        identity: Node key and grid secret.
        reactor: Sockets and clock.
        in_thread: Where work on the disk may block.
        stock: Which images are here.
        retrieve: Finds and makes what is here.
        here: The copies on this node.
        stores: What else is on its disk.
        size: How many images are here.
        walk: Lists them with their lengths in bytes, bit by bit.
        renditions: The cache.
        tasks: Owner of what goes on in the background.
        unready: Why the node can't serve now; None if it can.
    """
    host, port = peer_address(data, settings.peer)
    files = GridFiles(data)
    ring = files.read()

    departure = Departure()

    def shelf() -> Shelf:
        if departure.is_near or not live().replication.store:
            return Shelf.CLOSED
        return Shelf.FULL if stores.room.is_down_to_reserve() else Shelf.OPEN

    def offer() -> Offer:
        return Offer(
            zone=settings.node.zone,
            capacity=stores.room.capacity(),
            free=stores.room.free(),
            software=f"reticulum {__version__}",
            shelf=shelf(),
            relays=() if overlay.is_server else reach.anchorage.relays,
            relaying=overlay.is_server and live().reach.relay,
        )

    names = Names(reactor.nameResolver)

    pipes = DirectPipes(reactor=reactor)
    greeting = greeting_of(identity, lambda: secrets.peer_key())  # noqa: PLW0108  (comes later)
    dial_back = DialBack(greeting=greeting, pipes=pipes)

    network = network_of(
        data=data,
        settings=settings.peer,
        identity=identity,
        ring=ring,
        host=host,
        port=port,
        offer=offer,
        stock=stock,
        resolve=names,
        dial_back=dial_back,
        attached=AttachedThere(lambda: reach.relay.attached),
        in_thread=in_thread,
        reactor=reactor,
    )
    overlay = network.overlay
    stock.crier = overlay
    secrets = GridSecrets(
        files=files,
        ring=ring,
        overlay=overlay,
        host=host,
        port=port,
        relays=lambda: offer().relays,
    )
    tls = NodeTls(identity.key)
    introduction = Introduction(
        own_id=overlay.node_id, tls=tls, clock=reactor, key=secrets.peer_key
    )
    admission = Admission(
        Behind(lambda: site),
        own_id=overlay.node_id,
        clock=reactor,
        keys=secrets.peer_keys,
    )

    def attached_changed(node_id: NodeId) -> None:
        # They are met at once: who can't be asked directly is not to wait for the next round.
        contact = reach.relay.contact_of(node_id)
        if contact is None:
            replication.members.failed(node_id)
        else:
            replication.members.heard(contact)

    reach = reach_of_node(
        settings=lambda: live().reach,
        network=network,
        greeting=greeting,
        dial_back=dial_back,
        tls=tls,
        admission=admission,
        introduction=introduction,
        pipes=pipes,
        ask_to_punch=lambda *words: peers.punch(*words),  # noqa: PLW0108  (comes later)
        crowded=lambda: peers.close_detours(),  # noqa: PLW0108  (comes later)
        attached_changed=attached_changed,
        fingerprints=secrets.fingerprints,
        host=host,
        port=port,
        secret=router_secret_of(identity),
        reactor=reactor,
    )
    peers = HttpPeers(
        ways=reach.paths,
        lanes=Lanes(reactor, Bounds()),
        clock=reactor,
        max_bytes=LONGEST_ANSWER_BYTES,
    )
    find = FindByDht(overlay)
    replication = replication_of(
        settings=lambda: live().replication,
        zone=settings.node.zone,
        port=port,
        identity=identity,
        reactor=reactor,
        overlay=overlay,
        peers=peers,
        here=here,
        stores=stores,
        shelf=shelf,
        departure=departure,
        size=size,
        find=find,
        came=stock.came,
        tasks=tasks,
        clients=lambda: reach.relay.clients(),  # noqa: PLW0108  (comes later)
    )
    reading = reading_of(
        own=replication.own,
        copies=settings.replication.copies,
        members=replication.members,
        peers=replication.peers,
        find=find,
        here=here,
        retrieve=retrieve,
        renditions=renditions,
        seen=replication.keeper.watching.seen,
        is_settled=lambda: replication.members.settled or not overlay.knows_others,
        tasks=tasks,
        reactor=reactor,
    )
    site = peer_site_of(
        retrieve=retrieve,
        reading=reading,
        originals=here.originals,
        replication=replication,
        doorbell=reach.punching,
        unready=unready,
        reactor=reactor,
    )
    return Grid(
        reading=reading,
        console=Console(
            node=overlay,
            resident=Resident(offer=offer, holds=stock.holds),
            resolve=names,
            clock=reactor,
            now=time.time,
            holds_over_pipe=partial(holds_over_pipe, peers),
        ),
        keeping=keeping_of(
            replication,
            copies=settings.replication.copies,
            here=here,
            stores=stores,
            find=find,
            size=size,
            walk=walk,
            reactor=reactor,
        ),
        parts=[
            peers,
            Overlay(network, port=port, interface=host),
            PeerListener(
                reactor=reactor,
                site=site,
                door=reach.door,
                hang_up=reach.hang_up,
                hosts=[host],
                port=port,
            ),
            *reach.parts,
            replication.keeper,
        ],
        status=lambda: {**overlay_status(overlay), **reading.status(), "port": port},
        reach=lambda: reach_status(reach, overlay),
        nat=lambda: nat_report(reach, overlay, port=port),
        replication=replication,
        follow=secrets.follow,
    )
