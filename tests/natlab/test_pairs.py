"""Nodes behind NATs of all kinds exchange images, directly where that is possible."""

import itertools
import random
import threading
import time
from collections.abc import Iterator

import attrs
import namespaces
import pictures
import pytest
from nat_grid import Member, NatGrid, fresh_image, nat_grid, steady
from nat_rules import HOPELESS, Kind
from PIL import Image
from processes import Reply, until

namespaces.requires_lab()

PUBLIC = 3
PAIRS = list(itertools.combinations_with_replacement(Kind, 2))
MOVED_S = 60
RELAYED_BYTES_PER_S = 1_500_000
LARGE = (1600, 1250)
"""In px, of noise: 6 MB, four seconds on a relay."""

# One copy of each image: whoever reads it has to reach the one that keeps it.
ALONE = {
    "RETICULUM_REPLICATION_COPIES": "1",
    "RETICULUM_REACH_RELAY_BYTES_PER_S": str(RELAYED_BYTES_PER_S),
}


@attrs.frozen
class Route:
    """Who reads an image, and who has it."""

    reader: Member
    holder: Member
    image_id: str
    image: bytes

    def is_read(self, number: int) -> bool:
        """Whether it gets what it asks for: the image once, then what the holder has to make."""
        if number == 0:
            return self.reader.gives(self.image_id, self.image)
        reply = self.reader.node.get(f"/image/{self.image_id}/{20 + number}w/x.jpg")
        return (reply.status, reply.kind) == (200, "image/jpeg") and len(reply.body) > 0


@pytest.fixture(scope="module")
def grid(tmp_path_factory: pytest.TempPathFactory) -> Iterator[NatGrid]:
    """Three public nodes, and two behind a NAT of each kind."""
    with nat_grid(tmp_path_factory.mktemp("pairs"), **ALONE) as grid:
        for number in range(PUBLIC):
            grid.public(f"p{number}")
        for kind, number in itertools.product(Kind, (0, 1)):
            grid.behind(f"{kind.value}{number}", kind)
        grid.settle()
        yield grid


@pytest.fixture(scope="module")
def kept(grid: NatGrid) -> dict[str, tuple[str, bytes]]:
    """By the name of each NATed node an image that it alone keeps, uploaded elsewhere."""
    found: dict[str, tuple[str, bytes]] = {}
    natted = {name for name, member in grid.members.items() if member.router}
    while natted - set(found):
        image = fresh_image()
        (keeper,) = grid.keepers(image)
        if keeper.name not in found:
            found[keeper.name] = (stored(grid, keeper, image), image)
    return found


def stored(grid: NatGrid, keeper: Member, image: bytes) -> str:
    """Upload an image; its id, as soon as only its keeper has it."""
    image_id = grid["p0"].node.put(image)
    until(lambda: grid.holders(image_id) == [keeper], f"is where it belongs: {keeper.name}")
    return image_id


def test_all_pairs(grid: NatGrid, kept: dict[str, tuple[str, bytes]]) -> None:
    """
    Both nodes of each of the ten pairs read from the other, and no request fails while pipes move;
    at the end eight pairs are connected directly, and two by a relay.
    """
    routes = {}
    for one, other in PAIRS:
        ends = (grid[f"{one.value}0"], grid[f"{other.value}1"])
        for reader, holder in (ends, ends[::-1]):
            name = f"{reader.name} from {holder.name}"
            routes[name] = Route(reader, holder, *kept[holder.name])
    assert 2 * len(PAIRS) == len(routes)
    wanted = {
        f"{ends[0].value}{numbers[0]} from {ends[1].value}{numbers[1]}": frozenset(pair) in HOPELESS
        for pair in PAIRS
        for ends, numbers in ((pair, (0, 1)), (pair[::-1], (1, 0)))
    }

    def relayed() -> dict[str, bool | None]:
        ways = {
            name: route.reader.path_to(route.holder).get("way") for name, route in routes.items()
        }
        return {name: way and way == "relayed" for name, way in ways.items()}

    end = time.monotonic() + MOVED_S
    with steady({name: route.is_read for name, route in routes.items()}) as stream:
        while relayed() != wanted and time.monotonic() < end:
            time.sleep(0.5)
        stream.go_on(10)
        assert wanted == relayed()
    assert [] == stream.failures
    grid.no_tracebacks()


def test_relay_dies_under_an_image(grid: NatGrid) -> None:
    """
    A large image, half of it read through a relay when that is killed, arrives all the same.

    There is one copy of it, so it comes by the other relay.
    """
    route = large_one(grid)
    replies: list[Reply] = []
    path = f"/image/{route.image_id}/full/x.png"
    reading = threading.Thread(target=lambda: replies.append(route.reader.node.get(path)))
    reading.start()
    relay_id = until(lambda: route.reader.path_to(route.holder).get("relay"), "goes by a relay")
    time.sleep(len(route.image) / RELAYED_BYTES_PER_S / 4)
    assert reading.is_alive()
    relay = next(each for each in grid.members.values() if each.node_id == relay_id)
    relay.end()
    try:
        reading.join(60)
        assert not reading.is_alive()
        assert (200, route.image) == (replies[0].status, replies[0].body)
    finally:
        grid.again(relay.name).node.wait_ready()
    grid.no_tracebacks()


def large_one(grid: NatGrid) -> Route:
    """A large image, read across a pair that can't meet."""
    readers = [grid[f"{Kind.SYMMETRIC.value}{number}"] for number in (0, 1)]
    holders = [*readers, *(grid[f"{Kind.PORT_RESTRICTED.value}{number}"] for number in (0, 1))]
    for seed in range(100):
        noise = random.Random(seed).randbytes(3 * LARGE[0] * LARGE[1])  # noqa: S311  (no secret)
        image = pictures.packed(Image.frombytes("RGB", LARGE, noise), "png", compress_level=0)
        (keeper,) = grid.keepers(image)
        if keeper in holders:
            reader = next(each for each in readers if each is not keeper)
            return Route(reader, keeper, stored(grid, keeper, image), image)
    pytest.fail("of 100 images none is for one of four nodes")
