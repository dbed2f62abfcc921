"""How lookups do: how long they take, what they find and miss, and what they cost."""

import heapq
import statistics
from collections.abc import Iterable, Sequence

import attrs

from reticulum.model import Key
from reticulum.testing.simulator.grid import Grid
from reticulum.testing.simulator.member import Member

K = 20


@attrs.frozen(kw_only=True)
class Measured:
    """
    One lookup for the closest nodes.

    Args:
        took_s: Seconds of virtual time.
        recall: Share of the true closest live servers that it found.
        dead: Nodes in the result that do not run.
        messages: Datagrams that the node which looked sent and received meanwhile.
    """

    took_s: float
    recall: float
    dead: int
    messages: int


@attrs.frozen(kw_only=True)
class Numbers:
    """
    Many lookups together.

    Args:
        lookups: How many.
        p50_s: Median, in seconds.
        p99_s: Of a hundred, one takes longer; in seconds.
        recall: Mean.
        dead: Nodes in all results together that do not run.
        messages: Mean.
    """

    lookups: int
    p50_s: float
    p99_s: float
    recall: float
    dead: int
    messages: float

    @classmethod
    def of(cls, measured: Sequence[Measured]) -> "Numbers":
        """Sum up."""
        took = sorted(each.took_s for each in measured)
        return cls(
            lookups=len(took),
            p50_s=statistics.median(took),
            p99_s=took[int(0.99 * len(took))],
            recall=statistics.mean(each.recall for each in measured),
            dead=sum(each.dead for each in measured),
            messages=statistics.mean(each.messages for each in measured),
        )

    def __str__(self) -> str:
        return (
            f"p50 {self.p50_s:.2f} s  p99 {self.p99_s:.2f} s  recall@20 {self.recall:.4f}  "
            f"dead {self.dead}  messages {self.messages:.0f}"
        )


def look_up(grid: Grid, member: Member, target: Key, servers: Iterable[Member] = ()) -> Measured:
    """
    Let *member* look for the nodes closest to *target*.

    Args:
        grid: Where.
        member: Who.
        target: What to get close to.
        servers: Those of the grid, if they are known: to ask every node what it is takes longer
            than a lookup does.
    """
    begun, before = grid.clock.seconds(), _datagrams(member)
    found = grid.wait(member.overlay.closest(target))
    took_s, messages = grid.clock.seconds() - begun, _datagrams(member) - before
    alive = {each.contact for each in servers or grid.servers() if each.running}
    alive.discard(member.contact)
    truth = heapq.nsmallest(K, alive, key=lambda contact: target.distance(contact.node_id))
    return Measured(
        took_s=took_s,
        recall=len(set(truth) & set(found)) / len(truth) if truth else 1.0,
        dead=sum(not grid.lives_at(contact.address) for contact in found),
        messages=messages,
    )


def look_up_many(grid: Grid, lookups: int, *, gap_s: float = 0.2) -> Numbers:
    """Let nodes chosen at random look for random keys, one after the other."""
    measured = []
    servers = grid.servers()
    for _ in range(lookups):
        member = grid.random.choice(grid.running())
        measured.append(look_up(grid, member, grid.any_key(), servers))
        grid.run(gap_s)
    return Numbers.of(measured)


def _datagrams(member: Member) -> int:
    return member.place.traffic.sent + member.place.traffic.received
