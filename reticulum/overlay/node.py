"""One node of the overlay: everything it does, without a socket, a file or a clock of its own."""

import random
from collections.abc import Callable, Coroutine, Sequence
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger
from twisted.python.failure import Failure

from reticulum.model import Address, Contact, Key, NodeId
from reticulum.overlay.crawl import Told
from reticulum.overlay.crawl_ask import ask_for_relayed, ask_nearby, ask_whether_there
from reticulum.overlay.freshness import BucketView
from reticulum.overlay.grid_keys import KeyRing
from reticulum.overlay.messages import Goodbye
from reticulum.overlay.parts import Parts
from reticulum.overlay.records import NodeRecord, ProviderRecord
from reticulum.overlay.remembering import Remembering
from reticulum.overlay.status import standing_of, status_of
from reticulum.overlay.surroundings import (
    Attached,
    Dial,
    Notebook,
    Offer,
    Place,
    Resolve,
    Send,
    Stock,
)
from reticulum.overlay.table import Table
from reticulum.overlay.views import (
    Answer,
    Around,
    Described,
    Holder,
    Located,
    OverlayStatus,
    StandingView,
    Traced,
)

MOST_GOODBYES = 20

_log = Logger()


class OverlayNode:
    """
    A node of the overlay.

    Everything runs in the thread of *clock*; all waiting is for Deferreds. Equal arguments,
    equal datagrams at equal times: equal behaviour.

    Args:
        private_key: Of the node; its id is made from it.
        ring: Keys of the grid.
        send: How datagrams go out.
        clock: What time-outs are scheduled on; its seconds never go back.
        wall_ms: Milliseconds since 1970.
        rng: Everything random, secrets too: `random.SystemRandom()` outside of tests.
        place: Where it stands and where it knocks.
        offer: What it says about itself now.
        stock: The images here.
        resolve: Addresses of host names.
        notebook: What it remembers over a restart.
        knock: How a dial-back goes out: from another socket where there is one.
        dial: How one goes out over TCP. Without it, this node neither does that for others nor
            has to be reached over TCP itself to be a server.
        role_changed: Called when it became a server, or a client again.
        attached: Whom it relays for; nobody if not given.
    """

    def __init__(
        self,
        *,
        private_key: Ed25519PrivateKey,
        ring: KeyRing,
        send: Send,
        clock: IReactorTime,
        wall_ms: Callable[[], int],
        rng: random.Random,
        place: Place,
        offer: Callable[[], Offer],
        stock: Stock,
        resolve: Resolve,
        notebook: Notebook,
        knock: Send | None = None,
        dial: Dial | None = None,
        role_changed: Callable[[], None] = lambda: None,
        attached: Attached = frozenset(),
    ) -> None:
        self._clock = clock
        self._wall_ms = wall_ms
        self._parts = Parts(
            private_key=private_key,
            ring=ring,
            send=send,
            clock=clock,
            wall_ms=wall_ms,
            rng=rng,
            place=place,
            offer=offer,
            stock=stock,
            resolve=resolve,
            knock=knock or send,
            dial=dial,
            role_changed=role_changed,
            attached=attached,
        )
        self.ferriage = self._parts.ferriage
        """For whoever carries its datagrams by way of another node."""
        self._offer = offer
        self._remembering = Remembering(self._parts, notebook, clock=clock, rng=rng)
        self._running: list[Deferred[None]] = []

    @property
    def node_id(self) -> NodeId:
        """Who it is."""
        return self._parts.own

    @property
    def is_server(self) -> bool:
        """Whether others may enter it in their tables, and so find it."""
        return self._parts.standing.server

    @property
    def is_reachable(self) -> bool:
        """Whether others can find it and ask it for something, directly or through a relay."""
        return self.is_server or bool(self._offer().relays)

    @property
    def is_in(self) -> bool:
        """Whether it has found its grid, and somebody there answered lately."""
        return self._parts.upkeep.has_joined and self._parts.upkeep.is_in

    @property
    def knows_others(self) -> bool:
        """Whether there is, or was, anybody else in its grid."""
        return self._parts.neighbours.any or self._parts.joining.has_doors

    def listens_on(self, port: int) -> None:
        """Note the port that was got, if `Place` could not know it. Before `start`."""
        self._parts.standing.port = port

    def reached_at(self, port: int) -> None:
        """Note the port at which others reach it now, as a router may have given another one."""
        if port != self._parts.standing.port:
            self._parts.standing.port = port
            self.check_reach()

    def check_reach(self) -> None:
        """Let others dial back as soon as possible: something was done about being reached."""
        self._parts.standing.check_anew()
        self._parts.upkeep.hurry()
        self._parts.herald.stir()

    def network_changed(self) -> None:
        """Begin anew as a client: the machine is in another network now."""
        self._parts.network_changed()

    def knocked(self, nonce: bytes) -> None:
        """Take a dial-back that came over TCP."""
        self._parts.standing.knocked(nonce, tcp=True)

    def standing(self) -> StandingView:
        """Whether others reach it, and how that is known."""
        return standing_of(self._parts)

    @property
    def table(self) -> Table:
        """The routing table, for the package's sake; read it."""
        return self._parts.neighbours.table

    def received(self, datagram: bytes, from_: Address) -> None:
        """Take a datagram, whatever it is; never raises. Ignored before `start`, after `stop`."""
        self._parts.reception.received(datagram, from_)

    async def start(self) -> None:
        """Begin: read the notebook, then join in the background, for as long as that takes."""
        await self._remembering.recall()
        self._parts.exchange.open()
        self._go("upkeep", self._parts.upkeep.run())
        self._go("announcing", self._parts.announcer.run())
        self._go("telling of itself", self._parts.herald.run())
        self._go("remembering", self._remembering.run())
        self._go("remembering the first peers", self._remembering.write_once_joined())

    async def stop(self) -> None:
        """End: say goodbye, write the notebook; no timer and no Deferred stays."""
        parts = self._parts
        parts.upkeep.stop()
        parts.announcer.stop()
        parts.herald.stop()
        self._remembering.stop()
        running, self._running = self._running, []
        for work in running:
            work.cancel()
        parts.seeking.stop()
        if parts.exchange.is_open:
            for contact in parts.neighbours.table.closest(self.node_id, MOST_GOODBYES):
                parts.exchange.tell(contact, Goodbye())
            parts.exchange.close()
            await self._remembering.write()

    def rekey(self, ring: KeyRing) -> None:
        """Accept and use the keys of *ring* from now on."""
        self._parts.courier.rekey(ring)

    async def joined(self) -> None:
        """Wait until the node has found others and has looked around itself."""
        await self._parts.upkeep.joined()

    async def ping(self, to: Contact | Address) -> Answer:
        """
        Ask whether a node is there.

        Raises:
            OutOfTime: No answer.
            WrongAnswer: Another node is there, or nonsense.
        """
        return await ask_whether_there(self._parts.exchange, self._parts.ping(), to)

    async def ask(self, contact: Contact, target: Key) -> Told:
        """What one node knows near *target*; see `ask_nearby`."""
        return await ask_nearby(self._parts.exchange, self._wall_ms() / 1000, contact, target)

    async def describe(self, contact: Contact, *, search: bool = True) -> Described | None:
        """What a node says about itself, and how it is reached now; see `Whereabouts.describe`."""
        return await self._parts.whereabouts.describe(contact, search=search)

    async def around(self, target: Key) -> Around:
        """The up to 20 nodes closest to *target*, and the relayed ones, all without this one."""
        return await self._parts.seeking.around(target)

    async def ask_for_relayed(self, contact: Contact) -> Sequence[Contact]:
        """Whom one node knows, or relays for, of those behind relays; see `ask_for_relayed`."""
        return await ask_for_relayed(self._parts.exchange, contact)

    async def closest(self, target: Key) -> tuple[Contact, ...]:
        """The up to 20 nodes closest to *target* that answer, nearest first, without this one."""
        return (await self._parts.seeking.nodes(target)).closest

    async def find(self, node_id: NodeId) -> Located:
        """Where a node is, and its record."""
        return await self._parts.seeking.node(node_id)

    async def holders(
        self, key: Key, without: frozenset[NodeId] = frozenset()
    ) -> tuple[Holder, ...]:
        """
        Who holds the image with *key*, in the order in which they were heard of, without this one.

        Ends as soon as three are known.

        Args:
            key: Of the image.
            without: Holders that have turned out to have nothing.
        """
        return await self._parts.seeking.holders(key, without)

    async def trace(self, target: Key) -> Traced:
        """A full lookup for nodes and holders with every hop; waits until all are known to live."""
        return await self._parts.seeking.trace(target)

    def announce(self, key: Key, size_class: int = 0) -> None:
        """Tell the grid that the image with *key* is here now, of a size class of 0 to 63."""
        self._parts.announcer.came(key, size_class)

    def said_anew(self) -> None:
        """Tell the grid at once what `Offer` says about this node now."""
        self._parts.herald.stir()

    def withdraw(self, key: Key) -> None:
        """Tell the grid that the image with *key* is no longer here."""
        self._parts.announcer.went(key)

    def status(self) -> OverlayStatus:
        """How it does."""
        return status_of(self._parts, now=self._wall_ms() / 1000, at=self._clock.seconds())

    def table_view(self) -> tuple[BucketView, ...]:
        """The routing table, for people."""
        return self._parts.neighbours.table.view(self._parts.round_trips.srtt_s)

    def records_view(self) -> tuple[ProviderRecord | NodeRecord, ...]:
        """The records it keeps for others."""
        return tuple(self._parts.keeping)

    def _go(self, what: str, work: Coroutine[Deferred[Any], Any, None]) -> None:
        def failed(failure: Failure) -> None:
            if not failure.check(CancelledError):
                _log.failure("overlay.failed part={part}", failure, part=what)

        self._running.append(Deferred.fromCoroutine(work).addErrback(failed))
