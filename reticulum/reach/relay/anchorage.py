"""Keeps this node attached to two relays, in different zones, for as long as it needs them."""

from collections.abc import Awaitable, Callable, Sequence

import attrs
from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.defer import TimeoutError as DeferredTimeoutError
from twisted.internet.error import ConnectError, ConnectionClosed
from twisted.internet.interfaces import IProtocolFactory, IReactorTime
from twisted.logger import Logger

from reticulum.model import Address, Contact, NodeId
from reticulum.reach.pipes import DirectPipes
from reticulum.reach.relay.greeting import Greeting
from reticulum.reach.relay.mooring import Mooring
from reticulum.reach.relay.status import Status
from reticulum.reach.rounds import rounds

RELAYS = 2
LOOK_S = 0.5
"""Between two looks at whether all is as it should be."""
REFUSED_S = 60.0
"""A relay that was not there, or did not want this node, is asked again after so long."""
KEPT_S = 30.0
"""Relays are kept for so long after they are no longer needed: others may still use them."""
SEARCH_S = 5.0
"""Between two searches for relays that found too few."""

_log = Logger()


@attrs.frozen(kw_only=True)
class Candidate:
    """
    A node that may relay.

    Args:
        contact: Which.
        zone: Its zone; empty if it names none.
    """

    contact: Contact
    zone: str = ""


@attrs.frozen(kw_only=True)
class Moored:
    """
    A relay that this node is attached to.

    Args:
        relay: Which.
        zone: Its zone.
        seen: Where it sees this node.
        since: Seconds of the reactor's clock.
        streams: Begun through it so far.
    """

    relay: Contact
    zone: str
    seen: Address | None
    since: float
    streams: int


class Anchorage:
    """
    A `Part`.

    Args:
        greeting: Who we are.
        pipes: To relays.
        inside: Listens on the streams that come through relays.
        candidates: Looks for nodes that may relay, best first.
        is_needed: Whether this node needs relays now.
        changed: Called when it is attached elsewhere than before.
        clock: For pauses.
    """

    def __init__(
        self,
        *,
        greeting: Greeting,
        pipes: DirectPipes,
        inside: IProtocolFactory,
        candidates: Callable[[], Awaitable[Sequence[Candidate]]],
        is_needed: Callable[[], bool],
        changed: Callable[[], None],
        clock: IReactorTime,
    ) -> None:
        self._greeting = greeting
        self._pipes = pipes
        self._inside = inside
        self._candidates = candidates
        self._is_needed = is_needed
        self._changed = changed
        self._clock = clock
        self._moorings: dict[NodeId, tuple[Mooring, str]] = {}
        self._refused_until: dict[NodeId, float] = {}
        self._needed_at = float("-inf")
        self._search_at = float("-inf")
        self._networks = 0
        self._running: Deferred[None] | None = None
        self.last_refusal = ""
        """Why the last relay that was asked is none; empty if none has refused."""

    async def start(self) -> None:
        """Begin to look after it."""
        self._running = Deferred.fromCoroutine(
            rounds(self._look, LOOK_S, self._clock, "anchorage")
        ).addErrback(lambda failure: failure.trap(CancelledError) and None)

    async def stop(self) -> None:
        """Let go of every relay; streams that have begun go on."""
        if self._running is not None:
            self._running.cancel()
        for mooring, _ in list(self._moorings.values()):
            mooring.let_go()
        self._moorings.clear()

    @property
    def moored(self) -> tuple[Moored, ...]:
        """Where this node is attached, the longest held first."""
        found = [
            Moored(
                relay=mooring.relay,
                zone=zone,
                seen=mooring.seen,
                since=mooring.since,
                streams=mooring.streams,
            )
            for mooring, zone in self._moorings.values()
        ]
        return tuple(sorted(found, key=lambda moored: moored.since))

    @property
    def relays(self) -> tuple[Contact, ...]:
        """The same, for a node record."""
        return tuple(moored.relay for moored in self.moored)

    def network_changed(self) -> None:
        """Let go of all, and begin anew: this machine is in another network now."""
        self._networks += 1
        self._refused_until.clear()
        self._search_at = float("-inf")
        for mooring, _ in list(self._moorings.values()):
            mooring.let_go()
        if self._moorings:
            self._moorings.clear()
            self._changed()

    async def _look(self) -> None:
        now = self._clock.seconds()
        if self._is_needed():
            self._needed_at = now
            if len(self._moorings) < RELAYS and now >= self._search_at:
                await self._search()
        elif self._moorings and now - self._needed_at >= KEPT_S:
            _log.info("reach.relays_left count={count}", count=len(self._moorings))
            self.network_changed()

    async def _search(self) -> None:
        now = self._clock.seconds()
        self._refused_until = {
            node_id: until for node_id, until in self._refused_until.items() if until > now
        }
        candidates = list(await self._candidates())
        while len(self._moorings) < RELAYS and (chosen := self._choose(candidates)) is not None:
            candidates.remove(chosen)
            await self._attach(chosen)
        if len(self._moorings) < RELAYS:
            self._search_at = self._clock.seconds() + SEARCH_S

    def _choose(self, candidates: Sequence[Candidate]) -> Candidate | None:
        """One that is in another zone than those held, if there is one; else the best."""
        held = {zone for _, zone in self._moorings.values() if zone}
        free = [
            one
            for one in candidates
            if one.contact.node_id not in self._moorings
            and one.contact.node_id not in self._refused_until
        ]
        elsewhere = [one for one in free if one.zone not in held]
        return next(iter(elsewhere or free), None)

    async def _attach(self, candidate: Candidate) -> None:
        relay, network = candidate.contact, self._networks
        mooring = Mooring(
            relay,
            greeting=self._greeting,
            pipes=self._pipes,
            inside=self._inside,
            clock=self._clock,
            lost=self._lost,
        )
        try:
            answer = await mooring.attach()
        except (ConnectError, ConnectionClosed) as error:
            why = str(error)
        except DeferredTimeoutError:
            why = "no answer in time"
        else:
            is_welcome = answer.status is Status.WELCOME
            why = "" if is_welcome else answer.status.name.lower().replace("_", " ")
        if network != self._networks:
            mooring.let_go()  # of a network in which this machine is no more
            return
        if why:
            self._refuse(relay, why)
            return
        self._moorings[relay.node_id] = (mooring, candidate.zone)
        self.last_refusal = ""
        _log.info(
            "reach.relayed relay={relay} address={address} zone={zone} seen_as={seen}",
            relay=str(relay.node_id),
            address=str(relay.address),
            zone=candidate.zone or "none",
            seen=str(mooring.seen),
        )
        self._changed()

    def _refuse(self, relay: Contact, why: str) -> None:
        self.last_refusal = f"{relay.address}: {why}"
        self._refused_until[relay.node_id] = self._clock.seconds() + REFUSED_S
        _log.info(
            "reach.relay_refused relay={relay} address={address} reason={reason}",
            relay=str(relay.node_id),
            address=str(relay.address),
            reason=why,
        )

    def _lost(self, mooring: Mooring) -> None:
        held = self._moorings.get(mooring.relay.node_id)
        if held is None or held[0] is not mooring:
            return
        del self._moorings[mooring.relay.node_id]
        now = self._clock.seconds()
        # Who lets go at once is none.
        pause_s = SEARCH_S if now - mooring.since >= SEARCH_S else REFUSED_S
        self._refused_until[mooring.relay.node_id] = now + pause_s
        self._search_at = float("-inf")
        _log.warn(
            "reach.relay_lost relay={relay} address={address} left={left}",
            relay=str(mooring.relay.node_id),
            address=str(mooring.relay.address),
            left=len(self._moorings),
        )
        self._changed()
