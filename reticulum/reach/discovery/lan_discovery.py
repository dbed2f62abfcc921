"""Finds the nodes of this grid on the local network, and is found by them."""

import random
from collections.abc import Callable, Sequence
from typing import Final

import attrs
from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.defer import TimeoutError as DeferredTimeoutError
from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger
from twisted.python.failure import Failure

from reticulum.aio import heard
from reticulum.model import Address
from reticulum.reach.discovery.air import Air, Session
from reticulum.reach.discovery.announcement import Alias, Announcement
from reticulum.reach.discovery.browsing import Browsing
from reticulum.reach.discovery.networks import Networks
from reticulum.reach.discovery.sightings import Sightings
from reticulum.reach.discovery.view import DiscoveryState, DiscoveryView

__all__ = ["DiscoveryState", "DiscoveryView", "LanDiscovery"]

LOOK_S: Final = 60.0
"""Between two looks at the networks and the grid's keys."""
LOOKS_TO_TELL: Final = 10
"""Looks until every address is told again: its node may not have been there yet."""
START_S: Final = 10.0
STOP_S: Final = 2.0

_log = Logger()


@attrs.define
class _Stay:
    """One session, and what it was opened for."""

    reason: object
    networks: Networks
    session: Session
    browsing: Browsing
    is_open: bool = False


class LanDiscovery:
    """
    Announces this node on the local network as long as it runs, and tells of others; a `Part`.

    A machine without a network is no fault: it is looked at again every minute.

    Args:
        air: Multicast DNS.
        networks: Asked at each look: those on which the node listens.
        port: UDP and TCP, for other nodes.
        fingerprints: Asked at each look: of this grid, the one in use first.
        found: Told addresses of nodes that say to be of this grid. Anybody on the local network
            can say that; so ask with nothing that a stranger may not see.
        clock: For looks and deadlines.
        rng: For names, which are others at each start.
    """

    def __init__(
        self,
        *,
        air: Air,
        networks: Callable[[], Networks],
        port: int,
        fingerprints: Callable[[], Sequence[bytes]],
        found: Callable[[Address], None],
        clock: IReactorTime,
        rng: random.Random,
    ) -> None:
        self._air = air
        self._networks = networks
        self._port = port
        self._fingerprints = fingerprints
        self._clock = clock
        self._rng = rng
        # Kept until the stop: where a goodbye can't be said, after a change of networks, the same
        # name with another address is still one node.
        self._alias = Alias.random(rng)
        self._sightings = Sightings(found, clock)
        self._life: Deferred[None] | None = None
        self._stirred: Deferred[None] = Deferred()
        self._stay: _Stay | None = None
        self._leaving: Deferred[None] | None = None
        self._trouble = ""

    @property
    def view(self) -> DiscoveryView:
        """Where it stands."""
        if self._life is None:
            return DiscoveryView()
        if self._trouble:
            return DiscoveryView(DiscoveryState.FAILED, 0, self._trouble)
        if self._stay is None or not self._stay.is_open:
            return DiscoveryView(evidence="The local network is about to be searched for nodes.")
        number, where = len(self._sightings), self._stay.networks.names
        nodes = {0: "no other node", 1: "1 other node"}.get(number, f"{number} other nodes")
        return DiscoveryView(DiscoveryState.ON, number, f"Found {nodes} of this grid on {where}.")

    async def start(self) -> None:
        """Begin to look around; this waits for nothing."""
        self._life = Deferred.fromCoroutine(self._live())
        self._life.addErrback(_unless_cancelled)

    async def stop(self) -> None:
        """Say goodbye, within 2 s."""
        life, self._life = self._life, None
        if life is not None:
            life.cancel()
            await heard(life)
        await self._leave()
        self._alias = Alias.random(self._rng)

    def network_changed(self) -> None:
        """Look now at what has changed: addresses of this machine, or keys of the grid."""
        if not self._stirred.called:
            self._stirred.callback(None)

    async def _live(self) -> None:
        looks = 0
        while True:
            # Made before the look: a change during it is seen by the next one.
            self._stirred = Deferred()
            try:
                await self._look()
            except CancelledError:
                raise
            except DeferredTimeoutError:
                await self._leave()
                self._fail(f"to open it took longer than {START_S:.0f} s")
            except Exception as error:  # noqa: BLE001  (of the library or the system: try again)
                await self._leave()
                self._fail(str(error) or type(error).__name__)
            looks += 1
            if looks % LOOKS_TO_TELL == 0:
                self._sightings.tell_again()
            await self._pause()

    async def _pause(self) -> None:
        try:
            await self._stirred.addTimeout(LOOK_S, self._clock)
        except DeferredTimeoutError:
            return

    async def _look(self) -> None:
        """Open a session, and another one whenever there is something else to tell or to hear."""
        networks, fingerprints = self._networks(), tuple(self._fingerprints())
        reason = (networks, fingerprints)
        stay = self._stay
        if stay is not None and stay.reason == reason and not stay.browsing.is_worn:
            stay.browsing.refill()
            return
        await self._leave()
        if not networks.told:
            self._fail("this machine is in none")
            return
        own = Announcement(
            alias=self._alias,
            port=self._port,
            fingerprint=fingerprints[0],
            addresses=networks.told,
        )
        session = self._air.session(own, networks)
        browsing = Browsing(
            session,
            own=own,
            networks=networks,
            accepted=frozenset(fingerprints),
            sightings=self._sightings,
            clock=self._clock,
        )
        stay = self._stay = _Stay(reason, networks, session, browsing)
        await Deferred.fromCoroutine(session.start(browsing)).addTimeout(START_S, self._clock)
        stay.is_open = True
        self._trouble = ""
        _log.info("lan.announced networks={networks}", networks=networks.names)

    def _fail(self, why: str) -> None:
        trouble = f"The local network can't be searched: {why}."
        if trouble != self._trouble:
            self._trouble = trouble
            _log.info("lan.failed reason={reason}", reason=why)

    async def _leave(self) -> None:
        """End the session if there is one, once, whoever waits for it."""
        if self._stay is not None:
            stay, self._stay = self._stay, None
            self._leaving = Deferred.fromCoroutine(self._end(stay))
        if self._leaving is not None:
            await heard(self._leaving)
            self._sightings.clear()

    async def _end(self, stay: _Stay) -> None:
        await stay.browsing.stop()
        ending = Deferred.fromCoroutine(stay.session.stop())
        try:
            await ending.addTimeout(STOP_S, self._clock)
        except Exception as error:  # noqa: BLE001  (whatever it is: this session is over)
            _log.warn("lan.not_closed error={error}", error=ascii(error))


def _unless_cancelled(failure: Failure) -> None:
    failure.trap(CancelledError)
