"""etc/nginx.conf in a real nginx, before a real node."""

import http.client
import json
import os
import shutil
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import attrs
import pictures
import processes
import pytest
import requests

CONF = Path(__file__).parents[2] / "etc" / "nginx.conf"
NGINX = shutil.which("nginx", path=f"{os.environ.get('PATH', '')}:/usr/sbin:/usr/local/sbin")
KEY = "0123456789abcdef0123456789abcdef"
PHOTO = pictures.photo(640, 400)
TIMEOUT_S = 30
NAMES = (
    "100s/a.png",
    "300w/any%20name.jpg",
    "300w200h,fit=cover,gravity=0.25,0.5,q=60/a.webp",
    "full/a.avif",
)
"""Specs and names whose renditions are made in the tests; all canonical."""

# What of an answer has to be the same whether the node or nginx gives it.
HEADERS = (
    "Accept-Ranges",
    "Cache-Control",
    "Content-Length",
    "Content-Security-Policy",
    "Content-Type",
    "Last-Modified",
    "X-Content-Type-Options",
)

if NGINX is None and "NO_SKIPPED_TESTS" not in os.environ:
    pytest.skip("nginx is not installed", allow_module_level=True)


@attrs.frozen(kw_only=True)
class Front:
    """nginx, and the node behind it."""

    url: str
    node: processes.Node

    def get(self, path: str, **headers: str) -> requests.Response:
        """What the front answers, redirects included."""
        return requests.get(
            self.url + path, headers=headers, timeout=TIMEOUT_S, allow_redirects=False
        )

    def raw(self, method: str, path: str, **headers: str) -> http.client.HTTPResponse:
        """The same for a path, and a method, that no library has set right."""
        connection = http.client.HTTPConnection(self.url.removeprefix("http://"), timeout=TIMEOUT_S)
        connection.putrequest(method, path)
        for name, value in headers.items():
            connection.putheader(name.replace("_", "-"), value)
        connection.endheaders()
        answer = connection.getresponse()
        answer.text = answer.read().decode("utf-8", "replace")
        connection.close()
        return answer

    def file(self, image_id: str, spec: str, extension: str) -> Path:
        """Where the node keeps a rendition."""
        name, _, digest = image_id.partition("-")
        folder = self.node.data / "renditions" / name / digest[:2] / digest[2:4] / digest[4:]
        return folder / f"{spec}.{extension}"


def is_open(port: int) -> bool:
    with socket.socket() as attempt:
        return attempt.connect_ex(("127.0.0.1", port)) == 0


@contextmanager
def front_to(node: processes.Node, folder: Path) -> Iterator[Front]:
    """The shipped configuration with the places of this test in it, served."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    text = CONF.read_text(encoding="utf-8")
    for shipped, ours in {
        "listen 80;": f"listen 127.0.0.1:{port};",
        "server 127.0.0.1:8080;": f"server 127.0.0.1:{node.port};",
        "root /var/lib/reticulum/renditions;": f"root {node.data}/renditions;",
        '# "Bearer PUT-A-KEY-OF-THE-NODE-HERE" 1;': f'"Bearer {KEY}" 1;',
    }.items():
        assert 1 == text.count(shipped)
        text = text.replace(shipped, ours)
    (folder / "reticulum.conf").write_text(text, encoding="utf-8")
    temporary = "".join(
        f"{kind}_temp_path {folder}/{kind};\n"
        for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    )
    # As root, nginx would give its rights away and could not read the folders of the tests.
    user = "user root;\n" if os.geteuid() == 0 else ""
    (folder / "nginx.conf").write_text(
        f"{user}daemon off;\npid {folder}/pid;\nerror_log {folder}/error.log;\nevents {{ }}\n"
        f"http {{\naccess_log off;\n{temporary}include {folder}/reticulum.conf;\n}}\n",
        encoding="utf-8",
    )
    command = [NGINX, "-p", folder, "-e", folder / "error.log", "-c", folder / "nginx.conf"]
    process = subprocess.Popen(command)
    try:

        def is_up() -> bool:
            assert process.poll() is None, (folder / "error.log").read_text()
            return is_open(port)

        processes.until(is_up, "nginx listens")
        yield Front(url=f"http://127.0.0.1:{port}", node=node)
    finally:
        process.terminate()
        process.wait(TIMEOUT_S)


@contextmanager
def new_front(folder: Path) -> Iterator[Front]:
    (folder / "nginx").mkdir()
    with processes.nursery() as nodes:
        node = processes.start(folder, environment={"RETICULUM_HTTP_UPLOAD_KEYS": KEY})
        nodes.append(node)
        node.wait_ready()
        with front_to(node, folder / "nginx") as front:
            yield front


@pytest.fixture(scope="module")
def front(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Front]:
    with new_front(tmp_path_factory.mktemp("front")) as front:
        yield front


def upload(front: Front, data: bytes = PHOTO) -> str:
    """Upload through the front; returns the id."""
    headers = {"Authorization": f"Bearer {KEY}"}
    url = f"{front.url}/v1/images"
    answer = requests.post(url, data=data, headers=headers, timeout=TIMEOUT_S)
    assert answer.ok, answer.text
    return answer.json()["id"]


def fetch(front: Front, image_id: str, name: str) -> requests.Response:
    """Get a rendition through the node, and wait until the node has it in its cache."""
    answer = front.get(f"/image/{image_id}/{name}")
    spec, _, file = name.partition("/")
    kept = front.file(image_id, spec, file.rpartition(".")[2])
    processes.until(kept.exists, f"{kept} is kept")
    return answer


def seen(answer: requests.Response) -> dict[str, str | None]:
    return {name: answer.headers.get(name) for name in HEADERS}


def test_what_was_made_once_comes_from_disk(tmp_path: Path) -> None:
    """A rendition that was asked for once is served, the same, when the node is gone."""
    with new_front(tmp_path) as front:
        image_id = upload(front)
        made = {name: fetch(front, image_id, name) for name in NAMES}
        front.node.end()

        again = {name: front.get(f"/image/{image_id}/{name}") for name in NAMES}
        bare = front.get(f"/image/{image_id.partition('-')[2]}/100s/a.png")
        other = front.get(f"/image/{image_id}/77w/a.jpg")

    assert [200] * len(NAMES) == [answer.status_code for answer in made.values()]
    assert [200] * len(NAMES) == [answer.status_code for answer in again.values()]
    assert {name: seen(answer) for name, answer in made.items()} == {
        name: seen(answer) for name, answer in again.items()
    }
    assert all(all(seen(answer).values()) for answer in again.values())
    assert [answer.content for answer in made.values()] == [
        answer.content for answer in again.values()
    ]
    assert made["100s/a.png"].content == bare.content
    # This is what tells that the others did not come from the node.
    assert (503, "application/problem+json", "5") == (
        other.status_code,
        other.headers["Content-Type"],
        other.headers["Retry-After"],
    )


def test_hits_answer_conditions_ranges_and_head(front: Front) -> None:
    """What nginx serves can be asked for in part, on condition, and for its headers alone."""
    image_id = upload(front)
    whole = fetch(front, image_id, "300w/a.jpg")
    path = f"/image/{image_id}/300w/a.jpg"
    hit = front.get(path)

    unchanged = front.get(path, **{"If-None-Match": hit.headers["ETag"]})
    unmodified = front.get(path, **{"If-Modified-Since": whole.headers["Last-Modified"]})
    part = front.get(path, Range="bytes=10-19")
    head = requests.head(front.url + path, timeout=TIMEOUT_S)

    assert "X-Image-Width" in whole.headers
    assert "X-Image-Width" not in hit.headers
    assert (304, 304, 206, 200) == (
        unchanged.status_code,
        unmodified.status_code,
        part.status_code,
        head.status_code,
    )
    assert whole.content[10:20] == part.content
    assert seen(hit) == seen(head)


@pytest.mark.parametrize(
    "given,canonical",
    [
        ("400h300w/a.jpg", "300w400h/a.jpg"),
        ("300w/a.jpeg", "300w/a.jpg"),
        ("300w,q=80/a.jpg", "300w/a.jpg"),
        ("0300w/a.JPG", "300w/a.jpg"),
    ],
)
def test_canonical_redirects_are_the_node_s(front: Front, given: str, canonical: str) -> None:
    """An address in other words is redirected, also when its rendition is cached."""
    image_id = upload(front)
    fetch(front, image_id, canonical)

    answer = front.get(f"/image/{image_id}/{given}")

    assert 301 == answer.status_code
    assert f"/image/{image_id}/{canonical}" == answer.headers["Location"]


def test_an_unknown_image_is_not_found(front: Front) -> None:
    """The node's own refusal comes through."""
    answer = front.get(f"/image/sha256-{'0' * 64}/300w/a.jpg")

    assert (404, "application/problem+json") == (
        answer.status_code,
        answer.headers["Content-Type"],
    )


def test_a_deleted_image_is_gone_at_once(front: Front) -> None:
    """After a deletion the front serves nothing of the image."""
    image_id = upload(front, pictures.photo(300, 200, seed=7))
    fetch(front, image_id, "100s/a.png")
    url = f"{front.url}/v1/images/{image_id}"

    answer = requests.delete(url, headers={"Authorization": f"Bearer {KEY}"}, timeout=TIMEOUT_S)

    assert 204 == answer.status_code
    assert 404 == front.get(f"/image/{image_id}/100s/a.png").status_code


@pytest.mark.parametrize(
    "path",
    [
        "/image/ID/..%2f..%2f..%2f..%2f..%2fnode.key",
        "/image/ID/300w/..%2f..%2f..%2f..%2f..%2f..%2fnode.key",
        "/image/ID/%2e%2e/%2e%2e/%2e%2e/node.key",
        "/image/ID/../../../../../node.key",
        "/image/..%2f..%2fnode.key",
        "/image/%2e%2e%2f%2e%2e%2fgrid.secret",
        "/image/ID/.pipeline/a.jpg",
        "/image/ID/300w/a.jpg%0a",
        "/image/ID/300w%00/a.jpg",
        "/image/ID/300w/a%00.jpg",
        "/image/ID/..%5c..%5cnode.key/a.jpg",
        "/image/ID/300w.jpg",
        "/none",
        "/originals/sha256/",
        "/renditions/.pipeline",
    ],
)
def test_no_address_leads_out_of_the_cache(front: Front, path: str) -> None:
    """Whatever is done to an address, it is refused, and nothing of the disk comes out."""
    image_id = upload(front)
    fetch(front, image_id, "300w/a.jpg")

    answer = front.raw("GET", path.replace("ID", image_id))

    assert answer.status in {400, 404}
    assert (front.node.data / "node.key").read_text().strip() not in answer.text


@pytest.mark.parametrize("key", [None, "Bearer not-the-key", f"Basic {KEY}"])
@pytest.mark.parametrize(
    "method,path",
    [
        ("POST", "/v1/images"),
        ("POST", "/"),
        ("GET", "/v1/images"),
        ("GET", "/v1//images"),
        ("GET", "/v1/images?limit=1"),
        ("DELETE", f"/v1/images/sha256-{'0' * 64}"),
    ],
)
def test_without_a_key_nothing_is_changed_or_listed(
    front: Front, key: str | None, method: str, path: str
) -> None:
    """The front refuses uploads, deletions and lists without a key that stands in it."""
    answer = front.raw(method, path, **({"Authorization": key} if key else {}))

    assert (403, "application/problem+json") == (answer.status, answer.getheader("Content-Type"))
    assert 403 == json.loads(answer.text)["status"]


def test_with_a_key_the_node_answers(front: Front) -> None:
    """A key in the front lets the request through, and the node has its own say."""
    answer = front.get("/v1/images?limit=1", Authorization=f"Bearer {KEY}")

    assert 200 == answer.status_code
    assert {"images", "next"} == answer.json().keys()


def test_a_picture_takes_no_other_method(front: Front) -> None:
    """Even of a cached rendition, another method than GET and HEAD gets the node's answer."""
    image_id = upload(front)
    fetch(front, image_id, "300w/a.jpg")

    answer = front.raw(
        "PUT", f"/image/{image_id}/300w/a.jpg", Authorization=f"Bearer {KEY}", Content_Length="0"
    )

    assert (405, "GET, HEAD") == (answer.status, answer.getheader("Allow"))


def test_an_upload_beyond_the_limit_is_refused_at_its_headers(front: Front) -> None:
    """A body that is announced as too large gets 413 before a byte of it was sent."""
    answer = front.raw(
        "POST", "/v1/images", Authorization=f"Bearer {KEY}", Content_Length="50262145"
    )

    assert (413, "application/problem+json") == (answer.status, answer.getheader("Content-Type"))
