"""The entries that a UPnP router has for this node: blocking, to be called in a thread."""

from collections.abc import Iterable
from contextlib import suppress
from typing import Any, Final, Protocol

from reticulum.errors import NotMapped
from reticulum.reach.mapping.lease import WANTED_S, Lease, Transport, external_address

_TITLE: Final = "Reticulum"
_MAX_ERROR = 80
# Errors 725, and 718 and 729, of WANIPConnection, as miniupnpc spells them.
_NO_LEASES: Final = "OnlyPermanentLeasesSupported"
_CONFLICT: Final = "Conflict"


class Igd(Protocol):
    """
    What is used of `miniupnpc.UPnP`.

    All of it blocks, and raises `Exception` and nothing finer. What it returns is what the router
    says.
    """

    discoverdelay: int
    lanaddr: str

    def discover(self) -> int:
        """Search; how many devices have answered."""

    def selectigd(self) -> str | None:
        """Take the first router that is connected to something; the URL that controls it."""

    def externalipaddress(self) -> str:
        """Outer address."""

    def addportmapping(  # noqa: PLR0917  (its names are positions)
        self,
        external: int,
        protocol: str,
        host: str,
        port: int,
        title: str,
        remote: str,
        lease: int,
        /,
    ) -> bool:
        """Add an entry, or renew it; a lease of 0 is for ever."""

    def deleteportmapping(self, external: int, protocol: str, /) -> bool:
        """Delete an entry."""

    def getspecificportmapping(self, external: int, protocol: str, /) -> tuple[Any, ...] | None:
        """Inner host, inner port, and more; None if there is no entry, or no telling."""


class IgdEntries:
    """
    A pair of entries, UDP and TCP, of one outer port.

    Args:
        igd: Speaks with the router.
        port: Of this node.
    """

    def __init__(self, igd: Igd, port: int) -> None:
        self._igd = igd
        self._port = port
        self._lease_s = WANTED_S

    def add(self, ports: Iterable[int]) -> Lease:
        """
        Add the pair at the first of *ports* that is free, or ours already.

        Raises:
            NotMapped: At none; nothing is left behind.
        """
        try:
            host = self._igd.externalipaddress()
        except Exception as error:  # noqa: BLE001
            raise NotMapped(f"it does not tell its outer address: {_said(error)}") from None
        for port in ports:
            external = external_address(host, port)
            if self._is_free(port) and self._add_both(port):
                return Lease(external=external, seconds=self._lease_s or None)
        raise NotMapped("it gives the ports that were asked for to somebody else")

    def are_there(self, port: int) -> bool:
        """Whether the router tells of both."""
        return all(self._entry(port, one) == self._ours for one in Transport)

    def delete(self, port: int, transports: Iterable[Transport] = tuple(Transport)) -> None:
        """Delete both, or some, as far as they are there."""
        for one in transports:
            with suppress(Exception):
                self._igd.deleteportmapping(port, one.name)

    @property
    def _ours(self) -> tuple[str, int]:
        return self._igd.lanaddr, self._port

    def _entry(self, port: int, transport: Transport) -> tuple[Any, ...] | None:
        """Where an entry leads to."""
        try:
            entry = self._igd.getspecificportmapping(port, transport.name)
        except Exception:  # noqa: BLE001
            return None
        return None if entry is None else tuple(entry[:2])

    def _is_free(self, port: int) -> bool:
        """Whether nobody else has the port: some routers would give it to whoever asks last."""
        return all(self._entry(port, one) in {None, self._ours} for one in Transport)

    def _add_both(self, port: int) -> bool:
        """Add both; False, and none added, if the router finds one of them taken."""
        added: list[Transport] = []
        try:
            for one in Transport:
                self._add(port, one)
                added.append(one)
        except Exception as error:  # noqa: BLE001
            # No more than that: the other one may be somebody else's.
            self.delete(port, added)
            if str(error).startswith(_CONFLICT):
                return False
            raise NotMapped(_said(error)) from None
        return True

    def _add(self, port: int, transport: Transport) -> None:
        inner = self._ours
        try:
            self._igd.addportmapping(port, transport.name, *inner, _TITLE, "", self._lease_s)
        except Exception as error:
            if not self._lease_s or str(error) != _NO_LEASES:
                raise
            self._lease_s = 0
            self._igd.addportmapping(port, transport.name, *inner, _TITLE, "", self._lease_s)


def _said(error: Exception) -> str:
    return ascii(str(error)[:_MAX_ERROR]).strip("'\"") or type(error).__name__
