"""Storage on a disk that is really full: a tmpfs of a few pages or a few inodes."""

import contextlib
import os
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from twisted.internet import defer

from reticulum.errors import NoSpace, UnknownImage
from reticulum.model import Facts, Format, HashName, ImageId, Rendition, Size
from reticulum.storage.originals import OriginalsOnDisk
from reticulum.storage.renditions import RenditionsOnDisk

FACTS = Facts(format=Format.PNG, size=Size(1, 1), frames=1)
Mount = Callable[[str], Path]


@pytest.fixture
def mount(tmp_path: Path) -> Iterator[Mount]:
    """A maker of small file systems, by mount options."""
    mounted: list[Path] = []

    def small(options: str) -> Path:
        if os.geteuid() != 0:
            pytest.skip("only root can mount a small file system")
        disk = tmp_path / f"disk{len(mounted)}"
        disk.mkdir()
        done = subprocess.run(
            ["mount", "-t", "tmpfs", "-o", options, "tmpfs", str(disk)],
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode != 0:
            pytest.skip(f"cannot mount a small file system: {done.stderr.strip()}")
        mounted.append(disk)
        return disk

    yield small
    for disk in mounted:
        subprocess.run(["umount", str(disk)], check=True)


async def inspect(path: Path) -> Facts:
    raise AssertionError(f"asked to look into {path}")


def originals_in(data: Path) -> OriginalsOnDisk:
    originals = OriginalsOnDisk(data, inspect=inspect, now=lambda: 1.7e9, in_thread=defer.execute)
    originals.prepare()
    return originals


async def put(originals: OriginalsOnDisk, content: bytes) -> ImageId:
    incoming = originals.begin(HashName.SHA256)
    try:
        incoming.write(content)
        await incoming.seal()
        return (await originals.keep(incoming, FACTS))[0].image_id
    finally:
        incoming.abandon()


def files_in(data: Path) -> list[Path]:
    return [path for path in data.rglob("*") if path.is_file()]


async def test_upload_too_large_for_the_disk(mount: Mount) -> None:
    """A body that does not fit is refused without a trace; a smaller one still fits afterwards."""
    data = mount("size=256k")
    originals = originals_in(data)

    with pytest.raises(NoSpace):
        await put(originals, bytes(400_000))

    assert [] == files_in(data)
    image_id = await put(originals, bytes(20_000))
    assert 20_000 == (await originals.find(image_id)).length


async def test_filled_up_by_uploads(mount: Mount) -> None:
    """Each upload until the disk is full is there; later ones are refused, without a trace."""
    data = mount("size=256k")
    originals = originals_in(data)
    kept = []
    refused = 0
    for number in range(60):
        try:
            kept.append(await put(originals, bytes([number]) * 9_000))
        except NoSpace:
            refused += 1

    assert refused > 0
    assert 2 * len(kept) == len(files_in(data))
    restarted = originals_in(data)
    for image_id in kept:
        assert (await restarted.path(image_id)).exists()


@pytest.mark.parametrize("inodes", range(4, 13))
async def test_out_of_inodes_at_each_step(mount: Mount, inodes: int) -> None:
    """Wherever a file or folder cannot be made, the upload is refused, and no file is left."""
    data = mount(f"size=1m,nr_inodes={inodes}")
    originals = originals_in(data)
    try:
        image_id = await put(originals, b"picture")
    except NoSpace:
        assert [] == files_in(data)
        with pytest.raises(UnknownImage):
            await originals.find(ImageId.parse("0" * 64))
    else:
        assert 2 == len(files_in(data))
        assert 7 == (await originals.find(image_id)).length


async def test_rendition_that_cannot_be_kept(mount: Mount) -> None:
    """A full disk costs a rendition its place in the cache, and nothing else."""
    data = mount("size=1m,nr_inodes=8")
    renditions = RenditionsOnDisk(
        data, max_bytes=10**6, stamp="1", now=lambda: 1.7e9, in_thread=defer.execute
    )
    renditions.prepare()
    await renditions.count()
    key = Rendition(ImageId.parse("0" * 64), "200w", Format.JPG)
    made = renditions.scratch(key)
    made.write_bytes(b"picture")

    await renditions.keep(key, made)

    assert None is renditions.open(key)
    assert 0 == renditions.status().bytes
    assert not made.exists()


async def test_scratch_on_a_full_disk(mount: Mount) -> None:
    """Where no folder to render in can be made, that is said."""
    data = mount("size=1m,nr_inodes=5")
    renditions = RenditionsOnDisk(
        data, max_bytes=10**6, stamp="1", now=lambda: 1.7e9, in_thread=defer.execute
    )
    renditions.prepare()
    (data / "renditions/.scratch").rmdir()
    with contextlib.suppress(OSError):
        for number in range(9):
            (data / str(number)).touch()

    with pytest.raises(NoSpace):
        renditions.scratch(Rendition(ImageId.parse("0" * 64), "200w", Format.JPG))
