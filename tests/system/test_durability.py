"""Real nodes of one grid: stopped, out of space, with damaged files, restarted and killed."""

import contextlib
import hashlib
import itertools
import os
import random
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from http.client import HTTPException
from pathlib import Path

import attrs
import pictures
import processes
import pytest
from processes import Node, until

# Behind our own modules: two of them have names of ours.
sys.path.append(str(Path(__file__).resolve().parents[2] / "benchmarks"))

from kill_load import Load

COPIES = 3
JOINED_S = 90
KILLS = 12
LONGEST_S = 0.15
"""Within so long an upload is over."""
SMALL = {"RETICULUM_IMAGING_WORKERS": "1"}
"""One worker each: the machine has other things to do."""
StartNode = Callable[..., Node]
Grid = list[Node]


def picture(number: int) -> bytes:
    """Distinct, sound, of some 40 kB, and cheap to make."""
    return pictures.packed(
        pictures.photograph(480, 320, seed=number + 1), "jpg", quality=85, comment=b"%d" % number
    )


def id_of(image: bytes) -> str:
    return f"sha256-{hashlib.sha256(image).hexdigest()}"


def full(image: bytes) -> str:
    return f"/image/{id_of(image)}/full/x.jpg"


def members(node: Node) -> int:
    """How many nodes one counts with, itself included."""
    return int(node.status()["replication"]["members"])


def held(node: Node) -> set[str]:
    """Ids of what a node says that it holds."""
    return {image["id"] for image in node.get("/v1/images?limit=500").json["images"]}


def holders(grid: Grid, image_id: str) -> Grid:
    return [node for node in grid if image_id in held(node)]


def begin(start: StartNode, data: Path, number: int, *flags: str, **settings: str) -> Node:
    """Start a node of the grid, new or old; does not wait."""
    zone = f"zone{number % 3}"
    return start(
        *("--peer", "127.0.0.1:0", "--zone", zone, *flags),
        data=data,
        environment=SMALL | {f"RETICULUM_{name}": value for name, value in settings.items()},
        is_awaited=False,
    )


def grid_of(start: StartNode, places: list[Path], **settings: str) -> Grid:
    """A node for each data directory, in three zones; each counts with all."""
    nodes = [begin(start, places[0], 0, **settings)]
    nodes[0].wait_ready()
    invite = ["-m", "reticulum.cli.main", "invite", "--data", str(nodes[0].data)]
    told = subprocess.run(
        [sys.executable, *invite],
        capture_output=True,
        text=True,
        check=True,
        env=processes.surroundings(),
    )
    for number, place in enumerate(places[1:], start=1):
        nodes.append(begin(start, place, number, "--join", told.stdout.strip(), **settings))
    for node in nodes:
        node.wait_ready()
    for node in nodes:
        until(lambda node=node: members(node) == len(places), "it counts with all", JOINED_S)
    return nodes


def in_folder(folder: Path, size: int) -> list[Path]:
    """Data directories in one folder."""
    return [folder / f"data{number}" for number in range(size)]


def put(nodes: Grid, images: list[bytes]) -> None:
    """Upload by turns; each is acknowledged, and has all its copies soon, maybe one too many."""
    for number, image in enumerate(images):
        reply = nodes[number % len(nodes)].ask("POST", "/v1/images", image)
        assert (201, COPIES) == (reply.status, reply.json["replicas"]["wanted"])
        assert reply.json["replicas"]["stored"] >= 2
    for image in images:
        until(lambda image=image: len(holders(nodes, id_of(image))) >= COPIES, "all copies")


def test_a_node_that_hangs_holds_up_no_read(start_node: StartNode, tmp_path: Path) -> None:
    """
    SIGSTOP: connections to the node open and nothing comes. All reads elsewhere are answered.

    Also those of renditions whose turn it was to make. It goes on as if nothing had been: what it
    was asked meanwhile it answers, rightly, and nothing was copied because of it.
    """
    grid = grid_of(start_node, in_folder(tmp_path, 4))
    images = [picture(number) for number in range(12)]
    put(grid, images)
    hung, others = grid[1], [grid[0], *grid[2:]]
    hung.send(signal.SIGSTOP)
    try:
        stopped_at = time.monotonic()
        with ThreadPoolExecutor(6) as clients:
            late = clients.submit(hung.get, full(images[0]))
            width = 60
            while time.monotonic() - stopped_at < 6:
                answers = [
                    (clients.submit(node.get, path), image)
                    for node in others
                    for image in images
                    for path in (full(image), f"/image/{id_of(image)}/{width}w/x.jpg")
                ]
                width += 1
                for number, (answer, image) in enumerate(answers):
                    reply = answer.result()
                    assert 200 == reply.status, reply
                    assert number % 2 == 1 or image == reply.body
            hung.send(signal.SIGCONT)
            assert (200, images[0]) == (late.result().status, late.result().body)
    finally:
        hung.send(signal.SIGCONT)
    for image in images:
        assert image == hung.get(full(image)).body
    until(lambda: {4} == {members(node) for node in grid}, "all count with it again", JOINED_S)
    assert 0 == sum(node.status()["replication"]["repaired"] for node in grid)
    for image in images:
        assert COPIES <= len(holders(grid, id_of(image)))


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Callable[[], Path]]:
    """A maker of file systems of 40 MB."""
    disks: list[Path] = []

    def make() -> Path:
        if os.geteuid() != 0:
            pytest.skip("only root can mount a small file system")
        disk = tmp_path / f"disk{len(disks)}"
        disk.mkdir()
        mount = ["mount", "-t", "tmpfs", "-o", "size=40m", "tmpfs", str(disk)]
        done = subprocess.run(mount, capture_output=True, text=True, check=False)
        if done.returncode != 0:
            pytest.skip(f"cannot mount a small file system: {done.stderr.strip()}")
        disks.append(disk)
        return disk

    yield make
    for disk in disks:
        # Lazily: the nodes on them may be ended after this.
        subprocess.run(["umount", "--lazy", str(disk)], check=True)


def fill(disk: Path, left: int) -> Path:
    """Leave so many bytes free."""
    status = os.statvfs(disk)
    ballast = disk / "ballast"
    with ballast.open("ab") as file, contextlib.suppress(OSError):
        file.write(bytes(max(0, status.f_bavail * status.f_frsize - left)))
    return ballast


def test_a_full_disk_gets_no_copies(small_disk: Callable[[], Path], start_node: StartNode) -> None:
    """
    A node that has only its reserve left takes no copies, and says so; nobody counts on it.

    Uploads to others are acknowledged with all copies. What is uploaded to it is taken and kept
    by the others. It serves all the time. With room again it takes copies again.
    """
    # All on disks of one size: who has more room gets more copies.
    disks = [small_disk() for _ in range(5)]
    grid = grid_of(start_node, [disk / "data" for disk in disks])
    stuffed, others = grid[0], grid[1:]
    before = [picture(number) for number in range(5)]
    put(grid, before)
    kept = held(stuffed)
    assert kept
    ballast = fill(disks[0], 800_000)

    def shelf() -> str:
        told: str = stuffed.status()["replication"]["shelf"]
        return told

    until(lambda: shelf() == "full", "it says so")
    images = [picture(number) for number in range(5, 17)]
    put(others, images)
    assert held(stuffed) <= kept
    entered = picture(17)
    assert 201 == stuffed.ask("POST", "/v1/images", entered).status
    until(lambda: len(holders(others, id_of(entered))) >= COPIES, "all copies elsewhere")
    until(lambda: held(stuffed) <= kept, "it has let go of its own")
    for image in [*before, *images, entered]:
        assert image == stuffed.get(full(image)).body
        assert 200 == stuffed.get(f"/image/{id_of(image)}/80w/x.jpg").status

    ballast.unlink()
    until(lambda: shelf() == "open", "it takes copies again")
    numbers = itertools.count(18)

    def gets_one() -> bool:
        image = picture(next(numbers))
        assert 201 == others[0].ask("POST", "/v1/images", image).status
        time.sleep(0.5)  # the last copies are on their way
        return id_of(image) in held(stuffed)

    until(gets_one, "the others have heard of it", JOINED_S)


def flip(path: Path) -> None:
    """Change one byte in the middle, where a picture stays a picture."""
    content = bytearray(path.read_bytes())
    content[len(content) * 2 // 3] ^= 0x10
    path.write_bytes(content)


def cut(path: Path) -> None:
    """Take the second half away."""
    os.truncate(path, path.stat().st_size // 2)


def reads_rightly(nodes: Grid, image: bytes, path: str, rendition: bytes) -> None:
    """Each node, in this order, serves the original and one rendition of it."""
    for node in nodes:
        got, made = node.get(full(image)), node.get(path)
        assert (200, image) == (got.status, got.body)
        assert (200, rendition) == (made.status, made.body)


def are_whole(nodes: Grid, image: bytes) -> bool:
    """Whether there are all copies, each of the right bytes."""
    paths = [node.original(id_of(image)) for node in holders(nodes, id_of(image))]
    return len(paths) >= COPIES and all(path.read_bytes() == image for path in paths)


def damage(grid: Grid, images: list[bytes]) -> list[Node]:
    """One copy of each, by turns the first, second or third; returns whose."""
    hit = [holders(grid, id_of(image))[number % COPIES] for number, image in enumerate(images)]
    for number, (node, image) in enumerate(zip(hit, images, strict=True)):
        (flip, cut)[number % 2](node.original(id_of(image)))
    return hit


def test_nothing_damaged_is_ever_served(start_node: StartNode, tmp_path: Path) -> None:
    """
    One copy of each image is flipped or cut short: every node serves the right bytes of it.

    The original as well as renditions never made before, whichever node is asked first. The
    damaged copies are replaced.
    """
    grid = grid_of(start_node, in_folder(tmp_path, 4), REPLICATION_GRACE_S="3")
    alone = start_node("--peer", "127.0.0.1:0", data=tmp_path / "alone", environment=SMALL)
    images = [picture(number) for number in range(8)]
    put(grid, images)
    damage(grid, images)
    for number, image in enumerate(images):
        alone.put(image)
        path = f"/image/{id_of(image)}/{90 + number}w/x.jpg"
        first = number % len(grid)
        reads_rightly(grid[first:] + grid[:first], image, path, alone.get(path).body)
    for image in images:
        until(lambda image=image: are_whole(grid, image), "it is replaced", JOINED_S)


def test_damaged_while_all_were_off(start_node: StartNode, tmp_path: Path) -> None:
    """
    All nodes are off, copies get damaged, all come back: never is anything wrong served.

    A node that does not yet know who is there may ask to be asked again, but does not say that
    there is no such image; within seconds every node serves every image.
    """
    grid = grid_of(start_node, in_folder(tmp_path, 4))
    images = [picture(number) for number in range(8)]
    put(grid, images)
    damage(grid, images)
    for node in grid:
        node.end()
    grid = [begin(start_node, node.data, number) for number, node in enumerate(grid)]
    for node in grid:
        node.wait_ready()
    for image in images:
        for node in grid:
            until(lambda node=node, image=image: serves(node, image), "it is served", JOINED_S)
    # Nobody was left who could have told them that they can be reached.
    for node in grid:
        until(lambda node=node: node.status()["grid"]["role"] == "server", "a server", JOINED_S)


def serves(node: Node, image: bytes) -> bool:
    """Whether a node serves an image; anything but its bytes or "ask again" is wrong."""
    got = node.get(full(image))
    assert got.status in {503, 504} or (200, image) == (got.status, got.body)
    return got.status == 200


@attrs.define
class Clients:
    """What clients know of the grid; see `kill_load.Nodes`."""

    live: Grid


def repaired(node: Node) -> int:
    """Copies that a node has given or got because there were too few."""
    return int(node.status()["replication"]["repaired"])


def test_rolling_restart_under_load(start_node: StartNode, tmp_path: Path) -> None:
    """
    Each node is restarted in turn, by SIGTERM, under reads and uploads.

    Every read is answered with the right image, by the node asked or by another; no acknowledged
    image is lost; and who is away for a moment is no reason to copy what he holds.
    """
    grace = {"REPLICATION_GRACE_S": "15"}
    grid = grid_of(start_node, in_folder(tmp_path, 5), **grace)
    clients = Clients(list(grid))
    load = Load(clients, picture, tmp_path / "uploaded", seed=1)
    load.preload(60)
    time.sleep(20)  # before the grace is over nobody repairs anything
    load.begin(reads_per_s=15, uploads_per_s=1)
    copied = -sum(repaired(node) for node in grid)
    for number, node in enumerate(grid):
        copied += repaired(node)
        clients.live = [other for other in clients.live if other is not node]
        node.end()
        again = begin(start_node, node.data, number, **grace)
        again.wait_ready()
        clients.live = [*clients.live, again]
        until(lambda again=again: members(again) == 5, "it counts with all", JOINED_S)
        time.sleep(2)
    load.end()
    copied += sum(repaired(node) for node in clients.live)

    assert [] == [read.problem for read in load.reads if read.problem]
    assert [] == load.uploads.problems
    assert len(load.acknowledged) > 60
    assert [] == load.unreadable()
    # Five nodes with some 36 images each were away; of the uploads meanwhile a few were late.
    assert copied <= 20
    for image_id in load.acknowledged:
        assert len(holders(clients.live, image_id)) >= COPIES - 1


class Upload(threading.Thread):
    """One upload to a node that may die meanwhile."""

    def __init__(self, node: Node, image: bytes) -> None:
        super().__init__()
        self._node = node
        self.image = image
        self.status: int | None = None

    def run(self) -> None:
        """Note what was answered, if anything was."""
        with contextlib.suppress(OSError, HTTPException):
            self.status = self._node.ask("POST", "/v1/images", self.image).status


def killed_after(node: Node, images: list[bytes], seconds: float) -> list[Upload]:
    """Upload all at once, and kill the node so long after they began."""
    uploads = [Upload(node, image) for image in images]
    for upload in uploads:
        upload.start()
    time.sleep(seconds)
    node.end(signal.SIGKILL)
    for upload in uploads:
        upload.join(processes.PATIENCE_S)
        assert upload.status in {None, 201}
    return uploads


def must_be_honest(node: Node) -> None:
    """All that a node lists can be read through it; nothing else lies about."""
    assert [] == node.debris()
    images = node.get("/v1/images?limit=500").json["images"]
    for image in images:
        body = node.get(image["url"]).body
        assert (image["id"], image["bytes"]) == (id_of(body), len(body))
    assert {image["id"] for image in images} == node.originals().keys()


def test_killed_while_it_takes_an_upload(start_node: StartNode, tmp_path: Path) -> None:
    """
    SIGKILL of the entry node at several moments of uploads: what was acknowledged is readable.

    At once, through every other node, and after the entry node has started again by itself. What
    was not acknowledged is whole or not there, and the same upload is simply taken again.
    """
    *others, entry = grid_of(start_node, in_folder(tmp_path, 4))
    dice = random.Random(7)  # noqa: S311  (to be repeated)
    acknowledged: list[bytes] = []
    for kill in range(KILLS):
        images = [picture(3 * kill + number) for number in range(3)]
        uploads = killed_after(entry, images, LONGEST_S * (kill + dice.random()) / KILLS)
        acknowledged += [upload.image for upload in uploads if upload.status]
        for image in acknowledged:
            assert {(200, image)} == {(got.status, got.body) for got in readings(others, image)}
        for image in images:
            got = others[0].get(full(image))
            assert (200, image) == (got.status, got.body) or got.status in {404, 504}
        entry = begin(start_node, entry.data, 3)
        entry.wait_ready()
        must_be_honest(entry)
        assert all(
            entry.ask("POST", "/v1/images", image).status in {200, 201, 202} for image in images
        )
    assert 0 < len(acknowledged) < 3 * KILLS
    everybody = [*others, entry]
    for node in everybody:
        until(lambda node=node: members(node) == 4, "it counts with all", JOINED_S)
        must_be_honest(node)
    for number in range(3 * KILLS):
        image = picture(number)
        assert {image} == {got.body for got in readings(everybody, image)}
        until(lambda image=image: len(holders(everybody, id_of(image))) >= COPIES, "all copies")


def readings(nodes: Grid, image: bytes) -> Iterator[processes.Reply]:
    """What each node answers that is asked for an original."""
    return (node.get(full(image)) for node in nodes)
