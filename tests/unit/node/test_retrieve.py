"""Retrieve, delete and prerender on stores in memory."""

from pathlib import Path

import pytest
from twisted.internet.defer import Deferred

from reticulum.assembly import Verbs, verbs_alone
from reticulum.errors import BadSpec, BeyondLimits, DamagedImage, UnknownImage
from reticulum.imaging.spec import canonical, parse
from reticulum.model import Facts, Format, HashName, ImageId, Original, Rendition, Size, Spec
from reticulum.node.tasks import Tasks
from reticulum.storage.memory import OriginalsInMemory, RenditionsInMemory
from reticulum.testing import here_on

FACTS = Facts(format=Format.JPG, size=Size(400, 200), frames=1)


class Painter:
    """A renderer that writes what it was asked for, and can be held up or made to fail."""

    def __init__(self) -> None:
        self.asked: list[tuple[Spec, Format]] = []
        self.gate: Deferred[None] | None = None
        self.error: Exception | None = None

    async def inspect(self, source: Path) -> Facts:
        return FACTS

    async def render(self, source: Path, spec: Spec, output: Format, target: Path) -> None:
        self.asked.append((spec, output))
        content = source.read_bytes()
        if self.gate is not None:
            await self.gate
        if self.error is not None:
            raise self.error
        target.write_bytes(f"{canonical(spec, output)}.{output} of ".encode() + content)


@pytest.fixture
def painter() -> Painter:
    return Painter()


@pytest.fixture
def tasks() -> Tasks:
    return Tasks()


@pytest.fixture
def verbs(tmp_path: Path, painter: Painter, tasks: Tasks) -> Verbs:
    renditions = RenditionsInMemory(tmp_path, max_bytes=10_000)
    return verbs_alone(
        here=here_on(OriginalsInMemory(tmp_path, now=lambda: 1_000.0), renditions),
        renditions=renditions,
        renderer=painter,
        tasks=tasks,
        hash_name=HashName.SHA256,
        max_output_pixels=1_000_000,
    )


async def stored(verbs: Verbs, content: bytes = b"pixels") -> Original:
    incoming = verbs.upload.begin()
    incoming.write(content)
    return (await verbs.upload.finish(incoming)).original


async def bytes_of(verbs: Verbs, image_id: ImageId, text: str, output: Format) -> bytes:
    spec = parse(text)
    picture = await verbs.retrieve(Rendition(image_id, canonical(spec, output), output), spec)
    with picture.body:
        return picture.body.read()


async def test_full_in_its_own_format_is_the_stored_bytes(verbs: Verbs, painter: Painter) -> None:
    """Nothing is decoded to give back what was uploaded."""
    original = await stored(verbs)

    assert b"pixels" == await bytes_of(verbs, original.image_id, "full", Format.JPG)
    assert [] == painter.asked


async def test_full_in_another_format_is_made(verbs: Verbs, painter: Painter) -> None:
    """Asking a JPEG as WebP converts it."""
    original = await stored(verbs)

    assert b"full.webp of pixels" == await bytes_of(verbs, original.image_id, "full", Format.WEBP)


async def test_made_once(verbs: Verbs, painter: Painter) -> None:
    """The second request is a cache hit."""
    original = await stored(verbs)
    first = await bytes_of(verbs, original.image_id, "100w", Format.JPG)
    second = await bytes_of(verbs, original.image_id, "100w", Format.JPG)

    assert b"100w.jpg of pixels" == first == second
    assert 1 == len(painter.asked) == verbs.retrieve.made


async def test_at_hand_only_when_cached(verbs: Verbs) -> None:
    """The short way answers what takes no waiting, and nothing else."""
    original = await stored(verbs)
    rendition = Rendition(original.image_id, "100w", Format.JPG)

    assert verbs.retrieve.at_hand(rendition, parse("100w")) is None
    await bytes_of(verbs, original.image_id, "100w", Format.JPG)
    picture = verbs.retrieve.at_hand(rendition, parse("100w"))
    assert picture is not None
    with picture.body:
        assert b"100w.jpg of pixels" == picture.body.read()
    assert Size(100, 50) == picture.size
    whole = Rendition(original.image_id, "full", Format.JPG)
    assert verbs.retrieve.at_hand(whole, parse("full")) is None


async def test_one_render_for_many(verbs: Verbs, painter: Painter) -> None:
    """A hundred equal requests at once are one render, and everybody reads from the start."""
    original = await stored(verbs)
    painter.gate = Deferred()
    waiting = [
        Deferred.fromCoroutine(bytes_of(verbs, original.image_id, "100w", Format.PNG))
        for _ in range(100)
    ]
    painter.gate.callback(None)

    assert {b"100w.png of pixels"} == {await one for one in waiting}
    assert 1 == len(painter.asked)


async def test_deleted_while_being_made(
    verbs: Verbs, painter: Painter, tasks: Tasks, tmp_path: Path
) -> None:
    """No rendition of a deleted image stays in the cache, nor a file of it on the disk."""
    original = await stored(verbs)
    painter.gate = Deferred()
    waiting = Deferred.fromCoroutine(bytes_of(verbs, original.image_id, "100w", Format.PNG))
    await verbs.delete(original.image_id)
    painter.gate.callback(None)
    await waiting
    await tasks.settle()

    with pytest.raises(UnknownImage):
        await bytes_of(verbs, original.image_id, "100w", Format.PNG)
    again = await stored(verbs)
    assert original.image_id == again.image_id
    await bytes_of(verbs, again.image_id, "100w", Format.PNG)
    assert 2 == len(painter.asked)


async def test_failure_leaves_nothing(verbs: Verbs, painter: Painter, tmp_path: Path) -> None:
    """A render that fails is no cache entry and no file; the next one is tried anew."""
    original = await stored(verbs)
    await verbs.originals.path(original.image_id)
    before = sorted(tmp_path.rglob("*"))
    painter.error = DamagedImage("no")
    with pytest.raises(DamagedImage):
        await bytes_of(verbs, original.image_id, "100w", Format.JPG)

    assert before == sorted(tmp_path.rglob("*"))
    painter.error = None
    assert b"100w.jpg of pixels" == await bytes_of(verbs, original.image_id, "100w", Format.JPG)


async def test_delete_takes_every_rendition(verbs: Verbs) -> None:
    """And is a 404 the second time."""
    original = await stored(verbs)
    await bytes_of(verbs, original.image_id, "100w", Format.JPG)

    await verbs.delete(original.image_id)

    with pytest.raises(UnknownImage):
        await bytes_of(verbs, original.image_id, "100w", Format.JPG)
    with pytest.raises(UnknownImage):
        await verbs.delete(original.image_id)


async def test_too_large_a_result(verbs: Verbs, painter: Painter) -> None:
    """It is refused before a worker is bothered."""
    original = await stored(verbs)

    with pytest.raises(BeyondLimits):
        await bytes_of(verbs, original.image_id, "2000w,enlarge=1", Format.JPG)
    assert [] == painter.asked


async def test_bmp_is_never_written(verbs: Verbs) -> None:
    """The refusal says what to ask for."""
    original = await stored(verbs)

    with pytest.raises(BadSpec, match="jpg, png"):
        await bytes_of(verbs, original.image_id, "100w", Format.BMP)


async def test_etags_tell_pictures_apart(verbs: Verbs) -> None:
    """Another size, another format, another image: another tag."""
    one, other = await stored(verbs), await stored(verbs, b"others")
    tags = set()
    for image_id in (one.image_id, other.image_id):
        for text in ("full", "100w", "50w"):
            for output in (Format.JPG, Format.PNG):
                rendition = Rendition(image_id, text, output)
                picture = await verbs.retrieve(rendition, parse(text))
                picture.body.close()
                tags.add(picture.etag)

    assert 12 == len(tags)


async def test_prerender_warms_the_cache(verbs: Verbs, painter: Painter, tasks: Tasks) -> None:
    """Hints are made in the background; one that fails does not stop the others."""
    original = await stored(verbs)
    verbs.prerender(original, [parse("9999w,enlarge=1"), parse("100w")])
    await tasks.settle()
    made = len(painter.asked)
    await bytes_of(verbs, original.image_id, "100w", Format.JPG)

    assert 1 == made == len(painter.asked)


async def test_upload_leaves_nothing_behind(verbs: Verbs, painter: Painter, tmp_path: Path) -> None:
    """What the inspection refuses is gone from the disk."""

    async def refuse(source: Path) -> Facts:
        raise DamagedImage("no")

    painter.inspect = refuse  # type: ignore[method-assign]
    with pytest.raises(DamagedImage):
        await stored(verbs)

    assert [] == list(tmp_path.rglob("*"))


async def test_upload_twice(verbs: Verbs) -> None:
    """The second time it is here already, and is not counted again."""
    await stored(verbs)
    incoming = verbs.upload.begin()
    incoming.write(b"pixels")
    receipt = await verbs.upload.finish(incoming)

    assert not receipt.is_new
    assert 1 == verbs.upload.taken


async def test_equal_bytes_are_not_looked_into_twice(verbs: Verbs, painter: Painter) -> None:
    """Uploading again what is here already costs no decoding."""
    await stored(verbs)

    async def refuse(source: Path) -> Facts:
        raise DamagedImage("asked again")

    painter.inspect = refuse  # type: ignore[method-assign]

    await stored(verbs)
