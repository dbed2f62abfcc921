"""Punching, both ends of it: who asks for it, and who is asked."""

from collections import Counter
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from typing import Any

from twisted.internet.defer import CancelledError, Deferred, DeferredList
from twisted.internet.interfaces import IProtocolFactory
from twisted.internet.protocol import Factory
from twisted.logger import Logger
from twisted.python.failure import Failure

from reticulum.aio import heard
from reticulum.errors import Busy, HolderFailed, NodeError
from reticulum.model import Address, Contact
from reticulum.reach.held import Held, HeldEndpoint
from reticulum.reach.introduction import Introduction
from reticulum.reach.path import Path
from reticulum.reach.punch import Punch
from reticulum.reach.punch_messages import MOST_ADDRESSES
from reticulum.reach.relay.greeting import Greeting
from reticulum.reach.targets import is_at, is_symmetric, targets

MOST_AT_ONCE = 16
"""Attempts of ours, and as many of others."""
MOST_INVITED_PER_HOST = 4
MOST_PUNCHED = 4
"""Connections punched to one node: as many as are kept when they are silent."""
MOST_CAME = 16
"""Connections that may come about in one attempt; most are of strangers, if there are so many."""
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
        self._trying: set[Deferred[None]] = set()
        self._standing_by: set[Deferred[None]] = set()
        self._invited: Counter[str] = Counter()
        self._is_stopped = False
        self.is_symmetric: bool | None = None
        """Whether relays saw one port of this node at different ones; None before two said."""

    def wanted(self, contact: Contact, path: Path, seen: Address | None) -> None:
        """See `Shortcut`; what it takes goes on in the background."""
        if (
            self._refuses()
            or seen is None
            or path.is_punching
            or len(path.punched) >= MOST_PUNCHED
            or len(self._trying) >= MOST_AT_ONCE
            or self._reactor.seconds() < path.punch_at
        ):
            return
        path.is_punching = True
        self._go(self._try(contact, path, seen), self._trying)

    async def invited(self, host: str, addresses: Sequence[Address]) -> Sequence[Address]:
        """
        Dial a node that asks for it; see `reticulum.interfaces.Doorbell`.

        Raises:
            Busy: Too many ask, or this node does not do it.
        """
        allowed = targets(addresses, host, self._own_host())
        if (
            self._refuses()
            or not allowed
            or self._invited.total() >= MOST_AT_ONCE
            or self._invited[host] >= MOST_INVITED_PER_HOST
        ):
            raise Busy("this node does not dial anybody now")
        self._invited[host] += 1
        punch = self._punch(self._inside, host)
        try:
            own = await self._open(punch, host)
        except BaseException:
            self._uninvite(host, punch)
            raise
        if self._refuses():
            self._uninvite(host, punch)
            raise Busy("this node dials nobody any more")
        punch.strike(allowed)
        self._go(self._stand_by(host, punch), self._standing_by)
        return own

    async def start(self) -> None:
        """Nothing is to be done before somebody asks."""

    async def stop(self) -> None:
        """Give up whatever is under way; connections that are there stay."""
        self._is_stopped = True
        ended = [heard(work) for work in self._give_up()]
        await DeferredList(ended)

    def network_changed(self) -> None:
        """Forget what was seen, and give up what is under way: nobody meets there any more."""
        self.is_symmetric = None
        self._give_up()

    def _refuses(self) -> bool:
        return self._is_stopped or not self._is_on()

    def _give_up(self) -> list[Deferred[None]]:
        under_way = [*self._trying, *self._standing_by]
        for work in under_way:
            work.cancel()
        return under_way

    async def _stand_by(self, host: str, punch: Punch) -> None:
        # Not until they have met, but until the time is up: whom the other end takes is its choice.
        try:
            while await punch.another():
                pass
        finally:
            self._uninvite(host, punch)

    def _uninvite(self, host: str, punch: Punch) -> None:
        punch.close()
        self._invited[host] -= 1
        self._invited += Counter()

    async def _open(self, punch: Punch, host: str) -> Sequence[Address]:
        """Where *punch* can be dialled from *host*."""
        try:
            own = await punch.open(host, list(self._look_at())[:LOOKS], self._places)
        except OSError as error:
            raise Busy(f"no port is free: {error.strerror}") from None
        if len(punch.seen) >= LOOKS:
            self.is_symmetric = is_symmetric(punch.seen)
        # What is left then may be an address that is of use behind the same router alone: to call
        # it an attempt would keep the two from trying again for long.
        is_useless = punch.is_untold and not targets(own, self._own_host() or "", host)
        if not own or is_useless:
            raise Busy("this node does not know where it can be dialled")
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
        except CancelledError:
            pause_s = 0.0
            raise
        except (NodeError, HolderFailed) as error:
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
            own = await self._open(punch, seen.host)
            theirs = targets(await self._ask(contact, own), seen.host, self._own_host())
            if is_symmetric(punch.seen) and is_symmetric(theirs):
                return None
            punch.strike(theirs)
            # Whoever comes first may be somebody else, or on a connection that is gone by now.
            while await punch.another():
                for stream in came:
                    held = None if stream.is_taken else await self._proved(contact, path, stream)
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
        except HolderFailed:
            return None
        held: Held = proved
        path.keep(held, self._reactor.seconds())
        return held

    def _punch(self, inside: IProtocolFactory, host: str) -> Punch:
        def is_awaited(place: str) -> bool:
            return is_at(place, host, self._own_host())

        return Punch(self._reactor, self._greeting, inside, is_awaited)

    def _go(self, work: Coroutine[Deferred[Any], Any, None], among: set[Deferred[None]]) -> None:
        running: Deferred[None] = Deferred.fromCoroutine(work)
        among.add(running)

        def over(result: Failure | None) -> None:
            among.discard(running)
            if result is not None and not result.check(CancelledError):
                _log.failure("reach.punch_failed", result)

        running.addBoth(over)


class _Keeping(Factory):
    """Keeps whatever comes about."""

    noisy = False

    def __init__(self, came: list[Held]) -> None:
        self._came = came

    def buildProtocol(self, addr: object) -> Any:  # noqa: N802  (Twisted's name)
        """Keep one more, if there is room."""
        del addr
        if len(self._came) >= MOST_CAME:
            return None
        held = Held(lambda _: None)
        self._came.append(held)
        return held
