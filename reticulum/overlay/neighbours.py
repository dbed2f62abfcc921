"""Keeps the routing table true: who answers is entered, who is silent leaves, doubt is a ping."""

from collections.abc import Callable, Iterable

from reticulum.model import Address, Contact, NodeId
from reticulum.overlay.bucket import Entry
from reticulum.overlay.exchange import Exchange
from reticulum.overlay.messages import Body, Find, Found, Ping, Pong
from reticulum.overlay.question import Outcome, Question, Reply
from reticulum.overlay.table import PING_AGAIN_S, Table

MOST_PINGS = 32
"""Checks under way; what comes on top is checked another time."""


class Neighbours:
    """
    The table of this node and the pings that keep it true.

    Args:
        table: Of this node.
        exchange: To ping with.
        ping: What to say.
        now: The clock of the table.
        entered: Called when the table, empty before, has somebody.
    """

    def __init__(
        self,
        table: Table,
        exchange: Exchange,
        *,
        ping: Callable[[], Ping],
        now: Callable[[], float],
        entered: Callable[[], None],
    ) -> None:
        self.table = table
        self._exchange = exchange
        self._ping = ping
        self._now = now
        self._entered = entered
        self._checking: set[NodeId] = set()

    @property
    def any(self) -> bool:
        """Whether somebody is in the table."""
        return any(len(bucket) for bucket in self.table.buckets)

    @property
    def count(self) -> int:
        """How many are in the table."""
        return sum(len(bucket) for bucket in self.table.buckets)

    def replied(self, reply: Reply) -> None:
        """Take an answer from whom it was asked of."""
        known = self._entry(reply.contact.node_id)
        if not reply.server:
            if known is not None and known.contact == reply.contact:
                self.check(self.table.removed(reply.contact.node_id))
            return
        dialled = _dialled(reply.contact, reply.body)
        if dialled != reply.contact:
            # It can be asked here for now, and by us: others are to know where it is dialled.
            if known is not None and known.contact == reply.contact:
                self.check(self.table.removed(reply.contact.node_id))
            if known is None or known.contact != dialled:
                self._exchange.ask(dialled.address, self._ping(), _nothing, node_id=dialled.node_id)
            return
        moved = known is not None and known.contact != reply.contact
        if known is not None and moved and not known.failing():
            # Ids can be claimed by any member: the one that is there has to fall silent first.
            self.check(known.contact)
            return
        was_empty = not self.any
        self.check(self.table.answered(reply.contact))
        if was_empty:
            self._entered()

    def silent(self, contact: Contact) -> None:
        """Take a silence until the hard time-out."""
        known = self._entry(contact.node_id)
        if known is None or known.contact == contact:
            self.check(self.table.failed(contact.node_id))

    def asked_by(self, question: Question) -> None:
        """Take a question: a server that asks is worth a ping."""
        if question.server and question.addressed:
            self.check(self.table.heard(_dialled(question.sender, question.body)))

    def doubted(self, node_ids: Iterable[NodeId]) -> None:
        """Take a down-hint: ping those of them that are here and were not heard just now."""
        now = self._now()
        for node_id in node_ids:
            entry = self._entry(node_id)
            if entry is not None and now - max(entry.pinged_at, entry.last_seen()) > PING_AGAIN_S:
                entry.pinged_at = now
                self.check(entry.contact)

    def left(self, contact: Contact) -> None:
        """Take a goodbye, if it comes from where the node is known to be."""
        known = self._entry(contact.node_id)
        if known is not None and known.contact == contact:
            self.check(self.table.removed(contact.node_id))

    def check(self, contact: Contact | None) -> None:
        """Ping somebody, unless that is under way; the table is told what comes of it."""
        if contact is None or contact.node_id in self._checking:
            return
        if len(self._checking) >= MOST_PINGS:
            return
        self._checking.add(contact.node_id)

        def done(_outcome: Outcome) -> None:
            self._checking.discard(contact.node_id)

        self._exchange.ask(contact.address, self._ping(), done, node_id=contact.node_id)

    def _entry(self, node_id: NodeId) -> Entry | None:
        entry: Entry | None = self.table.bucket(node_id).nodes.get(node_id.digest)
        return entry


def _dialled(contact: Contact, body: Body) -> Contact:
    """Where the sender of *body* is dialled: at the same host, perhaps at another port."""
    port = body.port if isinstance(body, Ping | Pong | Find | Found) else 0
    if not port:
        return contact
    return Contact(contact.node_id, Address(contact.address.host, port))


def _nothing(_outcome: Outcome) -> None:
    """Whoever answers is entered by that."""
