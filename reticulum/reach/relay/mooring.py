"""One relay that this node holds on to: an anchor there, and spares for whoever wants this node."""

from collections.abc import Callable
from typing import Any, cast

from twisted.internet.defer import Deferred
from twisted.internet.error import ConnectionDone
from twisted.internet.interfaces import (
    IAddress,
    IDelayedCall,
    IProtocolFactory,
    IReactorTime,
)
from twisted.internet.protocol import Factory
from twisted.python.failure import Failure

from reticulum.model import Address, Contact
from reticulum.reach.pipes import DirectPipes, ip_address
from reticulum.reach.relay.greeting import Greeting
from reticulum.reach.relay.hello import Kind
from reticulum.reach.relay.kept_lines import ANSWER_S, AnchorLine, KeptLine, SpareLine
from reticulum.reach.relay.status import Answer, Dialler, Status

SPARES = 2
"""Connections kept at a relay for the next who want this node."""
MOST_SPARES = 8
AGAIN_S = 1.0


class Mooring:
    """
    This node at one relay.

    Args:
        relay: Which.
        greeting: Who we are.
        pipes: To the relay.
        inside: Listens on the streams that come through the relay.
        clock: For keep-alives.
        lost: Called once, when the anchor is gone.
    """

    def __init__(
        self,
        relay: Contact,
        *,
        greeting: Greeting,
        pipes: DirectPipes,
        inside: IProtocolFactory,
        clock: IReactorTime,
        lost: Callable[["Mooring"], None],
    ) -> None:
        self.relay = relay
        self.seen: Address | None = None
        """Where the relay sees the anchor."""
        self.since = clock.seconds()
        self.streams = 0
        """That have begun here so far."""
        self.clock = clock
        self._greeting = greeting
        self._pipes = pipes
        self._inside = inside
        self._lost = lost
        self._anchor: AnchorLine | None = None
        self._spares: set[SpareLine] = set()
        self._opening: set[Deferred[Any]] = set()
        self._again: IDelayedCall | None = None
        self._is_over = False

    async def attach(self) -> Answer:
        """
        Ask the relay.

        Returns:
            What it says; it holds only if that is a welcome.

        Raises:
            ConnectError, ConnectionClosed, TimeoutError: It is not there.
        """
        anchor = AnchorLine(self)
        dialling = self._dial(Kind.ANCHOR, anchor)
        self._opening.add(dialling)
        try:
            await dialling.addTimeout(ANSWER_S, self.clock)
            answer: Answer = await anchor.answered.addTimeout(ANSWER_S, self.clock)
        except BaseException:
            anchor.close()
            raise
        finally:
            self._opening.discard(dialling)
        if self._is_over:
            anchor.close()
            raise ConnectionDone
        if answer.status is not Status.WELCOME:
            anchor.close()
            return answer
        self._anchor, self.seen, self.since = anchor, answer.address, self.clock.seconds()
        self.replenish(SPARES)
        return answer

    def let_go(self) -> None:
        """Close the anchor and what waits there; streams that have begun go on."""
        self._is_over = True
        if self._again is not None and self._again.active():
            self._again.cancel()
        for opening in list(self._opening):
            opening.cancel()
        for spare in list(self._spares):
            spare.close()
        self._spares.clear()
        if self._anchor is not None:
            self._anchor.close()

    def replenish(self, wanted: int = SPARES) -> None:
        """Open spares until *wanted* are there or on their way."""
        lacking = 0 if self._is_over else wanted - len(self._spares)
        for _ in range(lacking):
            spare = SpareLine(self)
            self._spares.add(spare)
            opening = self._dial(Kind.SPARE, spare)
            self._opening.add(opening)
            opening.addTimeout(ANSWER_S, self.clock)
            opening.addBoth(self._opened, opening, spare)

    def one_more(self) -> None:
        """The relay has somebody waiting, and no spare left."""
        if self._is_pausing:
            return  # who has just closed one gets the next ones soon enough
        self.replenish(min(len(self._spares) + 1, MOST_SPARES))

    def begins(self, spare: SpareLine, dialler: Dialler) -> Any:
        """Make what listens on a stream that begins; None if nobody does."""
        self._spares.discard(spare)
        self.streams += 1
        self.replenish()
        return self._inside.buildProtocol(cast("IAddress", ip_address(dialler.address)))

    def gone(self, spare: SpareLine) -> None:
        """Note a spare that is closed; the anchor says whether the relay lives."""
        self._spares.discard(spare)
        if self._is_over or self._is_pausing:
            return
        # Not at once: a relay that closes every spare is not to be run at.
        self._again = self.clock.callLater(AGAIN_S, self.replenish)

    @property
    def _is_pausing(self) -> bool:
        return self._again is not None and self._again.active()

    def anchor_gone(self) -> None:
        """The relay is gone, or has let go."""
        was_held, self._anchor = self._anchor is not None and not self._is_over, None
        self.let_go()
        if was_held:
            self._lost(self)

    def _opened(self, result: Any, opening: Deferred[Any], spare: SpareLine) -> None:
        self._opening.discard(opening)
        if isinstance(result, Failure):
            self.gone(spare)

    def _dial(self, kind: Kind, protocol: KeptLine) -> Deferred[Any]:
        protocol.hello = self._greeting.hello(kind, self.relay.node_id)
        factory = Factory.forProtocol(lambda: protocol)
        factory.noisy = False
        contact = Contact(self.relay.node_id, self.relay.address)
        dialled: Deferred[Any] = self._pipes.to(contact).connect(factory)
        return dialled
