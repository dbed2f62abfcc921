"""Keeps this node's port mapped on the router in front of it, while there is one that does it."""

import math
import random
from collections.abc import Callable

import attrs
from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.defer import TimeoutError as DeferredTimeoutError
from twisted.internet.interfaces import IReactorTime
from twisted.internet.task import deferLater
from twisted.logger import Logger
from twisted.python.failure import Failure

from reticulum.aio import heard
from reticulum.errors import NotMapped
from reticulum.reach.mapping.bell import Bell
from reticulum.reach.mapping.board import Board
from reticulum.reach.mapping.gateway import Gateway, default_gateway
from reticulum.reach.mapping.lease import Lease, Method
from reticulum.reach.mapping.pace import Pace
from reticulum.reach.mapping.routers import Routers
from reticulum.reach.mapping.search import Search
from reticulum.reach.mapping.view import Mapping

_log = Logger()


@attrs.frozen
class _Held:
    """What is mapped, by whom, and behind which gateway."""

    method: Method
    lease: Lease
    gateway: Gateway


class PortMapper:
    """
    Maps one port, UDP and TCP; a `Part`.

    Args:
        port: Of this node; asked for after the start.
        routers: Whom to ask.
        clock: For leases and pauses.
        rng: So that nodes started together drift apart.
        changed: See `Board`.
        gateway: Finds the default gateway.
        pace: How often.
    """

    def __init__(
        self,
        *,
        port: Callable[[], int],
        routers: Routers,
        clock: IReactorTime,
        rng: random.Random,
        changed: Callable[[], None],
        gateway: Callable[[], Gateway | None] = default_gateway,
        pace: Pace | None = None,
    ) -> None:
        self._port = port
        self._routers = routers
        self._clock = clock
        self._rng = rng
        self._gateway = gateway
        self._pace = pace or Pace()
        self._bell = Bell(clock)
        self._board = Board(clock, changed)
        self._held: _Held | None = None
        self._running: Deferred[None] | None = None

    @property
    def view(self) -> Mapping:
        """How it stands now."""
        return self._board.view

    def network_changed(self) -> None:
        """Ask anew now: this host may be somewhere else, or have another address."""
        self._bell.ring()

    async def start(self) -> None:
        """Begin to ask; an outcome comes later."""

        def failed(failure: Failure) -> None:
            if not failure.check(CancelledError):
                _log.failure("port_mapping.failed", failure)
                self._board.none("a defect of this program: see its log", "")

        self._running = Deferred.fromCoroutine(self._run()).addErrback(failed)

    async def stop(self) -> None:
        """Give the mapping back, if that can be done soon; the lease ends anyway."""
        running = self._running
        if running is None:
            return
        running.cancel()
        ending = Deferred.fromCoroutine(self._end(running))
        try:
            await ending.addTimeout(self._pace.stop_s, self._clock)
        except DeferredTimeoutError:
            running.cancel()
            _log.warn("port_mapping.not_given_back")
        await self._routers.close()

    async def _end(self, running: Deferred[None]) -> None:
        await heard(running)
        if self._held is not None:
            await self._held.method.give_back()

    async def _run(self) -> None:
        pauses, gateway = self._pace.retries(self._rng), self._gateway()
        while True:
            began = self._clock.seconds()
            try:
                held = await self._round(gateway)
            except NotMapped as error:
                self._held = None
                self._board.none(str(error), gateway.address if gateway else "")
                await self._rest(gateway, next(pauses))
            else:
                self._held = held
                self._board.mapped(held.method, held.lease)
                pauses = self._pace.retries(self._rng)
                await self._guard(held)
            early_s = began + self._pace.least_s - self._clock.seconds()
            if early_s > 0:
                await deferLater(self._clock, early_s)
            before, gateway = gateway, self._gateway()
            if gateway != before:
                pauses = self._pace.retries(self._rng)

    async def _round(self, gateway: Gateway | None) -> _Held:
        """Ask once: who has mapped it already, else everybody."""
        if gateway is None:
            raise NotMapped("this host has no default IPv4 gateway")
        held = self._held
        if held is not None and held.gateway != gateway:
            # Nothing to give back: a router that is not there, or that knows us by another address.
            held = self._held = None
            self._board.asking()
        await self._routers.face(gateway)
        if held is not None:
            try:
                lease = await held.method.map(held.lease.external.port)
            except NotMapped as error:
                _log.info("port_mapping.lost {reason}", reason=str(error))
                self._held = None
            else:
                return _Held(held.method, lease, gateway)
        port = self._port()
        method, lease = await Search(self._routers.finders(port), self._clock).map(port)
        return _Held(method, lease, gateway)

    async def _guard(self, held: _Held) -> None:
        """Wait until there is a reason to ask again: half of the lease is over, or it is lost."""
        seconds = held.lease.seconds
        renew_at = math.inf if seconds is None else self._clock.seconds() + seconds / 2
        while (left_s := renew_at - self._clock.seconds()) > 0:
            glance_s = self._pace.glance(self._rng)
            if await self._idle(held.gateway, min(left_s, glance_s)):
                return
            try:
                if left_s > glance_s and not await held.method.glance():
                    return
            except NotMapped:
                continue  # it may be starting; the lease says when to worry

    async def _rest(self, gateway: Gateway | None, seconds: float) -> None:
        """Wait, or until the network has changed."""
        end = self._clock.seconds() + seconds
        while (left_s := end - self._clock.seconds()) > 0:
            if await self._idle(gateway, min(left_s, self._pace.glance_s)):
                return

    async def _idle(self, gateway: Gateway | None, seconds: float) -> bool:
        """Wait; whether the network has changed."""
        return await self._bell.pause(seconds) or self._gateway() != gateway
