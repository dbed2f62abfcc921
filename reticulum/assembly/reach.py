"""How this node is reached and reaches others: mapping, dial-backs, relays, punches; one place."""

import hashlib
import random
import time
from collections.abc import Awaitable, Callable, Container, Sequence
from typing import Any

import attrs
from twisted.internet.interfaces import IAddress, IProtocol, IProtocolFactory
from zope.interface import implementer

from reticulum.assembly.ferrying import Ferrying, ferrying_of
from reticulum.assembly.nearby import Nearby, nearby_of
from reticulum.assembly.relaying import relaying_of
from reticulum.interfaces import Part
from reticulum.model import Address, Contact, NodeId
from reticulum.overlay.identity import Identity
from reticulum.overlay.network import Network
from reticulum.reach.admission import Admission, Porch
from reticulum.reach.dial_back import DialBack
from reticulum.reach.doorway import Doorway
from reticulum.reach.introduction import Introduction
from reticulum.reach.ladder import Ladder
from reticulum.reach.paths import Passage, Paths
from reticulum.reach.pipes import DirectPipes
from reticulum.reach.punching import Punching
from reticulum.reach.relay.anchorage import Anchorage
from reticulum.reach.relay.circuit import CircuitEndpoint
from reticulum.reach.relay.greeting import Greeting, new_boot
from reticulum.reach.relay.hello import Hello, Kind
from reticulum.reach.relay.judge import Judge
from reticulum.reach.relay.service import Relay
from reticulum.reach.tls import NodeTls
from reticulum.settings.sections import ReachSettings

LOOKED_AT = 2


@attrs.frozen(kw_only=True)
class Reach:
    """
    What the rest of the node gets.

    Args:
        greeting: Who we are on plain connections.
        ladder: Where this node stands.
        paths: The ways to others.
        punching: Connects with others without relays.
        anchorage: The relays of this node.
        relay: What it does as one.
        nearby: Router and local network.
        ferrying: Datagrams over TCP.
        dial_back: Dials others back.
        parts: To be started in this order, once it is listened for other nodes.
        door: What to listen with.
    """

    greeting: Greeting
    ladder: Ladder
    paths: Paths
    punching: Punching
    anchorage: Anchorage
    relay: Relay
    nearby: Nearby
    ferrying: Ferrying
    dial_back: DialBack
    parts: Sequence[Part]
    door: Doorway

    def hang_up(self) -> None:
        """Send everybody away who stands at the door or holds on to this node."""
        self.door.hang_up()
        self.door.admission.hang_up()
        self.relay.hang_up()
        self.ferrying.ferryman.hang_up()


def greeting_of(identity: Identity, key: Callable[[], bytes]) -> Greeting:
    """Who we are; *key* is the grid's for peer HTTP, in use now."""
    rng = random.SystemRandom()
    return Greeting(
        private_key=identity.key,
        key=key,
        boot=new_boot(rng),
        now_ms=_now_ms,
        rng=rng,
    )


def router_secret_of(identity: Identity) -> bytes:
    """From which nonces for routers are made: the same over restarts, and of no other use."""
    return hashlib.sha256(b"reticulum 1 router\0" + identity.key.private_bytes_raw()).digest()


def reach_of_node(
    *,
    settings: Callable[[], ReachSettings],
    network: Network,
    greeting: Greeting,
    dial_back: DialBack,
    tls: NodeTls,
    admission: Admission,
    introduction: Introduction,
    pipes: DirectPipes,
    ask_to_punch: Callable[[Contact, Sequence[Address]], Awaitable[Sequence[Address]]],
    crowded: Callable[[], None],
    attached_changed: Callable[[NodeId], None],
    fingerprints: Callable[[], Sequence[bytes]],
    host: str,
    port: int,
    secret: bytes,
    reactor: Any,
) -> Reach:
    """
    Wire everything that has to do with the way to other nodes, and theirs to this one.

    Args:
        settings: In force now.
        network: This node in the DHT, with its sockets.
        greeting: Who we are on plain connections.
        dial_back: Dials others back.
        tls: Made from the node's key.
        admission: The door for members.
        introduction: How the two ends of a stream get to trust each other.
        pipes: Straight to an address.
        ask_to_punch: Asks a node to dial this one.
        crowded: Told when a relay has too many streams of this node.
        attached_changed: Told of nodes that this one relays for, or does no more.
        fingerprints: Of the grid, the one in use first.
        host: Where it listens for others.
        port: Likewise.
        secret: From which nonces for routers are made.
        reactor: Sockets and clock.
    """
    rng, overlay = random.SystemRandom(), network.overlay
    porch = Porch(admission, tls)

    relaying = relaying_of(
        settings=settings,
        overlay=overlay,
        greeting=greeting,
        pipes=pipes,
        inside=porch,
        attached_changed=attached_changed,
        rng=rng,
        reactor=reactor,
    )
    anchorage, relay = relaying.anchorage, relaying.relay

    def look_at() -> Sequence[Contact]:
        return anchorage.relays or overlay.table.contacts()[:LOOKED_AT]

    punching = Punching(
        reactor=reactor,
        greeting=greeting,
        introduction=introduction,
        inside=porch,
        ask=ask_to_punch,
        look_at=look_at,
        places=lambda number: [Address(own, number) for own in nearby.uplink.hosts],
        own_host=lambda: _host(overlay.standing().seen),
        is_on=lambda: settings().punch,
    )

    def passage(via: Contact, wanted: NodeId) -> Passage:
        if via.node_id == overlay.node_id:
            # Straight to this very node: there is no better way.
            return Passage(relay.endpoint(wanted), lambda: None)
        circuit = CircuitEndpoint(greeting, pipes, via, wanted)
        return Passage(
            circuit,
            lambda: circuit.seen,
            lambda: circuit.refusal,
            lambda: circuit.is_crowded,
        )

    async def relays_of(node_id: NodeId) -> Sequence[Contact]:
        located = await overlay.find(node_id)
        return [Contact(way.via, way.address) for way in located.relays if way.via is not None]

    paths = Paths(
        introduction=introduction,
        pipes=pipes,
        passage=passage,
        relays_of=relays_of,
        shortcut=punching,
        crowded=crowded,
        clock=reactor,
    )

    def network_changed(gone: frozenset[str]) -> None:
        # Nobody will ever answer there; to wait for it would hold up whoever asks, and the stop.
        admission.leave(gone)
        introduction.leave(gone)
        relaying.ladder.begin_anew()
        overlay.network_changed()
        for part in (anchorage, paths, punching, nearby, ferrying.ferry):
            part.network_changed()

    nearby = nearby_of(
        settings=settings(),
        overlay=overlay,
        network_changed=network_changed,
        fingerprints=fingerprints,
        host=host,
        port=port,
        secret=secret,
        rng=rng,
        reactor=reactor,
    )
    ferrying = ferrying_of(
        settings=settings,
        network=network,
        greeting=greeting,
        pipes=pipes,
        fingerprints=fingerprints,
        hosts=lambda: nearby.uplink.hosts,
        relays=lambda: anchorage.relays,
        host=host,
        port=port,
        reactor=reactor,
    )

    def received(hello: Hello, transport: Any, data: bytes) -> None:
        taker = ferrying.ferryman if hello.kind is Kind.FERRY else relay
        taker.receive(hello, transport, data)

    door = Doorway(
        admission,
        porch,
        judge=Judge(overlay.node_id),
        now_ms=_now_ms,
        received=received,
        knocked=lambda nonce, _sender: overlay.knocked(nonce),
    )
    return Reach(
        greeting=greeting,
        ladder=relaying.ladder,
        paths=paths,
        punching=punching,
        anchorage=anchorage,
        relay=relay,
        nearby=nearby,
        ferrying=ferrying,
        dial_back=dial_back,
        parts=[dial_back, paths, punching, *nearby.parts, relaying.anchorage, ferrying.ferry],
        door=door,
    )


@attrs.frozen
class AttachedThere:
    """
    Whom a relay serves that has to be there first; an `Attached` of the overlay.

    Args:
        attached: Gives them.
    """

    _attached: Callable[[], Container[NodeId]]

    def __contains__(self, node_id: NodeId) -> bool:
        """Whether a node is attached."""
        return node_id in self._attached()


@implementer(IProtocolFactory)
@attrs.frozen
class Behind:
    """
    What is behind a door that has to be there first.

    Args:
        inside: Gives it, once somebody comes.
    """

    _inside: Callable[[], IProtocolFactory]

    def buildProtocol(self, addr: IAddress) -> IProtocol | None:  # noqa: N802
        """Let one in."""
        return self._inside().buildProtocol(addr)

    def doStart(self) -> None:  # noqa: N802  (Twisted's name)
        """Nothing: whoever is inside is started by its owner."""

    def doStop(self) -> None:  # noqa: N802  (Twisted's name)
        """Likewise."""


def _host(address: Address | None) -> str | None:
    return None if address is None else address.host


def _now_ms() -> int:
    return time.time_ns() // 1_000_000
