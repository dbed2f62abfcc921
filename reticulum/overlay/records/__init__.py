"""Signed, expiring statements of nodes: made, read, believed, kept."""

from reticulum.overlay.records.batches import pack_providers, unpack_providers
from reticulum.overlay.records.node import NodeRecord, Role
from reticulum.overlay.records.node_store import NodeStore
from reticulum.overlay.records.provider import ProviderRecord, size_class, zone_mark
from reticulum.overlay.records.provider_store import Bounds, ProviderStore
from reticulum.overlay.records.statement import (
    LIFETIME_S,
    MOST_SKEW_S,
    RENEW_RELAYED_S,
    Statement,
    next_sequence,
)
from reticulum.overlay.records.tombstone import read_tombstone, sign_tombstone
from reticulum.overlay.records.verification import Verification

__all__ = [
    "LIFETIME_S",
    "MOST_SKEW_S",
    "RENEW_RELAYED_S",
    "Bounds",
    "NodeRecord",
    "NodeStore",
    "ProviderRecord",
    "ProviderStore",
    "Role",
    "Statement",
    "Verification",
    "next_sequence",
    "pack_providers",
    "parse",
    "read_tombstone",
    "sign_tombstone",
    "size_class",
    "unpack_providers",
    "zone_mark",
]


def parse(packed: bytes) -> ProviderRecord | NodeRecord:
    """
    Read a record of either kind; whether to believe it is another matter.

    Raises:
        BadRecord: With `RecordFault.MALFORMED`.
    """
    kind = NodeRecord if packed[:1] == NodeRecord.KIND else ProviderRecord
    return kind.parse(packed)
