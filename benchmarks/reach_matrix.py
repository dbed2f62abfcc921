"""All pairs of four kinds of NAT: requests, and how the pipe they go over moves from the relay."""

import itertools
import random
import threading
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import attrs
import lab
import pictures
from nat_grid import Member, NatGrid, fresh_image, nat_grid
from nat_rules import HOPELESS, Kind
from PIL import Image
from processes import until
from results import Check, Part, Series

PUBLIC = 3
PAIRS = list(itertools.combinations_with_replacement(Kind, 2))
RELAYED_BYTES_PER_S = 1_500_000
LARGE = (1600, 1250)
"""In px, of noise: 6 MB, four seconds on a relay that gives no more than that."""
ALONE = {
    "RETICULUM_REPLICATION_COPIES": "1",
    "RETICULUM_REACH_RELAY_BYTES_PER_S": str(RELAYED_BYTES_PER_S),
}
"""One copy of each image: whoever reads it has to reach the one that keeps it."""
READERS = 2
PACE_S = 0.05
LOOK_S = 0.05
PAIR_S = 6.0
"""For which each pair is asked; longer, up to the next, as long as its pipe could still move."""
MOVED_S = 45.0


@attrs.frozen
class Request:
    """One request: when it was sent and answered, on the monotonic clock, and what was wrong."""

    began: float
    ended: float
    problem: str


@attrs.frozen(eq=False)
class Direction:
    """
    One node that reads from another.

    Args:
        reader: Who asks.
        holder: Who alone has the images.
        small: Id and bytes of a photograph.
        large: The same of one that is under way for seconds.
    """

    reader: Member
    holder: Member
    small: tuple[str, bytes]
    large: tuple[str, bytes]
    requests: list[Request] = attrs.field(factory=list)

    @property
    def way(self) -> str:
        """How the reader is connected to the holder; empty if it is not."""
        return str(self.reader.path_to(self.holder).get("way") or "")

    def read_large(self) -> None:
        """Read the large one, once."""
        self._ask(f"/image/{self.large[0]}/full/x.png", self.large[1])

    def read_small(self, turn: int, is_over: threading.Event) -> None:
        """Read, at a pace, what nobody has made yet, and sometimes the original."""
        image_id, image = self.small
        for number in itertools.count():
            if is_over.wait(PACE_S):
                return
            if number % 4 == 0:
                self._ask(f"/image/{image_id}/full/x.jpg", image)
            else:
                self._ask(f"/image/{image_id}/{16 + READERS * number + turn}w/x.jpg", None)

    def _ask(self, path: str, wanted: bytes | None) -> None:
        began = time.monotonic()
        try:
            reply = self.reader.node.get(path)
        except OSError as error:
            problem = repr(error)
        else:
            is_right = reply.kind.startswith("image/") if wanted is None else reply.body == wanted
            problem = "" if reply.status == 200 and is_right else f"{reply.status} for {path}"
        self.requests.append(Request(began, time.monotonic(), problem))


@attrs.frozen
class Moved:
    """
    What one direction of a pair has given.

    Args:
        direct_s: From the first request until the pipe was direct; None if it stayed relayed.
        tried: Requests.
        across: Those that were under way when it moved.
        problems: What went wrong with any of them.
    """

    direct_s: float | None
    tried: int
    across: int
    problems: Sequence[str]


def measure(part: Part, scratch: Path, *, quick: bool) -> None:
    """Fresh grids, and in each the pairs one after the other, both ways at once."""
    rounds = []
    with lab.needed():
        for number in range(1 if quick else 4):
            with nat_grid(_made(scratch / str(number)), **ALONE) as grid:
                rounds.append(_round(grid))
    _tell(part, rounds)
    part.notes += lab.surprises(scratch)


def _tell(part: Part, rounds: Sequence[dict[str, list[Moved]]]) -> None:
    every = [moved for one in rounds for both in one.values() for moved in both]
    failed = [problem for moved in every for problem in moved.problems]
    tried = sum(moved.tried for moved in every)
    direct = [sum(all(m.direct_s is not None for m in b) for b in one.values()) for one in rounds]
    dropped = sum(len(moved.problems) for moved in every if moved.direct_s is not None)
    part.add(
        Series("requests, all rounds", "", (tried,)),
        Series("requests that failed, all rounds", "", (len(failed),)),
        Series("pairs with a direct pipe at the end, of 10", "", tuple(direct)),
        Series(
            "requests under way while a pipe moved, all rounds",
            "",
            (sum(moved.across for moved in every),),
        ),
    )
    for name in rounds[0]:
        times = [moved.direct_s for one in rounds for moved in one[name]]
        known = tuple(each for each in times if each is not None)
        if known:
            part.add(Series(f"{name}: direct after", "s", known))
        if None in times:
            part.notes.append(f"{name}: relayed at the end, {times.count(None)} of {len(times)}")
    part.checks += [
        Check.exactly(
            Series("requests that succeeded", "%", (100 * (1 - len(failed) / tried),)), 100
        ),
        Check.at_least(Series("pairs with a direct pipe, worst round", "", (min(direct),)), 8),
        Check.exactly(Series("requests of moving pairs that failed", "", (dropped,)), 0),
    ]
    part.notes += [
        f"{len(rounds)} grids of {PUBLIC} public nodes and two behind each kind of NAT",
        f"each pair both ways at once; times are from the first request, +{1000 * LOOK_S:g} ms",
        f"an image of 6 MB is under way as well: relays give {RELAYED_BYTES_PER_S:,} bytes/s here",
        *dict.fromkeys(failed[:10]),
    ]


def _round(grid: NatGrid) -> dict[str, list[Moved]]:
    for number in range(PUBLIC):
        grid.public(f"p{number}")
    for kind, number in itertools.product(Kind, (0, 1)):
        grid.behind(f"{kind.value}{number}", kind)
    grid.settle()
    small = _kept(grid, iter(fresh_image, b""))
    large = _kept(grid, _large_images())
    found = {}
    for one, other in PAIRS:
        ends = (grid[f"{one.value}0"], grid[f"{other.value}1"])
        both = [
            Direction(reader, holder, small[holder.name], large[holder.name])
            for reader, holder in (ends, ends[::-1])
        ]
        is_hopeless = frozenset({one, other}) in HOPELESS
        name = f"{one.value} and {other.value}"
        found[name] = _pair(both, is_hopeless=is_hopeless)
        times = ", ".join(
            "relayed" if moved.direct_s is None else f"{moved.direct_s:.2f} s"
            for moved in found[name]
        )
        tried = sum(moved.tried for moved in found[name])
        failed = sum(len(moved.problems) for moved in found[name])
        print(f"  {name}: {times}; {failed} of {tried} requests failed", flush=True)
    return found


def _pair(both: Sequence[Direction], *, is_hopeless: bool) -> list[Moved]:
    is_over = threading.Event()
    threads = [threading.Thread(target=one.read_large) for one in both]
    threads += [
        threading.Thread(target=one.read_small, args=(turn, is_over))
        for one in both
        for turn in range(READERS)
    ]
    began = time.monotonic()
    try:
        for thread in threads:
            thread.start()
        moved_at = _watch(both, began, is_hopeless=is_hopeless)
    finally:
        is_over.set()
    for thread in threads:
        thread.join(120)
    return [_moved(one, began, moved_at.get(at)) for at, one in enumerate(both)]


def _watch(both: Sequence[Direction], began: float, *, is_hopeless: bool) -> dict[int, float]:
    """When each of them was direct, by its number."""
    moved_at: dict[int, float] = {}
    while True:
        for at, one in enumerate(both):
            if at not in moved_at and one.way == "punched":
                moved_at[at] = time.monotonic()
        for_s = time.monotonic() - began
        is_settled = is_hopeless or len(moved_at) == len(both)
        if for_s > PAIR_S and (is_settled or for_s > MOVED_S):
            return moved_at
        time.sleep(LOOK_S)


def _moved(one: Direction, began: float, moved_at: float | None) -> Moved:
    return Moved(
        direct_s=None if moved_at is None or one.way != "punched" else moved_at - began,
        tried=len(one.requests),
        across=sum(moved_at is not None and r.began < moved_at < r.ended for r in one.requests),
        problems=[
            f"{one.reader.name} from {one.holder.name} after {r.began - began:.1f} s: {r.problem}"
            for r in one.requests
            if r.problem
        ],
    )


def _kept(grid: NatGrid, images: Iterator[bytes]) -> dict[str, tuple[str, bytes]]:
    """By the name of each node behind a NAT an image that it alone keeps, uploaded elsewhere."""
    found: dict[str, tuple[str, bytes]] = {}
    behind = {name for name, member in grid.members.items() if member.router}
    while behind - set(found):
        image = next(images)
        (keeper,) = grid.keepers(image)
        if keeper.name not in behind - set(found):
            continue
        image_id = grid["p0"].node.put(image)
        until(lambda k=keeper, i=image_id: grid.holders(i) == [k], "is where it belongs", 60)
        found[keeper.name] = (image_id, image)
    return found


def _large_images() -> Iterator[bytes]:
    for seed in itertools.count():
        noise = random.Random(seed).randbytes(3 * LARGE[0] * LARGE[1])  # noqa: S311  (no secret)
        yield pictures.packed(Image.frombytes("RGB", LARGE, noise), "png", compress_level=0)


def _made(folder: Path) -> Path:
    folder.mkdir()
    return folder
