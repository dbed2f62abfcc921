"""Reads under heavy churn: whether a lookup for an announced image finds a holder that lives."""

import time
from collections.abc import Iterator

from reticulum.errors import ReticulumError
from reticulum.model import Key
from reticulum.testing.simulator.churn import Churn
from reticulum.testing.simulator.grid import Grid, NeverHappened
from reticulum.testing.simulator.member import Member
from reticulum.testing.simulator.sessions import Session, exponential, heavy_tailed

Row = dict[str, object]
MEDIAN_S = 3600.0
AWAY_S = 600.0
COPIES = 3
SETTLED_S = 120.0
"""Seconds after its start from which a holder ought to be found."""
STRETCH_S = 600.0


def churn(nodes: int, images: int, hours: float, seed: int) -> Iterator[Row]:
    """Measure with both kinds of sessions; medians of one hour, and ten minutes away."""
    for name, session in (
        ("exponential", exponential(MEDIAN_S)),
        ("heavy-tailed", heavy_tailed(MEDIAN_S)),
    ):
        yield {"sessions": name} | _under(session, nodes, images, hours, seed)


def _under(session: Session, nodes: int, images: int, hours: float, seed: int) -> Row:
    begun = time.process_time()
    grid = Grid(seed)
    grid.grow(nodes)
    holders = {grid.any_key(): grid.random.sample(grid.members, COPIES) for _ in range(images)}
    for key, members in holders.items():
        for member in members:
            member.stock.add(key)
            member.overlay.announce(key, 20)
    grid.run(600)
    coming_and_going = Churn(
        grid, session=session, absence=exponential(AWAY_S), random_=grid.dice()
    )
    coming_and_going.begin()
    reads = found = peers = records = failed = 0
    end = grid.clock.seconds() + 3600 * hours
    while grid.clock.seconds() < end:
        grid.run(STRETCH_S)
        for key, members in holders.items():
            asker = grid.random.choice(grid.running())
            if asker in members or not _settled(grid, asker):
                continue
            if not any(_settled(grid, member) for member in members):
                continue
            reads += 1
            live = _finds(grid, asker, key, members)
            found += live
            failed += not live
        statuses = [member.overlay.status() for member in grid.running()]
        peers = max(peers, *(status.peers for status in statuses))
        records = max(records, *(status.records for status in statuses))
    coming_and_going.end()
    return {
        "nodes": nodes,
        "images": images,
        "copies": COPIES,
        "simulated_hours": hours,
        "sessions_ended": coming_and_going.ended,
        "reads": reads,
        "failed": failed,
        "found_share": round(found / max(reads, 1), 5),
        "most_peers": peers,
        "most_records": records,
        "datagrams": grid.network.traffic.sent,
        "datagrams_per_node_s": round(grid.network.traffic.sent / grid.clock.seconds() / nodes, 2),
        "longest_datagram": grid.network.traffic.longest,
        "cpu_s": round(time.process_time() - begun, 1),
    }


def _settled(grid: Grid, member: Member) -> bool:
    return member.running and grid.clock.seconds() - member.since >= SETTLED_S


def _finds(grid: Grid, asker: Member, key: Key, members: list[Member]) -> bool:
    try:
        named = grid.wait(asker.overlay.holders(key))
    except (ReticulumError, NeverHappened):
        return False
    live = {member.node_id for member in members if member.running}
    return any(holder.node_id in live for holder in named)
