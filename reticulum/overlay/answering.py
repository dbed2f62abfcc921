"""What this node answers when others ask: is it there, does it hold, whom does it know."""

import random
from collections.abc import Callable

import attrs
from twisted.internet.interfaces import IReactorTime

from reticulum.errors import RecordFault
from reticulum.model import PUBLIC, Address, Contact, Key, NodeId, reach_of
from reticulum.overlay.acquaintance import Acquaintance
from reticulum.overlay.allowance import Allowance, Allowances, Rate
from reticulum.overlay.inquiry import MOST_NAMED
from reticulum.overlay.keeping import Keeping
from reticulum.overlay.messages import (
    Body,
    Dialling,
    DialMe,
    Find,
    Found,
    Gone,
    Goodbye,
    Knock,
    Page,
    Ping,
    Pong,
    Store,
    Stored,
    Want,
)
from reticulum.overlay.messages.bodies import MOST_OFFSET
from reticulum.overlay.neighbours import Neighbours
from reticulum.overlay.question import Question
from reticulum.overlay.records import NodeRecord, ProviderRecord
from reticulum.overlay.relayed import Relayed
from reticulum.overlay.standing import Standing
from reticulum.overlay.surroundings import Dial, Stock
from reticulum.overlay.voice import Voice

DIALS_EACH = Rate(6 / 60, 12)
"""Of one address: three times a minute, each over UDP and over TCP."""
DIALS_TOGETHER = Rate(60 / 60, 120)
HINTS = Rate(5, 50)
SIGNATURES = Rate(500, 4000)
"""120 us each: a flood of made-up records takes 6 % of one core."""
_SEEDS = 2**24


class Answering:
    """
    Answers questions; every limit that depends on what is asked is here.

    Args:
        own: The id of this node.
        neighbours: Whom it knows.
        keeping: Records it keeps.
        stock: Images it has.
        acquaintance: Tokens.
        standing: Is told who reaches this node.
        voice: Its own record.
        relayed: Nodes that are reached through relays.
        knock: Sends a dial-back.
        dial: Dials back over TCP; None if that can't be done here.
        is_ferried: Whether datagrams go by way of another node: nobody is dialled back then.
        clock: For limits and tokens.
        rng: For the order in which holders are named.
    """

    def __init__(
        self,
        own: NodeId,
        *,
        neighbours: Neighbours,
        keeping: Keeping,
        stock: Stock,
        acquaintance: Acquaintance,
        standing: Standing,
        voice: Voice,
        relayed: Relayed,
        knock: Callable[[Contact, Knock], None],
        dial: Dial | None,
        is_ferried: Callable[[], bool],
        clock: IReactorTime,
        rng: random.Random,
    ) -> None:
        self._own = own
        self._neighbours = neighbours
        self._keeping = keeping
        self._stock = stock
        self._acquaintance = acquaintance
        self._standing = standing
        self._voice = voice
        self._relayed = relayed
        self._knock = knock
        self._dial_tcp = dial
        self._is_ferried = is_ferried
        self._clock = clock
        self._rng = rng
        now = clock.seconds()
        self._dials = Allowances(now, DIALS_EACH, DIALS_TOGETHER)
        self._hints = Allowance(HINTS, now)
        self._signatures = Allowance(SIGNATURES, now)

    def __call__(self, question: Question) -> Body | None:
        """Answer; None where nothing is to be said."""
        body = question.body
        if isinstance(body, Goodbye):
            self._neighbours.left(question.sender)
        elif isinstance(body, Knock):
            # Not from where its sender listens: that address is not to be remembered.
            self._standing.knocked(body.nonce)
        else:
            return self._answer(body, question)
        return None

    def _answer(self, body: Body, question: Question) -> Body | None:
        self._standing.asked_by(question.sender)
        self._neighbours.asked_by(question)
        if isinstance(body, Find):
            return self._find(body, question.sender)
        if isinstance(body, Ping):
            return self._pong(body, question.sender)
        if isinstance(body, Store):
            return self._store(body, question.sender)
        if isinstance(body, DialMe):
            return self._dial(body, question.sender)
        if isinstance(body, Gone):
            self._gone(body)
        return None

    def _pong(self, ping: Ping, sender: Contact) -> Pong:
        return Pong(
            seen=sender.address,
            sequence=self._voice.node_sequence,
            software=self._voice.software,
            token=self._acquaintance.give(sender, self._clock.seconds()),
            record=self._voice.node_record() if ping.wants_record else None,
        )

    def _find(self, find: Find, sender: Contact) -> Found:
        closer: list[Contact] = []
        if Want.NODES in find.want:
            closer = self._closer(find.target, sender)
        record = None
        if Want.RECORD in find.want:
            mine = find.target == self._own
            record = self._voice.node_record() if mine else self._keeping.node(find.target)
        found = Found(
            closer=tuple(closer),
            record=record,
            attached=Want.RECORD in find.want and find.target in self._relayed,
            seen=sender.address,
            token=self._acquaintance.give(sender, self._clock.seconds()),
        )
        # An answer has one list that goes on in further pages.
        if Want.HOLDERS in find.want:
            return self._with_holders(found, find)
        return self._with_relayed(found, find) if Want.RELAYED in find.want else found

    def _closer(self, target: Key, sender: Contact) -> list[Contact]:
        # To somebody far away, an address in the network here is that of nobody, or of another.
        is_far = reach_of(sender.address.host) == PUBLIC
        most = 2 * MOST_NAMED if is_far else MOST_NAMED
        known = self._neighbours.table.closest(target, most + 1, sound=True)
        if is_far:
            known = [contact for contact in known if reach_of(contact.address.host) == PUBLIC]
        # Its id at another address, it is to hear of: that is another node with its key.
        return [contact for contact in known if contact != sender][:MOST_NAMED]

    def _with_holders(self, found: Found, find: Find) -> Found:
        page = Page(find.page.seed or self._rng.randrange(1, _SEEDS), find.page.offset)
        providers, left = self._keeping.providers(find.target, seed=page.seed, offset=page.offset)
        holds = self._stock.holds(find.target)
        return attrs.evolve(found, holds=holds, page=page, left=left, providers=providers)

    def _with_relayed(self, found: Found, find: Find) -> Found:
        relayed, left = self._relayed.page(find.target, find.page.offset)
        page = Page(offset=find.page.offset)
        return attrs.evolve(found, page=page, left=min(left, MOST_OFFSET), relayed=relayed)

    def _store(self, store: Store, sender: Contact) -> Stored | None:
        now = self._clock.seconds()
        records: list[ProviderRecord | NodeRecord] = [*store.providers]
        if store.record is not None:
            records.append(store.record)
        token = self._acquaintance.give(sender, now)
        if not self._acquaintance.holds_token(sender, store.token, now):
            return Stored(refused={RecordFault.NO_TOKEN: len(records)}, token=token)
        if not all(self._signatures.take(now) for _ in records):
            return None
        kept, refused = self._keeping.keep(records)
        return Stored(accepted=min(kept, 255), refused=refused, token=token)

    def _dial(self, dial: DialMe, sender: Contact) -> Dialling:
        now = self._clock.seconds()
        # Only ever the address that asks, and only if it is its own: nobody is turned on a third
        # one, not even by writing its address on a question.
        if not self._acquaintance.proven(sender, dial.token, now):
            return Dialling(agreed=False, token=self._acquaintance.give(sender, now))
        # What a ferry says about where somebody asks is proof of nothing.
        if self._is_ferried() or (dial.tcp and self._dial_tcp is None):
            return Dialling(agreed=False)
        if not self._dials.take(str(sender.address), now):
            return Dialling(agreed=False)
        at = Contact(sender.node_id, Address(sender.address.host, dial.port))
        if dial.tcp and self._dial_tcp is not None:
            self._dial_tcp(at, dial.nonce)
        else:
            self._knock(at, Knock(dial.nonce))
        return Dialling(agreed=True)

    def _gone(self, gone: Gone) -> None:
        now = self._clock.seconds()
        self._neighbours.doubted(n for n in gone.nodes if self._hints.take(now))
