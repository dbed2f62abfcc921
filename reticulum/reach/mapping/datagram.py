"""Questions to a gateway, a datagram each, and the answers that are believed."""

from collections.abc import Callable
from typing import Any, Final, TypeVar

import attrs
from twisted.internet.defer import Deferred
from twisted.internet.defer import TimeoutError as DeferredTimeoutError
from twisted.internet.error import CannotListenError
from twisted.internet.protocol import DatagramProtocol

from reticulum.errors import BadGatewayAnswer, NotMapped
from reticulum.reach.mapping.gateway import Gateway

T = TypeVar("T")

AGAIN_S: Final = (0.25, 0.75)
"""When a question is sent again: each pause is twice the one before (RFC 6886 section 3.1)."""
GIVE_UP_S: Final = 1.75
"""When it is given up."""


@attrs.define(eq=False)
class _Question:
    take: Callable[[bytes], Any]
    answer: Deferred[Any]
    got_nonsense: bool = False

    def takes(self, datagram: bytes) -> bool:
        """Whether this was the answer."""
        try:
            answer = self.take(datagram)
        except BadGatewayAnswer:
            return False
        if answer is not None:
            self.answer.callback(answer)
        return answer is not None


class Inquirer(DatagramProtocol):
    """
    Asks one gateway, any number of questions at a time.

    The socket is not connected: to one that is, a router that rejects what it does not know, as
    many do, causes errors that Twisted does not expect when it reads.

    Args:
        reactor: For the socket, and the time.
        gateway: Whom to ask, and from where.
        port: Of the gateway.
    """

    noisy = False

    def __init__(self, reactor: Any, gateway: Gateway, port: int) -> None:
        self.gateway = gateway
        self._reactor = reactor
        self._there = (gateway.address, port)
        self._questions: set[_Question] = set()

    def open(self) -> None:
        """
        Take a socket.

        Raises:
            NotMapped: There is none to be had at the gateway's side of this host.
        """
        try:
            self._reactor.listenUDP(0, self, interface=self.gateway.local)
        except CannotListenError as error:
            raise NotMapped(f"no socket: {error.socketError}") from None

    async def close(self) -> None:
        """Give the socket back; nobody may be asking any more."""
        closed = self.transport and self.transport.stopListening()
        if closed:
            await closed

    async def ask(self, question: bytes, take: Callable[[bytes], T | None]) -> T:
        """
        Ask until there is an answer.

        Args:
            question: The datagram.
            take: Gets whatever comes from the gateway: returns the answer, or None for what does
                not belong to this question, or raises `BadGatewayAnswer`.

        Raises:
            NotMapped: No answer in time, or the question can't be sent.
        """
        asked = _Question(take, Deferred())
        self._questions.add(asked)
        again = [self._reactor.callLater(s, self._send, question, asked) for s in AGAIN_S]
        try:
            self._send(question, asked)
            answer: T = await asked.answer.addTimeout(GIVE_UP_S, self._reactor)
        except DeferredTimeoutError:
            why = "answers that fit no question" if asked.got_nonsense else "silent"
            raise NotMapped(why) from None
        finally:
            self._questions.discard(asked)
            for call in again:
                if call.active():
                    call.cancel()
        return answer

    def datagramReceived(self, datagram: bytes, addr: Any) -> None:  # noqa: N802
        """Give what the gateway says to whom it concerns; others are not listened to."""
        if addr != self._there:
            return
        waiting = [asked for asked in self._questions if not asked.answer.called]
        if any(asked.takes(datagram) for asked in waiting):
            return
        for asked in waiting:
            asked.got_nonsense = True

    def _send(self, question: bytes, asked: _Question) -> None:
        assert self.transport is not None  # noqa: S101  (who asks has opened it)
        try:
            self.transport.write(question, self._there)
        except OSError as error:
            if not asked.answer.called:
                asked.answer.errback(NotMapped(f"nothing can be sent there: {error.strerror}"))
