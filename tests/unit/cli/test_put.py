"""`reticulum put` without a network."""

from pathlib import Path

from fake_node import FakeNode, Written

from reticulum.cli.node import Dropped, Refused, Unreachable
from reticulum.cli.photos import photos
from reticulum.cli.put import Batch, Complaints
from reticulum.errors import ClientError


def files(folder: Path, *contents: bytes) -> list[Path]:
    paths = [folder / f"{place}.png" for place in range(len(contents))]
    for path, content in zip(paths, contents, strict=True):
        path.write_bytes(content)
    return paths


async def put(
    node: FakeNode, paths: list[Path], written: Written, *, jobs: int = 2, verbose: bool = False
) -> int:
    output = written.output
    complaints = Complaints(output)
    found = list(photos(paths, complaints))
    return await Batch(found, output, complaints, verbose=verbose).send(node, jobs)


async def test_ids_come_in_the_order_of_the_paths(tmp_path: Path) -> None:
    """One id a line and nothing else, in the order the files were named."""
    node, written = FakeNode(), Written()
    contents = [b"image %d" % place for place in range(9)]

    code = await put(node, files(tmp_path, *contents), written)

    assert 0 == code
    assert [str(node.keep(content)) for content in contents] == written.lines
    assert [] == written.complaints


async def test_verbose_prints_the_path(tmp_path: Path) -> None:
    """With --verbose, each id is followed by its path, as sha256sum does."""
    node, written = FakeNode(), Written()
    paths = files(tmp_path, b"image")

    await put(node, paths, written, verbose=True)

    assert [f"{node.keep(b'image')}  {paths[0]}"] == written.lines


async def test_a_refused_file_does_not_stop_the_others(tmp_path: Path) -> None:
    """The rest is sent, the refusal is told with its path and its reason, and the code is 1."""
    node, written = FakeNode(), Written()
    paths = files(tmp_path, b"image 0", b"text", b"image 2")

    code = await put(node, paths, written)

    assert 1 == code
    assert [str(node.keep(b"image 0")), str(node.keep(b"image 2"))] == written.lines
    reason = "the bytes are of no type this node reads"
    assert [f"reticulum: {paths[1]}: {reason}"] == written.complaints


async def test_json_has_a_line_for_each_file(tmp_path: Path) -> None:
    """A taken file has the node's answer, a refused one the error, each with its path."""
    node, written = FakeNode(), Written(as_json=True)
    paths = [*files(tmp_path, b"image 0", b"text"), tmp_path / "missing"]

    code = await put(node, paths, written)

    assert 1 == code
    errors = {record["path"]: record["error"] for record in written.records if "error" in record}
    assert {str(paths[1]), str(paths[2])} == set(errors)
    [taken] = [record for record in written.records if "error" not in record]
    assert {"path": str(paths[0]), **await node.facts(node.keep(b"image 0"))} == taken


async def test_a_node_that_is_not_there_ends_it(tmp_path: Path) -> None:
    """It does not try a thousand files on a node that does not listen, and complains once."""
    written = Written()
    paths = files(tmp_path, *[b"image"] * 1000)
    node = FakeNode({path.name: Unreachable("refused") for path in paths})

    code = await put(node, paths, written, jobs=4)

    assert 1 == code
    assert 4 >= len(node.events)
    assert [
        f"reticulum: {paths[0]}: refused",
        "reticulum: gave up: 999 more of 1000 files not sent",
    ] == written.complaints


async def test_a_refused_key_ends_it(tmp_path: Path) -> None:
    """No file is sent after the node did not take the key: it would take none of them."""
    written = Written()
    paths = files(tmp_path, *[b"image"] * 5)
    node = FakeNode({path.name: Refused("not accepted here", 403) for path in paths})

    assert 1 == await put(node, paths, written, jobs=1)
    assert [("upload", "0.png")] == node.events


async def test_one_broken_connection_is_one_failure(tmp_path: Path) -> None:
    """A connection that broke, or a file that can't be read, says nothing of the next file."""
    written = Written()
    paths = files(tmp_path, b"image 0", b"image 1", b"image 2")
    node = FakeNode({"0.png": Dropped("closed"), "1.png": ClientError("can't be read")})

    assert 1 == await put(node, paths, written, jobs=1)
    assert [str(node.keep(b"image 2"))] == written.lines
    assert 2 == len(written.complaints)
