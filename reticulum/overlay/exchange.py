"""Questions of this node over sealed datagrams: asked, sent again, answered by whom was asked."""

import random
from collections import OrderedDict
from collections.abc import Callable

import attrs
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorTime

from reticulum.errors import BadMessage
from reticulum.model import Address, Contact, NodeId
from reticulum.overlay.acquaintance import Acquaintance
from reticulum.overlay.courier import Courier
from reticulum.overlay.letterhead import Stamp
from reticulum.overlay.messages import (
    Body,
    DialMe,
    Find,
    Ping,
    decode,
    encode,
    padding_for,
)
from reticulum.overlay.messages.bodies import TRANSACTION_BYTES
from reticulum.overlay.messages.layout import HEAD
from reticulum.overlay.question import ANSWERS, Asked, Miss, Outcome, Reply
from reticulum.overlay.questions import LONGEST_HARD_S, PATIENCE, SHORTEST_HARD_S
from reticulum.overlay.rtt import RoundTrips
from reticulum.overlay.surroundings import Send
from reticulum.overlay.tally import Tally
from reticulum.overlay.twins import Twins
from reticulum.overlay.unseal import Opened

MOST_OUT = 2048
MOST_TWICE = 256


def hard_timeout_s(soft_s: float) -> float:
    """Say when silence is final, in seconds; the same for pings as for lookups."""
    return min(max(2 * PATIENCE * soft_s, SHORTEST_HARD_S), LONGEST_HARD_S)


class Exchange:
    """
    What a node asks others, and what they answer.

    Args:
        own: The id of this node.
        courier: Seals and opens.
        clock: What time-outs are scheduled on.
        rng: Source of transaction ids.
        acquaintance: Tokens, and proven addresses.
        round_trips: Learns how long answers take.
        stamp: Makes messages.
        twins: Told who speaks.
        tally: Counts.
    """

    def __init__(
        self,
        own: NodeId,
        courier: Courier,
        *,
        clock: IReactorTime,
        rng: random.Random,
        acquaintance: Acquaintance,
        round_trips: RoundTrips,
        stamp: Stamp,
        twins: Twins,
        tally: Tally,
    ) -> None:
        self._own = own
        self._courier = courier
        self._clock = clock
        self._rng = rng
        self._acquaintance = acquaintance
        self._round_trips = round_trips
        self._stamp = stamp
        self._out: dict[bytes, Asked] = {}
        self._sent_twice: OrderedDict[bytes, tuple[Contact, float]] = OrderedDict()
        self._twins = twins
        self._tally = tally
        self._is_open = False
        # Set by whoever puts the node together, before anything is received.
        self.replied: Callable[[Reply], None] = lambda _reply: None
        self.silent: Callable[[Contact], None] = lambda _contact: None

    @property
    def outstanding(self) -> int:
        """Questions that are out."""
        return len(self._out)

    @property
    def is_open(self) -> bool:
        """Whether it listens."""
        return self._is_open

    def open(self) -> None:
        """Begin to listen."""
        self._is_open = True

    def close(self) -> None:
        """End: nothing is heard any more, and every question that is out is told so."""
        self._is_open = False
        for asked in list(self._out.values()):
            self._settle(asked, Miss.CLOSED)

    def ask(
        self,
        to: Address,
        body: Body,
        done: Callable[[Outcome], None],
        *,
        node_id: NodeId | None = None,
        soft_s: float | None = None,
        hard_s: float | None = None,
        send: Send | None = None,
    ) -> None:
        """
        Ask; at *soft_s* once more.

        Args:
            to: Where.
            body: One of those that have an answer.
            done: Told the outcome, once; before this returns only if the node has stopped.
            node_id: Who; None for whoever is there.
            soft_s: Seconds until the question is sent again; as measured if not given.
            hard_s: Seconds until silence is final; as lookups have it if not given.
            send: Another way out than the usual one.
        """
        if not self._is_open:
            done(Miss.CLOSED)
            return
        if len(self._out) >= MOST_OUT:
            self._clock.callLater(0, done, Miss.FULL)
            return
        if soft_s is None:
            soft_s = self._round_trips.timeout_s(node_id or self._own)
        if hard_s is None:
            hard_s = hard_timeout_s(soft_s)
        now = self._clock.seconds()
        transaction = self._rng.randbytes(TRANSACTION_BYTES)
        asked = Asked(
            transaction=transaction,
            node_id=node_id,
            to=to,
            wanted=ANSWERS[type(body)],
            packed=self._pack(transaction, body, to, node_id, now),
            at=now,
            hard_s=max(hard_s, soft_s),
            done=done,
            send=send,
        )
        self._out[transaction] = asked
        asked.timer = self._clock.callLater(soft_s, self._ask_again, asked, soft_s)
        self._tally.asked(to)
        self._courier.dispatch(asked.packed, to, node_id, send)

    def asking(
        self,
        to: Address,
        body: Body,
        *,
        node_id: NodeId | None = None,
        soft_s: float | None = None,
        hard_s: float | None = None,
        send: Send | None = None,
    ) -> Deferred[Outcome]:
        """`ask`, with a Deferred of the outcome; it never fails, cancelling only stops waiting."""
        outcome: Deferred[Outcome] = Deferred()

        def done(result: Outcome) -> None:
            if not outcome.called:
                outcome.callback(result)

        self.ask(to, body, done, node_id=node_id, soft_s=soft_s, hard_s=hard_s, send=send)
        return outcome

    def tell(self, to: Contact, body: Body, *, send: Send | None = None) -> None:
        """Say what gets no answer; by another way out than the usual one, if *send* is given."""
        packed = self._write(self._rng.randbytes(TRANSACTION_BYTES), body)
        self._courier.dispatch(packed, to.address, to.node_id, send)

    def take(self, opened: Opened, from_: Address) -> None:
        """Take an answer, or what looks like one; nobody's is dropped."""
        asked = self._out.get(HEAD.unpack_from(opened.body)[3])
        if asked is not None:
            self._take_answer(asked, opened, from_)
        else:
            self._take_second(opened, from_)

    def _pack(
        self, transaction: bytes, body: Body, to: Address, node_id: NodeId | None, now: float
    ) -> bytes:
        if not isinstance(body, Find | Ping | DialMe):
            return self._write(transaction, body)
        token = b""
        if node_id is not None:
            token = self._acquaintance.token_for(Contact(node_id, to), now)
        if token:
            return self._write(transaction, attrs.evolve(body, token=token))
        if isinstance(body, DialMe):
            return self._write(transaction, body)
        if isinstance(body, Find) or body.wants_record:
            return self._write(transaction, body, pad_to=padding_for(0))
        return self._write(transaction, body)

    def _write(self, transaction: bytes, body: Body, *, pad_to: int = 0) -> bytes:
        return encode(self._stamp(transaction, body), pad_to=pad_to).data

    def _ask_again(self, asked: Asked, soft_s: float) -> None:
        asked.again_at = self._clock.seconds()
        asked.timer = self._clock.callLater(asked.hard_s - soft_s, self._settle, asked, Miss.SILENT)
        self._courier.dispatch(asked.packed, asked.to, asked.node_id, asked.send)

    def _settle(self, asked: Asked, outcome: Outcome) -> None:
        del self._out[asked.transaction]
        if asked.timer is not None and asked.timer.active():
            asked.timer.cancel()
        if outcome is Miss.SILENT and asked.node_id is not None:
            self.silent(Contact(asked.node_id, asked.to))
        asked.done(outcome)

    def _take_answer(self, asked: Asked, opened: Opened, from_: Address) -> None:
        try:
            message = decode(opened.body)
        except BadMessage:
            self._tally.nonsense += 1
            self._settle(asked, Miss.REFUSED)
            return
        sender, now = message.envelope.sender, self._clock.seconds()
        self._twins.heard(sender, opened.boot, from_, now)
        wrong = asked.node_id not in (None, sender) or sender == self._own
        if wrong or from_ != asked.to or not isinstance(message.body, asked.wanted):
            self._settle(asked, Miss.REFUSED)
            return
        self._tally.got_answer(from_)
        reply = Reply(
            contact=Contact(sender, from_),
            server=message.envelope.server,
            body=message.body,
            rtt_s=now - asked.at,
            clock_ms=opened.clock_ms,
            boot=opened.boot,
        )
        self._measure(asked, reply.contact, now)
        token = getattr(message.body, "token", b"")
        self._acquaintance.answered(reply.contact, token, now)
        self.replied(reply)
        self._settle(asked, reply)

    def _measure(self, asked: Asked, contact: Contact, now: float) -> None:
        if asked.again_at is None:
            self._round_trips.measured(contact.node_id, now - asked.at)
            return
        # It may answer either of two (RFC 6298, section 3). A second answer settles it: a slow
        # peer, to which everything is sent twice, would never be given more time otherwise.
        self._sent_twice[asked.transaction] = (contact, asked.again_at)
        if len(self._sent_twice) > MOST_TWICE:
            self._sent_twice.popitem(last=False)

    def _take_second(self, opened: Opened, from_: Address) -> None:
        _, _, _, transaction, sender = HEAD.unpack_from(opened.body)
        contact, again_at = self._sent_twice.pop(transaction, (None, 0.0))
        if contact is not None and contact == Contact(NodeId(sender), from_):
            self._round_trips.measured(contact.node_id, self._clock.seconds() - again_at)
