"""Looks for nodes and holders; equal lookups at a time are one, and the dead are reported."""

from collections import defaultdict

from twisted.internet.interfaces import IReactorTime

from reticulum.model import Contact, Key, NodeId
from reticulum.overlay.announcing import NetworkSize
from reticulum.overlay.exchange import Exchange
from reticulum.overlay.findings import Findings
from reticulum.overlay.hearsay import MOST_KEPT, Hearsay
from reticulum.overlay.inquiry import Limits, Result, Want
from reticulum.overlay.keeping import Keeping
from reticulum.overlay.messages import Find, Found, Gone
from reticulum.overlay.messages import Want as Wanted
from reticulum.overlay.messages.bodies import MOST_GONE
from reticulum.overlay.neighbours import Neighbours
from reticulum.overlay.question import Reply
from reticulum.overlay.relayed import Relayed
from reticulum.overlay.rtt import RoundTrips
from reticulum.overlay.search import Aim, Search
from reticulum.overlay.views import Around, Holder, Located, Traced

USUAL = Limits()
GLANCE = Limits(k=5, alpha=5)
"""To get to know somebody far away; a third of what a whole lookup costs."""
EVERYBODY = Limits(enough=1024, beta=USUAL.k)
MOST_REPORTS = 20
"""Peers told about dead referrals after one lookup."""
MOST_READ_ON = 8
"""Peers whose lists of relayed nodes are read on at a time."""
FURTHER_PAGES = 3


class Seeking:
    """
    Lookups of one node.

    Args:
        own: The id of this node.
        neighbours: Whom it knows.
        exchange: To ask with.
        keeping: Believes records, and has some itself.
        relayed: Whom this node knows of those that are reached through relays.
        round_trips: How long to wait for whom.
        clock: What lookups are woken by.
    """

    def __init__(
        self,
        own: NodeId,
        *,
        neighbours: Neighbours,
        exchange: Exchange,
        keeping: Keeping,
        relayed: Relayed,
        round_trips: RoundTrips,
        clock: IReactorTime,
    ) -> None:
        self._own = own
        self._neighbours = neighbours
        self._exchange = exchange
        self._keeping = keeping
        self._relayed = relayed
        self._round_trips = round_trips
        self._clock = clock
        self._searches: dict[Aim, Search] = {}
        self._unsettled: set[Search] = set()
        self._is_stopped = False
        self.network_size = NetworkSize()

    async def nodes(self, target: Key) -> Result[Holder]:
        """The k nodes closest to *target*."""
        everybody = Aim(target=target, want=Want.EVERYBODY, limits=USUAL)
        # One that is on its way for more serves as well.
        search = self._searches.get(everybody)
        if search is None or search.is_finished:
            search = self._search(Aim(target=target, want=Want.NODES, limits=USUAL))
        await search.finished()
        return search.result()

    async def around(self, target: Key) -> Around:
        """The k nodes closest to *target*, and the relayed ones closest to it."""
        search = self._search(Aim(target=target, want=Want.EVERYBODY, limits=USUAL))
        await search.finished()
        closest, hearsay = search.result().closest, search.findings.hearsay
        hearsay.hear(self._own, self._relayed.nearest(target, MOST_KEPT))
        for _ in range(FURTHER_PAGES):
            if not await self._read_on(hearsay, target):
                break
        met = {contact.node_id for contact in closest}
        return Around(
            closest=closest,
            relayed=tuple(way for way in hearsay.nearest() if way.node_id not in met),
        )

    async def _read_on(self, hearsay: Hearsay, target: Key) -> bool:
        """Whether there was anything to read on."""
        unread = hearsay.unread()[:MOST_READ_ON]
        asked = [
            self._exchange.asking(
                contact.address,
                Find(target=target, want=Wanted.RELAYED, page=page),
                node_id=contact.node_id,
            )
            for contact, page in unread
        ]
        for (contact, _), answer in zip(unread, asked, strict=True):
            outcome = await answer
            body = outcome.body if isinstance(outcome, Reply) else None
            hearsay.take(contact, body if isinstance(body, Found) else Found())
        return bool(unread)

    async def explore(self, target: Key) -> None:
        """Get to know a few nodes around *target*: who answers is entered in the table."""
        search = self._search(Aim(target=target, want=Want.NODES, limits=GLANCE))
        await search.finished()

    async def node(self, node_id: NodeId) -> Located:
        """One node, and its newest record."""
        search = self._search(Aim(target=node_id, want=Want.NODE, limits=USUAL))
        search.findings.take_record(self._keeping.node(node_id))
        await search.finished()
        found = search.result().found
        return Located(
            node_id=node_id,
            address=None if found is None else found.address,
            record=search.findings.record,
        )

    async def holders(
        self, key: Key, without: frozenset[NodeId] = frozenset()
    ) -> tuple[Holder, ...]:
        """Some holders of an image, as soon as there are enough."""
        search = self._search(Aim(target=key, want=Want.HOLDERS, limits=USUAL, without=without))
        await search.finished()
        return search.holders()

    async def trace(self, target: Key) -> Traced:
        """Everything around *target*, to the end."""
        search = self._search(Aim(target=target, want=Want.HOLDERS, limits=EVERYBODY))
        await search.settled()
        result = search.result()
        return Traced(
            target=target,
            ending=result.ending,
            took_s=search.took_s,
            closest=result.closest,
            holders=search.holders(),
            hops=search.hops(),
        )

    def stop(self) -> None:
        """End every lookup with what there is, and begin no other."""
        self._is_stopped = True
        for search in list(self._unsettled):
            search.stop()

    def _search(self, aim: Aim) -> Search:
        search = self._searches.get(aim)
        if search is not None and not search.is_finished:
            return search
        table = self._neighbours.table
        search = self._searches[aim] = Search(
            aim,
            own=self._own,
            start=table.closest(aim.target, sound=True) or table.closest(aim.target),
            known=self._keeping.all_providers(aim.target) if aim.want is Want.HOLDERS else (),
            findings=Findings(aim.target, self._own, self._keeping.believed),
            exchange=self._exchange,
            clock=self._clock,
            timeout_s=self._round_trips.timeout_s,
            settled=self._settled,
        )
        self._unsettled.add(search)
        if self._is_stopped:
            search.stop()
        else:
            table.looked_up(aim.target)
            search.begin()
        return search

    def _settled(self, search: Search) -> None:
        self._unsettled.discard(search)
        if self._searches.get(search.aim) is search:
            del self._searches[search.aim]
        if self._is_stopped:
            return
        # A glance is too narrow to tell anything about the size of the grid.
        for_nodes = search.aim.want in (Want.NODES, Want.EVERYBODY)
        whole = for_nodes and search.aim.limits == USUAL
        if whole and search.aim.target != self._own:
            found = [contact.node_id for contact in search.result().closest]
            self.network_size.learn(search.aim.target, found, search.aim.limits.k)
        dead: defaultdict[Contact, list[NodeId]] = defaultdict(list)
        for hint in search.down_hints():
            dead[hint.referrer].append(hint.dead.node_id)
        for referrer, node_ids in list(dead.items())[:MOST_REPORTS]:
            self._exchange.tell(referrer, Gone(tuple(node_ids[:MOST_GONE])))
