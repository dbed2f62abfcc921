"""From the start of a node to its serving: behind NATs of all kinds, and behind a gateway."""

import itertools
from collections.abc import Callable, Iterator
from pathlib import Path

import attrs
import lab
from nat_grid import SOON_S, Member, NatGrid, nat_grid
from nat_rules import Kind
from port_mapping_gateway import port_mapping
from processes import until
from results import Check, Part, Series

PUBLIC = 3
SERVING_S = 5.0
MAPPED_S = 10.0
MAPS = {"RETICULUM_REACH_MAP_PORTS": "true"}
GATEWAYS = {"PCP": {}, "UPnP alone": {"natpmp": False}}
"""Both are miniupnpd."""


@attrs.frozen(kw_only=True)
class Began:
    """
    How one node began; seconds from the start of its process.

    Args:
        ready_s: It serves people.
        reached_s: It says that it is relayed, or public.
        serving_s: It has the copy of an image that was uploaded elsewhere.
    """

    ready_s: float
    reached_s: float
    serving_s: float


@attrs.frozen(kw_only=True)
class Way:
    """
    One way to begin.

    Args:
        name: For the table.
        begin: Begins once.
        counts: What counts of it: an attribute of `Began`.
        most_s: Target for that; None for a way that is only shown beside.
    """

    name: str
    begin: Callable[[], Began]
    counts: str = "serving_s"
    most_s: float | None = SERVING_S


def measure(part: Part, scratch: Path, *, quick: bool) -> None:
    """One node after the other joins three public ones, with an invite and nothing else."""
    with lab.needed("miniupnpd"), nat_grid(scratch) as grid:
        for number in range(PUBLIC):
            grid.public(f"p{number}")
        grid.settle()
        ways = list(_ways(grid, scratch))
        found: dict[str, list[Began]] = {way.name: [] for way in ways}
        for number in range(2 if quick else 8):
            for way in ways if number % 2 == 0 else reversed(ways):
                began = way.begin()
                found[way.name].append(began)
                print(
                    f"  {number + 1}: {way.name}: ready {began.ready_s:.2f} s, reached "
                    f"{began.reached_s:.2f} s, serving {began.serving_s:.2f} s",
                    flush=True,
                )
    for way in ways:
        _tell(part, way, found[way.name])
    part.notes += [
        "from the start of the process, with an invite alone, Python's own start included",
        "ready: serves people; relayed, public: says so itself, public after others dialled it",
        "serving: has the copy of an image that was uploaded elsewhere",
        *lab.surprises(scratch),
    ]


def _tell(part: Part, way: Way, found: list[Began]) -> None:
    def series(name: str, which: str) -> Series:
        values = tuple(getattr(began, which) for began in found)
        return Series(f"{way.name}: {name}", "s", values)

    how = "public" if way.counts == "reached_s" or way.most_s is None else "relayed"
    part.add(series("ready", "ready_s"), series(how, "reached_s"), series("serving", "serving_s"))
    if way.most_s is not None:
        name = how if way.counts == "reached_s" else "serving"
        counted = series(name, way.counts)
        longest = Series(f"{way.name}: {name}, longest", "s", (max(counted.values),))
        part.checks += [Check.at_most(counted, way.most_s), Check.at_most(longest, way.most_s)]


def _ways(grid: NatGrid, scratch: Path) -> Iterator[Way]:
    names = (f"n{number}" for number in itertools.count())
    for kind in Kind:
        yield Way(
            name=f"{kind.value} NAT",
            begin=lambda kind=kind: _begin(grid, grid.behind(next(names), kind), "relayed"),
        )
    for name, how in GATEWAYS.items():
        yield Way(
            name=f"gateway with {name}",
            begin=lambda how=how: _mapped(grid, scratch, next(names), how),
            counts="reached_s",
            most_s=MAPPED_S,
        )
    yield Way(
        name="no NAT, beside",
        begin=lambda: _begin(grid, grid.public(next(names)), "public"),
        most_s=None,
    )


def _begin(grid: NatGrid, member: Member, how: str) -> Began:
    member.node.wait_ready()
    ready_s = member.age_s()
    until(lambda: member.is_reached(how), f"{member.name} is {how}", SOON_S)
    reached_s = member.age_s()
    grid.until_holds(member, grid["p0"])
    began = Began(ready_s=ready_s, reached_s=reached_s, serving_s=member.age_s())
    _forget(grid, member)
    return began


def _mapped(grid: NatGrid, scratch: Path, name: str, how: dict[str, bool]) -> Began:
    folder = scratch / f"{name}-gateway"
    folder.mkdir()
    router = grid.lab.router(f"{name}-r", Kind.PORT_RESTRICTED)
    with port_mapping(router, folder, **how):
        station = grid.lab.host(name, router.lan)
        return _begin(grid, grid.start(name, station, router, environment=MAPS), "public")


def _forget(grid: NatGrid, member: Member) -> None:
    """End it, and wait until nobody counts on it: the next one finds the grid as this one did."""
    member.end()
    del grid.members[member.name]
    for other in grid.members.values():
        until(
            lambda each=other: each.node.status()["replication"]["members"] == PUBLIC,
            f"{other.name} has given {member.name} up",
            SOON_S,
        )
