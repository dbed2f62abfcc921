"""Provider records that this node keeps for the grid: bounded, the latest of each provider."""

import hashlib
from collections.abc import Iterator

import attrs
from attrs import validators as v

from reticulum.errors import BadRecord, RecordFault
from reticulum.model import Key, NodeId
from reticulum.overlay.records.crowd import Crowd
from reticulum.overlay.records.farthest import Farthest
from reticulum.overlay.records.provider import ProviderRecord

_ORDER_BYTES = 8


@attrs.frozen(kw_only=True)
class Bounds:
    """
    How much is kept.

    Args:
        per_key: Providers of one image.
        records: Of all images; 143 bytes on the wire, about 400 in memory.
    """

    per_key: int = attrs.field(default=64, validator=[v.ge(2), v.le(255)])
    records: int = attrs.field(default=200_000, validator=v.ge(1))


class ProviderStore:
    """
    Records by key. A full store gives up the keys that are farthest from its own node first:
    others are closer to these.

    Args:
        own: The node whose store this is.
        secret: 32 random bytes of this node; see `crowd`.
        bounds: How much is kept.
    """

    def __init__(self, own: NodeId, secret: bytes, bounds: Bounds) -> None:
        self._own = own
        self._secret = secret
        self._bounds = bounds
        self._crowds: dict[Key, Crowd] = {}
        self._farthest = Farthest(own)
        self._records = 0
        self._round: Iterator[Key] = iter(())

    def __len__(self) -> int:
        return self._records

    def __iter__(self) -> Iterator[ProviderRecord]:
        """All records, withdrawn ones too; the store may change meanwhile."""
        for key in list(self._crowds):
            for packed in self._crowds.get(key, ()):
                yield ProviderRecord.parse(packed)

    def put(self, record: ProviderRecord, now: float) -> bool:
        """
        Keep a record.

        Args:
            record: Verified.
            now: Seconds since 1970.

        Returns:
            Whether it says anything new; the same record once more does not.

        Raises:
            BadRecord: `RecordFault.OUTDATED`, `NO_ROOM` or `EXPIRED`.
        """
        if record.expires <= now:
            raise BadRecord(RecordFault.EXPIRED)
        crowd = self._crowds.get(record.key)
        if crowd is None:
            crowd = self._settle(record.key)
        elif crowd.known(record):
            return False
        self._records += crowd.put(record, now, self._bounds.per_key, self._own, self._secret)
        while self._records > self._bounds.records:
            self._give_up()
        if record.key not in self._crowds:
            raise BadRecord(RecordFault.NO_ROOM)
        return True

    def select(
        self, key: Key, now: float, *, seed: int, offset: int = 0, most: int = 64
    ) -> tuple[list[ProviderRecord], int]:
        """
        Name holders for an answer: the own record first, the others in the order of *seed*.

        Args:
            key: Of the image.
            now: Seconds since 1970.
            seed: Random, so that load spreads; the same for further pages.
            offset: Records to leave out from the start.
            most: Records.

        Returns:
            Records, and how many more there are behind them.
        """
        crowd = self._crowds.get(key)
        alive = crowd.alive(now) if crowd else []
        salt = seed.to_bytes(_ORDER_BYTES)

        def order(item: tuple[bytes, bytes]) -> tuple[bool, bytes]:
            drawn = hashlib.blake2b(item[0], digest_size=_ORDER_BYTES, salt=salt).digest()
            return item[0] != self._own.digest, drawn

        alive.sort(key=order)
        page = alive[offset : offset + most]
        left = max(len(alive) - offset - len(page), 0)
        return [ProviderRecord.parse(packed) for _, packed in page], left

    def expire(self, now: float, most_keys: int = 1000) -> int:
        """
        Look through the next *most_keys* keys for what has expired; answers never hold it anyway.

        Args:
            now: Seconds since 1970.
            most_keys: In one call; 1,000 take about a millisecond.

        Returns:
            How many records were dropped.
        """
        dropped = 0
        for _ in range(most_keys):
            key = next(self._round, None)
            if key is None:
                self._round = iter(list(self._crowds))
                break
            crowd = self._crowds.get(key)
            if crowd is None:
                continue
            expired = crowd.expire(now)
            dropped += expired
            self._records -= expired
            if not crowd:
                self._forget(key)
        return dropped

    def _settle(self, key: Key) -> Crowd:
        farthest = self._farthest.farthest()
        full = self._records >= self._bounds.records
        if full and farthest and farthest.distance(self._own) < key.distance(self._own):
            raise BadRecord(RecordFault.NO_ROOM)
        self._farthest.add(key)
        return self._crowds.setdefault(key, Crowd())

    def _give_up(self) -> None:
        key = self._farthest.farthest()
        if key is not None:
            self._records -= len(self._crowds[key])
            self._forget(key)

    def _forget(self, key: Key) -> None:
        del self._crowds[key]
        self._farthest.discard(key)
