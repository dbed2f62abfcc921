"""The DHT as an operator looks at it: a node's answers in values that JSON can hold."""

from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from typing import Any

import attrs
from twisted.internet.interfaces import IReactorTime

from reticulum.errors import BadRequest, OutOfTime, ReticulumError
from reticulum.model import Address, Contact, ImageId, Key, NodeId
from reticulum.overlay.console_crawl import crawl_events
from reticulum.overlay.console_holders import HoldsOverPipe, holders_of
from reticulum.overlay.console_values import (
    bucket_fields,
    contact_fields,
    ping_fields,
    record_fields,
    records_fields,
    trace_fields,
)
from reticulum.overlay.crawl import CrawlLimits
from reticulum.overlay.entrance import Entrance
from reticulum.overlay.surroundings import Offer, Resolve
from reticulum.overlay.views import Located, OverlayStatus
from reticulum.overlay.watched import Watched

JsonObject = dict[str, Any]


@attrs.frozen(kw_only=True)
class Resident:
    """
    What is known of a node that stays in the grid, beside what the overlay knows.

    Args:
        offer: What it says about itself.
        holds: Whether it holds the image with a key.
    """

    offer: Callable[[], Offer]
    holds: Callable[[Key], bool]


@attrs.frozen(kw_only=True)
class Console:
    """
    A `DhtConsole` on a node in this process.

    Args:
        node: To look from.
        resident: None for a node that is there only to look; it is in no answer then.
        resolve: Addresses of host names.
        clock: For the pace and the deadline of a crawl.
        now: Seconds since 1970.
        limits: Of a crawl, if not the usual ones.
        holds_over_pipe: Asks nodes that are reached through relays whether they hold an image;
            None if this process can't.
    """

    _node: Watched
    _resident: Resident | None
    _resolve: Resolve
    _clock: IReactorTime
    _now: Callable[[], float]
    _limits: CrawlLimits | None = None
    _holds_over_pipe: HoldsOverPipe | None = None

    async def ping(self, whom: str) -> JsonObject:
        """Ask whether a node is there; see `DhtConsole`."""
        to = await self._destination(whom)
        if to is None:
            return {"answered": False, "reason": f"no node {whom} answered the lookup for it"}
        if isinstance(to, Contact) and to.via is not None:
            reason = f"no datagram reaches it; it is there, behind its relay {to.via}"
            return {"answered": False, "reason": reason}
        try:
            return ping_fields(await self._node.ping(to))
        except OutOfTime:
            return {
                "answered": False,
                "reason": f"{to if isinstance(to, Address) else whom} gave no answer",
            }
        except ReticulumError as error:
            return {"answered": False, "reason": str(error)}

    async def _destination(self, whom: str) -> Contact | Address | None:
        try:
            node_id = NodeId.parse(whom)
        except ValueError:
            return await self._address(whom)
        located = await self._node.find(node_id)
        if located.address is not None:
            return Contact(node_id, located.address)
        return await self._relay_of(located)

    async def _relay_of(self, located: Located) -> Contact | None:
        """The node by way of the relay that has it now, if one has."""
        described = await self._node.describe(located.relays[0]) if located.relays else None
        return None if described is None else described.contact

    async def _address(self, whom: str) -> Address:
        try:
            entrance = Entrance.parse(whom)
        except ValueError as error:
            raise BadRequest(f"{whom[:80]!r} is neither a node id nor HOST:PORT: {error}") from None
        if not entrance.is_name:
            return Address(entrance.host, entrance.port)
        try:
            hosts = await self._resolve(entrance.host)
        except Exception:  # noqa: BLE001  (whatever it raises means that there is no answer)
            hosts = ()
        if not hosts:
            raise BadRequest(f"there is no host {entrance.host}")
        return Address(hosts[0], entrance.port)

    async def table(self) -> JsonObject:
        """The routing table; see `DhtConsole`."""
        buckets = self._node.table_view()
        return {
            "id": str(self._node.node_id),
            "contacts": sum(len(bucket.contacts) for bucket in buckets),
            "buckets": [bucket_fields(bucket) for bucket in buckets],
        }

    async def find(self, node_id: NodeId) -> JsonObject:
        """Where a node is; see `DhtConsole`."""
        located = await self._node.find(node_id)
        way = await self._relay_of(located)
        relay = None if way is None or way.via is None else Contact(way.via, way.address)
        return {
            "id": str(located.node_id),
            "address": None if located.address is None else str(located.address),
            "relay": None if relay is None else contact_fields(relay),
            "record": None if located.record is None else record_fields(located.record),
        }

    async def trace(self, key: Key) -> JsonObject:
        """A whole lookup; see `DhtConsole`."""
        return trace_fields(await self._node.trace(key))

    async def holders(self, image_id: ImageId, *, verify: bool) -> JsonObject:
        """Who holds an image; see `DhtConsole`."""
        key = Key.of_image(image_id)
        holders = await holders_of(
            self._node, image_id, verify=verify, over_pipe=self._holds_over_pipe
        )
        if self._resident is not None and self._resident.holds(key):
            relay = next(iter(self._resident.offer().relays), None)
            address = self._node.status().seen if relay is None else relay.address
            own = {
                "id": str(self._node.node_id),
                "address": None if address is None else str(address),
                "relay": None if relay is None else str(relay.node_id),
                "source": "here",
            }
            holders.insert(0, {**own, "verified": True} if verify else own)
        return {"id": str(image_id), "key": str(key), "holders": holders}

    async def records(self) -> JsonObject:
        """The records kept for others; see `DhtConsole`."""
        return records_fields(self._node.records_view(), self._now())

    async def crawl(self) -> AsyncGenerator[JsonObject, None]:
        """Walk over all nodes; see `DhtConsole`."""
        events = crawl_events(self._node, self._own, clock=self._clock, limits=self._limits)
        async with aclosing(events) as told:
            async for event in told:
                yield event

    def _own(self, status: OverlayStatus, contacts: int) -> JsonObject | None:
        """This node as others are told of; None if it is not to be told of."""
        if self._resident is None:
            return None
        offer = self._resident.offer()
        address = "" if status.seen is None else str(status.seen)
        return {
            "id": str(self._node.node_id),
            "address": address,
            "addresses": [address] if address else [],
            "relays": [contact_fields(relay) for relay in offer.relays],
            "role": status.role.name.lower(),
            "zone": offer.zone,
            "software": offer.software,
            "capacity_bytes": offer.capacity,
            "free_bytes": offer.free,
            "rtt_s": 0.0,
            "clock_off_s": 0.0,
            "contacts": contacts,
            "stale_share": None,
            "named_by": None,
        }
