"""A node that is killed at any moment starts again by itself and has lost nothing it promised."""

import hashlib
import json
import random
import shutil
import signal
import socket
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from http.client import HTTPException
from typing import Any

import pictures
import processes
from processes import Node, until

ROUNDS = 25
AT_ONCE = 3
SEED = 20261121


def _image(number: int) -> bytes:
    """Distinct, sound, of some 10 kB, and cheap to make."""
    return pictures.packed(
        pictures.photograph(160, 100, seed=number + 1), "jpg", quality=90, comment=b"%d" % number
    )


class _Uploader(threading.Thread):
    """Uploads one image after the other, in pieces, until the node is gone."""

    def __init__(self, node: Node, images: list[bytes], seed: int) -> None:
        super().__init__()
        self._node = node
        self._images = images
        self._random = random.Random(seed)  # noqa: S311  (to be repeated, not to be secret)
        self.acknowledged: dict[str, bytes] = {}

    def run(self) -> None:
        """Note each image that the node says it has."""
        for image in self._images:
            try:
                with self._node.connect() as connection:
                    connection.sendall(processes.upload_head(len(image)))
                    cut = self._random.randrange(len(image))
                    connection.sendall(image[:cut])
                    time.sleep(self._random.random() * 0.01)
                    connection.sendall(image[cut:])
                    reply = processes.reply_on(connection)
            except (OSError, HTTPException):
                return
            assert reply.status in {200, 201}
            self.acknowledged[reply.json["id"]] = image


def _must_be_whole(node: Node, acknowledged: dict[str, bytes]) -> None:
    """What was promised is here, what is listed is sound, and nothing else lies about."""
    assert [] == node.debris()
    listed: dict[str, Any] = {}
    after = ""
    while True:
        page = node.get(f"/v1/images?limit=100{after}").json
        listed |= {image["id"]: image for image in page["images"]}
        if page["next"] is None:
            break
        after = f"&after={page['next']}"
    assert acknowledged.keys() <= listed.keys()
    assert listed.keys() == node.originals().keys()
    for image_id, facts in listed.items():
        body = node.get(facts["url"]).body
        assert image_id == f"sha256-{hashlib.sha256(body).hexdigest()}"
        assert body == acknowledged.get(image_id, body)
        assert (160, 100, len(body)) == (facts["width"], facts["height"], facts["bytes"])
        sidecar = json.loads(node.original(image_id).with_suffix(".json").read_bytes())
        assert (160, 100, len(body)) == (sidecar["width"], sidecar["height"], sidecar["bytes"])


def test_kill_in_mid_upload_loses_nothing_acknowledged(start_node: Any) -> None:
    """
    SIGKILL at 25 random moments, uploads under way: no debris, nothing acknowledged is lost.

    Every original is either whole and listed, with a sound sidecar, or not there at all.
    """
    dice = random.Random(SEED)  # noqa: S311
    images = [_image(number) for number in range(60)]
    acknowledged: dict[str, bytes] = {}
    for number in range(ROUNDS):
        node = start_node(environment={"RETICULUM_IMAGING_WORKERS": "1"})
        assert [] == node.debris()
        if number % 5 == 0:
            _must_be_whole(node, acknowledged)
        uploaders = [
            _Uploader(node, dice.sample(images, len(images)), seed=number * AT_ONCE + which)
            for which in range(AT_ONCE)
        ]
        for uploader in uploaders:
            uploader.start()
        time.sleep(dice.random() * 0.25)
        node.end(signal.SIGKILL)
        for uploader in uploaders:
            uploader.join(processes.PATIENCE_S)
            acknowledged |= uploader.acknowledged
    _must_be_whole(start_node(), acknowledged)
    assert len(acknowledged) > 5


def test_kill_before_the_sidecar_heals(start_node: Any) -> None:
    """An original without its sidecar, or with a torn one, is looked into again and served."""
    node = start_node()
    lost, torn = node.put(_image(1)), node.put(_image(2))
    node.end(signal.SIGKILL)
    node.original(lost).with_suffix(".json").unlink()
    sidecar = node.original(torn).with_suffix(".json")
    sidecar.write_bytes(sidecar.read_bytes()[:20])
    stray = node.original(lost).with_name("0" * 60 + ".json")
    stray.write_text("{}")
    node = start_node()
    _must_be_whole(node, {lost: _image(1), torn: _image(2)})
    until(lambda: not stray.exists(), "a sidecar of nothing is swept up")


def test_restart_keeps_images_and_cached_renditions(start_node: Any) -> None:
    """After a restart the same requests are cache hits with the same validators."""
    node = start_node()
    image_id = node.put(pictures.photo())
    paths = [f"/image/{image_id}/{spec}" for spec in ("200w/a.jpg", "100s/a.webp", "full/a.jpg")]
    before = [node.get(path) for path in paths]
    assert 2 == node.status()["imaging"]["renditions"]
    until(lambda: node.status()["cache"]["bytes"] > 0, "the cache has counted")
    identity = node.status()["node"]["id"]
    node.end()
    node = start_node()
    after = [node.get(path) for path in paths]
    status = node.status()
    assert identity == status["node"]["id"]
    assert (0, 2) == (status["imaging"]["renditions"], status["cache"]["hits"])
    for old, new in zip(before, after, strict=True):
        assert old.body == new.body
        for name in ("etag", "last-modified", "content-type"):
            assert old.headers[name] == new.headers[name]
    for path, old in zip(paths, before, strict=True):
        assert 304 == node.get(path, {"If-None-Match": old.headers["etag"]}).status


def test_cache_that_someone_emptied_is_filled_again(start_node: Any) -> None:
    """Renditions removed by hand, folders and all, while the node runs, are made again."""
    node = start_node()
    image_id = node.put(pictures.photo())
    path = f"/image/{image_id}/200w/image.jpg"
    cache = node.data / "renditions"
    first = node.get(path)
    until(lambda: list(cache.glob("sha256/*/*/*/200w.jpg")), "it is kept")
    shutil.rmtree(cache)
    second = node.get(path)
    assert (200, first.body) == (second.status, second.body)
    until(lambda: list(cache.glob("sha256/*/*/*/200w.jpg")), "it is kept again")
    hits = node.status()["cache"]["hits"]
    assert first.body == node.get(path).body
    assert hits + 1 == node.status()["cache"]["hits"]
    node.must_be_clean()


def _abandon_download(node: Node, path: str) -> None:
    with socket.socket() as connection:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        connection.settimeout(processes.PATIENCE_S)
        connection.connect(("127.0.0.1", node.port))
        connection.sendall(f"GET {path} HTTP/1.1\r\nHost: node\r\n\r\n".encode())
        assert connection.recv(100)


def _abandon_upload(node: Node, image: bytes) -> None:
    with node.connect() as connection:
        connection.sendall(processes.upload_head(len(image)) + image[: len(image) // 2])
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")  # RST


def _abandon_render(node: Node, path: str) -> None:
    with node.connect() as connection:
        connection.sendall(f"GET {path} HTTP/1.1\r\nHost: node\r\n\r\n".encode())


def test_clients_that_go_away_leak_nothing(start_node: Any) -> None:
    """50 each who leave in mid-upload, in mid-download and before a render: no file stays open."""
    node = start_node()
    big = node.put(pictures.flat(1600, 1600, "bmp"))
    photo = pictures.photo(400, 300)
    small = node.put(photo)
    for warm_up in range(8):
        node.get(f"/image/{small}/{50 + warm_up}w/image.jpg")
    until(lambda: _is_quiet(node), "quiet")
    before = node.open_files()
    with ThreadPoolExecutor(5) as clients:
        path = f"/image/{big}/full/image.bmp"
        list(clients.map(lambda _: _abandon_download(node, path), range(50)))
        list(clients.map(lambda _: _abandon_upload(node, photo + bytes(5000)), range(50)))
        paths = [f"/image/{small}/{100 + number}w/image.jpg" for number in range(50)]
        list(clients.map(lambda path: _abandon_render(node, path), paths))
    until(lambda: _is_quiet(node), "quiet again")
    until(lambda: node.open_files() <= before, f"{before} open files again")
    node.must_be_clean()
    assert {big, small} == node.originals().keys()
    assert "Traceback" not in node.log()


def _is_quiet(node: Node) -> bool:
    status = node.status()
    imaging = status["imaging"]
    return (1, 0, 0) == (status["http"]["under_way"], imaging["running"], imaging["queued"])
