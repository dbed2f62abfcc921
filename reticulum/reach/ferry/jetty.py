"""Where ferries are boarded: dials those who may run one, who is most likely to first."""

from collections.abc import Callable, Sequence
from typing import Final

import attrs
from twisted.internet.defer import TimeoutError as DeferredTimeoutError
from twisted.internet.error import ConnectError, ConnectionClosed
from twisted.internet.interfaces import IReactorTime
from twisted.internet.protocol import Factory
from twisted.logger import Logger

from reticulum.model import Address, NodeId
from reticulum.reach.ferry.boat import ANSWER_S, Boat
from reticulum.reach.pipes import DirectPipes
from reticulum.reach.relay.greeting import Greeting
from reticulum.reach.relay.hello import Kind
from reticulum.reach.relay.status import Status

MOST_DOORS: Final = 16
"""Dialled in one go, one after the other."""

_log = Logger()


@attrs.frozen
class Door:
    """
    Where somebody may be who runs a ferry.

    Args:
        address: Where.
        node_id: Who; None for whoever is there.
    """

    address: Address
    node_id: NodeId | None = None


class Jetty:
    """
    Dials.

    Args:
        greeting: Who we are.
        pipes: To ferrymen.
        received: Gets datagrams that are brought, and from where they came.
        clock: For time.
    """

    def __init__(
        self,
        *,
        greeting: Greeting,
        pipes: DirectPipes,
        received: Callable[[bytes, Address], None],
        clock: IReactorTime,
    ) -> None:
        self._greeting = greeting
        self._pipes = pipes
        self._received = received
        self._clock = clock
        self._failed_at: dict[Address, float] = {}

    def choice(self, doors: Sequence[Door]) -> Sequence[Door]:
        """Those to dial, in this order: last whoever failed last."""
        known = {door.address for door in doors}
        self._failed_at = {at: when for at, when in self._failed_at.items() if at in known}
        never = float("-inf")
        return sorted(doors, key=lambda door: self._failed_at.get(door.address, never))[:MOST_DOORS]

    async def dial(self, door: Door, lost: Callable[[Boat], None]) -> Boat | None:
        """
        Ask for a ferry.

        Args:
            door: Where.
            lost: See `Boat`.

        Returns:
            None if there is none.
        """
        boat = Boat(
            self._greeting.hello(Kind.FERRY, door.node_id),
            received=self._received,
            lost=lost,
            clock=self._clock,
        )
        factory = Factory.forProtocol(lambda: boat)
        factory.noisy = False
        try:
            await self._pipes.at(door.address).connect(factory)
            answer = await boat.answered.addTimeout(ANSWER_S, self._clock)
        except (ConnectError, ConnectionClosed, DeferredTimeoutError) as error:
            why = str(error) or "no answer in time"
        except BaseException:
            boat.close()
            raise
        else:
            if answer.status is Status.WELCOME:
                return boat
            why = answer.status.name.lower().replace("_", " ")
        boat.close()
        self.failed(door, why)
        return None

    def failed(self, door: Door, why: str) -> None:
        """Take note that nobody carries us there now."""
        self._failed_at[door.address] = self._clock.seconds()
        _log.debug("reach.no_ferry_there at={at} reason={reason}", at=str(door.address), reason=why)

    def forget(self) -> None:
        """Forget who failed."""
        self._failed_at.clear()
