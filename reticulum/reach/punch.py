"""
A punch: two nodes, neither of which can be dialled, dial each other at the same time.

Each opens a port of its own for it, asks relays from that very port at which address it is seen,
and tells the other one through a relay. Then both listen and dial at once: what one sends makes
its router let in what the other one sends. TCP needs no more than that (p2p.md section 8: 8 of
the 10 pairs of the four kinds of NAT connect).
"""

from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Any

from twisted.internet.defer import CancelledError, Deferred, gatherResults
from twisted.internet.defer import TimeoutError as DeferredTimeoutError
from twisted.internet.error import ConnectionClosed
from twisted.internet.interfaces import IAddress, IListeningPort, IProtocolFactory
from twisted.internet.protocol import Factory
from twisted.internet.task import deferLater

from reticulum.model import Address, Contact
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
        self._listening: IListeningPort | None = None
        self._looks: list[Look] = []
        self._striking: list[Deferred[Any]] = []
        self._is_met = False
        self._is_awaited = is_awaited
        self._over: Deferred[None] = Deferred()
        self.seen: tuple[Address, ...] = ()
        """Where relays see its port."""
        self.met: Deferred[None] = Deferred()
        """Fires when the first connection is there, or nothing more is tried; has one reader."""

    async def open(
        self, relays: Sequence[Contact], also: Callable[[int], Sequence[Address]]
    ) -> tuple[Address, ...]:
        """
        Open a port, and find out where it can be dialled.

        Args:
            relays: To be asked where they see it; IPv4 or IPv6 as the first one is.
            also: Told the port, gives addresses that are known without asking.

        Returns:
            Addresses, best first: none, and there is no use in going on.

        Raises:
            OSError: No port can be had.
        """
        host = relays[0].address.host if relays else "127.0.0.1"
        sock = sockets.bound(sockets.family_of(host))
        port: int = sock.getsockname()[1]
        self._listening = sockets.listen(self._reactor, sock, _Meeting(self))
        family = sockets.family_of(host)
        asked = [
            self._look(port, relay)
            for relay in relays
            if sockets.family_of(relay.address.host) is family
        ]
        seen = [address for address in await gatherResults(asked) if address is not None]
        self.seen = tuple(seen)
        return tuple(dict.fromkeys([*seen, *also(port)]))

    def _look(self, port: int, relay: Contact) -> Deferred[Address | None]:
        look = Look(self._greeting, relay)
        self._looks.append(look)
        dialling = sockets.connect(self._reactor, port, relay.address, look.factory, LOOK_S)

        def asked(_protocol: object) -> Deferred[Address]:
            return look.seen.addTimeout(LOOK_S, self._reactor)

        # Whatever a relay does: there may be another one.
        return dialling.addCallback(asked).addErrback(_nothing)

    def strike(self, targets: Sequence[Address]) -> None:
        """Dial all *targets* again and again, until somebody is there or `STRIKE_S` are over."""
        if self._listening is None:
            return
        port: int = self._listening.getHost().port  # type: ignore[attr-defined]  # of TCP
        until = self._reactor.seconds() + STRIKE_S
        for target in targets:
            work = self._dial(port, target, until)
            self._striking.append(Deferred.fromCoroutine(work).addErrback(_nothing))
        waiting = deferLater(self._reactor, STRIKE_S, self._end)
        self._striking.append(waiting.addErrback(_nothing))

    async def over(self) -> None:
        """Wait until the time is up. To be awaited by one."""
        await self._over

    def close(self) -> None:
        """Try nothing more; connections that are there stay."""
        if self._listening is not None:
            listening, self._listening = self._listening, None
            Deferred.fromCoroutine(_closed(listening)).addErrback(_nothing)
        for look in self._looks:
            look.close()
        striking, self._striking = self._striking, []
        for work in striking:
            work.cancel()
        self._end()

    def came(self) -> None:
        """Note a connection; its protocol gets to know of it before whoever waits here."""
        self._is_met = True
        self._reactor.callLater(0, self._settle)

    def made(self, address: Any) -> Any:
        """What speaks on a connection with *address*; None with whom nobody wants to speak."""
        if not self._is_awaited(address.host):
            return None
        return self._inside.buildProtocol(address)

    async def _dial(self, port: int, target: Address, until: float) -> None:
        while not self._is_met and self._reactor.seconds() < until:
            with suppress(OSError, TimeoutError):
                await sockets.connect(self._reactor, port, target, _Meeting(self), ATTEMPT_S)
                return
            await deferLater(self._reactor, PAUSE_S)

    def _end(self) -> None:
        self._settle()
        if not self._over.called:
            self._over.callback(None)

    def _settle(self) -> None:
        if not self.met.called:
            self.met.callback(None)


class _Meeting(Factory):
    """Makes the protocol of a connection, whoever has dialled."""

    noisy = False

    def __init__(self, punch: Punch) -> None:
        self._punch = punch

    def buildProtocol(self, addr: IAddress | None) -> Any:  # noqa: N802  (Twisted's name)
        """Tell the punch, and give the connection to whom it is for."""
        protocol = None if addr is None else self._punch.made(addr)
        if protocol is not None:
            self._punch.came()
        return protocol


async def _closed(listening: IListeningPort) -> None:
    closing = listening.stopListening()
    if closing is not None:
        await closing


def _nothing(failure: Any) -> None:
    """What fails here is one of several ways; the others may do."""
    failure.trap(OSError, TimeoutError, CancelledError, DeferredTimeoutError, ConnectionClosed)
