"""
The provider records of one key, and which of them stay when there are too many.

Anybody in the grid can make as many node keys as it likes, so ten thousand providers of one
image are one hostile node. Nothing tells them from honest ones; what is done is to leave them no
certain way in. A record of the own node stays. Half of the places belong to those who came first,
for as long as they keep announcing. For the other half lots are drawn: a hash, keyed with a secret
of this node, of the provider's id. Drawing again gives the same lot, and every node draws
differently. Withdrawn and expired records go before any other.
"""

import hashlib
import struct
from collections.abc import Iterator

from reticulum.errors import BadRecord, RecordFault
from reticulum.model import NodeId
from reticulum.overlay.records.provider import WITHDRAWN, ProviderRecord

_FLAGS_AT = 41
_SEQUENCE = struct.Struct(">Q")
_SEQUENCE_AT = 42
_EXPIRES = struct.Struct(">I")
_EXPIRES_AT = 54
_LOT_BYTES = 8


class Crowd:
    """Records as packed bytes by provider, in the order in which the providers came."""

    __slots__ = ("_packed",)

    def __init__(self) -> None:
        self._packed: dict[bytes, bytes] = {}

    def __len__(self) -> int:
        return len(self._packed)

    def __iter__(self) -> Iterator[bytes]:
        return iter(list(self._packed.values()))

    def alive(self, now: float) -> list[tuple[bytes, bytes]]:
        """Providers and their records, without the withdrawn and the expired."""
        return [
            (provider, packed)
            for provider, packed in self._packed.items()
            if _is_alive(packed, now)
        ]

    def known(self, record: ProviderRecord) -> bool:
        """
        Tell whether this record, to the byte, is here.

        Raises:
            BadRecord: `RecordFault.OUTDATED`: another one of the provider is here, and later.
        """
        here = self._packed.get(record.speaker.digest)
        if here is None:
            return False
        if here == record.packed:
            return True
        if record.sequence <= _SEQUENCE.unpack_from(here, _SEQUENCE_AT)[0]:
            raise BadRecord(RecordFault.OUTDATED)
        return False

    def put(self, record: ProviderRecord, now: float, most: int, own: NodeId, secret: bytes) -> int:
        """
        Take a record that is not `known`; a provider's later record replaces its former one.

        Args:
            record: Verified.
            now: Seconds since 1970.
            most: Places.
            own: The node whose record always has one.
            secret: Of this node, for the lots.

        Returns:
            By how many records there are more now: 1 or 0.

        Raises:
            BadRecord: `RecordFault.NO_ROOM`: others stay.
        """
        provider = record.speaker.digest
        grown = provider not in self._packed
        if grown and len(self._packed) >= most:
            if record.withdrawn:
                raise BadRecord(RecordFault.NO_ROOM)
            del self._packed[self._loser(provider, now, most, own, secret)]
            grown = False
        self._packed[provider] = record.packed
        return int(grown)

    def expire(self, now: float) -> int:
        """Drop what has expired, and tell how many."""
        expired = [p for p, packed in self._packed.items() if _expires(packed) <= now]
        for provider in expired:
            del self._packed[provider]
        return len(expired)

    def _loser(self, newcomer: bytes, now: float, most: int, own: NodeId, secret: bytes) -> bytes:
        for provider, packed in self._packed.items():
            if not _is_alive(packed, now):
                return provider
        juniors = [p for p in list(self._packed)[most // 2 :] if p != own.digest]
        drawn = juniors if newcomer == own.digest else [*juniors, newcomer]
        loser = max(
            drawn,
            key=lambda p: hashlib.blake2b(p, digest_size=_LOT_BYTES, key=secret).digest(),
            default=newcomer,
        )
        if loser == newcomer:
            raise BadRecord(RecordFault.NO_ROOM)
        return loser


def _expires(packed: bytes) -> int:
    expires: int = _EXPIRES.unpack_from(packed, _EXPIRES_AT)[0]
    return expires


def _is_alive(packed: bytes, now: float) -> bool:
    return _expires(packed) > now and not packed[_FLAGS_AT] & WITHDRAWN
