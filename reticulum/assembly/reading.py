"""Pictures from the whole grid: placement, hedging, turns and caches, put together."""

from collections.abc import Awaitable, Callable
from typing import Any

import attrs

from reticulum.imaging.pipeline import PIPELINE
from reticulum.interfaces import Members, Peers, Pictures, Renditions
from reticulum.model import ImageId, Member, Original
from reticulum.node.arrivals import Arrivals
from reticulum.node.by_turn import RetrieveByTurn
from reticulum.node.fetch import Fetch
from reticulum.node.flight import SingleFlight
from reticulum.node.hedging import Budget, Hedging
from reticulum.node.holders import FindByDht, PlacedHolders
from reticulum.node.nudges import Nudges
from reticulum.node.promptness import Promptness
from reticulum.node.recent import Recent
from reticulum.node.retrieve import Retrieve
from reticulum.node.retrieve_from_grid import RetrieveFromGrid
from reticulum.node.tasks import Tasks
from reticulum.replication.here import Here

# A missing image is asked for again after so long; facts of others are believed for so long.
MISSING_S = 5.0
BELIEVED_S = 60.0
REMEMBERED = 10_000


@attrs.frozen(kw_only=True)
class Reading:
    """
    What the rest of the node gets.

    Args:
        pictures: For people: from here or from whoever holds the image.
        for_peers: For other nodes: from here, or from the one holder whose turn it is.
        facts: For people.
        forget: Forgets all that was made or remembered of an image.
        status: In values that JSON can hold.
    """

    pictures: Pictures
    for_peers: Pictures
    facts: Callable[[ImageId], Awaitable[Original]]
    forget: Callable[[ImageId], Awaitable[None]]
    status: Callable[[], dict[str, Any]]


def reading_of(
    *,
    own: Callable[[], Member],
    copies: int,
    members: Members,
    peers: Peers,
    find: FindByDht,
    here: Here,
    retrieve: Retrieve,
    renditions: Renditions,
    seen: Callable[[ImageId], None],
    is_settled: Callable[[], bool],
    tasks: Tasks,
    reactor: Any,
) -> Reading:
    """
    Wire reads.

    Args:
        own: This node, as others see it, now.
        copies: Of each image.
        members: Who may keep what.
        peers: Asks other nodes.
        find: Looks holders up.
        here: The copies on this node.
        retrieve: Finds and makes what is here.
        renditions: The cache.
        seen: Told of images that are here and were asked for.
        is_settled: Whether this node knows by now who is there.
        tasks: Owner of what goes on in the background.
        reactor: The clock.
    """
    now = reactor.seconds
    promptness = Promptness(now)
    # A second holder that is asked early only joins the one whose turn it is: extra questions
    # are cheap there. Where they would make a rendition twice, they have to be earned.
    for_fetch = Hedging(promptness=promptness, budget=Budget(2.0), clock=reactor)
    for_turns = Hedging(promptness=promptness, budget=Budget(), clock=reactor, silent_s=2.0)
    holders = PlacedHolders(
        own=own,
        members=members,
        copies=lambda: copies,
        promptness=promptness,
        find=find,
        now=now,
    )
    nudges = Nudges(own=own().node_id, placed=holders.lately, peers=peers, tasks=tasks, now=now)
    arrivals = Arrivals(renditions=renditions, is_deleted=here.is_deleted, pipeline=PIPELINE)
    by_turn = RetrieveByTurn(
        here=retrieve,
        turn=holders.turn,
        peers=peers,
        hedging=for_turns,
        originals=here.originals,
        renditions=renditions,
        arrivals=arrivals,
        flight=SingleFlight(tasks),
        is_deleted=here.is_deleted,
        seen=seen,
    )
    from_grid = RetrieveFromGrid(
        here=by_turn,
        fetch=Fetch(
            holders=holders,
            peers=peers,
            originals=here.originals,
            missing=Recent(most=REMEMBERED, seconds=MISSING_S, now=now),
            hedging=for_fetch,
            found=nudges.found,
            is_settled=is_settled,
        ),
        originals=here.originals,
        renditions=renditions,
        arrivals=arrivals,
        flight=SingleFlight(tasks),
        known=Recent(most=REMEMBERED, seconds=BELIEVED_S, now=now),
        is_deleted=here.is_deleted,
    )
    return Reading(
        pictures=from_grid,
        for_peers=by_turn,
        facts=from_grid.facts,
        forget=from_grid.forget,
        status=lambda: {
            "fetched": from_grid.fetched,
            "fetched_by_turn": by_turn.fetched,
            "nudges": nudges.sent,
        },
    )
