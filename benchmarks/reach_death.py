"""A relay dies, or stops without a word: how soon it is replaced, and reads meanwhile."""

import itertools
import signal
import threading
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

import attrs
import lab
from nat_grid import SOON_S, Member, NatGrid, fresh_image, nat_grid
from nat_rules import Kind
from processes import until
from results import Check, Part, Series

PUBLIC = 4
IMAGES = 24
COPIES = 3
READERS = 3
PACE_S = 0.1
LOOK_S = 0.1
REPLACED_S = 30.0
READ_S = 10.0
"""Reads go on for at least so long after the relay went."""
WATCHED_S = 90.0
"""Then it is said to be never replaced."""


@attrs.frozen
class Death:
    """
    What became of one.

    Args:
        replaced_s: For each node that it relayed for, until that had two others.
        reads: How many there were meanwhile.
        slowest_s: Of them.
        problems: What was wrong with any.
    """

    replaced_s: Sequence[float]
    reads: int
    slowest_s: float
    problems: Sequence[str]


def measure(part: Part, scratch: Path, *, quick: bool) -> None:
    """One relay after the other, in one grid; every one comes back before the next one goes."""
    times = 1 if quick else 5
    deaths: dict[str, list[Death]] = {"SIGKILL": [], "SIGSTOP": []}
    with lab.needed(), nat_grid(scratch) as grid:
        for number in range(PUBLIC):
            grid.public(f"p{number}")
        for kind in Kind:
            grid.behind(kind.value, kind)
        grid.settle()
        images = _uploaded(grid)
        for number, how in itertools.product(range(times), deaths):
            victim = _relay_of(grid, list(Kind)[number % len(Kind)])
            death = _die(grid, images, victim, how, number)
            deaths[how].append(death)
            spans = ", ".join(f"{each:.1f}" for each in death.replaced_s)
            print(
                f"  {how} of {victim.name}: replaced after {spans} s; {len(death.problems)} of "
                f"{death.reads} reads failed, the slowest took {death.slowest_s:.1f} s",
                flush=True,
            )
    for how, found in deaths.items():
        _tell(part, how, found)
    part.notes += [
        f"{PUBLIC} public nodes, one behind each kind of NAT, {IMAGES} images of {COPIES} copies",
        "every node that the relay served is watched; replaced: it has two relays, all of them up",
        "read: images that those nodes hold, at all nodes left, half of them as renditions",
        *lab.surprises(scratch),
    ]


def _tell(part: Part, how: str, found: Sequence[Death]) -> None:
    spans = tuple(each for death in found for each in death.replaced_s)
    reads = sum(death.reads for death in found)
    failed = [problem for death in found for problem in death.problems]
    replaced = Series(f"{how}: two relays again after", "s", spans)
    part.add(
        replaced,
        Series(f"{how}: reads meanwhile", "", (reads,)),
        Series(f"{how}: slowest read of each time", "s", tuple(d.slowest_s for d in found)),
    )
    part.checks += [
        Check.at_most(replaced, REPLACED_S),
        Check.at_most(Series(f"{how}: the longest", "s", (max(spans),)), REPLACED_S),
        Check.exactly(Series(f"{how}: reads that failed", "", (len(failed),)), 0),
    ]
    part.notes += [f"{how}: {problem}" for problem in failed[:5]]


def _uploaded(grid: NatGrid) -> Mapping[str, bytes]:
    images = [fresh_image() for _ in range(IMAGES)]
    found = {
        grid[f"p{number % PUBLIC}"].node.put(image): image for number, image in enumerate(images)
    }
    until(lambda: _is_whole(grid, found), "all have their copies", SOON_S)
    return found


def _is_whole(grid: NatGrid, images: Mapping[str, bytes]) -> bool:
    return all(len(grid.holders(image_id)) >= COPIES for image_id in images)


def _die(
    grid: NatGrid, images: Mapping[str, bytes], victim: Member, how: str, number: int
) -> Death:
    behind = [member for member in grid.members.values() if member.router]
    watched = [member for member in behind if victim.node_id in _relays(member)]
    victim_id = victim.node_id
    asked = [one for one in images if any(member.has(one) for member in watched)]
    readers = [member for member in grid.members.values() if member is not victim]
    reading = Reading(images, asked, readers, first_width=20 + 40 * number)
    with reading:
        time.sleep(1)
        if how == "SIGKILL":
            victim.end()
        else:
            victim.node.send(signal.SIGSTOP)
        went = time.monotonic()
        replaced = _watch(watched, victim_id, went)
    if how == "SIGKILL":
        grid.again(victim.name).node.wait_ready()
    else:
        victim.node.send(signal.SIGCONT)
    grid.settle()
    for member in behind:
        until(lambda each=member: len(_relays(each)) == 2, f"{member.name} has two relays", SOON_S)
    until(lambda: _is_whole(grid, images), "all have their copies again", SOON_S)
    meanwhile = [read for read in reading.reads if read.began > went - 1]
    return Death(
        replaced_s=[replaced[member.name] for member in watched],
        reads=len(meanwhile),
        slowest_s=max(read.took_s for read in meanwhile),
        problems=[
            f"{read.began - went:.1f} s after {victim.name} went: {read.problem}"
            for read in meanwhile
            if read.problem
        ],
    )


def _relay_of(grid: NatGrid, kind: Kind) -> Member:
    relays = _relays(grid[kind.value])
    return next(member for member in grid.members.values() if member.node_id in relays)


def _watch(watched: Sequence[Member], victim_id: str, went: float) -> Mapping[str, float]:
    """Seconds until each has two relays, the dead one not among them."""
    found: dict[str, float] = {}
    while (for_s := time.monotonic() - went) < WATCHED_S:
        if len(found) == len(watched) and for_s > READ_S:
            break
        for member in watched:
            relays = _relays(member)
            if member.name not in found and len(relays) == 2 and victim_id not in relays:
                found[member.name] = time.monotonic() - went
        time.sleep(LOOK_S)
    assert len(found) == len(watched), f"not replaced: {found}"  # noqa: S101
    return found


def _relays(member: Member) -> set[str]:
    return {each["id"] for each in member.node.status()["reach"]["relays"]}


@attrs.frozen
class Read:
    """One read: when it began, how long it took, what was wrong."""

    began: float
    took_s: float
    problem: str


class Reading:
    """
    Reads that go on meanwhile, in threads of their own, at a pace.

    Args:
        images: With their bytes.
        asked: Those that are read.
        readers: Who is asked for them.
        first_width: Of renditions that nobody has asked for before.
    """

    def __init__(
        self,
        images: Mapping[str, bytes],
        asked: Sequence[str],
        readers: Sequence[Member],
        first_width: int,
    ) -> None:
        self.reads: list[Read] = []
        self._images = images
        self._asks = itertools.cycle(itertools.product(asked, readers))
        self._width = itertools.count(first_width)
        self._lock = threading.Lock()
        self._is_over = threading.Event()
        self._threads = [threading.Thread(target=self._read) for _ in range(READERS)]

    def __enter__(self) -> None:
        for thread in self._threads:
            thread.start()

    def __exit__(self, *_: object) -> None:
        self._is_over.set()
        for thread in self._threads:
            thread.join(2 * SOON_S)

    def _read(self) -> None:
        while not self._is_over.wait(PACE_S):
            with self._lock:
                (image_id, member), number = next(self._asks), next(self._width)
            began = time.monotonic()
            problem = _asked(member, image_id, self._images[image_id], number)
            self.reads.append(Read(began, time.monotonic() - began, problem))


def _asked(member: Member, image_id: str, image: bytes, number: int) -> str:
    spec = f"{20 + number % 700}w" if number % 2 else "full"
    try:
        reply = member.node.get(f"/image/{image_id}/{spec}/x.jpg")
    except OSError as error:
        return f"{member.name}: {error!r}"
    if reply.status == 200 and (spec != "full" or reply.body == image):
        return ""
    return f"{member.name} answers {reply.status} for {spec}: {reply.body[:120]!r}"
