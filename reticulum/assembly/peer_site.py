"""HTTP for other nodes, put together."""

from collections.abc import Callable
from typing import Any

from reticulum.assembly.reading import Reading
from reticulum.assembly.replication import Replication
from reticulum.interfaces import Doorbell, Originals
from reticulum.node.retrieve import Retrieve
from reticulum.web.peer_intake import PeerIntake
from reticulum.web.peering import Peering
from reticulum.web.site import NodeSite

# Above the 30 s for which a dialler keeps a silent connection.
IDLE_S = 60
CONNECTIONS = 500
LONGEST_ANSWER_BYTES = 400_000_000


def peer_site_of(
    *,
    retrieve: Retrieve,
    reading: Reading,
    originals: Originals,
    replication: Replication,
    doorbell: Doorbell,
    unready: Callable[[], str | None],
    reactor: Any,
) -> NodeSite:
    """
    Wire the routes for nodes; nobody listens with them yet.

    Args:
        retrieve: Finds and makes what is here.
        reading: The same, in the whole grid.
        originals: What is here.
        replication: Copies.
        doorbell: Connects with other nodes without a relay.
        unready: Why the node can't serve now; None if it can.
        reactor: The clock.
    """
    return NodeSite(
        public=Peering(
            retrieve=retrieve,
            pictures_for_peers=reading.for_peers,
            originals=originals,
            custody=replication.custody,
            doorbell=doorbell,
            unready=unready,
            is_behind=lambda: not replication.keeper.is_up_to_date,
        ),
        intake=PeerIntake(custody=replication.custody, max_bytes=LONGEST_ANSWER_BYTES),
        clock=reactor,
        idle_timeout_s=IDLE_S,
        max_connections=CONNECTIONS,
    )
