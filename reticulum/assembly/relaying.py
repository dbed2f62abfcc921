"""Relays of this node, and this node as a relay; and when it needs the one or is the other."""

import random
from collections.abc import Callable, Sequence
from typing import Any

import attrs
from twisted.internet.defer import Deferred, FirstError, gatherResults
from twisted.internet.defer import TimeoutError as DeferredTimeoutError
from twisted.internet.interfaces import IProtocolFactory

from reticulum.model import Contact, NodeId
from reticulum.overlay.node import OverlayNode
from reticulum.overlay.records import Role
from reticulum.reach.ladder import Footing, Ladder
from reticulum.reach.pipes import DirectPipes
from reticulum.reach.relay.anchorage import Anchorage, Candidate
from reticulum.reach.relay.greeting import Greeting
from reticulum.reach.relay.limits import Limits
from reticulum.reach.relay.service import Relay
from reticulum.settings.sections import ReachSettings

ASKED_FOR_RELAYS = 12
"""Nodes that are asked whether they relay, at a time."""
DESCRIBE_S = 1.5
"""For each to answer: a dead one must not keep this node waiting."""


@attrs.frozen(kw_only=True)
class Relaying:
    """
    What the rest of the node gets.

    Args:
        ladder: Where this node stands.
        anchorage: Its relays.
        relay: What it does as one.
    """

    ladder: Ladder
    anchorage: Anchorage
    relay: Relay


def relaying_of(
    *,
    settings: Callable[[], ReachSettings],
    overlay: OverlayNode,
    greeting: Greeting,
    pipes: DirectPipes,
    inside: IProtocolFactory,
    attached_changed: Callable[[NodeId], None],
    rng: random.Random,
    reactor: Any,
) -> Relaying:
    """
    Wire it; the arguments are those of `reach_of_node`.

    Args:
        settings: In force now.
        overlay: This node in the DHT.
        greeting: Who we are on plain connections.
        pipes: To relays.
        inside: Listens on streams that come through relays.
        attached_changed: Told of nodes that this one relays for, or does no more.
        rng: For choices.
        reactor: The clock.
    """
    ladder = Ladder(
        lambda: Footing(
            is_in=overlay.is_in,
            is_public=overlay.is_server,
            relays=len(anchorage.moored),
        ),
        seconds=reactor.seconds,
        changed=lambda _standing: overlay.said_anew(),
    )

    async def candidates() -> Sequence[Candidate]:
        contacts = list(overlay.table.contacts())
        rng.shuffle(contacts)
        asked = [
            Deferred.fromCoroutine(_candidate(overlay, contact))
            .addTimeout(DESCRIBE_S, reactor)
            .addErrback(lambda failure: failure.trap(DeferredTimeoutError) and None)
            for contact in contacts[:ASKED_FOR_RELAYS]
        ]
        try:
            found = await gatherResults(asked, consumeErrors=True)
        except FirstError as first:
            first.subFailure.raiseException()
        return [candidate for candidate in found if candidate is not None]

    anchorage = Anchorage(
        greeting=greeting,
        pipes=pipes,
        inside=inside,
        candidates=candidates,
        is_needed=lambda: ladder.needs_relays,
        changed=overlay.said_anew,
        clock=reactor,
    )
    relay = Relay(
        own_id=overlay.node_id,
        own_address=lambda: overlay.standing().address,
        clock=reactor,
        limits=lambda: Limits(
            nodes=settings().relay_nodes, bytes_per_s=settings().relay_bytes_per_s
        ),
        is_open=lambda: settings().relay and overlay.is_server,
        changed=attached_changed,
    )
    return Relaying(ladder=ladder, anchorage=anchorage, relay=relay)


async def _candidate(overlay: OverlayNode, contact: Contact) -> Candidate | None:
    described = await overlay.describe(contact)
    if described is None:
        return None
    record = described.record
    if record.role is not Role.SERVER or not record.relaying:
        return None
    return Candidate(contact=contact, zone=record.zone)
