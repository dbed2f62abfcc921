"""Nodes seen on the local network, and when their addresses were told."""

from collections import OrderedDict
from collections.abc import Callable, Sequence
from typing import Final

import attrs
from twisted.internet.interfaces import IReactorTime

from reticulum.model import Address
from reticulum.reach.discovery.networks import MOST_ADDRESSES

MOST_SERVICES: Final = 64
TOLD_EVERY_S: Final = 60.0
"""No address is told more often."""


@attrs.frozen
class _Sighting:
    addresses: tuple[Address, ...]
    since: float


class Sightings:
    """
    A bounded memory of services that say to be of this grid.

    Whoever fills it up with lies keeps others out for a minute, and makes this node send one
    datagram a minute to each of 512 addresses nearby.

    Args:
        found: Told each address at once, and again now and then.
        clock: Seconds.
    """

    def __init__(self, found: Callable[[Address], None], clock: IReactorTime) -> None:
        self._found = found
        self._clock = clock
        self._seen: OrderedDict[str, _Sighting] = OrderedDict()
        self._told: OrderedDict[Address, float] = OrderedDict()

    def __len__(self) -> int:
        return len(self._seen)

    def put(self, name: str, addresses: Sequence[Address]) -> None:
        """
        Remember a service; whoever had one of its *addresses* under another name has restarted.

        Args:
            name: Of the service.
            addresses: The first 8 of them count.
        """
        taken = tuple(addresses[:MOST_ADDRESSES])
        for other, sighting in list(self._seen.items()):
            if other != name and not set(taken).isdisjoint(sighting.addresses):
                del self._seen[other]
        before = self._seen.get(name)
        if before is None and not self._has_room():
            return
        self._seen[name] = _Sighting(
            taken, self._clock.seconds() if before is None else before.since
        )
        self._tell(taken)

    def drop(self, name: str) -> None:
        """Forget a service, if it is known."""
        self._seen.pop(name, None)

    def clear(self) -> None:
        """Forget every service, but not when its addresses were told."""
        self._seen.clear()

    def tell_again(self) -> None:
        """Tell all addresses of all services, those told lately excepted."""
        for sighting in list(self._seen.values()):
            self._tell(sighting.addresses)

    def _has_room(self) -> bool:
        if len(self._seen) < MOST_SERVICES:
            return True
        name, oldest = next(iter(self._seen.items()))
        if not self._is_over(oldest.since):
            return False
        del self._seen[name]
        return True

    def _tell(self, addresses: Sequence[Address]) -> None:
        for address in addresses:
            if not self._is_over(self._told.get(address)):
                continue
            if len(self._told) >= MOST_SERVICES * MOST_ADDRESSES:
                oldest = next(iter(self._told))
                if not self._is_over(self._told[oldest]):
                    return
                del self._told[oldest]
            self._told[address] = self._clock.seconds()
            self._told.move_to_end(address)
            self._found(address)

    def _is_over(self, since: float | None) -> bool:
        return since is None or self._clock.seconds() - since >= TOLD_EVERY_S
