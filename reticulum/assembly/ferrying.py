"""The ferry of this node, if it needs one, and this node as a ferryman."""

from collections.abc import Callable, Collection, Sequence
from typing import Any

import attrs

from reticulum.assembly.peer_address import is_wild, own_door
from reticulum.model import Address, Contact, NodeId
from reticulum.overlay.grid_keys import FINGERPRINT_BYTES
from reticulum.overlay.network import Network
from reticulum.reach.ferry.ferry import Ferry
from reticulum.reach.ferry.ferryman import Ferryman
from reticulum.reach.ferry.jetty import Door, Jetty
from reticulum.reach.ferry.limits import Limits
from reticulum.reach.ferry.quay import Received, UdpQuay
from reticulum.reach.pipes import DirectPipes
from reticulum.reach.relay.greeting import Greeting
from reticulum.settings.sections import ReachSettings


@attrs.frozen(kw_only=True)
class Ferrying:
    """
    What the rest of the node gets.

    Args:
        ferry: Carries this node's datagrams where UDP does not pass.
        ferryman: Carries those of others.
    """

    ferry: Ferry
    ferryman: Ferryman


def ferrying_of(
    *,
    settings: Callable[[], ReachSettings],
    network: Network,
    greeting: Greeting,
    pipes: DirectPipes,
    fingerprints: Callable[[], Sequence[bytes]],
    hosts: Callable[[], Sequence[str]],
    relays: Callable[[], Sequence[Contact]],
    host: str,
    port: int,
    reactor: Any,
) -> Ferrying:
    """
    Wire it, and let the datagrams of *network* go by the ferry while there is one.

    Args:
        settings: In force now.
        network: This node in the DHT, with its sockets.
        greeting: Who we are on plain connections.
        pipes: To ferrymen.
        fingerprints: Of the grid.
        hosts: This machine's addresses.
        relays: To which this node is attached.
        host: Where this node listens for others.
        port: Likewise.
        reactor: Sockets and clock.
    """
    overlay, ferriage = network.overlay, network.overlay.ferriage
    door = own_door(host, port)

    async def doors() -> Sequence[Door]:
        # Relays come first: connections to them are alive.
        known: dict[Address, NodeId | None] = {each.address: each.node_id for each in relays()}
        for address, node_id in await ferriage.doors():
            known.setdefault(address, node_id)
        own = own_addresses()
        return [Door(*found) for found in known.items() if found[0] not in own]

    def own_addresses() -> Collection[Address]:
        seen = overlay.standing().address
        own = {Address(each, port) for each in (door.host, *hosts())}
        return own if seen is None else own | {seen}

    def open_quay(received: Received) -> UdpQuay:
        return UdpQuay(
            reactor,
            None if is_wild(host) else host,
            received=received,
            opened=lambda number: ferriage.carries_from(
                Address(own.host, number) for own in own_addresses()
            ),
        )

    ferry = Ferry(
        Jetty(greeting=greeting, pipes=pipes, received=overlay.received, clock=reactor),
        doors=doors,
        heard=lambda: ferriage.heard,
        gets_through=lambda address: ferriage.gets_through(address, network.send_straight),
        began=ferriage.began,
        broke=ferriage.broke,
        ended=ferriage.ended,
        clock=reactor,
    )
    network.carrier = ferry
    ferryman = Ferryman(
        own_id=overlay.node_id,
        own=own_addresses,
        door=door,
        open_quay=open_quay,
        is_ours=lambda datagram: datagram[:FINGERPRINT_BYTES] in fingerprints(),
        is_open=lambda: settings().relay and overlay.is_server,
        limits=Limits,
        clock=reactor,
    )
    return Ferrying(ferry=ferry, ferryman=ferryman)
