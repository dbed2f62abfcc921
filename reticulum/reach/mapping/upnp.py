"""Mapping a port by UPnP IGD, in a thread: the library that speaks it blocks."""

import random
import threading
from collections.abc import Callable
from contextlib import suppress
from typing import Final, TypeVar
from urllib.parse import urlsplit

import miniupnpc
from twisted.internet.defer import CancelledError
from twisted.internet.defer import TimeoutError as DeferredTimeoutError
from twisted.internet.interfaces import IReactorTime

from reticulum.aio import InThread
from reticulum.errors import NotMapped
from reticulum.reach.mapping.igd_entries import Igd, IgdEntries
from reticulum.reach.mapping.lease import Lease

T = TypeVar("T")

DEADLINE_S: Final = 10.0
"""For one piece of work with a router. To find out that there is none takes 4 s."""

# What routers may take to answer a search; a second is the least that can be asked for (UPnP
# Device Architecture 1.1, section 1.3.2).
_SEARCH_MS = 1_000
_TRIES = 4
_HIGH_PORTS = (1_024, 65_535)


class Upnp:
    """
    Finds a router, and lends the thread that works with it: one piece of work at a time.

    Args:
        in_thread: For calls that may hang for ever.
        clock: For deadlines.
        rng: For other ports when one is taken.
        library: Makes what speaks with routers.
    """

    name = "UPnP"

    def __init__(
        self,
        in_thread: InThread,
        *,
        clock: IReactorTime,
        rng: random.Random,
        library: Callable[[], Igd] = miniupnpc.UPnP,
    ) -> None:
        self._in_thread = in_thread
        self._clock = clock
        self._rng = rng
        self._library = library
        self._busy = threading.Lock()

    async def find(self, port: int) -> "IgdRouter":
        """
        Find a router on the local network; changes nothing there.

        Args:
            port: Of this node.

        Raises:
            NotMapped: There is none.
        """
        igd, where = await self.work(lambda _: self._search())
        return IgdRouter(self, IgdEntries(igd, port), where=where, rng=self._rng)

    def _search(self) -> tuple[Igd, str]:
        igd = self._library()
        igd.discoverdelay = _SEARCH_MS
        try:
            igd.discover()
            where = urlsplit(igd.selectigd() or "").hostname
        except Exception:  # noqa: BLE001  (nothing finer, with texts such as "Success")
            where = None
        if where is None:
            raise NotMapped("no router found")
        return igd, where

    async def work(self, work: Callable[[threading.Event], T]) -> T:
        """
        Call *work* in a thread.

        Args:
            work: Gets what is set once nobody waits for it any more.

        Raises:
            NotMapped: It has not ended in time, or an earlier one still has not.
        """
        if not self._busy.acquire(blocking=False):
            raise NotMapped("the router still has not answered the last question")
        given_up = threading.Event()

        def run() -> T:
            try:
                return work(given_up)
            finally:
                self._busy.release()

        try:
            return await self._in_thread(run).addTimeout(DEADLINE_S, self._clock)
        except DeferredTimeoutError:
            raise NotMapped(f"no answer within {DEADLINE_S:g} s") from None
        finally:
            given_up.set()


class IgdRouter:
    """
    A router found; a `Method`.

    Args:
        upnp: Lends the thread.
        entries: Of the router.
        where: Host of the router.
        rng: For other ports when one is taken.
    """

    name = Upnp.name

    def __init__(self, upnp: Upnp, entries: IgdEntries, *, where: str, rng: random.Random) -> None:
        self.where = where
        self._upnp = upnp
        self._entries = entries
        self._rng = rng
        self._mapped: int | None = None
        self._tells = False

    async def map(self, wanted: int) -> Lease:
        """Add both entries, or renew both; see `Method`."""
        ports = [wanted, *(self._rng.randint(*_HIGH_PORTS) for _ in range(_TRIES - 1))]

        def add(given_up: threading.Event) -> Lease:
            lease = self._entries.add(ports)
            self._mapped = port = lease.external.port
            self._tells = self._entries.are_there(port)
            if given_up.is_set():
                self._entries.delete(port)
            return lease

        try:
            return await self._upnp.work(add)
        except CancelledError:
            # The thread has undone it, or will, unless it had come to its end just before.
            await self.give_back()
            raise

    async def glance(self) -> bool:
        """Ask for both entries, unless the router does not tell of any; see `Method`."""
        port = self._mapped
        if port is None or not self._tells:
            return True
        return await self._upnp.work(lambda _: self._entries.are_there(port))

    async def give_back(self) -> None:
        """Delete both entries; see `Method`."""
        port, self._mapped = self._mapped, None
        if port is not None:
            with suppress(NotMapped):
                await self._upnp.work(lambda _: self._entries.delete(port))
