"""What comes in: opened, told apart, held against the limits, answered once."""

from collections.abc import Callable

from twisted.internet.interfaces import IReactorTime

from reticulum.errors import BadMessage
from reticulum.model import Address, Contact, NodeId
from reticulum.overlay.acquaintance import Acquaintance
from reticulum.overlay.allowance import Allowances
from reticulum.overlay.courier import Courier
from reticulum.overlay.exchange import Exchange
from reticulum.overlay.letterhead import Stamp
from reticulum.overlay.messages import (
    Body,
    Find,
    Ping,
    Store,
    decode,
    encode,
    reply_room,
)
from reticulum.overlay.messages.layout import HEAD, KINDS
from reticulum.overlay.question import ANSWERS, Question
from reticulum.overlay.repeats import Repeats
from reticulum.overlay.tally import Tally
from reticulum.overlay.twins import Twins
from reticulum.overlay.unseal import Opened

_ANSWER_KINDS = frozenset(KINDS[answer] for answer in ANSWERS.values())


class Reception:
    """
    Takes datagrams.

    Answers go to the exchange and are not limited: it asked for them. Everything else is a
    question; strangers' are gone before any limit is touched, so that nobody can use up what
    another is allowed by writing its address.

    Args:
        own: The id of this node.
        courier: Opens and seals.
        exchange: Takes answers.
        clock: For limits.
        acquaintance: Who has proven its address.
        stamp: Makes messages.
        answer: Answers questions.
        twins: Told who speaks.
        tally: Counts.
    """

    def __init__(
        self,
        own: NodeId,
        *,
        courier: Courier,
        exchange: Exchange,
        clock: IReactorTime,
        acquaintance: Acquaintance,
        stamp: Stamp,
        answer: Callable[[Question], Body | None],
        twins: Twins,
        tally: Tally,
    ) -> None:
        self._own = own
        self._courier = courier
        self._exchange = exchange
        self._clock = clock
        self._acquaintance = acquaintance
        self._stamp = stamp
        self._answer = answer
        self._twins = twins
        self._tally = tally
        self._repeats = Repeats()
        self._allowances = Allowances(clock.seconds())

    def received(self, datagram: bytes, from_: Address) -> None:
        """Take a datagram, whatever it is."""
        if not self._exchange.is_open:
            return
        opened = self._courier.open(datagram, from_)
        if opened is None:
            return
        body = opened.body
        if len(body) > HEAD.size and body[1] in _ANSWER_KINDS:
            self._exchange.take(opened, from_)
        elif self._allowances.take(from_.host, self._clock.seconds()):
            self._take_question(opened, from_)
        else:
            self._tally.dropped += 1

    def _take_question(self, opened: Opened, from_: Address) -> None:
        now = self._clock.seconds()
        known = self._repeats.get(from_, opened.body, now)
        if known is not None:
            sender = NodeId(HEAD.unpack_from(opened.body)[4])
            self._courier.dispatch(known, from_, sender)
            return
        try:
            message = decode(opened.body)
        except BadMessage:
            self._tally.nonsense += 1
            return
        contact = Contact(message.envelope.sender, from_)
        self._twins.heard(contact.node_id, opened.boot, from_, now)
        if contact.node_id == self._own:
            return
        question = Question(
            sender=contact,
            server=message.envelope.server,
            addressed=opened.addressed,
            body=message.body,
        )
        token = message.body.token if isinstance(message.body, Find | Ping | Store) else b""
        proven = self._acquaintance.proven(contact, token, now)
        room = reply_room(len(opened.body), proven=proven)
        body = self._answer(question)
        if body is None:
            return
        try:
            packed = encode(self._stamp(message.envelope.transaction, body), room).data
        except ValueError:
            self._tally.dropped += 1
            return
        self._tally.served += 1
        self._repeats.keep(from_, opened.body, packed, now)
        self._courier.dispatch(packed, from_, contact.node_id)
