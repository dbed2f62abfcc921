"""A client of thraxil/reticulum works against a node unchanged."""

import hashlib
import json
from collections.abc import Iterator
from typing import Any

import pictures
import processes
import pytest
from processes import Node, Reply, form, until

KEY = "an-old-upload-key"
IMAGE = pictures.photo(400, 300)
DIGEST = hashlib.sha1(IMAGE).hexdigest()  # noqa: S324  (the old server's ids)


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Node]:
    """A node that carries on an old site: sha1 ids and an upload key."""
    environment = {"RETICULUM_STORAGE_HASH": "sha1", "RETICULUM_HTTP_UPLOAD_KEYS": KEY}
    with processes.nursery() as nodes:
        folder = tmp_path_factory.mktemp("classic")
        nodes.append(node := processes.start(folder, environment=environment))
        node.wait_ready()
        yield node
        node.must_be_clean()
        assert "Traceback" not in node.log()


def _upload(node: Node, *parts: tuple[str, bytes], image: bytes = IMAGE) -> Reply:
    headers, body = form(("image", image), ("key", KEY.encode()), *parts)
    return node.ask("POST", "/", body, headers)


def _made(node: Node) -> Any:
    return node.status()["imaging"]["renditions"]


def test_answer_is_that_of_the_old_server(site: Node) -> None:
    """The keys in their order, the bare sha1, an extension without a dot, a URL that works."""
    reply = _upload(site)
    assert (200, "application/json") == (reply.status, reply.kind)
    answer = json.loads(reply.body, object_pairs_hook=list)
    expected = ["hash", "length", "extension", "full_url", "satisfied", "nodes"]
    assert expected == [name for name, _ in answer]
    fields = dict(answer)
    assert DIGEST == fields["hash"]
    assert f"/image/{DIGEST}/full/image.jpg" == fields["full_url"]
    assert ("jpg", True, 1) == (fields["extension"], fields["satisfied"], len(fields["nodes"]))
    full = site.get(fields["full_url"])
    assert (IMAGE, "image/jpeg") == (full.body, full.kind)
    assert reply.body == _upload(site).body


def test_order_of_fields_does_not_matter(site: Node) -> None:
    """Browsers send the key before the image, some scripts behind it."""
    headers, body = form(("key", KEY.encode()), ("size_hints", b""), ("image", IMAGE))
    assert DIGEST == site.ask("POST", "/", body, headers).json["hash"]


@pytest.mark.parametrize(
    "asked, moved_to",
    [
        ("100s/x.jpeg", "100s/x.jpg"),
        ("100h200w/image.jpg", "200w100h/image.jpg"),
        ("100h200w/image.jpeg", "200w100h/image.jpg"),
    ],
)
def test_old_spellings_are_moved(site: Node, asked: str, moved_to: str) -> None:
    """301 to the one canonical URL, with the bare hash kept as it stands in people's pages."""
    _upload(site)
    moved = site.get(f"/image/{DIGEST}/{asked}")
    assert (301, f"/image/{DIGEST}/{moved_to}") == (moved.status, moved.headers["location"])
    assert 200 == site.get(moved.headers["location"]).status


def test_size_hints_are_made_before_anyone_asks(site: Node) -> None:
    """Every hint is a cache hit later."""
    image = pictures.photo(500, 300, seed=2)
    before = _made(site)
    digest = _upload(site, ("size_hints", b"100s,300w, 200w100h"), image=image).json["hash"]
    until(lambda: _made(site) == before + 3, "three renditions are made")
    cached = site.data / "renditions" / "sha1" / digest[:2] / digest[2:4] / digest[4:]
    until(lambda: len(list(cached.glob("*"))) == 3, "they are kept")
    hits = site.status()["cache"]["hits"]
    for spec in ("100s", "300w", "200w100h"):
        assert 200 == site.get(f"/image/{digest}/{spec}/image.jpg").status
    assert (before + 3, hits + 3) == (_made(site), site.status()["cache"]["hits"])


@pytest.mark.parametrize(
    "hints",
    [b"../../x50w", b"full", b"0w,,junk,-1h", b"99999999999w", b"\xff\xfe\x00", b"9w," * 2000],
    ids=["path", "full", "junk", "huge", "bytes", "thousands"],
)
def test_hostile_size_hints_do_no_harm(site: Node, hints: bytes) -> None:
    """What is no size is left out; `full` does not re-encode the original."""
    before = {path for path in site.folder.rglob("*") if "renditions" not in path.parts}
    reply = _upload(site, ("size_hints", hints))
    assert (200, DIGEST) == (reply.status, reply.json["hash"])
    until(lambda: site.status()["imaging"]["running"] == 0, "nothing is being made")
    assert IMAGE == site.get(f"/image/{DIGEST}/full/image.jpg").body
    after = {path for path in site.folder.rglob("*") if "renditions" not in path.parts}
    assert before == after


def test_wrong_key_is_403(site: Node) -> None:
    """So is none at all: the old server knew no 401. Nothing is kept."""
    before = site.originals().keys()
    image = pictures.photo(100, 80, seed=3)
    for parts in ([("key", b"another-key")], []):
        headers, body = form(("image", image), *parts)
        reply = site.ask("POST", "/", body, headers)
        assert (403, "application/problem+json") == (reply.status, reply.kind)
        assert "upload key" in reply.json["detail"]
    assert before == site.originals().keys()
    assert [] == site.debris()


def test_missing_image_is_400(site: Node) -> None:
    """With the old server's words in the detail."""
    headers, body = form(("key", KEY.encode()))
    reply = site.ask("POST", "/", body, headers)
    assert 400 == reply.status
    assert "missing image file" in reply.json["detail"]


def test_what_is_no_image_is_refused(site: Node) -> None:
    """The old server kept anything under the name of an image; this one looks."""
    reply = _upload(site, image=b"GIF89a, or so it says")
    assert reply.status in {415, 422}
    assert [] == site.debris()


def test_form_for_people_asks_for_the_key(site: Node) -> None:
    """`GET /` is an upload form with the fields that `POST /` takes."""
    page = site.get("/").body.decode()
    for field in ("image", "key", "size_hints"):
        assert f'name="{field}"' in page
    assert KEY not in page
