"""The least connected of nodes as a full member, and the death of its relay."""

import time
from collections.abc import Iterator

import attrs
import namespaces
import pytest
from nat_grid import Member, NatGrid, fastest, fresh_image, nat_grid, steady
from nat_rules import Kind
from processes import until

namespaces.requires_lab()

PUBLIC = ("p0", "p1", "p2")
COPIES = 3
IMAGES = 8
SERVING_S = 5
REPLACED_S = 30
HEALED_S = 60


@pytest.fixture(scope="module")
def grid(tmp_path_factory: pytest.TempPathFactory) -> Iterator[NatGrid]:
    """Three public nodes."""
    with nat_grid(tmp_path_factory.mktemp("symmetric")) as grid:
        for name in PUBLIC:
            grid.public(name)
        grid.settle()
        yield grid


@attrs.frozen
class Behind:
    """
    The node behind the symmetric NAT.

    Args:
        member: It.
        serving_s: From its start until it had the copy of an image that was uploaded elsewhere.
    """

    member: Member
    serving_s: float


@pytest.fixture(scope="module")
def behind(grid: NatGrid) -> Behind:
    """Started as a new user does, with an invite and nothing else."""
    members: list[Member] = []

    def serving_after(number: int) -> float:
        if members:
            members[-1].end()
            del grid.members[members[-1].name]
        members.append(grid.behind(f"s{number}", Kind.SYMMETRIC))
        members[-1].node.wait_ready()
        grid.until_holds(members[-1], grid["p0"])
        return members[-1].age_s()

    serving_s = fastest(serving_after, SERVING_S)
    return Behind(members[-1], serving_s)


@pytest.fixture(scope="module")
def images(grid: NatGrid, behind: Behind) -> dict[str, bytes]:
    """Uploaded to the public nodes, each with all its copies, some of them behind the NAT."""
    found = {}
    for number in range(IMAGES):
        image = fresh_image()
        found[grid[PUBLIC[number % 3]].node.put(image)] = image
    until(lambda: is_whole(grid, found), "whole", HEALED_S)
    return found


def is_whole(grid: NatGrid, images: dict[str, bytes]) -> bool:
    """Whether all images have all their copies on nodes that live."""
    return all(len(grid.holders(image_id)) >= COPIES for image_id in images)


def test_soon_serving(grid: NatGrid, behind: Behind) -> None:
    """
    Five seconds after its start others bring it images: through a relay, or already directly, for
    those who are public themselves.
    """
    assert behind.serving_s <= SERVING_S
    assert behind.member.is_reached("relayed")
    assert grid["p0"].path_to(behind.member)["way"] in {"relayed", "punched"}


def test_what_it_says_of_itself(grid: NatGrid, behind: Behind) -> None:
    """`dht nat` tells that it is relayed, by which two, in which zones, and why."""
    until(lambda: len(behind.member.nat()["relays"]) == 2, "two relays")
    told = behind.member.nat()
    assert (behind.member.node_id, "client", "relayed") == (told["id"], told["role"], told["reach"])
    public = {grid[name].node_id: grid[name] for name in PUBLIC}
    for relay in told["relays"]:
        member = public[relay["id"]]
        assert (f"{member.station.address}:4160", member.name) == (relay["address"], relay["zone"])
    assert 2 == len({relay["zone"] for relay in told["relays"]})

    rungs = {each["rung"]: each for each in told["rungs"]}
    assert {"map", "addresses", "dial-back", "relay", "direct"} <= set(rungs)
    assert all(each["evidence"] for each in rungs.values())
    assert "symmetric" in " ".join(each["evidence"] for each in rungs.values()).lower()
    assert told["advice"]

    ran = behind.member.at("dht", "nat")
    assert (0, "") == (ran.code, ran.err)
    assert "relayed" in ran.out
    assert all(line in ran.out for line in told["advice"])


def test_what_others_say_of_it(grid: NatGrid, behind: Behind) -> None:
    """A crawl shows a client with its relays, and no table has it."""
    node_id = behind.member.node_id
    until(lambda: len(behind.member.nat()["relays"]) == 2, "two relays")
    relays = {each["id"] for each in behind.member.nat()["relays"]}

    def crawled(member: Member) -> tuple[str, set[str]]:
        for each in member.told("dht", "crawl")["nodes"]:
            if each["id"] == node_id:
                return each["role"], {relay["id"] for relay in each["relays"]}
        return "unknown", set()

    for name in PUBLIC:
        until(lambda name=name: crawled(grid[name]) == ("client", relays), "crawled")
        assert node_id not in grid[name].at("dht", "table", "--json").out


def test_it_is_a_holder(grid: NatGrid, behind: Behind, images: dict[str, bytes]) -> None:
    """It has images that others uploaded, and `dht holders` says so everywhere."""
    here = [image_id for image_id in images if behind.member.has(image_id)]
    assert here
    for image_id in here:
        assert behind.member.node.original(image_id).read_bytes() == images[image_id]
        for name in PUBLIC:
            until(
                lambda image_id=image_id, name=name: (
                    behind.member.node_id in holders_told(grid[name], image_id)
                ),
                f"{name} knows that it holds {image_id}",
            )


def holders_told(member: Member, image_id: str) -> set[str]:
    """Ids of those who hold an image, as `dht holders` has it."""
    return {each["id"] for each in member.told("dht", "holders", image_id)["holders"]}


def test_others_read_from_it(grid: NatGrid, behind: Behind) -> None:
    """An image that is left nowhere else is read from it."""
    image = next(image for image in iter(fresh_image, b"") if behind.member in grid.keepers(image))
    image_id = grid["p0"].node.put(image)
    until(lambda: set(grid.holders(image_id)) == set(grid.keepers(image)), "copied")
    for member in set(grid.holders(image_id)) - {behind.member}:
        member.node.original(image_id).unlink()
    assert all(grid[name].gives(image_id, image) for name in PUBLIC)


def test_its_relay_is_killed(grid: NatGrid, behind: Behind, images: dict[str, bytes]) -> None:
    """
    Within 30 s it has another, reads meanwhile succeed, and the grid makes all images whole
    again: with one public node less that takes the one behind the NAT.
    """
    until(lambda: len(behind.member.nat()["relays"]) == 2, "two relays")
    before = {each["id"] for each in behind.member.nat()["relays"]}
    dead, *_ = [grid[name] for name in PUBLIC if grid[name].node_id in before]
    dead_id, alive = dead.node_id, [grid[name] for name in PUBLIC if grid[name] is not dead]
    spare = {member.node_id for member in alive}

    def read(member: Member, image_id: str, number: int) -> bool:
        path = "full" if number == 0 else f"{20 + number % 300}w"
        return member.node.get(f"/image/{image_id}/{path}/x.jpg").status == 200

    asks = {
        f"{image_id} from {member.name}": (
            lambda number, member=member, image_id=image_id: read(member, image_id, number)
        )
        for image_id in images
        for member in alive
    }
    with steady(asks) as stream:
        dead.end()
        killed = time.monotonic()
        until(
            lambda: {each["id"] for each in behind.member.nat()["relays"]} == spare,
            "another relay",
            REPLACED_S,
        )
        assert "relayed" == behind.member.nat()["reach"]
        until(lambda: is_whole(grid, images), "whole again", HEALED_S)
        stream.go_on(2)
    assert [] == stream.failures
    assert all(behind.member.has(image_id) for image_id in images)
    assert dead_id not in {each["id"] for each in behind.member.nat()["relays"]}
    assert time.monotonic() - killed < REPLACED_S + HEALED_S
    grid.no_tracebacks()
