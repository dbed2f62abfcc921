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
    ITransport,
)
from twisted.internet.protocol import Factory, Protocol, connectionDone
from twisted.python.failure import Failure

from reticulum.model import Address, Contact
from reticulum.reach.pipes import DirectPipes, ip_address
from reticulum.reach.relay.greeting import Greeting
from reticulum.reach.relay.hello import Kind
from reticulum.reach.relay.status import (
    ANCHOR_SAYS_S,
    ANCHOR_SILENT_S,
    ARE_YOU_THERE,
    GO,
    MORE_SPARES,
    MOST_ADDRESS_BYTES,
    SPARE_SAYS_S,
    SPARE_SILENT_S,
    STILL_HERE,
    Answer,
    Dialler,
    Status,
    read_answer,
    read_go,
)

SPARES = 2
"""Connections kept at a relay for the next who want this node."""
MOST_SPARES = 8
AGAIN_S = 1.0
ANSWER_S = 5.0
"""For a relay to answer a hello, connecting included."""


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
        self._anchor: _Anchor | None = None
        self._spares: set[_Spare] = set()
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
        anchor = _Anchor(self)
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
            spare = _Spare(self)
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

    def begins(self, spare: "_Spare", dialler: Dialler) -> Any:
        """Make what listens on a stream that begins; None if nobody does."""
        self._spares.discard(spare)
        self.streams += 1
        self.replenish()
        return self._inside.buildProtocol(cast("IAddress", ip_address(dialler.address)))

    def gone(self, spare: "_Spare") -> None:
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

    def _opened(self, result: Any, opening: Deferred[Any], spare: "_Spare") -> None:
        self._opening.discard(opening)
        if isinstance(result, Failure):
            self.gone(spare)

    def _dial(self, kind: Kind, protocol: "_Held") -> Deferred[Any]:
        protocol.hello = self._greeting.hello(kind, self.relay.node_id)
        factory = Factory.forProtocol(lambda: protocol)
        factory.noisy = False
        contact = Contact(self.relay.node_id, self.relay.address)
        dialled: Deferred[Any] = self._pipes.to(contact).connect(factory)
        return dialled


class _Held(Protocol):
    """A connection that is kept open at the relay: hello, answer, then a byte now and then."""

    transport: Any
    says_s: float
    silent_s: float

    def __init__(self, mooring: Mooring) -> None:
        self.mooring = mooring
        self.hello = b""
        self.received = b""
        self.answer: Answer | None = None
        self._saying: IDelayedCall | None = None
        self._deadline: IDelayedCall | None = None

    def connectionMade(self) -> None:  # noqa: N802  (Twisted's name)
        self.transport.write(self.hello)
        self.transport.setTcpNoDelay(True)
        self._deadline = self.mooring.clock.callLater(ANSWER_S, self.close)

    def dataReceived(self, data: bytes) -> None:  # noqa: N802  (Twisted's name)
        self.received += data
        if len(self.received) > 2 * MOST_ADDRESS_BYTES:
            self.close()
            return
        try:
            self.read()
        except ValueError:
            self.close()

    def read(self) -> None:
        """Take what has come."""
        if self.answer is None:
            read = read_answer(self.received)
            if read is None:
                return
            self.answer, self.received = read
            self.welcomed(self.answer)
        if self.answer.status is Status.WELCOME:
            self._extend()
            if self._saying is None:
                self._say_later()
            self.frames()

    def welcomed(self, answer: Answer) -> None:
        """The relay has answered."""

    def frames(self) -> None:
        """Take what came behind the answer."""

    def say(self) -> None:
        """Say that this node is still here."""
        self.transport.write(bytes([STILL_HERE]))

    def close(self) -> None:
        """Close at once."""
        self.quiet()
        if self.transport is not None:
            self.transport.abortConnection()

    def quiet(self) -> None:
        """End the keep-alive."""
        for timer in (self._saying, self._deadline):
            if timer is not None and timer.active():
                timer.cancel()

    def _say_later(self) -> None:
        self._saying = self.mooring.clock.callLater(self.says_s, self._say)

    def _say(self) -> None:
        self.say()
        self._say_later()

    def _extend(self) -> None:
        if self._deadline is not None and self._deadline.active():
            self._deadline.reset(self.silent_s)


class _Anchor(_Held):
    says_s = ANCHOR_SAYS_S
    silent_s = ANCHOR_SILENT_S

    def __init__(self, mooring: Mooring) -> None:
        super().__init__(mooring)
        self.answered: Deferred[Answer] = Deferred()

    def welcomed(self, answer: Answer) -> None:
        if not self.answered.called:
            self.answered.callback(answer)

    def frames(self) -> None:
        frames, self.received = self.received, b""
        for frame in frames:
            if frame == MORE_SPARES:
                self.mooring.one_more()
            elif frame == ARE_YOU_THERE:
                self.say()
            elif frame != STILL_HERE:
                raise ValueError(f"frame {frame} on an anchor")

    def connectionLost(self, reason: Failure = connectionDone) -> None:  # noqa: N802
        self.quiet()
        self.transport = None
        if not self.answered.called:
            self.answered.errback(reason)
        else:
            self.mooring.anchor_gone()


class _Spare(_Held):
    says_s = SPARE_SAYS_S
    silent_s = SPARE_SILENT_S

    def welcomed(self, answer: Answer) -> None:
        if answer.status is not Status.WELCOME:
            self.close()

    def frames(self) -> None:
        self.received = self.received.lstrip(bytes([STILL_HERE]))
        if not self.received:
            return
        read = read_go(self.received)
        if read is None:
            return
        dialler, rest = read
        self.quiet()
        stream = self.mooring.begins(self, dialler)
        if stream is None:
            self.close()
            return
        transport = self.transport
        transport.write(bytes([GO]))
        transport.protocol = stream
        stream.makeConnection(cast("ITransport", _Relayed(transport, dialler.address)))
        if rest:
            stream.dataReceived(rest)

    def connectionLost(self, reason: Failure = connectionDone) -> None:  # noqa: N802
        del reason
        self.quiet()
        self.transport = None
        self.mooring.gone(self)


class _Relayed:
    """A transport that ends at a dialler, not at the relay in between."""

    def __init__(self, transport: Any, dialler: Address) -> None:
        self._transport = transport
        self._dialler = dialler

    def __getattr__(self, name: str) -> Any:
        return getattr(self._transport, name)

    def getPeer(self) -> Any:  # noqa: N802  (Twisted's name)
        """Where the relay sees the dialler."""
        return ip_address(self._dialler)
