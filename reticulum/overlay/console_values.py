"""What the overlay knows, in the values that the operator's JSON has."""

from collections.abc import Iterable, Mapping
from typing import Any

from reticulum.model import Address, Contact, NodeId
from reticulum.overlay.freshness import BucketView, ContactView
from reticulum.overlay.records import NodeRecord, ProviderRecord
from reticulum.overlay.trace import Hop, State
from reticulum.overlay.views import Answer, Holder, Traced

JsonObject = dict[str, Any]

MOST_RECORDS = 10_000
"""Records of each kind that are listed; all are counted."""


def contact_fields(contact: Contact) -> JsonObject:
    """A node and where it is."""
    return {"id": str(contact.node_id), "address": str(contact.address)}


def ping_fields(answer: Answer) -> JsonObject:
    """What a ping brought."""
    return {
        "answered": True,
        **contact_fields(answer.contact),
        "rtt_s": _seconds(answer.rtt_s),
        "role": "server" if answer.server else "client",
        "software": answer.software,
        "seen": None if answer.seen is None else str(answer.seen),
    }


def bucket_fields(bucket: BucketView) -> JsonObject:
    """A bucket of the routing table."""
    return {
        "low": str(bucket.low),
        "depth": bucket.depth,
        "idle_s": _seconds(bucket.idle_s),
        "waiting": bucket.waiting,
        "contacts": [_contact_view(view) for view in bucket.contacts],
    }


def _contact_view(view: ContactView) -> JsonObject:
    return {
        **contact_fields(view.contact),
        "age_s": _seconds(view.age_s),
        "silent_s": _seconds(view.silent_s),
        "failures": view.failures,
        "rtt_s": _seconds(view.rtt_s),
    }


def record_fields(record: NodeRecord) -> JsonObject:
    """A node record."""
    return {
        "id": str(record.speaker),
        "addresses": [str(address) for address in record.addresses],
        "relays": [contact_fields(relay) for relay in record.relays],
        "relaying": record.relaying,
        "role": record.role.name.lower(),
        "zone": record.zone,
        "software": record.software,
        "capacity_bytes": record.capacity,
        "free_bytes": record.free,
        "sequence": record.sequence,
        "issued": record.issued,
        "expires": record.expires,
    }


def records_fields(records: Iterable[NodeRecord | ProviderRecord], now: float) -> JsonObject:
    """All records that a node keeps, the ones that expire first at the front."""
    nodes: list[NodeRecord] = []
    providers: list[ProviderRecord] = []
    for record in records:
        if isinstance(record, NodeRecord):
            nodes.append(record)
        else:
            providers.append(record)
    nodes.sort(key=lambda record: record.expires)
    providers.sort(key=lambda record: record.expires)
    return {
        "now": int(now),
        "counts": {"nodes": len(nodes), "providers": len(providers)},
        "nodes": [record_fields(record) for record in nodes[:MOST_RECORDS]],
        "providers": [_provider_fields(record) for record in providers[:MOST_RECORDS]],
    }


def _provider_fields(record: ProviderRecord) -> JsonObject:
    return {
        "key": str(record.key),
        "holder": str(record.speaker),
        "size_class": record.size_class,
        "withdrawn": record.withdrawn,
        "sequence": record.sequence,
        "issued": record.issued,
        "expires": record.expires,
    }


def _holder_fields(holder: Holder, met: Mapping[NodeId, Address]) -> JsonObject:
    """
    A holder; `source` says whether it answered for itself or a record speaks of it.

    `relay` is for whoever finds out that it is reached through one.
    """
    record = holder.record
    address = holder.address or met.get(holder.node_id)
    return {
        "id": str(holder.node_id),
        "address": None if address is None else str(address),
        "relay": None,
        "source": "record" if record is not None else "itself",
        "expires": None if record is None else record.expires,
    }


def trace_fields(traced: Traced) -> JsonObject:
    """A lookup with every hop."""
    met = {h.contact.node_id: h.contact.address for h in traced.hops if h.state is State.ANSWERED}
    return {
        "target": str(traced.target),
        "ending": traced.ending.value,
        "took_s": _seconds(traced.took_s),
        "asked": sum(hop.asked_at is not None for hop in traced.hops),
        "hops": [_hop_fields(hop) for hop in traced.hops],
        "closest": [contact_fields(contact) for contact in traced.closest],
        "holders": [_holder_fields(holder, met) for holder in traced.holders],
    }


def _hop_fields(hop: Hop) -> JsonObject:
    return {
        **contact_fields(hop.contact),
        "depth": hop.depth,
        "referrer": None if hop.referrer is None else contact_fields(hop.referrer),
        "distance_bits": hop.distance_bits,
        "state": hop.state.value,
        "rtt_s": _seconds(hop.rtt_s),
    }


def _seconds(seconds: float | None) -> float | None:
    return None if seconds is None else round(seconds, 6)
