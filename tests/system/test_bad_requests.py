"""What a malformed request gets over the wire: never a crash, never more than it asked for."""

from collections.abc import Iterator
from pathlib import Path

import pictures
import processes
import pytest
from processes import Node

IMAGE = "/image/sha256-" + 64 * "a"
ALLOWED = {
    "/": "GET, HEAD, POST",
    "/v1/images": "GET, HEAD, POST",
    "/v1/images/sha256-" + 64 * "a": "DELETE, GET, HEAD",
    IMAGE + "/100w/image.jpg": "GET, HEAD",
    "/v1/status": "GET, HEAD",
    "/healthz": "GET, HEAD",
    "/readyz": "GET, HEAD",
}


@pytest.fixture(autouse=True)
def _no_crash(node: Node) -> Iterator[None]:
    before = len(node.log())
    yield
    assert "Traceback" not in node.log()[before:]


@pytest.fixture(scope="module")
def image_id(shared_node: Node) -> str:
    """An image that is there to be asked for wrongly."""
    return shared_node.put(pictures.photo(300, 200))


PATHS: dict[str, tuple[int, str]] = {
    # path, with {id} for an image that is there: status, words of the detail
    "/image/{id}/0w/image.jpg": (400, "0w"),
    "/image/{id}/99999999999w/image.jpg": (400, "99999999999w"),
    "/image/{id}/-1h/image.jpg": (400, "-1h"),
    "/image/{id}/1.5w/image.jpg": (400, "1.5w"),
    "/image/{id}/%D9%A1%D9%A0w/image.jpg": (400, "size"),  # Arabic digits
    "/image/{id}/100/image.jpg": (400, "100"),
    "/image/{id}/full,full/image.jpg": (400, "full"),
    "/image/{id}/100w,zoom=3/image.jpg": (400, "unknown option 'zoom'"),
    "/image/{id}/100w,q=0/image.jpg": (400, "q="),
    "/image/{id}/100w,q=60,q=70/image.jpg": (400, "twice"),
    "/image/{id}/100w,/image.jpg": (400, ""),
    "/image/{id}/100w/image.exe": (400, "exe"),
    "/image/{id}/100w/image.bmp": (400, "bmp"),
    "/image/{id}/100w/image": (404, "extension"),
    "/image/{id}/100w/.jpg": (404, "extension"),
    "/image/{id}/16384s,enlarge=1/image.png": (422, "268435456 pixels"),
    "/image/{id}/%00/image.jpg": (400, "NUL"),
    "/image/{id}/100w/image%00.jpg": (400, "NUL"),
    "/image/{id}/%ff/image.jpg": (400, "UTF-8"),
    "/image/{id}/100w/%ff.jpg": (400, "UTF-8"),
    "/image/{id}/../../../../etc/passwd": (404, ""),
    "/image/../../etc/passwd": (404, ""),
    "/../../../../etc/passwd": (404, ""),
    "/image/{id}/%2e%2e/image.jpg": (400, ".."),
    "/image/{id}/..%2f..%2fx50w/image.jpg": (404, ""),
    "/image/%2e%2e%2f%2e%2e%2fnode.key/full/image.jpg": (404, ""),
    "/image/..%5c..%5cnode.key/full/image.jpg": (400, "image id"),
    "/v1/images/..%2f..%2fnode.key": (404, ""),
    "/v1/images/%2e%2e": (400, "image id"),
    "/image/sha256-abc/100w/image.jpg": (400, "64 hexadecimal digits"),
    "/image/" + 41 * "a" + "/100w/image.jpg": (400, "image id"),
    "/image/sha256-" + 64 * "g" + "/100w/image.jpg": (400, "image id"),
    "/image/md5-" + 32 * "a" + "/100w/image.jpg": (400, "image id"),
    IMAGE + "/100w/image.jpg": (404, "no image"),
    "/v1/images/sha1-" + 40 * "b": (404, "no image"),
    "/v1/images?limit=0": (400, "limit"),
    "/v1/images?limit=-5": (400, "limit"),
    "/v1/images?limit=1001": (400, "1000"),
    "/v1/images?limit=many": (400, "limit"),
    "/v1/images?after=../..": (400, "image id"),
    "/nowhere": (404, "nothing at this path"),
    "/image/" + 10_000 * "a": (400, "4096 bytes"),
}


@pytest.mark.parametrize("path", PATHS, ids=lambda path: path[:60])
def test_bad_path(path: str, node: Node, image_id: str) -> None:
    """A path that means nothing is answered with what is wrong, the same to HEAD without a body."""
    status, words = PATHS[path]
    raw = path.replace("{id}", image_id)
    with node.connect() as connection:
        connection.sendall(f"GET {raw} HTTP/1.1\r\nHost: node\r\n\r\n".encode())
        reply = processes.reply_on(connection)
        assert (status, "application/problem+json") == (reply.status, reply.kind)
        assert words in reply.json["detail"]
        assert str(Path.cwd()) not in reply.json["detail"]
        connection.sendall(f"HEAD {raw} HTTP/1.1\r\nHost: node\r\n\r\n".encode())
        head = processes.reply_on(connection, "HEAD")
    assert (status, b"") == (head.status, head.body)
    assert reply.headers["content-length"] == head.headers["content-length"]


@pytest.mark.parametrize("method", ["OPTIONS", "PUT", "PATCH", "TRACE", "BREW"])
@pytest.mark.parametrize("path", ALLOWED, ids=lambda path: path[:20])
def test_method_that_is_not_for_a_path(path: str, method: str, node: Node) -> None:
    """405 and the methods that there are."""
    reply = node.ask(method, path)
    assert (405, "application/problem+json") == (reply.status, reply.kind)
    assert ALLOWED[path] == reply.headers["allow"]
    assert method in reply.json["detail"]


@pytest.mark.parametrize("method", ["post", "Post", "get", "delete"])
@pytest.mark.parametrize("path", ["/", "/v1/images"])
def test_method_in_small_letters_is_no_crash(path: str, method: str, node: Node) -> None:
    """Methods are told by their case (RFC 9110, 9.1): another case is no failure of ours."""
    assert node.ask(method, path, pictures.flat(colour=pictures.GREEN)).status < 500


@pytest.mark.parametrize("path", ["//v1/images", "/v1/%69mages", "/v1/images/", "/v1//images"])
def test_upload_path_in_other_words_is_no_crash(path: str, node: Node, image_id: str) -> None:
    """An upload to a path that is only nearly right is refused, or done; it never fails in us."""
    reply = node.ask("POST", path, pictures.photo(300, 200))  # the one that is there
    assert reply.status in {200, 308, 400, 404, 405}, reply
    assert (reply.status == 308) == ("location" in reply.headers)


@pytest.mark.parametrize(
    "path",
    ["/", "/v1/images", "/v1/images/{id}", "/image/{id}/full/image.jpg", "/image/{id}/9s/i.png"],
)
def test_head_is_get_without_the_body(path: str, node: Node, image_id: str) -> None:
    """HEAD gives the status and headers of GET."""
    path = path.replace("{id}", image_id)
    head, got = node.ask("HEAD", path), node.get(path)
    assert 200 == head.status == got.status
    assert b"" == head.body
    assert {**got.headers, "date": ""} == {**head.headers, "date": ""}
    assert len(got.body) == int(head.headers["content-length"])


MALFORMED = {
    "garbage": b"\x00\x01\x02garbage\r\n\r\n",
    "words": b"hello there dear node\r\n\r\n",
    "no version": b"GET /healthz\r\n\r\n",
    "version 9": b"GET /healthz HTTP/9.9\r\nHost: node\r\n\r\n",
    "HTTP/2 preface": b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    "TLS": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(200) + b"\r\n\r\n",
    "length in words": b"POST /v1/images HTTP/1.1\r\nHost: node\r\nContent-Length: many\r\n\r\n",
    "negative length": b"POST /v1/images HTTP/1.1\r\nHost: node\r\nContent-Length: -5\r\n\r\n",
    "two lengths": (
        b"POST /v1/images HTTP/1.1\r\nHost: node\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\n"
    ),
    "length and chunks": (
        b"POST /v1/images HTTP/1.1\r\nHost: node\r\nContent-Length: 5\r\n"
        b"Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n"
    ),
    "chunk of no size": (
        b"POST /v1/images HTTP/1.1\r\nHost: node\r\nTransfer-Encoding: chunked\r\n\r\nZZ\r\n\r\n"
    ),
    "5,000 headers": b"GET / HTTP/1.1\r\nHost: node\r\n" + b"X-A: b\r\n" * 5_000 + b"\r\n",
    "Host with a path": b"GET / HTTP/1.1\r\nHost: a/b\r\n\r\n",
    "Host that is not ASCII": b"GET / HTTP/1.1\r\nHost: \xff\r\n\r\n",
    "no path": b"GET healthz HTTP/1.1\r\nHost: node\r\nConnection: close\r\n\r\n",
    "CONNECT": b"CONNECT node:80 HTTP/1.1\r\nHost: node\r\nConnection: close\r\n\r\n",
}


@pytest.mark.parametrize("what", MALFORMED)
def test_malformed_request(what: str, node: Node) -> None:
    """What is no request is answered with 400, and not a word of it is done."""
    before = node.originals()
    with node.connect() as connection:
        connection.sendall(MALFORMED[what])
        assert 400 == processes.reply_on(connection).status
    assert before == node.originals()


@pytest.mark.parametrize(
    "request_", [b"GET /" + 20_000 * b"a", b"GET / HTTP/1.1\r\nX-A: " + 1_000_000 * b"a"]
)
def test_line_without_an_end_is_cut_off(request_: bytes, node: Node) -> None:
    """A request line or header as long as a book ends the connection, answered or not."""
    with node.connect() as connection:
        try:
            connection.sendall(request_)
        except ConnectionError:
            return
        answer = processes.everything(connection)
    assert answer == b"" or answer.startswith(b"HTTP/1.1 400 ")


def test_http_1_0_is_answered_and_closed(node: Node, image_id: str) -> None:
    """An old client, which sends no Host, gets its picture."""
    with node.connect() as connection:
        connection.sendall(f"GET /image/{image_id}/90w/image.jpg HTTP/1.0\r\n\r\n".encode())
        head, _, body = processes.everything(connection).partition(b"\r\n\r\n")
    assert b" 200 " in head.splitlines()[0]
    assert (90, 60) == pictures.unpacked(body).size


def test_pipelined_requests_are_answered_in_order(node: Node, image_id: str) -> None:
    """Requests sent at once, slow ones first, an upload between them, get their own answers."""
    image = pictures.photo(300, 200)  # the one that is there
    lines = "HTTP/1.1\r\nHost: node\r\n\r\n"
    with node.connect() as connection:
        connection.sendall(
            f"GET /image/{image_id}/123w/image.webp {lines}".encode()
            + f"GET /image/{image_id}/0w/image.webp {lines}".encode()
            + processes.upload_head(len(image))
            + image
            + f"GET /healthz {lines}".encode()
        )
        file = connection.makefile("rb")
        statuses = []
        for _ in range(4):
            statuses.append(int(file.readline().split()[1]))
            length = 0
            while line := file.readline().strip():
                if line.lower().startswith(b"content-length:"):
                    length = int(line.split(b":")[1])
            file.read(length)
    assert [200, 400, 200, 200] == statuses


def test_redirect_stays_on_this_site(node: Node, image_id: str) -> None:
    """No path makes a node send anyone elsewhere, or write a header of the client's making."""
    for path in (f"//evil.example/image/{image_id}/20h10w/image.jpg", "/%0d%0aX-Evil:%201"):
        reply = node.get(path)
        assert "x-evil" not in reply.headers
        location = reply.headers.get("location", "/")
        assert location.startswith("/")
        assert not location.startswith("//")
    crooked = node.get(f"/image/{image_id}/20h10w/%0d%0aX-Evil:%201.jpg")
    assert 301 == crooked.status
    assert "x-evil" not in crooked.headers
