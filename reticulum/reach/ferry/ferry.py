"""Finds out that UDP does not pass, and has datagrams carried over TCP as long as that is so."""

from collections.abc import Awaitable, Callable, Iterator, Sequence
from typing import Final

import attrs
from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger

from reticulum.model import Address, reach_of
from reticulum.reach.ferry.boat import Boat
from reticulum.reach.ferry.jetty import Door, Jetty
from reticulum.reach.ferry.silence import Heard, Silence
from reticulum.reach.rounds import rounds

LOOK_S: Final = 0.5
"""Between two looks at whether anything is answered."""
FIRST_S: Final = 4.0
"""Without any answer, after which a node that has just started seeks a ferry."""
ARRIVES_S: Final = 10.0
"""In which something is to be answered over a ferry; else another one is taken."""
STRAIGHT_S: Final = 180.0
"""Between two attempts to do without."""
KEPT_S: Final = 10.0
"""Whoever loses ferries sooner than that waits longer each time before he takes the next."""
FIRST_PAUSE_S: Final = 1.0
LONGEST_PAUSE_S: Final = 60.0

_log = Logger()


@attrs.define
class _Ride:
    boat: Boat
    door: Door
    since: float
    straight_at: float


class Ferry:
    """
    A `Part`, and a way for datagrams.

    Args:
        jetty: Dials ferrymen.
        doors: Where nodes of the grid should be, best first.
        heard: What was asked and answered by datagrams, over the ferry or not.
        gets_through: Asks at an address past the ferry; whether that was answered.
        began: Called when datagrams go by a ferry, or by another one, from now on.
        broke: Called when the ferry is lost, and another one is sought.
        ended: Called when they go by our own sockets again.
        clock: For time.
    """

    def __init__(
        self,
        jetty: Jetty,
        *,
        doors: Callable[[], Awaitable[Sequence[Door]]],
        heard: Callable[[], Heard],
        gets_through: Callable[[Address], Awaitable[bool]],
        began: Callable[[], None],
        broke: Callable[[], None],
        ended: Callable[[], None],
        clock: IReactorTime,
    ) -> None:
        self._jetty = jetty
        self._doors = doors
        self._heard = heard
        self._gets_through = gets_through
        self._began = began
        self._broke = broke
        self._ended = ended
        self._clock = clock
        self._ride: _Ride | None = None
        self._is_relied_on = False
        self._silence = Silence(heard(), first_s=FIRST_S)
        self._pauses = _growing()
        self._seek_at = float("-inf")
        self._is_told = False
        self._running: Deferred[None] | None = None

    async def start(self) -> None:
        """Begin to look whether it is needed."""
        self._running = Deferred.fromCoroutine(
            rounds(self._look, LOOK_S, self._clock, "ferry")
        ).addErrback(lambda failure: failure.trap(CancelledError) and None)

    async def stop(self) -> None:
        """Leave the ferry."""
        if self._running is not None:
            self._running.cancel()
        self._disembark()

    @property
    def is_relied_on(self) -> bool:
        """Whether datagrams go by ferry, even if there is none just now."""
        return self._is_relied_on

    @property
    def by(self) -> Address | None:
        """Who carries our datagrams now; None if nobody does."""
        return None if self._ride is None else self._ride.door.address

    @property
    def since_s(self) -> float | None:
        """For how many seconds he has; None likewise."""
        return None if self._ride is None else self._clock.seconds() - self._ride.since

    def takes(self, to: Address) -> bool:
        """Whether datagrams to *to* go by the ferry now."""
        return self._ride is not None and self._ride.boat.takes(to)

    def send(self, datagram: bytes, to: Address) -> None:
        """Send, or lose it."""
        if self._ride is not None:
            self._ride.boat.send(datagram, to)

    def network_changed(self) -> None:
        """Begin anew: this machine is in another network now."""
        self._jetty.forget()
        self._end(was_heard=False)

    async def _look(self) -> None:
        now, ride = self._clock.seconds(), self._ride
        self._silence.look(self._heard(), now)
        if ride is None:
            if self._is_relied_on and self._silence.is_broken:
                self._get_through()
            elif now >= self._seek_at and self._is_wanted():
                await self._seek()
        elif self._silence.is_long(now):
            self._disembark()
            self._ashore(ride, "nothing is answered over it")
        elif now >= ride.straight_at:
            ride.straight_at = now + STRAIGHT_S
            if await self._gets_through(ride.door.address) and self._is_relied_on:
                self._get_through()

    def _is_wanted(self) -> bool:
        """Whether a ferry would be of use, as far as can be told by now."""
        now = self._clock.seconds()
        self._silence.look(self._heard(), now)
        return not self._silence.is_broken if self._is_relied_on else self._silence.is_long(now)

    async def _seek(self) -> None:
        # A node that is nearer than those that can't be reached can't help, and proves nothing.
        reach = self._heard().reach
        doors = [door for door in await self._doors() if reach_of(door.address.host) >= reach]
        for door in self._jetty.choice(doors):
            boat = await self._jetty.dial(door, self._lost)
            # A network that is back after some time may let datagrams through, too.
            if boat is not None and self._silence.is_broken and self._is_wanted():
                await self._gets_through(door.address)
            if not self._is_wanted():
                if boat is not None:
                    boat.close()
                return
            if boat is not None and not boat.is_lost:
                self._board(boat, door)
                return
        self._seek_at = self._clock.seconds() + next(self._pauses)
        if not self._is_told:
            self._is_told = True
            _log.info("reach.no_ferry asked={asked}", asked=len(doors))

    def _board(self, boat: Boat, door: Door) -> None:
        now = self._clock.seconds()
        self._ride = _Ride(boat, door, since=now, straight_at=now + STRAIGHT_S)
        self._silence = Silence(self._heard(), first_s=ARRIVES_S)
        self._is_relied_on, self._is_told = True, False
        _log.info("reach.ferried by={by} seen_as={seen}", by=str(door.address), seen=str(boat.seen))
        self._began()

    def _lost(self, boat: Boat) -> None:
        ride = self._ride
        if ride is not None and ride.boat is boat:
            self._ride = None
            self._ashore(ride, "the connection is lost")

    def _ashore(self, ride: _Ride, why: str) -> None:
        """Take the next ferry: at once if this one has lasted."""
        now = self._clock.seconds()
        self._jetty.failed(ride.door, why)
        _log.info("reach.ferry_lost by={by} reason={reason}", by=str(ride.door.address), reason=why)
        if now - ride.since >= KEPT_S:
            self._pauses = _growing()
        self._seek_at = now + next(self._pauses)
        self._silence = Silence(self._heard(), first_s=FIRST_S)
        self._broke()

    def _get_through(self) -> None:
        _log.info("reach.ferry_ended reason={reason}", reason="datagrams get through")
        self._end(was_heard=True)

    def _end(self, *, was_heard: bool) -> None:
        self._disembark()
        self._silence = Silence(self._heard(), first_s=FIRST_S, is_broken=was_heard)
        self._pauses = _growing()
        self._seek_at, self._is_told = float("-inf"), False
        if self._is_relied_on:
            self._is_relied_on = False
            self._ended()

    def _disembark(self) -> None:
        ride, self._ride = self._ride, None
        if ride is not None:
            ride.boat.close()


def _growing() -> Iterator[float]:
    """Pauses in seconds: none at first, then each longer than the one before; for ever."""
    yield 0.0
    pause_s = FIRST_PAUSE_S
    while True:
        yield pause_s
        pause_s = min(2 * pause_s, LONGEST_PAUSE_S)
