"""Who holds an image, for the operator: also those who are reached through relays."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any

from twisted.internet.defer import Deferred, DeferredSemaphore, gatherResults

from reticulum.errors import ReticulumError
from reticulum.model import Contact, ImageId, Key, NodeId
from reticulum.overlay.console_values import trace_fields
from reticulum.overlay.views import Holder
from reticulum.overlay.watched import Watched

JsonObject = dict[str, Any]

HoldsOverPipe = Callable[[Contact, ImageId], Awaitable[bool | None]]
"""
Asks a node over TCP whether it holds an image, through its relay if there is one.

None if it does not answer. Awaits Deferreds only, ends in bounded time, raises nothing of ours.
"""
AT_ONCE = 8
MOST_FOLLOWED = 64
"""Holders that are looked for behind relays; more of one image there should not be."""


async def holders_of(
    node: Watched, image_id: ImageId, *, verify: bool, over_pipe: HoldsOverPipe | None
) -> list[JsonObject]:
    """
    Find who holds an image, the node that looks left out.

    Args:
        node: To look from.
        image_id: Of it.
        verify: Ask each holder itself.
        over_pipe: How to ask those that no datagram reaches; None if that can't be done here.
    """
    key = Key.of_image(image_id)
    traced = await node.trace(key)
    holders: list[JsonObject] = trace_fields(traced)["holders"]
    unmet = {holder["id"] for holder in holders if holder["address"] is None}
    ways = await _ways(node, key, [h for h in traced.holders if str(h.node_id) in unmet])
    for holder in holders:
        node_id = NodeId.parse(holder["id"])
        way = ways.get(node_id)
        if way is not None:
            holder |= {"address": str(way.address), "relay": str(way.via)}
            if verify:
                holder["verified"] = await over_pipe(way, image_id) if over_pipe else None
        elif verify:
            holder["verified"] = await _verified(node, node_id, key)
    return holders


async def _ways(node: Watched, key: Key, holders: Sequence[Holder]) -> Mapping[NodeId, Contact]:
    """By way of which relay each of *holders* is reached; without those that are not."""
    if not holders:
        return {}
    near = {way.node_id: way for way in (await node.around(key)).relayed}

    async def follow(holder: Holder) -> Contact | None:
        way = near.get(holder.node_id)
        if way is None and holder.record is not None and holder.record.client:
            way = next(iter((await node.find(holder.node_id)).relays), None)
        described = None if way is None else await node.describe(way)
        return None if described is None else described.contact

    turns = DeferredSemaphore(AT_ONCE)

    def begin(holder: Holder) -> Deferred[Contact | None]:
        return Deferred.fromCoroutine(follow(holder))

    working = [turns.run(begin, holder) for holder in holders[:MOST_FOLLOWED]]
    found: list[Contact | None] = await gatherResults(working, consumeErrors=True)
    return {way.node_id: way for way in found if way is not None and way.via is not None}


async def _verified(node: Watched, node_id: NodeId, key: Key) -> bool | None:
    """What a holder says itself; None if it does not answer."""
    try:
        address = (await node.find(node_id)).address
        if address is None:
            return None
        return (await node.ask(Contact(node_id, address), key)).holds
    except ReticulumError:
        return None
