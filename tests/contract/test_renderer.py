"""One suite for every `Renderer`: the pool of processes and its twin in one process."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pictures
import pytest
import pytest_twisted
from twisted.internet import reactor

from reticulum.errors import BeyondLimits, DamagedImage, NotAnImage
from reticulum.imaging.inline import InlineRenderer
from reticulum.imaging.limits import Limits
from reticulum.imaging.pool import Pool
from reticulum.imaging.spec import parse
from reticulum.interfaces import Renderer
from reticulum.model import Facts, Format, Size

LIMITS = Limits(max_pixels=1_000_000, max_output_pixels=500_000)


async def _renderer(kind: str) -> AsyncIterator[Renderer]:
    if kind == "inline":
        yield InlineRenderer(LIMITS)
        return
    pool = Pool(process_reactor=reactor, clock=reactor, workers=1, queue=4, limits=LIMITS)
    await pool.start()
    try:
        yield pool
    finally:
        await pool.stop()


@pytest_twisted.async_yield_fixture(params=["inline", "pool"])
async def renderer(request: Any) -> AsyncIterator[Renderer]:
    """Each implementation in turn, started."""
    async for made in _renderer(request.param):
        yield made


def _source(tmp_path: Path, data: bytes) -> Path:
    source = tmp_path / "a source with sp\udcffaces"
    source.write_bytes(data)
    return source


async def test_inspects(renderer: Renderer, tmp_path: Path) -> None:
    """Facts of a sound image are told, also of one with an odd name."""
    source = _source(tmp_path, pictures.animation("webp"))

    assert Facts(format=Format.WEBP, size=Size(60, 40), frames=3) == await renderer.inspect(source)


async def test_renders(renderer: Renderer, tmp_path: Path) -> None:
    """A rendition is at the target when the call returns."""
    source = _source(tmp_path, pictures.oriented(6))
    target = tmp_path / "target"
    assert None is await renderer.render(source, parse("30w,q=50"), Format.WEBP, target)  # type: ignore[func-returns-value]

    assert (30, 20) == pictures.unpacked(target.read_bytes()).size


@pytest.mark.parametrize(
    "data,expected",
    [
        (b"words", NotAnImage),
        (pictures.truncated(pictures.photo()), DamagedImage),
        (pictures.flat(2000, 600), BeyondLimits),
    ],
)
async def test_inspect_refuses(
    renderer: Renderer, tmp_path: Path, data: bytes, expected: type[Exception]
) -> None:
    """What is wrong with a file arrives as the project's own error, with its text."""
    source = _source(tmp_path, data)
    with pytest.raises(expected) as caught:
        await renderer.inspect(source)

    assert len(str(caught.value)) > 20
    assert str(tmp_path) not in str(caught.value)


@pytest.mark.parametrize(
    "data,text,expected",
    [
        (b"words", "9w", NotAnImage),
        (pictures.truncated(pictures.photo()), "9w", DamagedImage),
        (pictures.flat(), "2000w,enlarge=1", BeyondLimits),
    ],
)
async def test_render_refuses(
    renderer: Renderer, tmp_path: Path, data: bytes, text: str, expected: type[Exception]
) -> None:
    """A rendition that cannot be made leaves nothing at the target."""
    source, target = _source(tmp_path, data), tmp_path / "target"
    with pytest.raises(expected):
        await renderer.render(source, parse(text), Format.PNG, target)

    assert not target.exists()


async def test_target_is_never_overwritten(renderer: Renderer, tmp_path: Path) -> None:
    """A file at the target stays as it is."""
    source, target = _source(tmp_path, pictures.flat()), tmp_path / "target"
    target.write_bytes(b"mine")
    with pytest.raises(OSError, match="exists"):
        await renderer.render(source, parse("9w"), Format.PNG, target)

    assert b"mine" == target.read_bytes()


async def test_missing_source_is_no_fault_of_the_image(renderer: Renderer, tmp_path: Path) -> None:
    """A file that is not there is an `OSError`, and not an error about images."""
    with pytest.raises(OSError, match="No such file"):
        await renderer.inspect(tmp_path / "nothing")


async def test_serves_after_failures(renderer: Renderer, tmp_path: Path) -> None:
    """A bad file does not spoil the next."""
    bad, good = tmp_path / "bad", tmp_path / "good"
    bad.write_bytes(pictures.truncated(pictures.photo()))
    good.write_bytes(pictures.flat())
    for _ in range(3):
        with pytest.raises(DamagedImage):
            await renderer.inspect(bad)

        assert Size(60, 40) == (await renderer.inspect(good)).size
