"""Copies of this node and of others: stores, walks and debts, put together."""

import random
import time
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

import attrs

from reticulum.assembly.replication_status import replication_status
from reticulum.assembly.stores import Stores
from reticulum.interfaces import Peers
from reticulum.model import Address, Contact, ImageId, Member, Original, Shelf
from reticulum.node.holders import FindByDht
from reticulum.node.tasks import Tasks
from reticulum.overlay.identity import Identity
from reticulum.overlay.node import OverlayNode
from reticulum.replication.attending import Attending
from reticulum.replication.burial import Burial
from reticulum.replication.census import Census
from reticulum.replication.copying import GridCopying
from reticulum.replication.custody import KeeperCustody
from reticulum.replication.departure import Departure
from reticulum.replication.doubting import Doubting
from reticulum.replication.drain import Drain
from reticulum.replication.handover import Handover
from reticulum.replication.here import Here
from reticulum.replication.keeper import Keeper
from reticulum.replication.landscape import LONGEST_ROUND_S, Landscape
from reticulum.replication.noticing import NoticingPeers
from reticulum.replication.pace import Pace
from reticulum.replication.paying import Paying
from reticulum.replication.scrub import Scrub
from reticulum.replication.spot_check import EVERY_S, SpotCheck
from reticulum.replication.spread import Spread
from reticulum.replication.survey import Survey
from reticulum.replication.tending import Tending
from reticulum.replication.watching import Watching
from reticulum.settings.sections import ReplicationSettings


@attrs.frozen(kw_only=True)
class Replication:
    """
    What the rest of the node gets.

    Args:
        copying: For the verbs.
        own: This node, as others see it, now.
        custody: For other nodes.
        peers: Other nodes, watched.
        members: Who may keep what.
        keeper: The part that runs.
        tending: Makes images whole.
        handover: Moves copies.
        damaged: To be told of an image that turned out to be damaged here.
        status: In values that JSON can hold.
    """

    copying: GridCopying
    own: Callable[[], Member]
    custody: KeeperCustody
    peers: Peers
    members: Landscape
    keeper: Keeper
    tending: Tending
    handover: Handover
    damaged: Callable[[ImageId], None]
    status: Callable[[], dict[str, Any]]


def replication_of(
    *,
    settings: Callable[[], ReplicationSettings],
    zone: str,
    port: int,
    identity: Identity,
    reactor: Any,
    overlay: OverlayNode,
    peers: Peers,
    here: Here,
    stores: Stores,
    shelf: Callable[[], Shelf],
    departure: Departure,
    size: Callable[[], int],
    find: FindByDht,
    came: Callable[[Original], None],
    tasks: Tasks,
    clients: Callable[[], Sequence[Contact]] = lambda: (),
    now: Callable[[], float] = time.time,
    rng: random.Random | None = None,
) -> Replication:
    """
    Wire everything that has to do with copies on other nodes.

    Args:
        settings: In force now.
        zone: Of this node.
        port: Where it listens for other nodes.
        identity: Its key.
        reactor: The clock.
        overlay: This node in the DHT.
        peers: Asks other nodes.
        here: The copies on this node.
        stores: What else is on its disk.
        shelf: What it does for images of others now.
        departure: Whether it is about to leave.
        size: How many images are here.
        find: Looks up who has an image.
        came: Told of images that are believed in again.
        tasks: Owner of what goes on in the background.
        clients: Nodes that this one relays for.
        now: Seconds since 1970.
        rng: For pauses and choices; of the operating system if not given.
    """
    fixed, own = settings(), overlay.node_id
    rng = rng or random.SystemRandom()

    def own_member() -> Member:
        # Nobody finds a client without a relay: others do not count on it, so it must not, either.
        # But a node that has never met another one is all there is to its grid.
        reachable = overlay.is_reachable or not overlay.knows_others
        return Member(
            contact=Contact(own, Address("127.0.0.1", port)),
            zone=zone,
            capacity=stores.room.capacity(),
            shelf=shelf() if reachable else Shelf.CLOSED,
        )

    def changed() -> None:
        census.hurry()
        paying.stir()

    landscape = Landscape(
        own=own_member,
        surveyor=Survey(overlay),
        clock=reactor,
        rng=rng,
        grace_s=fixed.grace_s,
        changed=changed,
    )
    watched = NoticingPeers(peers=peers, heard=landscape.heard, unheard=landscape.failed)
    burial = Burial(
        own=own,
        private_key=identity.key,
        here=here,
        peers=watched,
        members=landscape,
        neighbourhood=landscape.surveyor,
        now=now,
        clock=reactor,
        rng=rng,
        start=tasks.start,
        clients=clients,
    )
    handover = Handover(here=here, peers=watched, burial=burial)
    tending = Tending(
        own=own,
        copies=fixed.copies,
        here=here,
        members=landscape,
        peers=watched,
        handover=handover,
        burial=burial,
        departure=departure,
    )
    started_at = reactor.seconds()

    def is_settled() -> bool:
        # Who was there before this node started, and is away just now, it can't know.
        return landscape.settled and reactor.seconds() - started_at >= fixed.grace_s

    census = Census(
        here=here,
        tending=tending,
        pace=Pace(share=fixed.upkeep_share / 2, period_s=fixed.census_s),
        size=size,
        clock=reactor,
        rng=rng,
        is_settled=is_settled,
    )
    scrub = Scrub(
        here=here,
        tending=tending,
        pace=Pace(share=fixed.upkeep_share / 2, period_s=fixed.scrub_s),
        size=size,
        clock=reactor,
        rng=rng,
    )
    spread = Spread(
        own=own,
        copies=fixed.copies,
        tending=tending,
        handover=handover,
        here=here,
        hints=stores.hints,
        clock=reactor,
        timeout_s=lambda: settings().write_timeout_s,
        is_alone=lambda: not overlay.knows_others,
        start=tasks.start,
    )
    paying = Paying(
        hints=stores.hints,
        members=landscape,
        tending=tending,
        handover=handover,
        spread=spread,
        clock=reactor,
        rng=rng,
    )
    watching = Watching(tending=tending, clock=reactor, is_settled=is_settled)
    keeper = Keeper(
        landscape=landscape,
        attending=Attending(
            members=landscape,
            burial=burial,
            graveyard=stores.graveyard,
            stamp=stores.attendance.stamp,
            now=now,
            clock=reactor,
            rng=rng,
        ),
        doubting=Doubting(
            own=own,
            here=here,
            doubts=stores.doubt,
            tending=tending,
            members=landscape,
            believed=came,
            now=now,
            clock=reactor,
            is_settled=is_settled,
        ),
        census=census,
        scrub=scrub,
        paying=paying,
        watching=watching,
        spot_check=SpotCheck(
            here=here,
            tending=tending,
            alarmed=census.hurry,
            every_s=min(EVERY_S, fixed.grace_s),
            clock=reactor,
            rng=rng,
            is_settled=is_settled,
        ),
        drain=Drain(
            here=here,
            tending=tending,
            departure=departure,
            clock=reactor,
            # A round of theirs may have begun just before, and takes a while.
            notice_s=2 * min(LONGEST_ROUND_S, fixed.grace_s / 4),
        ),
        file=stores.upkeep,
        last=stores.attendance.last,
        is_alone=lambda: not overlay.knows_others,
        clock=reactor,
        rng=rng,
    )

    def damaged(image_id: ImageId) -> None:
        tasks.start("scrub.miss", _only(scrub.miss(image_id)))

    return Replication(
        copying=GridCopying(here=here, spread=spread, tending=tending, burial=burial, find=find),
        custody=KeeperCustody(
            here=here,
            burial=burial,
            shelf=shelf,
            now=now,
            damaged=damaged,
            look_after=watching.seen,
        ),
        own=own_member,
        peers=watched,
        members=landscape,
        keeper=keeper,
        tending=tending,
        handover=handover,
        damaged=damaged,
        status=lambda: {
            "shelf": shelf().name.lower(),
            **replication_status(keeper, tending, handover, spread, stores),
            "deletions": {"learned": burial.learned, "missed": keeper.attending.missed},
        },
    )


async def _only(work: Awaitable[object]) -> None:
    await work
