"""
A punch: two nodes, neither of which can be dialled, dial each other at the same time.

Each opens a port of its own for it, asks relays from that very port at which address it is seen,
and tells the other one through a relay. Then both listen and dial at once: what one sends makes
its router let in what the other one sends. TCP needs no more than that (p2p.md section 8: 8 of
the 10 pairs of the four kinds of NAT connect).
"""

from collections.abc import Callable, Coroutine, Sequence
from contextlib import suppress
from typing import Any

from twisted.internet.defer import CancelledError, Deferred, DeferredQueue
from twisted.internet.defer import TimeoutError as DeferredTimeoutError
from twisted.internet.error import ConnectionClosed
from twisted.internet.interfaces import IAddress, IListeningPort, IProtocolFactory
from twisted.internet.protocol import Factory
from twisted.internet.task import deferLater

from reticulum.model import PUBLIC, Address, Contact, reach_of
from reticulum.reach import sockets
from reticulum.reach.relay.greeting import Greeting
from reticulum.reach.relay.look import Look

LOOK_S = 2.0
"""For a relay to say where it sees a port."""
STRIKE_S = 4.0
"""For both ends to meet."""
ATTEMPT_S = 0.8
"""For one connection: long enough for the far side of the world."""
PAUSE_S = 0.1
CALM_S = 1.0
"""Instead of that, once somebody is there: it should be the right one, but need not be."""


class Punch:
    """
    One end of one attempt.

    Args:
        reactor: Sockets and clock.
        greeting: Who we are, for relays.
        inside: Makes what speaks on every connection that comes about, by either way.
        is_awaited: Whether somebody at a host may connect; the other end may be quicker than its
            answer.
    """

    def __init__(
        self,
        reactor: Any,
        greeting: Greeting,
        inside: IProtocolFactory,
        is_awaited: Callable[[str], bool],
    ) -> None:
        self._reactor = reactor
        self._greeting = greeting
        self._inside = inside
        self._is_awaited = is_awaited
        self._listening: IListeningPort | None = None
        self._looks: list[Look] = []
        self._working: list[Deferred[Any]] = []
        self._news: DeferredQueue[bool] = DeferredQueue()
        self._is_met = False
        self._is_over = False
        self.seen: tuple[Address, ...] = ()
        """Where relays see its port."""
        self.is_untold = False
        """Whether relays were asked for that, and none has said it."""

    async def open(
        self, host: str, relays: Sequence[Contact], also: Callable[[int], Sequence[Address]]
    ) -> tuple[Address, ...]:
        """
        Open a port, and find out where it can be dialled.

        Args:
            host: Where the other end is seen: the port is of IPv4 or of IPv6, as that is.
            relays: To be asked where they see it, those that are of the same kind.
            also: Told the port, gives addresses that are known without asking.

        Returns:
            Addresses, best first: none, and there is no use in going on.

        Raises:
            OSError: No port can be had.
        """
        family = sockets.family_of(host)
        sock = sockets.bound(family)
        port: int = sock.getsockname()[1]
        self._listening = sockets.listen(self._reactor, sock, _Meeting(self))
        own = [address for address in also(port) if sockets.family_of(address.host) is family]
        if any(reach_of(address.host) == PUBLIC for address in own):
            relays = ()  # nobody has to tell a machine with a public address what it is
        asked = [
            self._begin(self._look(port, relay))
            for relay in relays
            if sockets.family_of(relay.address.host) is family
        ]
        found = [await look for look in asked]
        self.seen = tuple(address for address in found if address is not None)
        self.is_untold = bool(asked) and not self.seen
        return tuple(dict.fromkeys([*self.seen, *own]))

    async def _look(self, port: int, relay: Contact) -> Address | None:
        look = Look(self._greeting, relay)
        self._looks.append(look)
        try:
            await sockets.connect(self._reactor, port, relay.address, look.factory, LOOK_S)
            return await look.seen.addTimeout(LOOK_S, self._reactor)
        except (OSError, ConnectionClosed, DeferredTimeoutError):
            return None  # whatever that relay does: there may be another one

    def strike(self, targets: Sequence[Address]) -> None:
        """Dial each of *targets* again and again, until it answers or `STRIKE_S` are over."""
        if self._listening is None:
            return
        port: int = self._listening.getHost().port  # type: ignore[attr-defined]  # of TCP
        until = self._reactor.seconds() + STRIKE_S
        for target in targets:
            self._begin(self._dial(port, target, until))
        self._working.append(deferLater(self._reactor, STRIKE_S, self._end))

    async def another(self) -> bool:
        """
        Wait for the next connection; its protocol knows of it by then. To be awaited by one.

        Returns:
            False when the time is up: there will be no more.
        """
        return await self._news.get()

    def close(self) -> None:
        """Try nothing more; connections that are there stay."""
        self._is_over = True
        if self._listening is not None:
            listening, self._listening = self._listening, None
            Deferred.fromCoroutine(_closed(listening))
        for look in self._looks:
            look.close()
        working, self._working = self._working, []
        for work in working:
            work.cancel()
            work.addErrback(lambda failure: failure.trap(CancelledError) and None)

    def made(self, address: Any) -> Any:
        """What speaks on a connection with *address*; None with whom nobody wants to speak."""
        if self._is_over or not self._is_awaited(address.host):
            return None
        protocol = self._inside.buildProtocol(address)
        if protocol is not None:
            self._is_met = True
            self._reactor.callLater(0, self._news.put, True)
        return protocol

    async def _dial(self, port: int, target: Address, until: float) -> None:
        while self._reactor.seconds() < until:
            with suppress(OSError):
                await sockets.connect(self._reactor, port, target, _Meeting(self), ATTEMPT_S)
                return
            if self._is_over:
                return  # this was cancelled when the connection had just failed
            await deferLater(self._reactor, CALM_S if self._is_met else PAUSE_S)

    def _begin(self, work: Coroutine[Deferred[Any], Any, Any]) -> Deferred[Any]:
        """Do *work* until it is done, or this is closed."""
        working = Deferred.fromCoroutine(work)
        self._working.append(working)
        return working

    def _end(self) -> None:
        self._news.put(False)


class _Meeting(Factory):
    """Makes the protocol of a connection, whoever has dialled."""

    noisy = False

    def __init__(self, punch: Punch) -> None:
        self._punch = punch

    def buildProtocol(self, addr: IAddress | None) -> Any:  # noqa: N802  (Twisted's name)
        """Give the connection to whom it is for."""
        return None if addr is None else self._punch.made(addr)


async def _closed(listening: IListeningPort) -> None:
    closing = listening.stopListening()
    if closing is not None:
        await closing
