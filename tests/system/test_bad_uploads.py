"""What a bad upload gets over the wire: a clear problem, and nothing of it stays."""

import contextlib
import socket
import time
from collections.abc import Callable, Iterator
from typing import Any

import pictures
import processes
import pytest
from processes import Node, Reply, form, until, upload_head

MAX_UPLOAD_BYTES = 50_000_000
# What the kernel holds for both ends of a loopback connection, at the very most.
KERNEL_BUFFERS_BYTES = 16_000_000
RAW = "/v1/images"

Headers = dict[str, str]


@pytest.fixture(autouse=True)
def _nothing_stays(node: Node) -> Iterator[None]:
    before, logged = node.originals().keys(), len(node.log())
    yield
    assert before == node.originals().keys()
    processes.until(lambda: not node.debris(), "nothing lies in the way")
    assert "Traceback" not in node.log()[logged:]


def must_refuse(reply: Reply, status: int, words: str) -> None:
    """A problem as RFC 9457 has it, with a detail that helps."""
    assert (status, "application/problem+json") == (reply.status, reply.kind), reply
    assert status == reply.json["status"]
    assert words in reply.json["detail"]
    assert "/" not in reply.json["detail"].replace("multipart/form-data", "")


def _image_form(*parts: tuple[str, bytes]) -> tuple[Headers, bytes]:
    return form(("image", pictures.flat()), *parts)


def _long_part_header() -> tuple[Headers, bytes]:
    headers, body = form(("image", pictures.flat()))
    return headers, body.replace(b"Content-Type:", b"X-Long: " + b"a" * 1_000_000 + b"\r\nX:", 1)


def _never_closed() -> tuple[Headers, bytes]:
    headers, body = form(("image", pictures.flat()))
    return headers, body.removesuffix(b"--\r\n")


def _no_boundary() -> tuple[Headers, bytes]:
    return {"Content-Type": "multipart/form-data"}, form(("image", pictures.flat()))[1]


def _wrong_boundary() -> tuple[Headers, bytes]:
    headers = {"Content-Type": "multipart/form-data; boundary=another"}
    return headers, form(("image", pictures.flat()))[1]


def _raw(data: bytes, kind: str = "image/jpeg") -> Callable[[], tuple[Headers, bytes]]:
    return lambda: ({"Content-Type": kind}, data)


REFUSED: dict[str, tuple[str, Callable[[], tuple[Headers, bytes]], int, str]] = {
    # what: path, headers and body, status, words of the detail
    "empty body": (RAW, _raw(b""), 400, "the body is empty"),
    "empty form": (RAW, form, 400, "no field 'image'"),
    "text called .jpg": (RAW, lambda: form(("image", b"hello, world\n")), 415, "of no type"),
    "text sent as a JPEG": (RAW, _raw(b"hello, world\n"), 415, "of no type"),
    "HTML": (RAW, _raw(b"<!doctype html><script>alert(1)</script>", "text/html"), 415, "no type"),
    "SVG": (RAW, _raw(pictures.not_images()["svg"], "image/svg+xml"), 415, "of no type"),
    "URL-encoded form": (
        RAW,
        _raw(b"image=hello", "application/x-www-form-urlencoded"),
        415,
        "of no type",
    ),
    "JSON": (RAW, _raw(b'{"image": ""}', "application/json"), 415, "of no type"),
    "multipart/mixed": (
        RAW,
        lambda: ({"Content-Type": "multipart/mixed; boundary=X"}, _image_form()[1]),
        415,
        "of no type",
    ),
    "raw bytes to the classic path": ("/", _raw(pictures.flat()), 400, "field 'image'"),
    "no field image": (RAW, lambda: form(("picture", pictures.flat())), 400, "no field 'image'"),
    "image field that is empty": (RAW, lambda: form(("image", b"")), 400, "empty"),
    "two images": (
        RAW,
        lambda: _image_form(("image", pictures.flat(colour=pictures.BLUE))),
        400,
        "more than one field 'image'",
    ),
    "form without a boundary": (RAW, _no_boundary, 400, "boundary"),
    "form with another boundary": (RAW, _wrong_boundary, 400, "form can't be read"),
    "form that is never closed": (RAW, _never_closed, 400, "before its last boundary"),
    "boundary as long as a book": (
        RAW,
        lambda: form(("image", pictures.flat()), boundary="b" * 5000),
        400,
        "boundary",
    ),
    "10,000 parts": (
        RAW,
        lambda: form(*[(f"part{n}", b"x") for n in range(10_000)]),
        400,
        "more than 32 parts",
    ),
    "part header of 1 MB": (RAW, _long_part_header, 400, "form can't be read"),
    "field of 1 MB": (RAW, lambda: _image_form(("key", bytes(1_000_000))), 400, "8192 bytes"),
    "copies that are no number of copies": (
        f"{RAW}?write=two",
        _raw(pictures.flat()),
        400,
        "write must be one of",
    ),
    "truncated JPEG": (RAW, _raw(pictures.truncated(pictures.photo())), 422, "truncated"),
    "truncated PNG": (
        RAW,
        _raw(pictures.truncated(pictures.photo(extension="png"))),
        422,
        "truncated",
    ),
    "GIF cut before its trailer": (
        RAW,
        _raw(pictures.truncated(pictures.animation(), 1)),
        422,
        "",
    ),
    "30000x30000 in 100 kB": (RAW, _raw(pictures.bomb_png()), 422, "30000x30000"),
    "GIF of 10,000 frames": (RAW, _raw(pictures.many_frames_gif()), 422, "frames"),
    "one byte over the limit": (RAW, _raw(bytes(MAX_UPLOAD_BYTES + 1)), 413, str(MAX_UPLOAD_BYTES)),
    "form with an image over the limit": (
        RAW,
        lambda: form(("image", bytes(MAX_UPLOAD_BYTES + 1))),
        413,
        str(MAX_UPLOAD_BYTES),
    ),
}


@pytest.mark.parametrize("what", REFUSED)
def test_refused(what: str, node: Node) -> None:
    """A bad upload is answered with what is wrong about it, and no byte of it is kept."""
    path, build, status, words = REFUSED[what]
    headers, body = build()
    must_refuse(node.ask("POST", path, body, headers), status, words)


@pytest.mark.parametrize(
    "image", [pictures.polyglot_gif(), pictures.polyglot_jpeg()], ids=["script", "archive"]
)
def test_polyglot_is_only_ever_an_image(image: bytes, node: Node) -> None:
    """A sound image with something else behind it is kept, and no browser takes it for that."""
    headers, body = form(("image", image))
    image_id = node.ask("POST", RAW, body, headers).json["id"]
    try:
        facts = node.get(f"/v1/images/{image_id}").json
        original = node.get(facts["url"])
        assert image == original.body
        assert facts["content_type"] == original.kind
        assert "nosniff" == original.headers["x-content-type-options"]
        assert "sandbox" in original.headers["content-security-policy"]
        rendition = node.get(f"/image/{image_id}/20w/image.png").body
        assert b"script" not in rendition
        assert b"PK\x03\x04" not in rendition
    finally:
        assert 204 == node.ask("DELETE", f"/v1/images/{image_id}").status


def test_type_is_told_by_the_bytes(node: Node) -> None:
    """A PNG that is sent as a JPEG called .gif is a PNG."""
    reply = node.ask("POST", RAW, pictures.flat(), {"Content-Type": "text/plain"})
    assert (201, "image/png") == (reply.status, reply.json["content_type"])
    assert 204 == node.ask("DELETE", reply.headers["location"]).status


@pytest.mark.parametrize(
    "kind", ["image/jpeg", "multipart/form-data; boundary=X"], ids=["raw", "form"]
)
def test_2_gb_are_refused_before_they_are_sent(kind: str, node: Node) -> None:
    """An announced length over the limit is answered at the headers."""
    with node.connect() as connection:
        connection.sendall(upload_head(2_000_000_000, f"Content-Type: {kind}"))
        must_refuse(processes.reply_on(connection), 413, str(MAX_UPLOAD_BYTES))


def test_expect_continue_is_not_asked_to_continue(node: Node) -> None:
    """A client that asks first hears 413 and not 100; one with a fair length hears 100."""
    with node.connect() as connection:
        connection.sendall(upload_head(2_000_000_000, "Expect: 100-continue"))
        assert connection.recv(12) == b"HTTP/1.1 413"
    image = pictures.flat()[:-1]
    with node.connect() as connection:
        connection.sendall(upload_head(len(image), "Expect: 100-continue"))
        continued = b"HTTP/1.1 100 Continue\r\n\r\n"
        assert continued == connection.recv(len(continued))
        connection.sendall(image)
        assert 422 == processes.reply_on(connection).status


def _chunks_until_answered(connection: socket.socket, most: int) -> int:
    """Send chunks of zeros until the other side says something; returns how many bytes went."""
    chunk = b"%x\r\n" % 1_000_000 + bytes(1_000_000) + b"\r\n"
    sent = 0
    connection.setblocking(False)
    rest = memoryview(b"")
    while sent < most:
        with contextlib.suppress(BlockingIOError):
            assert connection.recv(1, socket.MSG_PEEK)
            break
        rest = rest or memoryview(chunk)
        try:
            went = connection.send(rest)
        except BlockingIOError:
            time.sleep(0.001)
            continue
        rest = rest[went:]
        sent += went
    connection.settimeout(processes.PATIENCE_S)
    return sent


def test_body_without_a_length_is_refused_at_the_limit(node: Node) -> None:
    """A chunked body is cut off when it passes 50 MB, not when it ends."""
    with node.connect() as connection:
        head = "POST /v1/images HTTP/1.1\r\nHost: node\r\nTransfer-Encoding: chunked\r\n\r\n"
        connection.sendall(head.encode())
        sent = _chunks_until_answered(connection, 2_000_000_000)
        must_refuse(processes.reply_on(connection), 413, str(MAX_UPLOAD_BYTES))
    assert MAX_UPLOAD_BYTES < sent <= MAX_UPLOAD_BYTES + KERNEL_BUFFERS_BYTES


def test_client_that_ignores_the_refusal_is_cut_off(node: Node) -> None:
    """Whoever goes on sending after a 413 fills neither disk nor memory, and not for ever."""
    before = 1  # that of the question itself
    # The last test's may still be on their way out.
    until(lambda: node.status()["http"]["connections"] == before, "nobody else is connected")
    rss = node.resident_bytes()
    with node.connect() as connection:
        connection.sendall(upload_head(2_000_000_000))
        assert 413 == processes.reply_on(connection).status
        assert node.status()["http"]["connections"] == before + 1
        begun, sent = time.monotonic(), 0
        with contextlib.suppress(ConnectionError):
            while time.monotonic() < begun + 30:
                sent += connection.send(bytes(100_000))
                assert [] == node.debris()
                time.sleep(0.01)
        # it is given 10 s to read the answer
        assert 5 < time.monotonic() - begun < 20
    assert sent > 2_000_000
    assert node.resident_bytes() < rss + 10_000_000


def test_name_of_a_file_is_no_path(node: Node) -> None:
    """A file name in a form, however hostile, never becomes a path."""
    headers, body = form(("image", b"no image"))
    hostile = body.replace(b"photo.jpg", b"../../../../tmp/photo.jpg\x00.png")
    must_refuse(node.ask("POST", RAW, hostile, headers), 415, "of no type")


@pytest.mark.parametrize("cut", [1, 60, 200, 10_000])
def test_client_that_goes_away_leaves_nothing(cut: int, node: Node) -> None:
    """A connection that closes in mid-upload, raw or form, leaves no file."""
    image = pictures.photo()
    headers, body = form(("image", image))
    for head, content in [
        (upload_head(len(image)), image),
        (upload_head(len(body), f"Content-Type: {headers['Content-Type']}"), body),
    ]:
        with node.connect() as connection:
            connection.sendall(head + content[:cut])
    processes.until(lambda: _under_way(node) == 1, "both are over")


def _under_way(node: Node) -> Any:
    return node.status()["http"]["under_way"]
