"""The DHT as an operator looks at it: a node's answers in values that JSON can hold."""

from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from typing import Any, Protocol

import attrs
from twisted.internet.interfaces import IReactorTime

from reticulum.errors import BadRequest, OutOfTime, ReticulumError
from reticulum.model import Address, Contact, ImageId, Key, NodeId
from reticulum.overlay.console_values import (
    bucket_fields,
    ping_fields,
    record_fields,
    records_fields,
    trace_fields,
)
from reticulum.overlay.crawl import Crawl, CrawlLimits, Told
from reticulum.overlay.crawl_report import progress, report
from reticulum.overlay.crawl_run import CrawlRun
from reticulum.overlay.entrance import Entrance
from reticulum.overlay.freshness import BucketView
from reticulum.overlay.records import NodeRecord, ProviderRecord
from reticulum.overlay.surroundings import Offer, Resolve
from reticulum.overlay.views import Answer, Located, OverlayStatus, Traced

JsonObject = dict[str, Any]


class Watched(Protocol):
    """What a console asks of a node of the overlay; see `OverlayNode`."""

    @property
    def node_id(self) -> NodeId:
        """Who it is."""

    async def ping(self, to: Contact | Address) -> Answer:
        """Ask whether a node is there."""

    async def find(self, node_id: NodeId) -> Located:
        """Where a node is, and its record."""

    async def trace(self, target: Key) -> Traced:
        """A full lookup with every hop."""

    async def ask(self, contact: Contact, target: Key) -> Told:
        """
        Ask one node what it knows near *target*, whether it holds it, and if that is its own
        id, for its record.

        Raises:
            OutOfTime: No answer.
            ReticulumError: An answer of no use.
        """

    def status(self) -> OverlayStatus:
        """How it does."""

    def table_view(self) -> tuple[BucketView, ...]:
        """The routing table."""

    def records_view(self) -> tuple[ProviderRecord | NodeRecord, ...]:
        """The records it keeps for others."""


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
    """

    _node: Watched
    _resident: Resident | None
    _resolve: Resolve
    _clock: IReactorTime
    _now: Callable[[], float]
    _limits: CrawlLimits | None = None

    async def ping(self, whom: str) -> JsonObject:
        """Ask whether a node is there; see `DhtConsole`."""
        to = await self._destination(whom)
        if to is None:
            return {"answered": False, "reason": f"no node {whom} answered the lookup for it"}
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
        return None if located.address is None else Contact(node_id, located.address)

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
        return {
            "id": str(located.node_id),
            "address": None if located.address is None else str(located.address),
            "record": None if located.record is None else record_fields(located.record),
        }

    async def trace(self, key: Key) -> JsonObject:
        """A whole lookup; see `DhtConsole`."""
        return trace_fields(await self._node.trace(key))

    async def holders(self, image_id: ImageId, *, verify: bool) -> JsonObject:
        """Who holds an image; see `DhtConsole`."""
        key = Key.of_image(image_id)
        traced = await self._node.trace(key)
        holders = trace_fields(traced)["holders"]
        if verify:
            for holder in holders:
                holder["verified"] = await self._verified(holder, key)
        if self._resident is not None and self._resident.holds(key):
            seen = self._node.status().seen
            address = None if seen is None else str(seen)
            own = {"id": str(self._node.node_id), "address": address, "source": "here"}
            holders.insert(0, {**own, "verified": True} if verify else own)
        return {"id": str(image_id), "key": str(key), "holders": holders}

    async def _verified(self, holder: JsonObject, key: Key) -> bool | None:
        """What a holder says itself; None if it does not answer."""
        node_id = NodeId.parse(holder["id"])
        try:
            address = (await self._node.find(node_id)).address
            if address is None:
                return None
            return (await self._node.ask(Contact(node_id, address), key)).holds
        except ReticulumError:
            return None

    async def records(self) -> JsonObject:
        """The records kept for others; see `DhtConsole`."""
        return records_fields(self._node.records_view(), self._now())

    async def crawl(self) -> AsyncGenerator[JsonObject, None]:
        """Walk over all nodes; see `DhtConsole`."""
        start = [view.contact for bucket in self._node.table_view() for view in bucket.contacts]
        crawl = Crawl(self._node.node_id, start, self._limits)
        run = CrawlRun(crawl, self._node.ask, self._clock)
        async with aclosing(run.steps()) as steps:
            async for _ in steps:
                yield progress(crawl, run.took_s)
        ending = "out of time" if run.out_of_time else "complete"
        status = self._node.status()
        found = report(
            crawl,
            own=self._own(status, start),
            ending="too many" if ending == "complete" and crawl.cut_short else ending,
            took_s=run.took_s,
            wrong_clocks=status.wrong_clocks,
            twins=status.twins,
        )
        yield {"event": "done", **found}

    def _own(self, status: OverlayStatus, contacts: list[Contact]) -> JsonObject | None:
        """This node as others are told of; None if it is not to be told of."""
        if self._resident is None:
            return None
        offer = self._resident.offer()
        address = "" if status.seen is None else str(status.seen)
        return {
            "id": str(self._node.node_id),
            "address": address,
            "addresses": [address] if address else [],
            "role": status.role.name.lower(),
            "zone": offer.zone,
            "software": offer.software,
            "capacity_bytes": offer.capacity,
            "free_bytes": offer.free,
            "rtt_s": 0.0,
            "clock_off_s": 0.0,
            "contacts": len(contacts),
            "stale_share": None,
            "named_by": None,
        }
