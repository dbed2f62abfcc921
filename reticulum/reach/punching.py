"""Punching, both ends of it: who asks for it, and who is asked."""

from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.interfaces import IProtocolFactory
from twisted.internet.protocol import Factory
from twisted.logger import Logger

from reticulum.errors import Busy, HolderFailed, HolderLied, NodeError
from reticulum.model import PRIVATE, Address, Contact, reach_of
from reticulum.reach.held import Held, HeldEndpoint
from reticulum.reach.introduction import Introduction
from reticulum.reach.path import Path
from reticulum.reach.punch import Punch
from reticulum.reach.punch_messages import MOST_ADDRESSES
from reticulum.reach.relay.greeting import Greeting

MOST_AT_ONCE = 16
MOST_INVITED_PER_HOST = 4
MOST_PUNCHED = 4
"""Connections punched to one node: as many as are kept when they are silent."""
FAILED_S = 1800.0
"""Two nodes that could not meet do not try again for so long: their routers stay what they are."""
BUSY_S = 30.0
"""Nor after an attempt that did not come to that."""
AGAIN_S = 1.0
LOOKS = 2
"""Relays asked where they see a port: that they differ shows a symmetric NAT."""

_log = Logger()


class Punching:
    """
    A `reticulum.reach.paths.Shortcut`, and the answer to those of others.

    Args:
        reactor: Sockets and clock.
        greeting: Who we are, for relays.
        introduction: How the two ends get to trust each other.
        inside: Listens on connections that others have asked for.
        ask: Asks a node, through a relay, to dial this one.
        look_at: Relays that say where they see this node.
        places: Told a port of this machine, gives addresses for it that need no asking.
        own_host: Where others see this node; None before anybody said.
        is_on: Whether to do it at all.
    """

    def __init__(
        self,
        *,
        reactor: Any,
        greeting: Greeting,
        introduction: Introduction,
        inside: IProtocolFactory,
        ask: Callable[[Contact, Sequence[Address]], Awaitable[Sequence[Address]]],
        look_at: Callable[[], Sequence[Contact]],
        places: Callable[[int], Sequence[Address]],
        own_host: Callable[[], str | None],
        is_on: Callable[[], bool],
    ) -> None:
        self._reactor = reactor
        self._greeting = greeting
        self._introduction = introduction
        self._inside = inside
        self._ask = ask
        self._look_at = look_at
        self._places = places
        self._own_host = own_host
        self._is_on = is_on
        self._under_way: set[Deferred[None]] = set()
        self._invited: Counter[str] = Counter()
        self._is_stopped = False
        self.is_symmetric: bool | None = None
        """Whether relays saw one port of this node at different ones; None before two said."""

    def wanted(self, contact: Contact, path: Path, seen: Address | None) -> None:
        """See `Shortcut`; what it takes goes on in the background."""
        if (
            not self._is_on()
            or self._is_stopped
            or seen is None
            or path.is_punching
            or len(path.punched) >= MOST_PUNCHED
            or len(self._under_way) >= MOST_AT_ONCE
            or self._reactor.seconds() < path.punch_at
        ):
            return
        path.is_punching = True
        self._go(self._try(contact, path, seen))

    async def invited(self, host: str, addresses: Sequence[Address]) -> Sequence[Address]:
        """
        Dial a node that asks for it; see `reticulum.interfaces.Doorbell`.

        Raises:
            Busy: Too many ask, or this node does not do it.
        """
        targets = self._allowed(addresses, host)
        if (
            not self._is_on()
            or self._is_stopped
            or not targets
            or self._invited.total() >= MOST_AT_ONCE
            or self._invited[host] >= MOST_INVITED_PER_HOST
        ):
            raise Busy("this node does not dial anybody now")
        self._invited[host] += 1
        punch = self._punch(self._inside, host)
        try:
            own = await self._open(punch)
        except BaseException:
            self._uninvite(host, punch)
            raise
        if not own:
            self._uninvite(host, punch)
            raise Busy("this node does not know where it can be dialled")
        punch.strike(targets)
        self._go(self._stand_by(host, punch))
        return own

    async def start(self) -> None:
        """Nothing is to be done before somebody asks."""

    async def stop(self) -> None:
        """Give up whatever is under way; connections that are there stay."""
        self._is_stopped = True
        for work in list(self._under_way):
            work.cancel()

    def network_changed(self) -> None:
        """Forget what was seen."""
        self.is_symmetric = None

    async def _stand_by(self, host: str, punch: Punch) -> None:
        # Not until they have met, but until the time is up: whom the other end takes is its choice.
        try:
            await punch.over()
        finally:
            self._uninvite(host, punch)

    def _uninvite(self, host: str, punch: Punch) -> None:
        punch.close()
        self._invited[host] -= 1
        self._invited += Counter()

    async def _open(self, punch: Punch) -> Sequence[Address]:
        try:
            own = await punch.open(list(self._look_at())[:LOOKS], self._places)
        except OSError as error:
            raise Busy(f"no port is free: {error.strerror}") from None
        if len(punch.seen) >= LOOKS:
            self.is_symmetric = is_symmetric(punch.seen)
        return own[:MOST_ADDRESSES]

    async def _try(self, contact: Contact, path: Path, seen: Address) -> None:
        pause_s = BUSY_S
        try:
            held = await self._meet(contact, path, seen)
            if held is None:
                path.failed_punches += 1
                pause_s = FAILED_S
            else:
                pause_s = AGAIN_S
                _log.info(
                    "reach.punched node={node} address={address}",
                    node=str(contact.node_id),
                    address=str(held.transport.getPeer().host),
                )
        except NodeError as error:
            _log.debug(
                "reach.not_punched node={node} reason={reason}",
                node=str(contact.node_id),
                reason=str(error),
            )
        finally:
            path.is_punching = False
            path.punch_at = self._reactor.seconds() + pause_s

    async def _meet(self, contact: Contact, path: Path, seen: Address) -> Held | None:
        """A connection to *contact* that is ready; None if the routers do not let it be."""
        came: list[Held] = []
        punch = self._punch(_Keeping(came), seen.host)
        try:
            own = await self._open(punch)
            if not own:
                return None
            theirs = await self._ask(contact, own)
            targets = self._allowed(theirs, seen.host)
            if is_symmetric(punch.seen) and is_symmetric(targets):
                return None
            punch.strike(targets)
            await punch.met
            for stream in came:
                held = await self._proved(contact, path, stream)
                if held is not None:
                    return held
            return None
        finally:
            punch.close()
            for stream in came:
                if not stream.is_taken:
                    stream.close()

    async def _proved(self, contact: Contact, path: Path, stream: Held) -> Held | None:
        """Let the other end prove who it is, before anything moves over."""
        factory = Factory.forProtocol(lambda: Held(path.drop))
        factory.noisy = False
        through = self._introduction.through(HeldEndpoint(stream), contact.node_id)
        try:
            proved: Any = await through.connect(factory)
        except (HolderFailed, HolderLied):
            return None
        held: Held = proved
        path.keep(held)
        return held

    def _allowed(self, addresses: Sequence[Address], host: str) -> list[Address]:
        """Those of *addresses* that may be dialled; nobody is turned on a third host."""
        allowed = [address for address in addresses if self._is_at(address.host, host)]
        return allowed[:MOST_ADDRESSES]

    def _is_at(self, place: str, host: str) -> bool:
        """
        Whether *place* may be that of a node that a relay sees at *host*: the same, or, if it is
        behind the same router as this one, one in the network there.
        """
        return place == host or (host == self._own_host() and reach_of(place) == PRIVATE)

    def _punch(self, inside: IProtocolFactory, host: str) -> Punch:
        return Punch(self._reactor, self._greeting, inside, lambda place: self._is_at(place, host))

    def _go(self, work: Any) -> None:
        running: Deferred[None] = Deferred.fromCoroutine(work)
        self._under_way.add(running)

        def over(result: Any) -> None:
            self._under_way.discard(running)
            if result is not None and not result.check(CancelledError):
                _log.failure("reach.punch_failed", result)

        running.addBoth(over)


def is_symmetric(seen: Sequence[Address]) -> bool:
    """Whether one port was seen at different ones of the same host."""
    return len({address.port for address in seen if reach_of(address.host) != PRIVATE}) > 1


class _Keeping(Factory):
    """Keeps whatever comes about."""

    noisy = False

    def __init__(self, came: list[Held]) -> None:
        self._came = came

    def buildProtocol(self, addr: object) -> Any:  # noqa: N802  (Twisted's name)
        """Keep one more."""
        del addr
        held = Held(lambda _: None)
        self._came.append(held)
        return held
