"""What a crawl found, as JSON holds it: every node, and what an operator should know."""

import statistics
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any

from reticulum.model import NodeId
from reticulum.overlay.crawl import KEY_BITS, Crawl, Walked
from reticulum.overlay.crawl_relayed import Behind, RelayedCrawl
from reticulum.overlay.trace import State
from reticulum.overlay.views import Twin, WrongClock

JsonObject = dict[str, Any]

MOST_SILENT = 1_000
"""Silent contacts that are listed; all are counted."""
CLOCK_OFF_S = 5.0
"""From here on a clock is worth a line; from 60 s on its node is not heard at all."""
_NEAREST = 20


def progress(crawl: Crawl, behind: RelayedCrawl | None, took_s: float) -> JsonObject:
    """How far a crawl is; *behind* is its second half, once it has come to that."""
    walks: list[Crawl | RelayedCrawl] = [crawl] if behind is None else [crawl, behind]

    def count(*states: State) -> int:
        return sum(walk.count(state) for walk in walks for state in states)

    return {
        "event": "progress",
        "answered": count(State.ANSWERED),
        "silent": count(State.DEAD, State.REFUSED),
        "asked": sum(walk.asked for walk in walks),
        "waiting": count(State.HEARD, State.WAITING),
        "took_s": round(took_s, 3),
    }


def report(
    crawl: Crawl,
    behind: RelayedCrawl,
    *,
    own: JsonObject | None,
    ending: str,
    took_s: float,
    wrong_clocks: Sequence[WrongClock],
    twins: Sequence[Twin],
) -> JsonObject:
    """
    Everything a crawl found.

    Args:
        crawl: At its end.
        behind: Likewise, the nodes behind relays.
        own: The node that crawled, as in `nodes`; None if it is a client that is gone now.
        ending: "complete", "too many" or "out of time".
        took_s: Seconds.
        wrong_clocks: Members that can't be heard for their clocks.
        twins: Node ids that the node saw run twice.

    Returns:
        `nodes`, alive, by id; `silent`; `summary`; `twins`; `wrong_clocks`.
    """
    alive: dict[NodeId, list[Walked]] = {}
    for walked in crawl.walked():
        if walked.state is State.ANSWERED:
            alive.setdefault(walked.contact.node_id, []).append(walked)
    silent = [_silent(walked) for walked in crawl.walked() if walked.state.failed]
    relayed = [(node_id, each) for node_id, each in behind.behind() if node_id not in alive]
    silent += [_silent_behind(*each) for each in relayed if each[1].state is State.DEAD]
    nodes = [_node(alive[node_id]) for node_id in alive]
    nodes += [_node_behind(node_id, each) for node_id, each in relayed if each.described]
    nodes = sorted([*nodes, *([] if own is None else [own])], key=lambda node: node["id"])
    off = _clocks_off(nodes, wrong_clocks)
    sound = sum(walked.sound for each in alive.values() for walked in each)
    failed = sum(walked.failed for each in alive.values() for walked in each)
    return {
        "nodes": nodes,
        "summary": {
            "nodes": len(nodes),
            "silent": len(silent),
            "unasked": crawl.unasked + behind.unasked,
            "relayed": sum(bool(node["relays"]) for node in nodes),
            "roles": _counted(node["role"] for node in nodes),
            "versions": _counted(node["software"] or "unknown" for node in nodes),
            "zones": _counted(node["zone"] or "none" for node in nodes),
            "stale_share": _share(failed, sound + failed),
            "size_estimate": (
                len(nodes) if ending == "complete" else _estimate(sorted(alive), len(nodes))
            ),
            "liars": [str(w.contact.node_id) for w in crawl.walked() if w.is_liar],
            "ending": ending,
            "asked": crawl.asked + behind.asked,
            "questions": crawl.questions + behind.questions,
            "took_s": round(took_s, 3),
        },
        "silent": silent[:MOST_SILENT],
        "twins": _twins(alive, twins),
        "wrong_clocks": off,
    }


def _node(walks: Sequence[Walked]) -> JsonObject:
    """One node that answered, perhaps at several addresses."""
    best = walks[0]
    first = best.first
    record = None if first is None else first.record
    failed, sound = sum(w.failed for w in walks), sum(w.sound for w in walks)
    return {
        "id": str(best.contact.node_id),
        "address": str(best.contact.address),
        "addresses": [str(walked.contact.address) for walked in walks],
        "relays": [],
        "role": "client" if first is not None and not first.server else "server",
        "zone": "" if record is None else record.zone,
        "software": "" if record is None else record.software,
        "capacity_bytes": None if record is None else record.capacity,
        "free_bytes": None if record is None else record.free,
        "rtt_s": None if first is None else round(first.rtt_s, 6),
        "clock_off_s": None if first is None else round(first.clock_off_s, 3),
        "contacts": len(set().union(*(walked.named for walked in walks))),
        "stale_share": _share(failed, sound + failed),
        "named_by": len({by.node_id for walked in walks for by in walked.named_by}),
    }


def _node_behind(node_id: NodeId, behind: Behind) -> JsonObject:
    """A node that one of its relays has, that one first; what it says is in its record."""
    described = behind.described
    if described is None:
        raise ValueError(f"{node_id} is not there")
    record, way = described.record, described.contact
    ways = [way, *(other for other in record.ways if other.via != way.via)]
    return {
        "id": str(node_id),
        "address": None if way.via is not None else str(way.address),
        "addresses": [] if way.via is not None else [str(way.address)],
        "relays": [
            {"id": str(one.via), "address": str(one.address)} for one in ways if one.via is not None
        ],
        "role": record.role.name.lower(),
        "zone": record.zone,
        "software": record.software,
        "capacity_bytes": record.capacity,
        "free_bytes": record.free,
        "rtt_s": None,
        "clock_off_s": None,
        "contacts": None,
        "stale_share": None,
        "named_by": len(behind.named_by),
    }


def _silent_behind(node_id: NodeId, behind: Behind) -> JsonObject:
    way = behind.ways[0]
    return {
        "id": str(node_id),
        "address": str(way.address),
        "relay": str(way.via),
        "state": behind.state.value,
        "named_by": len(behind.named_by),
    }


def _silent(walked: Walked) -> JsonObject:
    return {
        "id": str(walked.contact.node_id),
        "address": str(walked.contact.address),
        "relay": None,
        "state": walked.state.value,
        "named_by": len(walked.named_by),
    }


def _twins(alive: dict[NodeId, list[Walked]], seen: Sequence[Twin]) -> list[JsonObject]:
    """Node ids with two boots at a time; one boot at several addresses is one node."""
    found = {str(twin.node_id): {str(address) for address in twin.addresses} for twin in seen}
    for node_id, walks in alive.items():
        if len({walked.first.boot for walked in walks if walked.first is not None}) > 1:
            addresses = {str(walked.contact.address) for walked in walks}
            found.setdefault(str(node_id), set()).update(addresses)
    return [{"id": node_id, "addresses": sorted(found[node_id])} for node_id in sorted(found)]


def _clocks_off(nodes: Iterable[JsonObject], unheard: Sequence[WrongClock]) -> list[JsonObject]:
    off = [
        {"id": node["id"], "address": node["address"], "off_s": node["clock_off_s"]}
        for node in nodes
        if node["clock_off_s"] is not None and abs(node["clock_off_s"]) >= CLOCK_OFF_S
    ]
    off += [{"id": None, "address": str(clock.address), "off_s": clock.off_s} for clock in unheard]
    return off


def _estimate(alive: Sequence[NodeId], at_least: int) -> int:
    """How many nodes there are, by how close the nearest ones of each stand together."""
    most = min(_NEAREST, len(alive) - 1)
    if most < 1:
        return at_least
    # A few hundred are enough for a median.
    sample = alive[:: max(1, len(alive) // 200)]
    spans = [sorted(node.distance(other) for other in alive)[most] for node in sample]
    size: int = round(most * 2**KEY_BITS / statistics.median(spans))
    return max(at_least, size)


def _share(part: int, whole: int) -> float | None:
    return round(part / whole, 4) if whole else None


def _counted(names: Iterable[str]) -> dict[str, int]:
    return dict(Counter(names).most_common())
