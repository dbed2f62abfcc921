"""Originals that were damaged on disk are never served as good, and can be healed."""

import os
import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pictures
import processes
import pytest
from processes import Node, until

IMAGE = pictures.photo(300, 200)


def _truncate(path: Path) -> None:
    os.truncate(path, path.stat().st_size // 2)


def _empty(path: Path) -> None:
    os.truncate(path, 0)


def _flip(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)


def _flip_unseen(path: Path) -> None:
    """As a failing disk does it: neither length nor time of change tell."""
    before = path.stat()
    _flip(path)
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))


def _vanish(path: Path) -> None:
    path.unlink()


DAMAGES = [_truncate, _empty, _flip, _flip_unseen, _vanish]


def _must_be_missed_and_heal(node: Node, image_id: str) -> None:
    full = f"/image/{image_id}/full/image.jpg"
    reply = node.get(full)
    assert (404, "application/problem+json") == (reply.status, reply.kind)
    assert 404 == node.get(f"/image/{image_id}/123w/image.jpg").status
    assert 404 == node.get(f"/v1/images/{image_id}").status
    assert [] == node.get("/v1/images").json["images"]
    assert not node.original(image_id).exists()
    again = node.ask("POST", "/v1/images", IMAGE)
    assert (201, image_id) == (again.status, again.json["id"])
    assert IMAGE == node.get(full).body
    assert 200 == node.get(f"/image/{image_id}/123w/image.jpg").status


@pytest.mark.parametrize("damage", DAMAGES, ids=lambda damage: damage.__name__.strip("_"))
def test_damage_while_the_node_runs(damage: Callable[[Path], None], node: Node) -> None:
    """The next request finds it: quarantined and missed; the same upload again heals it."""
    image_id = node.put(IMAGE)
    assert IMAGE == node.get(f"/image/{image_id}/full/image.jpg").body
    kept = len(_quarantined(node))
    damage(node.original(image_id))
    _must_be_missed_and_heal(node, image_id)
    assert kept + (damage is not _vanish) == len(_quarantined(node))
    assert 204 == node.ask("DELETE", f"/v1/images/{image_id}").status


@pytest.mark.parametrize("damage", [_truncate, _flip_unseen], ids=["truncate", "flip"])
def test_damage_while_the_node_is_down(damage: Callable[[Path], None], start_node: Any) -> None:
    """A node trusts no original because it was sound before a restart."""
    node = start_node()
    image_id = node.put(IMAGE)
    node.end()
    damage(node.original(image_id))
    node = start_node()
    _must_be_missed_and_heal(node, image_id)
    assert 1 == len(_quarantined(node))


@pytest.mark.parametrize("damage", [_truncate, _flip], ids=["truncate", "flip"])
def test_upload_of_what_is_damaged_heals_unasked(
    damage: Callable[[Path], None], node: Node
) -> None:
    """An image that is sent again is compared with what is here, not taken for known."""
    image_id = node.put(IMAGE)
    damage(node.original(image_id))
    assert image_id == node.put(IMAGE)
    assert IMAGE == node.get(f"/image/{image_id}/full/image.jpg").body
    assert IMAGE == node.original(image_id).read_bytes()
    assert 204 == node.ask("DELETE", f"/v1/images/{image_id}").status


def _quarantined(node: Node) -> list[Path]:
    folder = node.data / "quarantine"
    return [path for path in folder.glob("*") if path.suffix != ".json"]


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of its own with 8 MB."""
    place = tmp_path / "disk"
    place.mkdir()
    mount = shutil.which("mount")
    if mount is None:
        pytest.skip("there is no mount on this machine")
    options = ["-t", "tmpfs", "-o", "size=8m", "tmpfs"]
    told = subprocess.run([mount, *options, place], capture_output=True, text=True, check=False)
    if told.returncode != 0:
        pytest.skip(f"this user may not mount a file system: {told.stderr.strip()}")
    try:
        yield place
    finally:
        subprocess.run(["umount", "--lazy", place], check=True)


def test_disk_full_in_mid_upload(small_disk: Path, start_node: Any) -> None:
    """507 and no debris; what is here is served on; with space again, uploads are taken."""
    node = start_node(data=small_disk / "data")
    image_id = node.put(IMAGE)
    thumbnail = f"/image/{image_id}/100w/image.jpg"
    assert 200 == node.get(thumbnail).status
    ballast = small_disk / "ballast"
    ballast.write_bytes(bytes(4_000_000))
    big = pictures.flat(1600, 1000, "bmp")  # 4.8 MB
    headers, form = processes.form(("image", big))
    for head, body in [({}, big), (headers, form)]:
        reply = node.ask("POST", "/v1/images", body, head)
        assert (507, "application/problem+json") == (reply.status, reply.kind)
        assert "disk" in reply.json["detail"]
        node.must_be_clean()
    assert [image_id] == list(node.originals())
    assert IMAGE == node.get(f"/image/{image_id}/full/image.jpg").body
    assert 200 == node.get(thumbnail).status

    free = shutil.disk_usage(small_disk).free
    (small_disk / "more").write_bytes(bytes(free))  # not a byte is left
    assert 507 == node.ask("POST", "/v1/images", pictures.flat()).status
    made = node.get(f"/image/{image_id}/140w/image.jpg")
    assert made.status in {200, 507}  # it may be sent without being kept
    assert 200 == node.get(thumbnail).status
    node.must_be_clean()

    ballast.unlink()
    (small_disk / "more").unlink()
    assert 201 == node.ask("POST", "/v1/images", big).status
    assert 200 == node.get(f"/image/{image_id}/140w/image.jpg").status
    until(lambda: not node.debris(), "swept up")
    assert "Traceback" not in node.log()
