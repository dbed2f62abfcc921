"""What is kept in memory of tombstones that expire on the same day: some 190 bytes each."""

from array import array
from bisect import bisect_left
from collections.abc import Iterator

import attrs

_REVOKED = 1
_SUPERSEDED = 2


@attrs.frozen
class Burial:
    """
    All of a tombstone but the image's name and the signed statement, and where to find these.

    Args:
        serial: Place in the order of learning: microseconds since 1970, all different.
        sequence: As in `Tombstone`.
        expires: As in `Tombstone`.
        revoked: As in `Tombstone`.
        offset: In the day's file; bytes.
        length: Of the entry there, without its head; bytes.
    """

    serial: int
    sequence: int
    expires: int
    revoked: bool
    offset: int
    length: int


class Burials:
    """
    Burials by packed image id, and in the order of their serials.

    Columns instead of objects: a million of the latter would take half a gigabyte.
    """

    def __init__(self) -> None:
        self._rows: dict[bytes, int] = {}
        self._serials = array("Q")
        self._sequences = array("Q")
        self._expires = array("q")
        self._offsets = array("Q")
        self._lengths = array("H")
        self._flags = bytearray()

    def __len__(self) -> int:
        return len(self._rows)

    @property
    def entries(self) -> int:
        """How many there are with those that were replaced."""
        return len(self._serials)

    def add(self, packed_id: bytes, burial: Burial) -> None:
        """
        Take one in.

        Raises:
            ValueError: Its serial is not the highest of all here.
        """
        if self._serials and burial.serial <= self._serials[-1]:
            raise ValueError(f"serial {burial.serial} is out of order")
        self.discard(packed_id)
        self._rows[packed_id] = len(self._serials)
        self._serials.append(burial.serial)
        self._sequences.append(burial.sequence)
        self._expires.append(burial.expires)
        self._offsets.append(burial.offset)
        self._lengths.append(burial.length)
        self._flags.append(_REVOKED if burial.revoked else 0)

    def discard(self, packed_id: bytes) -> None:
        """Pass over the one of an image, if it is here, from now on."""
        row = self._rows.pop(packed_id, None)
        if row is not None:
            self._flags[row] |= _SUPERSEDED

    def get(self, packed_id: bytes) -> Burial | None:
        """The one of an image, or None."""
        row = self._rows.get(packed_id)
        return None if row is None else self._at(row)

    def behind(self, serial: int) -> Iterator[Burial]:
        """Those with a higher serial, in order; nothing may be added meanwhile."""
        for row in range(bisect_left(self._serials, serial + 1), len(self._serials)):
            if not self._flags[row] & _SUPERSEDED:
                yield self._at(row)

    def _at(self, row: int) -> Burial:
        return Burial(
            self._serials[row],
            self._sequences[row],
            self._expires[row],
            bool(self._flags[row] & _REVOKED),
            self._offsets[row],
            self._lengths[row],
        )
