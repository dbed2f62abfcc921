"""How this node is reached, rung by rung: what is so, how that is known, what could be done."""

from collections.abc import Sequence
from typing import Any

import attrs

from reticulum.assembly.reach import Reach
from reticulum.model import Contact
from reticulum.overlay.node import OverlayNode
from reticulum.overlay.records import Role
from reticulum.overlay.views import OverlayStatus, StandingView
from reticulum.reach.ferry.ferry import Ferry
from reticulum.reach.ladder import Standing
from reticulum.reach.path import Path, Road

JsonObject = dict[str, Any]

MOST_PATHS = 100
"""Listed, the latest first; all are counted."""
_SYMMETRIC = "symmetric NAT"
_WHY_RELAYED = {
    "symmetric": _SYMMETRIC,
    "translated": "behind a NAT",
    "own": "nobody gets through to its own address",
    "ferried": "UDP does not get through",
}
"""By what its addresses are."""
UDP_DEAD_AT = 4
"""So many questions without one answer, and datagrams do not get through at all."""


def reach_status(reach: Reach, overlay: OverlayNode) -> JsonObject:
    """In short, for the status."""
    relay, ferry = reach.relay.view(), reach.ferrying.ferry
    paths = reach.paths.all()
    return {
        "reach": str(reach.ladder.standing),
        "address": _text(overlay.standing().address),
        "mapping": reach.nearby.mapping.state,
        "local_nodes": reach.nearby.found.found,
        "relays": [_relay(moored.relay, moored.zone) for moored in reach.anchorage.moored],
        "paths": [_path(path) for path in list(reversed(paths))[:MOST_PATHS]],
        "relaying": {
            "nodes": relay.attached,
            "circuits": relay.circuits,
            "circuits_total": relay.circuits_total,
            "bytes": relay.bytes_relayed,
            "refused": dict(relay.refused),
            "hung_up": dict(relay.hung_up),
        },
        "ferry": {"by": _text(ferry.by), "since_s": ferry.since_s},
        "ferrying": attrs.asdict(reach.ferrying.ferryman.view()),
    }


def nat_report(reach: Reach, overlay: OverlayNode, *, port: int) -> JsonObject:
    """At length, for whoever wants to mend it."""
    standing, status = overlay.standing(), overlay.status()
    where = reach.ladder.standing
    ferry = reach.ferrying.ferry
    addresses = _ferried(ferry) or _addresses(
        standing, reach.nearby.uplink.hosts, symmetric=reach.punching.is_symmetric
    )
    rungs = [
        _rung("map", reach.nearby.mapping.state, reach.nearby.mapping.evidence),
        addresses,
        _dial_back(standing, where, is_ferried=ferry.is_relied_on),
        _relays(reach, where, addresses["state"]),
        _direct(reach.paths.all()),
        _rung("discover", str(reach.nearby.found.state), reach.nearby.found.evidence),
    ]
    return {
        "id": str(overlay.node_id),
        "role": standing.role.name.lower(),
        "reach": str(where),
        "rungs": rungs,
        "relays": [_relay(moored.relay, moored.zone) for moored in reach.anchorage.moored],
        "advice": _advice(reach, standing, status, where, port),
    }


def _rung(name: str, state: str, evidence: str) -> JsonObject:
    return {"rung": name, "state": state, "evidence": evidence}


def _relay(relay: Contact, zone: str) -> JsonObject:
    return {"id": str(relay.node_id), "address": str(relay.address), "zone": zone}


def _path(path: Path) -> JsonObject:
    road = path.road
    return {
        "id": str(path.node_id),
        "way": None if road is None else str(road),
        "relay": str(path.relay) if path.relay is not None and road is Road.RELAYED else None,
        "punched": path.punches,
        "not_punched": path.failed_punches,
    }


def _ferried(ferry: Ferry) -> JsonObject | None:
    if not ferry.is_relied_on:
        return None
    way = "; no other node carries datagrams over TCP just now"
    if ferry.by is not None:
        way = f"; datagrams go over TCP by way of {ferry.by}"
    return _rung("addresses", "ferried", f"UDP does not get through here{way}")


def _addresses(
    standing: StandingView, hosts: Sequence[str], *, symmetric: bool | None
) -> JsonObject:
    own = ", ".join(hosts) or "none"
    if standing.seen is None:
        return _rung("addresses", "unknown", f"nobody has said yet; this machine has {own}")
    voices = len(standing.seen_ports)
    said = f"{voices} {'peer sees' if voices == 1 else 'peers see'} this node at {standing.seen}"
    if standing.role is Role.SERVER and standing.address != standing.seen:
        said += f", to be dialled at {standing.address}"
    if standing.seen.host in hosts:
        return _rung("addresses", "own", f"{said}, an address of this machine: no NAT")
    ports = len(set(standing.seen_ports))
    if ports > 1 or symmetric:
        at = f"at {ports} different ports" if ports > 1 else "relays see one port of it at several"
        return _rung(
            "addresses", "symmetric", f"{said}, {at}; this machine has {own}: {_SYMMETRIC}"
        )
    return _rung("addresses", "translated", f"{said}; this machine has {own}: behind a NAT")


def _dial_back(standing: StandingView, where: Standing, *, is_ferried: bool) -> JsonObject:
    count = standing.count
    if is_ferried:
        return _rung("dial-back", "not asked", "whoever dialled back would reach the ferry")
    if not count.peers:
        return _rung("dial-back", "waiting", "nobody was asked yet")
    text = (
        f"{count.agreed} of {count.peers} peers dialled back "
        f"({count.udp} over UDP, {count.tcp} over TCP)"
    )
    if where is Standing.PUBLIC:
        return _rung("dial-back", "reached", text)
    if count.refused:
        return _rung("dial-back", "not reached", f"{text}; {count.refused} tried in vain")
    return _rung("dial-back", "waiting", text)


def _relays(reach: Reach, where: Standing, addresses: str) -> JsonObject:
    moored = reach.anchorage.moored
    if moored:
        names = " and ".join(
            f"{one.relay.address}" + (f" in {one.zone}" if one.zone else "") for one in moored
        )
        why = _WHY_RELAYED.get(addresses)
        return _rung("relay", "relayed", f"relayed by {names}" + (f": {why}" if why else ""))
    if where is Standing.PUBLIC:
        view = reach.relay.view()
        return _rung("relay", "not needed", f"not needed; relays for {view.attached} others")
    refusal = reach.anchorage.last_refusal
    if refusal:
        return _rung("relay", "refused", f"no relay took this node; the last one asked: {refusal}")
    return _rung("relay", "none", "no relay was found yet")


def _direct(paths: Sequence[Path]) -> JsonObject:
    behind = [path for path in paths if path.road in {Road.PUNCHED, Road.RELAYED}]
    if not behind:
        return _rung("direct", "none", "no node behind a relay was asked for anything of late")
    punched = sum(path.road is Road.PUNCHED for path in behind)
    failed = sum(path.failed_punches > 0 and path.punches == 0 for path in behind)
    text = f"{punched} of {len(behind)} nodes behind relays are connected directly"
    if failed:
        text += f"; to {failed} the routers on the way did not let it be"
    return _rung("direct", "punched" if punched else "relayed", text)


def _advice(
    reach: Reach, standing: StandingView, status: OverlayStatus, where: Standing, port: int
) -> list[str]:
    if where is Standing.PUBLIC:
        return []
    advice: list[str] = []
    ferry = reach.ferrying.ferry
    is_deaf = not status.joined and status.questions >= UDP_DEAD_AT and not status.answered
    if is_deaf and not ferry.is_relied_on:
        advice.append(
            f"{status.questions} datagrams were sent and none was answered: a firewall blocks UDP, "
            f"or nobody is at the entrances; let UDP to port {port} of the entrances out"
        )
    if ferry.is_relied_on:
        door = port if ferry.by is None else ferry.by.port
        advice.append(
            "a firewall blocks UDP, so every datagram makes a detour: for speed, let UDP out to "
            f"port {door} of other nodes"
        )
    elif where is not Standing.LOOKING:
        advice.append(_port_advice(reach, standing, port))
    if where is Standing.UNREACHABLE and reach.anchorage.last_refusal:
        advice.append(
            "the nodes that could relay for this one refuse: let them take more (relay_nodes in "
            "[reach]), or add a node with a public address"
        )
    elif where is Standing.UNREACHABLE:
        advice.append(
            "no node of the grid relays for this one: a grid needs at least one node with a public "
            "address and relay = true in [reach]"
        )
    return advice


def _port_advice(reach: Reach, standing: StandingView, port: int) -> str:
    mapping = reach.nearby.mapping
    inside = next(iter(reach.nearby.uplink.hosts), "this machine")
    if mapping.state == "mapped" and not mapping.is_public:
        return (
            "the router that mapped the port is itself behind another one: pass the port on there, "
            "too, or ask the provider for a public address"
        )
    if mapping.state == "mapped":
        return "the router mapped the port, yet nobody gets through: look at its firewall"
    if standing.seen is not None and standing.seen.host in reach.nearby.uplink.hosts:
        return f"let TCP and UDP to port {port} of {standing.seen.host} in at the firewall"
    return (
        f"to be reached directly, let the router pass TCP and UDP port {port} on to {inside} "
        "(port forwarding), or turn UPnP or NAT-PMP on there"
    )


def _text(value: object) -> str | None:
    return None if value is None else str(value)
