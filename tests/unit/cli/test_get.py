"""`reticulum get` without a network."""

import io
from pathlib import Path

import pytest
from fake_node import FakeNode, Written

from reticulum.cli.get import Wanted, pipe_picture, save_picture
from reticulum.cli.node import Dropped
from reticulum.cli.saving import saved
from reticulum.errors import ClientError
from reticulum.model import Format, ImageId

CONTENT = b"image of something"


@pytest.fixture
def node(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> FakeNode:
    """One image on the node, and an empty folder to save it in."""
    monkeypatch.chdir(tmp_path)
    return FakeNode()


async def test_full_is_saved_by_its_id(node: FakeNode) -> None:
    """By default the uploaded bytes come into the current folder, named for id and type."""
    image_id, written = node.keep(CONTENT), Written()

    assert 0 == await save_picture(node, Wanted(image_id=image_id), written.output)
    assert [("picture", f"/image/{image_id}/full/image.png")] == node.events
    assert [f"{image_id}.png"] == written.lines
    assert CONTENT == Path(f"{image_id}.png").read_bytes()
    assert [f"{image_id}.png"] == [path.name for path in Path().iterdir()]


async def test_rendition_has_a_name_of_its_own(node: FakeNode) -> None:
    """A thumbnail does not take the place of the original."""
    image_id, written = node.keep(CONTENT), Written(as_json=True)
    wanted = Wanted(image_id=image_id, spec="300w,q=80", output=Format.WEBP)

    await save_picture(node, wanted, written.output)

    assert [("picture", f"/image/{image_id}/300w,q=80/image.webp")] == node.events
    assert [
        {
            "id": str(image_id),
            "file": f"{image_id}-300w,q=80.webp",
            "content_type": "image/webp",
            "bytes": len(CONTENT),
            "checked": False,
        }
    ] == written.records


async def test_spec_cannot_leave_its_place(node: FakeNode) -> None:
    """Slashes and dots in a spec reach neither another path of the node nor another folder."""
    image_id, written = node.keep(CONTENT), Written()
    await save_picture(node, Wanted(image_id=image_id, spec="../a?b#c"), written.output)

    assert [("picture", f"/image/{image_id}/..%2Fa%3Fb%23c/image.png")] == node.events
    assert [f"{image_id}-..%2Fa%3Fb%23c.png"] == [path.name for path in Path().iterdir()]


async def test_damaged_bytes_leave_no_file(node: FakeNode) -> None:
    """Bytes that are not those of the id are told, and what was there before stays."""
    image_id, written = node.keep(CONTENT), Written()
    node.kept[image_id] = b"other bytes"
    Path("x.png").write_bytes(b"before")

    with pytest.raises(ClientError, match="what came is not"):
        await save_picture(node, Wanted(image_id=image_id, place=Path("x.png")), written.output)

    assert b"before" == Path("x.png").read_bytes()
    assert ["x.png"] == [path.name for path in Path().iterdir()]
    assert [] == written.lines


async def test_broken_transfer_leaves_no_file(node: FakeNode) -> None:
    """A connection that breaks half-way leaves nothing behind."""
    image_id = node.keep(CONTENT)
    node.failures[f"/image/{image_id}/full/image.png"] = Dropped("closed")

    with pytest.raises(Dropped):
        await save_picture(node, Wanted(image_id=image_id), Written().output)

    assert [] == list(Path().iterdir())


async def test_output_can_be_a_folder(node: FakeNode) -> None:
    """Into a folder, the file goes under its default name."""
    image_id = node.keep(CONTENT)
    Path("in").mkdir()

    await save_picture(node, Wanted(image_id=image_id, place=Path("in")), Written().output)

    assert CONTENT == Path("in", f"{image_id}.png").read_bytes()


async def test_pipe_gets_the_bytes_alone(node: FakeNode) -> None:
    """Standard output holds the image and nothing else; damage is told there too."""
    image_id, stream = node.keep(CONTENT), io.BytesIO()

    assert 0 == await pipe_picture(node, Wanted(image_id=image_id), stream)
    assert CONTENT == stream.getvalue()

    node.kept[image_id] = b"other bytes"
    with pytest.raises(ClientError, match="what came is not"):
        await pipe_picture(node, Wanted(image_id=image_id), stream)


async def test_unknown_type_is_told(node: FakeNode) -> None:
    """A node newer than this command may hold types that this command has no extension for."""
    node.content_type = "image/x-new"

    with pytest.raises(ClientError, match="type unknown here: image/x-new"):
        await save_picture(node, Wanted(image_id=node.keep(CONTENT)), Written().output)


async def test_unknown_image(node: FakeNode) -> None:
    """The node's reason is the reason given."""
    nowhere = ImageId.parse("0" * 64)

    with pytest.raises(ClientError, match="no such image is here"):
        await save_picture(node, Wanted(image_id=nowhere), Written().output)


def test_saving_writes_through_links_and_into_devices(tmp_path: Path) -> None:
    """A link stays a link, and a device stays a device."""
    target, link = tmp_path / "target", tmp_path / "link"
    target.write_bytes(b"before")
    link.symlink_to(target)

    with saved(link) as file:
        file.write(b"after")
    with saved(Path("/dev/null")) as file:
        file.write(b"gone")

    assert link.is_symlink()
    assert b"after" == target.read_bytes()
    assert Path("/dev/null").is_char_device()


def test_saving_where_one_cannot(tmp_path: Path) -> None:
    """A folder that is not there is told with the path."""
    with pytest.raises(ClientError, match=r"can't write .*nowhere/x: No such file"):  # noqa: SIM117
        with saved(tmp_path / "nowhere" / "x"):
            pass
