"""
What goes over a ferry, the same in both directions.

::

    offset  bytes
         0      2  length of what follows; 0: the sender is still there
         2      1  n, at most 80
         3      n  address, ASCII: to where it goes, or from where it came
       3+n      m  datagram, at most 1,500
"""

import functools
from typing import Final

import attrs

from reticulum.model import Address
from reticulum.reach.relay.status import MOST_ADDRESS_BYTES

MOST_DATAGRAM_BYTES: Final = 1_500
STILL_HERE: Final = b"\0\0"
"""A frame with nothing in it."""

_LENGTH_BYTES: Final = 2
_LONGEST: Final = 1 + MOST_ADDRESS_BYTES + MOST_DATAGRAM_BYTES


@attrs.frozen
class Parcel:
    """
    A datagram on its way.

    Args:
        address: To where it goes, or from where it came.
        datagram: 0 to 1,500 bytes.
    """

    address: Address
    datagram: bytes


def write_frame(parcel: Parcel) -> bytes:
    """As it goes over the wire; `STILL_HERE` is a frame, too."""
    text = str(parcel.address).encode()
    length = 1 + len(text) + len(parcel.datagram)
    return length.to_bytes(_LENGTH_BYTES) + bytes([len(text)]) + text + parcel.datagram


class Reading:
    """Frames out of a stream; keeps less than one whole frame."""

    def __init__(self) -> None:
        self._rest = b""

    def take(self, data: bytes) -> list[Parcel | None]:
        """
        Read on.

        Returns:
            What is complete by now, in its order; None for each `STILL_HERE`.

        Raises:
            ValueError: It cannot be. There is no reading on behind it.
        """
        data, at = self._rest + data, 0
        frames: list[Parcel | None] = []
        while len(data) - at >= _LENGTH_BYTES:
            begin = at + _LENGTH_BYTES
            length = int.from_bytes(data[at:begin])
            if length > _LONGEST:
                raise ValueError(f"a frame of {length} bytes")
            if len(data) - begin < length:
                break
            at = begin + length
            frames.append(_parcel(data[begin:at]) if length else None)
        self._rest = data[at:]
        return frames


def _parcel(data: bytes) -> Parcel:
    address, datagram = data[1 : 1 + data[0]], data[1 + data[0] :]
    if len(address) != data[0]:
        raise ValueError("an address longer than its frame")
    if len(datagram) > MOST_DATAGRAM_BYTES:
        raise ValueError(f"a datagram of {len(datagram)} bytes")
    return Parcel(_address(address), datagram)


@functools.lru_cache(1024)
def _address(text: bytes) -> Address:
    return Address.parse(text.decode("ascii"))
