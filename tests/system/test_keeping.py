"""Keeping images in a grid of real processes: health, verify, repair, drain, a new disk."""

import json
import random
import shutil
import socket
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import attrs
import pictures
import processes
import pytest
from processes import Node, until

RETICULUM = [sys.executable, "-m", "reticulum.cli.main"]
NODES, COPIES = 4, 3
ATTEMPTS = 5
IMAGES = 9
# A silent node is given up soon; the census stays at its twelve hours, so it is not what repairs.
QUICK = {"RETICULUM_IMAGING_WORKERS": "1", "RETICULUM_REPLICATION_GRACE_S": "5"}
SETTLED_S = 90
WHO_IT_IS = ("node.key", "grid.secret", "grid.entrances")
"""What a node is known by, and finds its grid with."""


@attrs.frozen
class Ran:
    """How a command ended."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        """Its last line."""
        return json.loads(self.out.splitlines()[-1])


def reticulum(*arguments: str) -> Ran:
    """Run the command, however it ends."""
    environment = processes.surroundings()
    ran = subprocess.run(
        [*RETICULUM, *arguments],
        capture_output=True,
        text=True,
        check=False,
        env=environment,
        timeout=120,
    )
    return Ran(ran.returncode, ran.stdout, ran.stderr)


def free_port() -> int:
    """A number for other nodes, free for UDP and TCP, that no connection gets by chance."""
    while True:
        number = random.randrange(10_000, 30_000)  # noqa: S311  (any will do)
        try:
            for kind in (socket.SOCK_DGRAM, socket.SOCK_STREAM):
                with socket.socket(socket.AF_INET, kind) as sock:
                    sock.bind(("127.0.0.1", number))
        except OSError:
            continue
        return number


@attrs.define
class Grid:
    """Nodes, and the images put to them, by id."""

    folder: Path
    running: list[Node]
    nodes: dict[int, Node] = attrs.field(factory=dict)
    ports: dict[int, int] = attrs.field(factory=dict)
    images: dict[str, bytes] = attrs.field(factory=dict)

    def start(self, number: int, *arguments: str) -> Node:
        node = processes.start(
            self.folder,
            f"--peer=127.0.0.1:{self.ports.setdefault(number, free_port())}",
            *arguments,
            data=self.folder / f"n{number}",
            environment={**QUICK, "RETICULUM_NODE_ZONE": f"rack{number}"},
        )
        self.running.append(node)
        self.nodes[number] = node
        return node

    def at(self, number: int, *arguments: str) -> Ran:
        """Run a command on the node with this number."""
        return reticulum(*arguments, "--data", str(self.nodes[number].data))

    def told(self, number: int, *arguments: str) -> Any:
        """What a command answers for machines, however it ends."""
        return self.at(number, *arguments, "--json").json

    def holders(self, image_id: str) -> list[int]:
        """Nodes with the file, whatever is in it."""
        return [at for at, node in self.nodes.items() if node.original(image_id).exists()]

    def keepers(self, image_id: str) -> list[int]:
        """Nodes with the file that should have it: no copy is one too many."""
        copies = self.told(0, "dht", "health", image_id)["nodes"]
        should = {copy["id"] for copy in copies if copy["should"]}
        return [
            at for at in self.holders(image_id) if self.nodes[at].status()["node"]["id"] in should
        ]

    def copies(self, image_id: str) -> int:
        """Files with the right bytes."""
        content = self.images[image_id]
        paths = [self.nodes[at].original(image_id) for at in self.holders(image_id)]
        return sum(path.read_bytes() == content for path in paths)

    def is_whole(self) -> bool:
        """Whether every image has its copies."""
        return all(self.copies(image_id) >= COPIES for image_id in self.images)

    def has_settled(self) -> bool:
        """Whether every node knows all others, and for long enough."""
        states = [node.status() for node in self.nodes.values()]
        return all(
            state["replication"]["members"] == NODES
            and state["replication"]["settled"]
            and state["node"]["uptime_s"] > 6
            for state in states
        )

    def held_by(self, number: int) -> list[str]:
        """Images with a file on one node."""
        return [image_id for image_id in self.images if number in self.holders(image_id)]


@pytest.fixture(scope="module")
def whole_grid(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Grid]:
    with processes.nursery() as running:
        grid = Grid(tmp_path_factory.mktemp("keeping"), running)
        assert 0 == reticulum("init", str(grid.folder / "n0")).code
        grid.start(0).wait_ready()
        invite = grid.at(0, "invite").out.strip()
        for number in range(1, NODES):
            grid.start(number, "--join", invite)
        for node in grid.nodes.values():
            node.wait_ready()
        until(grid.has_settled, "settled", SETTLED_S)
        for number in range(IMAGES):
            image = pictures.photo(160 + number, 120)
            grid.images[grid.nodes[number % NODES].put(image)] = image
        yield grid


@pytest.fixture
def grid(whole_grid: Grid) -> Grid:
    """The grid of this file, every image whole."""
    until(whole_grid.is_whole, "whole", SETTLED_S)
    return whole_grid


def flip_a_bit(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(bytes(content))


def cut_short(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-7])


def one_without(grid: Grid, image_id: str) -> int:
    return next(at for at in grid.nodes if at not in grid.holders(image_id))


def test_health_of_a_whole_image(grid: Grid) -> None:
    """It says whole, in words and for machines, and who has it, and exits with 0."""
    image_id = next(iter(grid.images))
    ran = grid.at(0, "dht", "health", image_id)
    assert (0, "") == (ran.code, ran.err)
    assert "verdict   whole: 3 of 3 copies" in ran.out.splitlines()

    told = grid.told(0, "dht", "health", image_id, "--verify")
    assert ("whole", COPIES, COPIES) == (told["verdict"], told["wanted"], told["live"])
    assert {"verified"} == {node["state"] for node in told["nodes"] if node["should"]}
    assert ([], []) == (told["owed"], told["elsewhere"])
    assert {f"rack{at}": 1 for at in grid.holders(image_id)} == told["zones"]


def test_health_finds_a_damaged_copy_elsewhere(grid: Grid) -> None:
    """With --verify the holders read their bytes; whose were damaged gets them anew."""
    image_id = next(iter(grid.images))
    holder, asking = grid.holders(image_id)[0], one_without(grid, image_id)
    flip_a_bit(grid.nodes[holder].original(image_id))

    ran = grid.at(asking, "dht", "health", image_id, "--verify", "--json")
    assert (1, "short", 2) == (ran.code, ran.json["verdict"], ran.json["live"])
    node_id = grid.nodes[holder].status()["node"]["id"]
    assert [node_id] == [node["id"] for node in ran.json["nodes"] if node["state"] == "damaged"]
    until(lambda: grid.copies(image_id) == COPIES, "restored by itself")


@pytest.mark.parametrize("what", [(), ("--all",)], ids=["nothing said", "--all"])
def test_verify_restores_what_is_damaged(grid: Grid, what: Sequence[str]) -> None:
    """
    A flipped bit and a file cut short are found, and the right bytes are back at the end.

    The file cut short may have been found by whatever else goes over the store just then.
    """
    flipped, cut = grid.held_by(1)[:2]
    flip_a_bit(grid.nodes[1].original(flipped))
    cut_short(grid.nodes[1].original(cut))

    ran = grid.at(1, "verify", *what, "--json")
    told = ran.json
    assert (0, 0) == (ran.code, told["lost"]), ran
    assert told["damaged"] == told["restored"] in {1, 2}
    assert {flipped} <= {each["id"] for each in told["images"]} <= {flipped, cut}
    assert COPIES <= grid.copies(flipped)
    until(lambda: COPIES <= grid.copies(cut), "restored", within_s=10)
    assert told["checked"] == told["compared"]
    assert "damaged    0, of these 0 restored, 0 lost" in grid.at(1, "verify").out


def test_verify_gives_to_who_lacks(grid: Grid) -> None:
    """A copy that vanished elsewhere is found when a node compares, and is given again."""
    image_id = grid.held_by(2)[0]
    other = next(at for at in grid.holders(image_id) if at != 2)
    grid.nodes[other].original(image_id).unlink()

    ran = grid.at(2, "verify", image_id)
    assert 0 == ran.code, ran
    assert "compared   1, of these 0 short of copies" in ran.out
    assert COPIES <= grid.copies(image_id)


def test_verify_says_what_it_can_not_vouch_for(grid: Grid) -> None:
    """An image that is nowhere: exit code 1. Two ways to say which ones: 2."""
    ran = grid.at(0, "verify", "ab" * 32)
    assert 1 == ran.code
    assert "is not on this node" in ran.out
    assert 2 == grid.at(0, "verify", "ab" * 32, "--all").code
    assert 2 == grid.at(0, "verify", "--node", "http://127.0.0.1:1").code


@pytest.mark.parametrize("from_holder", [True, False])
def test_repair_from_anywhere(grid: Grid, from_holder: bool) -> None:
    """Whoever is asked, the copy that is missing is there afterwards, and both states are told."""
    image_id = next(iter(grid.images))
    for _ in range(ATTEMPTS):
        lost, kept = grid.keepers(image_id)[:2]
        asking = kept if from_holder else one_without(grid, image_id)
        grid.nodes[lost].original(image_id).unlink()

        ran = grid.at(asking, "dht", "repair", image_id, "--json")
        assert (0, "whole") == (ran.code, ran.json["after"]["verdict"]), ran
        assert COPIES <= grid.copies(image_id)
        # The nodes look after their images by themselves, and may have been faster.
        if ran.json["before"]["verdict"] == "short":
            return
        until(grid.is_whole, "whole", SETTLED_S)
    pytest.fail(f"no repair in {ATTEMPTS} attempts had anything to do")


def test_repair_from_the_node_that_lacks_it(grid: Grid) -> None:
    """It gets the image from another one."""
    image_id = next(iter(grid.images))
    lost = grid.keepers(image_id)[0]
    grid.nodes[lost].original(image_id).unlink()

    ran = grid.at(lost, "dht", "repair", image_id)
    assert 0 == ran.code, ran
    assert "after   whole: 3 of 3 copies" in ran.out.splitlines()
    assert COPIES <= grid.copies(image_id)


def test_what_is_gone_is_told_as_such(grid: Grid) -> None:
    """A deleted image is deleted, one that nobody has is lost; neither is repaired; exit code 1."""
    image = pictures.photo(99, 99)
    image_id = grid.nodes[0].put(image)
    assert 204 == grid.nodes[0].ask("DELETE", f"/v1/images/{image_id}").status
    for known, verdict in ((image_id, "deleted"), ("cd" * 32, "lost")):
        ran = grid.at(1, "dht", "health", known, "--json")
        assert (1, verdict) == (ran.code, ran.json["verdict"])
        ran = grid.at(1, "dht", "repair", known, "--json")
        assert (1, verdict) == (ran.code, ran.json["after"]["verdict"])


def test_a_new_disk_is_filled_again(grid: Grid) -> None:
    """
    A node that comes back with its key and nothing else has all its images again soon.

    Nobody saw it go, and the census is due in twelve hours: spot checks notice it.
    """
    node = grid.nodes[2]
    before = grid.held_by(2)
    node.process.kill()
    node.process.wait()
    old = node.data.rename(grid.folder / "old")
    node.data.mkdir(mode=0o711)
    for name in WHO_IT_IS:
        shutil.copy2(old / name, node.data / name)
    assert [] == grid.held_by(2)
    grid.start(2).wait_ready()

    until(lambda: set(before) == set(grid.held_by(2)), "filled again", within_s=150)
    assert all(grid.nodes[2].original(one).read_bytes() == grid.images[one] for one in before)
    shutil.rmtree(old)


def test_drain(grid: Grid) -> None:
    """
    All is moved, and told to be safe only then; reads and uploads go on; a restart changes
    nothing. A second node can't be drained as well: too few are left, and it says so.
    """
    until(grid.has_settled, "settled", SETTLED_S)
    assert "draining" in grid.at(3, "node", "drain").out
    ran = grid.at(3, "node", "drain", "--wait", "--timeout", "60")
    count = len(grid.held_by(3))
    assert f"safe to switch off: all {count} images are kept by 3 other nodes\n" == ran.out, ran
    assert 0 == ran.code
    for image_id in grid.images:
        others = [at for at in grid.holders(image_id) if at != 3]
        assert COPIES == len(others)

    image_id = grid.held_by(3)[0]
    assert grid.images[image_id] == grid.nodes[3].get(f"/image/{image_id}/full/x.jpg").body
    image = pictures.photo(222, 111)
    late = grid.nodes[3].put(image)
    grid.images[late] = image
    until(lambda: sorted(grid.holders(late)) == [0, 1, 2], "handed on")

    # Killed, so that nothing is written at the end.
    grid.nodes[3].process.kill()
    grid.nodes[3].process.wait()
    grid.start(3).wait_ready()
    told = grid.told(3, "node", "status")
    assert (True, "closed") == (told["drain"]["draining"], told["shelf"])
    until(lambda: grid.told(3, "node", "status")["drain"]["is_safe"], "safe again", SETTLED_S)

    ran = grid.at(2, "node", "drain", "--wait", "--timeout", "60")
    assert 1 == ran.code
    assert "only 2 of 3 copies can exist: 2 other nodes keep copies, and 3 are wanted" in ran.out
    assert 2 == grid.at(2, "node", "drain", "--wait", "--cancel").code
    for number in (2, 3):
        assert "not draining\n" == grid.at(number, "node", "drain", "--cancel").out
        assert "open" == grid.told(number, "node", "status")["shelf"]


def test_no_node_is_a_failure(tmp_path: Path) -> None:
    """Each command says that no node runs there, with exit code 1."""
    for words in (["verify"], ["node", "status"], ["node", "drain"], ["dht", "health", "ab" * 32]):
        ran = reticulum(*words, "--data", str(tmp_path))
        assert 1 == ran.code
        assert f"no node runs on {tmp_path}" in ran.err
