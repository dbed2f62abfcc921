"""Where a port mapper writes how things stand, for whoever wants to know."""

from collections.abc import Callable

import attrs
from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger

from reticulum.reach.mapping.lease import Lease, Method
from reticulum.reach.mapping.view import Mapping

_log = Logger()


class Board:
    """
    The latest outcome; logs news, and nothing twice in a row.

    Args:
        clock: For leases.
        changed: Called when there is another outcome than before; a lease renewed is none. It may
            not stop the mapper right there.
    """

    def __init__(self, clock: IReactorTime, changed: Callable[[], None]) -> None:
        self._clock = clock
        self._changed = changed
        self._told = Mapping.asking()
        self._since = 0.0

    @property
    def view(self) -> Mapping:
        """How things stand now."""
        told = self._told
        if told.lease_s is None:
            return told
        left_s = self._since + told.lease_s - self._clock.seconds()
        return attrs.evolve(told, expires_in_s=max(left_s, 0.0))

    def asking(self) -> None:
        """Write that there is no outcome yet."""
        self._write(Mapping.asking())

    def mapped(self, method: Method, lease: Lease) -> None:
        """Write that *method* has granted *lease* now."""
        self._since = self._clock.seconds()
        self._write(Mapping.mapped(method, lease))

    def none(self, why: str, gateway: str) -> None:
        """Write that nobody maps the port."""
        self._write(Mapping.none(why, gateway))

    def _write(self, mapping: Mapping) -> None:
        before, self._told = self._told, mapping
        if before.evidence != mapping.evidence and mapping.state != "asking":
            _log.info("port_mapping.{state} {evidence}", **attrs.asdict(mapping, recurse=False))
        if _outcome(before) != _outcome(mapping):
            self._changed()


def _outcome(mapping: Mapping) -> tuple[object, ...]:
    return mapping.state, mapping.method, mapping.gateway, mapping.external
