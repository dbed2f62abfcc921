"""What the operator of a node can ask and do about copies, put together."""

from collections.abc import Callable, Iterable
from typing import Any

from reticulum.assembly.replication import Replication
from reticulum.assembly.stores import Stores
from reticulum.errors import HolderFailed
from reticulum.interfaces import Peers
from reticulum.model import Contact, Holding, ImageId
from reticulum.node.holders import FindByDht
from reticulum.replication.console import Keeping
from reticulum.replication.examining import Examining
from reticulum.replication.here import Here
from reticulum.replication.mending import Mending
from reticulum.replication.proving import Proving


async def holds_over_pipe(peers: Peers, contact: Contact, image_id: ImageId) -> bool | None:
    """Whether a node says over HTTP that it holds an image; None if it does not answer."""
    try:
        (holding,) = await peers.have(contact, [image_id])
    except HolderFailed:
        return None
    return holding in {Holding.HELD, Holding.VERIFIED}


def keeping_of(
    replication: Replication,
    *,
    copies: int,
    here: Here,
    stores: Stores,
    find: FindByDht,
    size: Callable[[], int],
    walk: Callable[[], Iterable[tuple[ImageId, int]]],
    reactor: Any,
) -> Keeping:
    """
    Wire the operator's look at copies.

    Args:
        replication: What looks after them.
        copies: Of each image.
        here: The copies on this node.
        stores: What else is on its disk.
        find: Looks up who has an image.
        size: How many images are here.
        walk: Lists them with their lengths in bytes, bit by bit.
        reactor: The clock.
    """
    own = replication.own().node_id
    examining = Examining(
        own=replication.own,
        here=here,
        tending=replication.tending,
        peers=replication.peers,
        hints=stores.hints,
        find=find,
        damaged=replication.damaged,
    )
    return Keeping(
        own=replication.own,
        copies=copies,
        size=size,
        keeper=replication.keeper,
        examining=examining,
        mending=Mending(
            own=own,
            here=here,
            examining=examining,
            tending=replication.tending,
            handover=replication.handover,
            peers=replication.peers,
            clock=reactor,
        ),
        proving=Proving(
            own=own,
            here=here,
            scrub=replication.keeper.scrub,
            tending=replication.tending,
            walk=walk,
            size=size,
            clock=reactor,
        ),
        clock=reactor,
    )
