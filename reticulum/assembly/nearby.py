"""What is around this node's own machine: its addresses, the router, the local network."""

import random
from collections.abc import Callable, Sequence
from typing import Any

import attrs
from twisted.internet.defer import CancelledError, Deferred

from reticulum.assembly.peer_address import is_wild, own_hosts
from reticulum.errors import NodeError
from reticulum.interfaces import Part
from reticulum.model import LOOPBACK, Address, reach_of
from reticulum.overlay.node import OverlayNode
from reticulum.reach.discovery.adapters import networks_of_this_machine
from reticulum.reach.discovery.lan_discovery import DiscoveryView, LanDiscovery
from reticulum.reach.discovery.mdns import Mdns
from reticulum.reach.mapping.loose_threads import LooseThreads
from reticulum.reach.mapping.mapper import PortMapper
from reticulum.reach.mapping.routers import RealRouters
from reticulum.reach.mapping.view import Mapping
from reticulum.reach.uplink import Uplink
from reticulum.settings.sections import ReachSettings


@attrs.frozen(kw_only=True)
class Nearby:
    """
    What the rest of the node gets.

    Args:
        uplink: This machine's addresses.
        mapper: None if no router is asked.
        discovery: None if the local network is not searched.
        why_off: Why a part is not there, by its name in the settings.
        parts: To be started in this order.
    """

    uplink: Uplink
    mapper: PortMapper | None
    discovery: LanDiscovery | None
    why_off: dict[str, str]
    parts: Sequence[Part]

    def network_changed(self) -> None:
        """The machine is in another network now."""
        if self.mapper is not None:
            self.mapper.network_changed()
        if self.discovery is not None:
            self.discovery.network_changed()

    @property
    def mapping(self) -> Mapping:
        """How it stands with the router."""
        return self.mapper.view if self.mapper else Mapping.off(self.why_off["map_ports"])

    @property
    def found(self) -> DiscoveryView:
        """What was found on the local network."""
        if self.discovery is not None:
            return self.discovery.view
        return DiscoveryView(evidence=f"off: {self.why_off['discover']}")


def nearby_of(
    *,
    settings: ReachSettings,
    overlay: OverlayNode,
    network_changed: Callable[[frozenset[str]], None],
    fingerprints: Callable[[], Sequence[bytes]],
    host: str,
    port: int,
    secret: bytes,
    rng: random.Random,
    reactor: Any,
) -> Nearby:
    """
    Wire it; whoever listens on loopback alone has neither a router nor neighbours.

    Args:
        settings: At the start.
        overlay: This node in the DHT.
        network_changed: Called when the machine has other addresses, with those that are gone.
        fingerprints: Of the grid, the one in use first.
        host: Where this node listens for others.
        port: Likewise.
        secret: From which nonces for routers are made.
        rng: For pauses and names.
        reactor: Sockets and clock.
    """
    is_local = not is_wild(host) and reach_of(host) == LOOPBACK
    why_local = f"this node listens on {host} alone"
    why_off = {
        name: why_local if is_local else f"{name} = false in [reach]"
        for name in ("map_ports", "discover")
    }

    def mapping_changed() -> None:
        external = mapper.view.external if mapper is not None else None
        overlay.reached_at(port if external is None else external.port)
        overlay.check_reach()

    mapper = None
    if settings.map_ports and not is_local:
        mapper = PortMapper(
            port=lambda: port,
            routers=RealRouters(
                reactor,
                in_thread=LooseThreads(reactor, name="upnp"),
                rng=rng,
                secret=secret,
            ),
            clock=reactor,
            rng=rng,
            changed=mapping_changed,
        )
    discovery = None
    if settings.discover and not is_local:
        discovery = LanDiscovery(
            air=Mdns(),
            networks=lambda: networks_of_this_machine(host),
            port=port,
            fingerprints=fingerprints,
            found=lambda address: _greet(overlay, address),
            clock=reactor,
            rng=rng,
        )
    uplink = Uplink(lambda: own_hosts(host), network_changed, reactor)
    parts: list[Part] = [uplink]
    parts += [part for part in (mapper, discovery) if part is not None]
    return Nearby(uplink=uplink, mapper=mapper, discovery=discovery, why_off=why_off, parts=parts)


def _greet(overlay: OverlayNode, address: Address) -> None:
    """Ask who is there; whoever answers is met by that."""

    def nobody(failure: Any) -> None:
        failure.trap(NodeError, CancelledError)

    Deferred.fromCoroutine(overlay.ping(address)).addErrback(nobody)
