"""The parts of one node of the overlay, put together; reads as a wiring diagram."""

import random
from collections.abc import Callable

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from twisted.internet.interfaces import IReactorTime

from reticulum.model import Address, Contact, NodeId
from reticulum.overlay.acquaintance import Acquaintance
from reticulum.overlay.announcer import Announcer
from reticulum.overlay.answering import Answering
from reticulum.overlay.courier import Courier
from reticulum.overlay.exchange import Exchange
from reticulum.overlay.ferriage import Ferriage
from reticulum.overlay.grid_keys import KeyRing
from reticulum.overlay.herald import Herald
from reticulum.overlay.joining import Joining
from reticulum.overlay.keeping import Keeping
from reticulum.overlay.letterhead import Letterhead
from reticulum.overlay.messages import Knock, Ping, Tokens
from reticulum.overlay.neighbours import Neighbours
from reticulum.overlay.question import Reply
from reticulum.overlay.reception import Reception
from reticulum.overlay.relayed import Relayed
from reticulum.overlay.rtt import RoundTrips
from reticulum.overlay.seal import BOOT_BYTES
from reticulum.overlay.seeking import Seeking
from reticulum.overlay.standing import Standing
from reticulum.overlay.storing import Storing
from reticulum.overlay.surroundings import Attached, Dial, Offer, Place, Resolve, Send, Stock
from reticulum.overlay.table import Table
from reticulum.overlay.tally import Tally
from reticulum.overlay.twins import Twins
from reticulum.overlay.upkeep import Upkeep
from reticulum.overlay.vantage import Vantage
from reticulum.overlay.voice import Voice
from reticulum.overlay.whereabouts import Whereabouts

_SECRET_BYTES = 32


class Parts:
    """
    Everything a node is made of. The arguments are those of `OverlayNode`.

    Args:
        private_key: Of the node.
        ring: Keys of the grid.
        send: How datagrams go out.
        clock: What time-outs are scheduled on.
        wall_ms: Milliseconds since 1970.
        rng: Everything random.
        place: Where it stands and where it knocks.
        offer: What it says about itself now.
        stock: The images here.
        resolve: Addresses of host names.
        knock: How a dial-back goes out.
        dial: How one goes out over TCP; None if that can't be done here.
        role_changed: Called when it became a server, or a client again.
        attached: Whom it relays for.
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
        knock: Send,
        dial: Dial | None,
        role_changed: Callable[[], None],
        attached: Attached,
    ) -> None:
        def now() -> float:
            return wall_ms() / 1000

        public = private_key.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
        own = self.own = NodeId.of_public_key(public)
        # The table's times outlive the process: since 1970, and yet never going back.
        since = now() - clock.seconds()

        def sent(datagram: bytes, to: Address) -> None:
            self.standing.sent_to(to)
            send(datagram, to)

        def ping() -> Ping:
            return Ping(sequence=self.voice.node_sequence, software=offer().software)

        def replied(reply: Reply) -> None:
            self.standing.met(reply.contact)
            seen = getattr(reply.body, "seen", None)
            if seen is not None:
                self.vantage.heard(reply.contact.node_id, seen)
            self.neighbours.replied(reply)
            closer = getattr(reply.body, "closer", ())
            for address in self.twins.to_call(closer, self.vantage.address, clock.seconds()):
                # Whoever opens it has this node's id, and learns of this node.
                self.exchange.tell(Contact(own, address), ping())

        def dial_back(at: Contact, said: Knock) -> None:
            self.exchange.tell(at, said, send=knock)

        def is_ferried() -> bool:
            return self.ferriage.is_on

        def became_another() -> None:
            self.upkeep.stir()
            self.announcer.stir()
            self.herald.stir()
            role_changed()

        self.ping = ping
        self.vantage = Vantage(self.network_changed, is_ferried)
        self.standing = Standing(
            place.port,
            rng,
            place.role,
            became_another,
            needs_tcp=dial is not None,
            approached=lambda: self.upkeep.hurry(),  # noqa: PLW0108  (comes later)
            is_ferried=is_ferried,
        )
        self.voice = Voice(
            private_key,
            place=place,
            offer=offer,
            standing=self.standing,
            vantage=self.vantage,
            now=now,
        )
        self.courier = Courier(
            own, ring, boot=rng.randbytes(BOOT_BYTES), send=sent, wall_ms=wall_ms
        )
        self.acquaintance = Acquaintance(Tokens(rng.randbytes(_SECRET_BYTES)))
        self.round_trips = RoundTrips()
        self.twins = Twins(own)
        self.tally = Tally()
        stamp = Letterhead(own=own, standing=self.standing, vantage=self.vantage)
        self.exchange = Exchange(
            own,
            self.courier,
            clock=clock,
            rng=rng,
            acquaintance=self.acquaintance,
            round_trips=self.round_trips,
            stamp=stamp,
            twins=self.twins,
            tally=self.tally,
        )
        self.neighbours = Neighbours(
            Table(own, clock=lambda: clock.seconds() + since),
            self.exchange,
            ping=ping,
            now=lambda: clock.seconds() + since,
            entered=lambda: self.upkeep.stir(),  # noqa: PLW0108  (comes later)
        )
        self.keeping = Keeping(own, rng.randbytes(_SECRET_BYTES), now)
        self.relayed = Relayed(
            own,
            keeping=self.keeping,
            attached=attached,
            addresses=lambda: self.voice.addresses,
        )
        self.seeking = Seeking(
            own,
            neighbours=self.neighbours,
            exchange=self.exchange,
            keeping=self.keeping,
            relayed=self.relayed,
            round_trips=self.round_trips,
            clock=clock,
        )
        self.whereabouts = Whereabouts(
            own,
            exchange=self.exchange,
            ping=ping,
            keeping=self.keeping,
            relayed=self.relayed,
            seeking=self.seeking,
            clock=clock,
        )
        self.herald = Herald(
            own,
            voice=self.voice,
            seeking=self.seeking,
            storing=Storing(self.exchange, self.acquaintance, clock),
            clock=clock,
            rng=rng,
        )
        self.announcer = Announcer(
            own,
            stock=stock,
            voice=self.voice,
            standing=self.standing,
            seeking=self.seeking,
            storing=Storing(self.exchange, self.acquaintance, clock),
            keeping=self.keeping,
            clock=clock,
            now=now,
            rng=rng,
        )
        self.joining = Joining(
            self.neighbours,
            self.exchange,
            resolve=resolve,
            entrances=place.entrances,
            rng=rng,
        )
        self.upkeep = Upkeep(
            own,
            neighbours=self.neighbours,
            exchange=self.exchange,
            seeking=self.seeking,
            joining=self.joining,
            standing=self.standing,
            keeping=self.keeping,
            clock=clock,
            rng=rng,
        )
        self.ferriage = Ferriage(
            joining=self.joining,
            neighbours=self.neighbours,
            exchange=self.exchange,
            standing=self.standing,
            tally=self.tally,
            ping=ping,
            changed=self.network_changed,
            stirred=self.upkeep.stir,
            rng=rng,
        )
        answering = Answering(
            own,
            neighbours=self.neighbours,
            keeping=self.keeping,
            stock=stock,
            acquaintance=self.acquaintance,
            standing=self.standing,
            voice=self.voice,
            relayed=self.relayed,
            knock=dial_back,
            dial=dial,
            is_ferried=is_ferried,
            clock=clock,
            rng=rng,
        )
        self.reception = Reception(
            own,
            courier=self.courier,
            exchange=self.exchange,
            clock=clock,
            acquaintance=self.acquaintance,
            stamp=stamp,
            answer=answering,
            twins=self.twins,
            tally=self.tally,
        )
        self.exchange.replied = replied
        self.exchange.silent = self.neighbours.silent

    def network_changed(self) -> None:
        """Begin anew: this node is somewhere else now, and nobody has reached it there."""
        self.vantage.clear()
        self.standing.network_changed()
        self.upkeep.stir()
        self.announcer.stir()
        self.herald.stir()
