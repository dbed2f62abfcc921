"""A grid with two nodes behind each kind of NAT, and reads from one of them to another."""

import itertools
import random
import threading
import time
from collections.abc import Iterator

import attrs
import pictures
from nat_grid import Member, NatGrid, fresh_image
from nat_rules import Kind
from PIL import Image
from processes import until

PUBLIC = 3
RELAYED_BYTES_PER_S = 1_500_000
LARGE = (1600, 1250)
"""In px, of noise: 6 MB, four seconds on a relay that gives no more than that."""
ALONE = {
    "RETICULUM_REPLICATION_COPIES": "1",
    "RETICULUM_REACH_RELAY_BYTES_PER_S": str(RELAYED_BYTES_PER_S),
}
"""One copy of each image: whoever reads it has to reach the one that keeps it."""
READERS = 2
"""Of the small image of one direction, by turns: no two ask for the same."""
PLACED_S = 60

Kept = dict[str, tuple[str, bytes]]
"""By the name of each node behind a NAT the id and the bytes of an image that it alone has."""


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

    def read_small(self, turn: int, is_over: threading.Event, pace_s: float) -> None:
        """Read, at a pace, what nobody has made yet, and sometimes the original."""
        image_id, image = self.small
        for number in itertools.count():
            if is_over.wait(pace_s):
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


def begin(grid: NatGrid) -> Kept:
    """Start all nodes, and wait until everybody knows everybody and a small image is on each."""
    for number in range(PUBLIC):
        grid.public(f"p{number}")
    for kind, number in itertools.product(Kind, (0, 1)):
        grid.behind(f"{kind.value}{number}", kind)
    grid.settle()
    return kept(grid, iter(fresh_image, b""))


def kept(grid: NatGrid, images: Iterator[bytes]) -> Kept:
    """Upload images, at a public node, until each node behind a NAT has one."""
    found: Kept = {}
    behind = {name for name, member in grid.members.items() if member.router}
    while behind - set(found):
        image = next(images)
        (keeper,) = grid.keepers(image)
        if keeper.name not in behind - set(found):
            continue
        image_id = grid["p0"].node.put(image)
        until(lambda k=keeper, i=image_id: grid.holders(i) == [k], "is in its place", PLACED_S)
        found[keeper.name] = (image_id, image)
    return found


def large_images() -> Iterator[bytes]:
    """Images of 6 MB."""
    for seed in itertools.count():
        noise = random.Random(seed).randbytes(3 * LARGE[0] * LARGE[1])  # noqa: S311  (no secret)
        yield pictures.packed(Image.frombytes("RGB", LARGE, noise), "png", compress_level=0)
