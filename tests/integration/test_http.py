"""The HTTP interface on loopback, over stores in memory and a renderer in this process."""

import hashlib
from collections.abc import AsyncIterator
from io import BytesIO
from pathlib import Path
from typing import Any
from urllib.parse import quote

import attrs
import pytest
import pytest_twisted
from http_client import ask, form
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image
from twisted.internet import reactor
from twisted.internet.defer import Deferred
from twisted.internet.task import deferLater

from reticulum.model import Facts, Format, HashName, Spec
from reticulum.settings.sections import HttpSettings
from reticulum.testing import InlineRenderer, SmallNode, small_node

HTTP = HttpSettings()
PROBLEM = "application/problem+json"


def picture(width: int = 60, height: int = 40, file_format: str = "PNG") -> bytes:
    """A small picture with something to see in it."""
    image = Image.radial_gradient("L").resize((width, height)).convert("RGB")
    out = BytesIO()
    image.save(out, file_format)
    return out.getvalue()


def noise(length: int) -> bytes:
    """A BMP of at least *length* bytes."""
    side = int((length / 3) ** 0.5) + 1
    return picture(side, side, "BMP")


@pytest_twisted.async_yield_fixture
async def node(tmp_path: Path) -> AsyncIterator[SmallNode]:
    async with small_node(reactor, tmp_path) as running:
        yield running


async def uploaded(node: SmallNode, content: bytes) -> dict[str, Any]:
    answer = await ask("POST", f"{node.url}/v1/images", data=content)
    assert 201 == answer.status, answer.body
    fields: dict[str, Any] = answer.json
    return fields


async def test_raw_upload(node: SmallNode) -> None:
    """201 the first time, 200 the second, the same JSON; the id is the hash of the bytes."""
    content = picture()
    first = await ask("POST", f"{node.url}/v1/images", data=content)
    second = await ask("POST", f"{node.url}/v1/images", data=content)

    image_id = f"sha256-{hashlib.sha256(content).hexdigest()}"
    expected = {
        "id": image_id,
        "content_type": "image/png",
        "width": 60,
        "height": 40,
        "frames": 1,
        "bytes": len(content),
        "url": f"/image/{image_id}/full/image.png",
        "replicas": {"wanted": 1, "stored": 1},
    }
    assert (201, 200) == (first.status, second.status)
    assert expected == first.json == second.json
    assert content == (await ask("GET", node.url + expected["url"])).body


async def test_form_upload(node: SmallNode) -> None:
    """A form with the field `image` gives the same as its raw bytes."""
    content = picture()
    by_form = await ask("POST", f"{node.url}/v1/images", **form(content, other="x"))
    raw = await ask("POST", f"{node.url}/v1/images", data=content)

    assert (201, 200) == (by_form.status, raw.status)
    assert raw.json == by_form.json


@pytest.mark.parametrize("content_type", ["text/plain", "image/gif", "application/json", ""])
async def test_type_is_sniffed(node: SmallNode, content_type: str) -> None:
    """What a client says about the type counts for nothing."""
    headers = {"content-type": content_type}
    answer = await ask("POST", f"{node.url}/v1/images", data=picture(), headers=headers)

    assert (201, "image/png") == (answer.status, answer.json["content_type"])


async def test_facts_and_delete(node: SmallNode) -> None:
    """Facts are there until the image is deleted; then it is gone with every rendition."""
    fields = await uploaded(node, picture())
    facts_url = f"{node.url}/v1/images/{fields['id']}"
    thumb_url = f"{node.url}/image/{fields['id']}/20w/x.png"
    del fields["replicas"]

    assert fields == (await ask("GET", facts_url)).json
    assert 200 == (await ask("GET", thumb_url)).status
    assert (204, b"") == attrs.astuple(await ask("DELETE", facts_url))[::2]
    statuses = [
        (await ask(method, url)).status
        for method, url in [("GET", facts_url), ("GET", thumb_url), ("DELETE", facts_url)]
    ]
    assert [404, 404, 404] == statuses


async def test_list_in_pages(node: SmallNode) -> None:
    """Following `next` to its end gives every image once, in order."""
    ids = {(await uploaded(node, picture(10 + n, 10)))["id"] for n in range(5)}
    seen: list[str] = []
    after = ""
    while True:
        page = (await ask("GET", f"{node.url}/v1/images?limit=2{after}")).json
        seen += [image["id"] for image in page["images"]]
        if page["next"] is None:
            break
        after = f"&after={page['next']}"

    assert sorted(ids) == seen


@pytest.mark.parametrize("query", ["limit=0", "limit=-1", "limit=x", "limit=1001", "after=x"])
async def test_bad_pages(node: SmallNode, query: str) -> None:
    """The refusal names the value."""
    answer = await ask("GET", f"{node.url}/v1/images?{query}")

    assert (400, PROBLEM) == (answer.status, answer.headers["content-type"])
    assert query.partition("=")[2] in answer.json["detail"]


@pytest.mark.parametrize(
    "spec,extension,size,file_format",
    [
        ("30w", "png", (30, 20), "PNG"),
        ("20h", "jpg", (30, 20), "JPEG"),
        ("30w10h", "webp", (15, 10), "WEBP"),
        ("10s", "gif", (10, 10), "GIF"),
        ("900w", "avif", (60, 40), "AVIF"),
        ("full", "tif", (60, 40), "TIFF"),
        ("120w,enlarge=1", "png", (120, 80), "PNG"),
        ("30w30h,fit=pad", "png", (30, 30), "PNG"),
        ("30w30h,fit=stretch", "png", (30, 30), "PNG"),
        ("30w10h,fit=cover,gravity=south", "png", (30, 10), "PNG"),
        ("30w10h,fit=cover,gravity=0.2,0.9", "png", (30, 10), "PNG"),
        ("10s,gravity=entropy", "png", (10, 10), "PNG"),
    ],
)
async def test_sizes_and_formats(
    node: SmallNode, spec: str, extension: str, size: tuple[int, int], file_format: str
) -> None:
    """The picture has the size and the format that the URL says, and so do the headers."""
    image_id = (await uploaded(node, picture()))["id"]
    answer = await ask("GET", f"{node.url}/image/{image_id}/{spec}/x.{extension}")

    with Image.open(BytesIO(answer.body)) as image:
        assert (200, size, file_format) == (answer.status, image.size, image.format)
    expected = {
        "x-image-width": str(size[0]),
        "x-image-height": str(size[1]),
        "content-length": str(len(answer.body)),
        "accept-ranges": "bytes",
        "cache-control": "public, max-age=31536000, immutable",
        "x-content-type-options": "nosniff",
    }
    assert expected == {name: answer.headers[name] for name in expected}


async def test_cached_and_first_answers_are_equal(node: SmallNode) -> None:
    """Nobody can tell from an answer, but for its date, whether it came out of the cache."""
    image_id = (await uploaded(node, picture()))["id"]
    url = f"{node.url}/image/{image_id}/30w/x.jpg"
    first, second, head = [await ask(method, url) for method in ("GET", "GET", "HEAD")]
    for answer in (first, second, head):
        answer.headers.pop("date")

    assert first == second
    assert (first.headers, b"") == (head.headers, head.body)
    assert 1 == node.verbs.retrieve.made


@pytest.mark.parametrize(
    "given_path,canonical",
    [
        ("20h30w/x.png", "30w20h/x.png"),
        ("030w/x.png", "30w/x.png"),
        ("30w/x.jpeg", "30w/x.jpg"),
        ("30w/x.JPG", "30w/x.jpg"),
        ("30w/x.tiff", "30w/x.tif"),
        ("30w,fit=inside/x.png", None),
        ("30w20h,fit=inside/x.png", "30w20h/x.png"),
        ("20w20h,fit=cover/x.png", "20s/x.png"),
        ("30w,enlarge=0/x.png", "30w/x.png"),
        ("30w,q=50/x.png", "30w/x.png"),
        ("30w,q=80/x.jpg", "30w/x.jpg"),
        ("20s,gravity=0.5,0.50/x.png", "20s/x.png"),
        ("30w/a%20b%3f.jpeg", "30w/a%20b%3F.jpg"),
    ],
)
async def test_canonical_redirects(node: SmallNode, given_path: str, canonical: str | None) -> None:
    """Equal requests in other words are sent to one URL, where there is a picture."""
    image_id = (await uploaded(node, picture()))["id"]
    answer = await ask("GET", f"{node.url}/image/{image_id}/{given_path}")
    if canonical is None:
        assert answer.status in {301, 400}
        return

    location = f"/image/{image_id}/{canonical}"
    assert (301, location) == (answer.status, answer.headers["location"])
    assert 200 == (await ask("GET", node.url + location)).status


async def test_capital_ids_are_redirected_and_bare_ones_served(node: SmallNode) -> None:
    """Existing sites have bare digests in their pages: they are served where they are."""
    image_id = (await uploaded(node, picture()))["id"]
    bare = image_id.partition("-")[2]

    assert 200 == (await ask("GET", f"{node.url}/image/{bare}/30w/x.png")).status
    moved = await ask("GET", f"{node.url}/image/{bare.upper()}/30w/x.png")
    assert (301, f"/image/{bare}/30w/x.png") == (moved.status, moved.headers["location"])


@pytest.mark.parametrize(
    "path,status",
    [
        ("0w/x.jpg", 400),
        ("99999999999w/x.jpg", 400),
        ("-1h/x.jpg", 400),
        ("30W/x.jpg", 400),
        ("foo/x.jpg", 400),
        ("30w,zoom=2/x.jpg", 400),
        ("30w,q=0/x.jpg", 400),
        ("30w/x.svg", 400),
        ("30w/x.bmp", 400),
        ("30w/x", 404),
        ("30w/", 404),
        ("%00/x.jpg", 400),
        ("%ff/x.jpg", 400),
        ("..%2f..%2fx/x.jpg", 404),
        ("16384w16384h,fit=pad/x.jpg", 422),
    ],
)
async def test_bad_pictures(node: SmallNode, path: str, status: int) -> None:
    """A problem that says what is wrong, also in a GET that only a cached picture would skip."""
    image_id = (await uploaded(node, picture()))["id"]
    answer = await ask("GET", f"{node.url}/image/{image_id}/{path}")

    assert (status, PROBLEM) == (answer.status, answer.headers["content-type"])
    assert (status, True) == (answer.json["status"], bool(answer.json["detail"]))
    assert "no-store" == answer.headers["cache-control"]


@pytest.mark.parametrize(
    "image_id", ["x", "a" * 39, "g" * 40, "sha256-" + "a" * 40, "md5-" + "a" * 32]
)
async def test_bad_ids(node: SmallNode, image_id: str) -> None:
    """What cannot be an id is a bad request, not a search."""
    for method, path in [
        ("GET", f"/image/{image_id}/30w/x.jpg"),
        ("GET", f"/v1/images/{image_id}"),
        ("DELETE", f"/v1/images/{image_id}"),
    ]:
        answer = await ask(method, node.url + path)
        assert (400, PROBLEM) == (answer.status, answer.headers["content-type"])


async def test_unknown_image(node: SmallNode) -> None:
    """An id that nobody uploaded is a 404, for facts and for pictures."""
    image_id = "sha256-" + "a" * 64

    assert 404 == (await ask("GET", f"{node.url}/v1/images/{image_id}")).status
    assert 404 == (await ask("GET", f"{node.url}/image/{image_id}/30w/x.jpg")).status


@pytest.mark.parametrize(
    "path,allow", [("/v1/images", "GET, HEAD, POST"), ("/healthz", "GET, HEAD")]
)
async def test_wrong_method(node: SmallNode, path: str, allow: str) -> None:
    """405, with what is allowed."""
    answer = await ask("PUT", node.url + path)

    assert (405, allow, PROBLEM) == (
        answer.status,
        answer.headers["allow"],
        answer.headers["content-type"],
    )


@pytest.mark.parametrize("path", ["/", "/healthz", "/readyz", "/v1/status", "/v1/images"])
async def test_head_wherever_get_is(node: SmallNode, path: str) -> None:
    """HEAD tells what GET would, without the body."""
    get, head = await ask("GET", node.url + path), await ask("HEAD", node.url + path)
    for answer in (get, head):
        answer.headers.pop("date")

    assert (200, get.headers, b"") == (head.status, head.headers, head.body)


CONDITIONS: list[tuple[dict[str, str], int]] = [
    ({"if-none-match": "{etag}"}, 304),
    ({"if-none-match": "W/{etag}"}, 304),
    ({"if-none-match": '"x", {etag}'}, 304),
    ({"if-none-match": "*"}, 304),
    ({"if-none-match": '"x"'}, 200),
    ({"if-none-match": '"x"', "if-modified-since": "{modified}"}, 200),
    ({"if-modified-since": "{modified}"}, 304),
    ({"if-modified-since": "Thu, 01 Jan 1970 00:00:00 GMT"}, 200),
    ({"if-modified-since": "nonsense"}, 200),
    ({"if-match": "{etag}"}, 200),
    ({"if-match": "*"}, 200),
    ({"if-match": '"x"'}, 412),
    ({"if-match": "W/{etag}"}, 412),
    ({"if-unmodified-since": "{modified}"}, 200),
    ({"if-unmodified-since": "Thu, 01 Jan 1970 00:00:00 GMT"}, 412),
]


@pytest.mark.parametrize("path", ["full/x.png", "30w/x.png"])
@pytest.mark.parametrize("headers,status", CONDITIONS)
async def test_conditions(node: SmallNode, path: str, headers: dict[str, str], status: int) -> None:
    """As RFC 9110 section 13 has them, for originals and renditions."""
    image_id = (await uploaded(node, picture()))["id"]
    url = f"{node.url}/image/{image_id}/{path}"
    plain = await ask("GET", url)
    filled = {
        name: value.format(etag=plain.headers["etag"], modified=plain.headers["last-modified"])
        for name, value in headers.items()
    }
    answer = await ask("GET", url, headers=filled)

    assert status == answer.status
    if status == 304:
        assert (b"", plain.headers["etag"]) == (answer.body, answer.headers["etag"])


RANGES: list[tuple[str, dict[str, str], slice | None]] = [
    ("bytes=0-9", {}, slice(0, 10)),
    ("bytes=5-", {}, slice(5, None)),
    ("bytes=-7", {}, slice(-7, None)),
    ("bytes=-99999999", {}, slice(0, None)),
    ("bytes=3-99999999", {}, slice(3, None)),
    ("bytes=99999999-", {}, None),
    ("bytes=0-9", {"if-range": "{etag}"}, slice(0, 10)),
    ("bytes=0-9", {"if-range": '"x"'}, slice(0, None)),
    ("bytes=0-9", {"if-range": "{modified}"}, slice(0, 10)),
    ("bytes=0-1,3-4", {}, slice(0, None)),
    ("lines=0-9", {}, slice(0, None)),
    ("bytes=9-0", {}, slice(0, None)),
    ("nonsense", {}, slice(0, None)),
]


@pytest.mark.parametrize("length", [2_000, 400_000])
@pytest.mark.parametrize("text,headers,part", RANGES)
async def test_ranges(
    node: SmallNode, length: int, text: str, headers: dict[str, str], part: slice | None
) -> None:
    """As RFC 9110 section 14 has them, for what is written at once and for what is streamed."""
    content = noise(length)
    url = node.url + (await uploaded(node, content))["url"]
    plain = await ask("HEAD", url)
    filled = {
        name: value.format(etag=plain.headers["etag"], modified=plain.headers["last-modified"])
        for name, value in headers.items()
    }
    answer = await ask("GET", url, headers={"range": text, **filled})

    if part is None:
        assert (416, f"bytes */{len(content)}") == (answer.status, answer.headers["content-range"])
        return
    expected = content[part]
    assert expected == answer.body
    assert (200 if len(expected) == len(content) else 206) == answer.status
    if answer.status == 206:
        start = part.indices(len(content))[0]
        last = start + len(expected) - 1
        assert f"bytes {start}-{last}/{len(content)}" == answer.headers["content-range"]


async def test_classic_upload(tmp_path: Path) -> None:
    """An upload as thraxil/reticulum takes it is answered in its JSON, keys in its order."""
    async with small_node(reactor, tmp_path, hash_name=HashName.SHA1) as node:
        content = picture(60, 40, "JPEG")
        answer = await ask("POST", f"{node.url}/", **form(content, size_hints="20w, 10s,full,junk"))
        await node.tasks.settle()

        digest = hashlib.sha1(content).hexdigest()  # noqa: S324  (the old server's ids)
        expected = {
            "hash": digest,
            "length": len(content),
            "extension": "jpg",
            "full_url": f"/image/{digest}/full/image.jpg",
            "satisfied": True,
            "nodes": ["small"],
        }
        assert (200, "application/json") == (answer.status, answer.headers["content-type"])
        assert list(expected.items()) == list(answer.json.items())
        assert content == (await ask("GET", node.url + expected["full_url"])).body
        assert 2 == node.verbs.retrieve.made
        assert 200 == (await ask("GET", f"{node.url}/image/{digest}/20w/a.jpg")).status
        assert 2 == node.verbs.retrieve.made


@pytest.mark.parametrize(
    "options,told",
    [
        ({"data": b"raw"}, "missing image file"),
        (form(b"x", name="picture"), "missing image file"),
        ({"data": b"x", "headers": {"content-type": "multipart/form-data"}}, "boundary"),
    ],
)
async def test_classic_without_an_image(
    node: SmallNode, options: dict[str, Any], told: str
) -> None:
    """400, in words that say what is missing."""
    answer = await ask("POST", f"{node.url}/", **options)

    assert (400, PROBLEM) == (answer.status, answer.headers["content-type"])
    assert told in answer.json["detail"]


@pytest_twisted.async_yield_fixture
async def locked(tmp_path: Path) -> AsyncIterator[SmallNode]:
    http = attrs.evolve(HTTP, upload_keys=("first-key", "other-key"))
    async with small_node(reactor, tmp_path, http=http) as running:
        yield running


def bearer(key: str) -> dict[str, str]:
    return {"authorization": f"Bearer {key}"}


@pytest.mark.parametrize(
    "method,path",
    [("POST", "/v1/images"), ("GET", "/v1/images"), ("DELETE", "/v1/images/" + "a" * 64)],
)
async def test_keys(locked: SmallNode, method: str, path: str) -> None:
    """Without a key 401, with a wrong one 403; either of the right ones gets through."""
    content = picture() if method == "POST" else None
    answers = [
        await ask(method, locked.url + path, data=content, headers=headers)
        for headers in ({}, bearer("wrong-key"), bearer("first-key"), bearer("other-key"))
    ]

    assert [401, 403] == [answer.status for answer in answers[:2]]
    assert 'Bearer realm="reticulum"' == answers[0].headers["www-authenticate"]
    assert not {401, 403} & {answer.status for answer in answers[2:]}


async def test_reading_needs_no_key(locked: SmallNode) -> None:
    """Pictures and facts are for everybody who knows the id."""
    answer = await ask(
        "POST", f"{locked.url}/v1/images", data=picture(), headers=bearer("first-key")
    )
    fields = answer.json

    assert 200 == (await ask("GET", locked.url + fields["url"])).status
    assert 200 == (await ask("GET", f"{locked.url}/v1/images/{fields['id']}")).status


@pytest.mark.parametrize("path", ["/", "/v1/images"])
async def test_key_in_a_form(locked: SmallNode, path: str) -> None:
    """A form may bring the key in its field `key`; the old path knows no 401."""
    right = await ask("POST", locked.url + path, **form(picture(), key="first-key"))
    wrong = await ask("POST", locked.url + path, **form(picture(), key="wrong-key"))
    none = await ask("POST", locked.url + path, **form(picture()))

    assert right.status in {200, 201}
    assert 403 == wrong.status
    assert (403 if path == "/" else 401) == none.status


async def test_refused_key_keeps_no_bytes(locked: SmallNode, tmp_path: Path) -> None:
    """Nothing of an upload that was not allowed stays on the disk."""
    await ask("POST", f"{locked.url}/v1/images", **form(picture(), key="wrong-key"))

    assert [] == [path for path in tmp_path.rglob("*") if path.is_file()]


@pytest.mark.parametrize("chunked", [False, True])
async def test_too_large(tmp_path: Path, chunked: bool) -> None:
    """413 with the limit in it, whether the length was announced or not; nothing is kept."""
    http = attrs.evolve(HTTP, max_upload_bytes=1_000)
    async with small_node(reactor, tmp_path, http=http) as node:
        content = noise(300_000)
        data: Any = content
        if chunked:
            data = iter([content[:100_000], content[100_000:]])
        answer = await ask("POST", f"{node.url}/v1/images", data=data)

        assert (413, PROBLEM) == (answer.status, answer.headers["content-type"])
        assert "1000 bytes" in answer.json["detail"]
        assert [] == list(tmp_path.rglob("*"))


async def test_client_gone_while_its_image_is_looked_into(tmp_path: Path) -> None:
    """The bytes are all here and the image is sound: it is kept, and no trace is left over."""
    renderer = SlowToLook()
    async with small_node(reactor, tmp_path, renderer=renderer) as node:
        gone = ask("POST", f"{node.url}/v1/images", data=picture(), seconds=0.5)
        with pytest.raises(TimeoutError):
            await gone
        while node.door.site.connections:
            await deferLater(reactor, 0.01)
        renderer.gate.callback(None)
        await node.tasks.settle()

        assert 1 == len((await ask("GET", f"{node.url}/v1/images")).json["images"])
    assert [] == list(tmp_path.rglob("*"))


@attrs.define
class SlowToLook:
    """Looks into nothing before the test says so."""

    gate: Deferred[None] = attrs.field(factory=Deferred)
    inner: InlineRenderer = attrs.field(factory=InlineRenderer)

    async def inspect(self, source: Path) -> Facts:
        await self.gate
        return await self.inner.inspect(source)

    async def render(self, source: Path, spec: Spec, output: Format, target: Path) -> None:
        await self.inner.render(source, spec, output, target)


segments = st.one_of(
    st.sampled_from(["image", "v1", "images", "full", "30w", "..", ".", "", "a" * 64, "x.jpg"]),
    st.text(max_size=20),
)


@given(
    parts=st.lists(segments, max_size=6), method=st.sampled_from(["GET", "HEAD", "DELETE", "PUT"])
)
async def test_no_path_is_our_fault(node: SmallNode, parts: list[str], method: str) -> None:
    """Whatever the path, the answer is never a 500, and an error is a problem."""
    path = "/" + "/".join(quote(part, safe="") for part in parts)
    answer = await ask(method, node.url + path)

    assert answer.status < 500
    if answer.status >= 400:
        assert PROBLEM == answer.headers["content-type"]


@given(content=st.binary(max_size=200))
async def test_no_body_is_our_fault(node: SmallNode, content: bytes) -> None:
    """Arbitrary bytes are refused for what they are."""
    answer = await ask("POST", f"{node.url}/v1/images", data=content)

    assert answer.status in {400, 415, 422}
    assert PROBLEM == answer.headers["content-type"]
