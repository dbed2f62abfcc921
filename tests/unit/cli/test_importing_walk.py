"""Which files an import meets, and which id their paths give them."""

import hashlib
import os
from collections.abc import Iterator
from pathlib import Path

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from reticulum.cli.importing.found import Found, Kind, Outcome, Passed
from reticulum.cli.importing.layout import Source, original_id, source_at
from reticulum.cli.importing.walk import walk
from reticulum.model import HashName

DIGESTS = st.text("0123456789abcdef", min_size=40, max_size=40)
NAMES = {Kind.RETICULUM: "full.jpg", Kind.APOMIXIS: "image.jpg"}
STORES = sorted(NAMES)


def leaf(top: Path, content: bytes) -> Path:
    """The folder that an older server keeps *content* in."""
    digest = hashlib.sha1(content, usedforsecurity=False).hexdigest()
    return top.joinpath(*(digest[at : at + 2] for at in range(0, 40, 2)))


def store(top: Path, kind: Kind, *contents: bytes) -> Path:
    """The storage directory of an older server, sizes and all."""
    for content in contents:
        folder = leaf(top, content)
        folder.mkdir(parents=True)
        (folder / NAMES[kind]).write_bytes(content)
        (folder / "100s.jpg").write_bytes(b"a size")
    return top


def met(source: Source) -> tuple[set[str], dict[str, Outcome]]:
    """Paths below the top: of what may be an original, and of what was passed over."""
    found, passed = set(), {}
    for one in walk(source):
        name = str(one.path.relative_to(source.top))
        if isinstance(one, Found):
            found.add(name)
        else:
            passed[name] = one.outcome
    return found, passed


@pytest.mark.parametrize("kind", STORES)
def test_a_store_is_recognised(tmp_path: Path, kind: Kind) -> None:
    """By its originals, even when its first folders are empty and strange files lie about."""
    top = store(tmp_path, kind, b"one")
    (top / "00" / "00").mkdir(parents=True)
    (top / "README").write_bytes(b"x")

    assert Source(top, kind) == source_at(top)


def test_the_folder_above_is_recognised(tmp_path: Path) -> None:
    """Apomixis has its store in MEDIA_ROOT/data: either of the two may be named."""
    top = store(tmp_path / "data", Kind.APOMIXIS, b"one")

    assert Source(top, Kind.APOMIXIS) == source_at(tmp_path)
    assert Source(top, Kind.APOMIXIS, is_told=True) == source_at(tmp_path, Kind.APOMIXIS)


@pytest.mark.parametrize(
    "name", ["full.jpg", "ab/cd/full.jpg", "/".join(["ab"] * 21) + "/full.jpg", "ab/image.png"]
)
def test_what_is_no_store_is_a_tree(tmp_path: Path, name: str) -> None:
    """Names as in a store at another depth make no store."""
    path = tmp_path / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"x")

    assert Source(tmp_path, Kind.TREE) == source_at(tmp_path)


def test_a_person_knows_better(tmp_path: Path) -> None:
    """With --from, nothing is found out."""
    top = store(tmp_path, Kind.RETICULUM, b"one")

    for kind in (Kind.TREE, Kind.APOMIXIS):
        assert Source(top, kind, is_told=True) == source_at(top, kind)


@given(digest=DIGESTS, kind=st.sampled_from(STORES))
def test_the_path_is_the_id(digest: str, kind: Kind) -> None:
    """Twenty pairs of digits and the name of an original are a SHA-1 id; nothing else is."""
    folders = tuple(digest[at : at + 2] for at in range(0, 40, 2))
    image_id = original_id((*folders, NAMES[kind]), kind)

    assert image_id is not None
    assert (HashName.SHA1, digest) == (image_id.hash_name, image_id.digest)
    assert original_id((*folders, "100s.jpg"), kind) is None
    assert original_id((*folders, NAMES[kind] + ".tmp"), kind) is None
    assert original_id((*folders[1:], NAMES[kind]), kind) is None
    assert original_id((*folders, "ab", NAMES[kind]), kind) is None


@given(parts=st.lists(st.text(max_size=8), min_size=1, max_size=23), kind=st.sampled_from(STORES))
def test_any_path_has_an_id_or_none(parts: list[str], kind: Kind) -> None:
    """No name of a file or folder makes it fail."""
    original_id(tuple(parts), kind)


@pytest.mark.parametrize("kind", STORES)
def test_a_store_gives_originals_with_their_ids(tmp_path: Path, kind: Kind) -> None:
    """Every original with the id of its path; sizes and strange files are beside them."""
    contents = [b"one", b"two", b"three"]
    top = store(tmp_path, kind, *contents)
    (top / "README").write_bytes(b"x")

    found = [one for one in walk(Source(top, kind)) if isinstance(one, Found)]
    _, passed = met(Source(top, kind))

    expected = {hashlib.sha1(content, usedforsecurity=False).hexdigest() for content in contents}
    assert expected == {one.image_id.digest for one in found if one.image_id}
    assert [Outcome.BESIDE] * 4 == list(passed.values())


def test_a_tree_gives_files_of_any_name(tmp_path: Path) -> None:
    """Hidden ones and those without an extension too, with their lengths and without ids."""
    (tmp_path / ".hidden" / "deep").mkdir(parents=True)
    (tmp_path / ".hidden" / "deep" / "odd").write_bytes(b"12345")
    (tmp_path / "a.txt").write_bytes(b"")

    found = [one for one in walk(Source(tmp_path, Kind.TREE)) if isinstance(one, Found)]

    assert {("odd", 5, None), ("a.txt", 0, None)} == {
        (one.path.name, one.length, one.image_id) for one in found
    }


@pytest.mark.parametrize("kind", list(Kind))
def test_links_are_not_followed(tmp_path: Path, kind: Kind) -> None:
    """Neither to files nor to folders, in circles or out of the tree; each is told."""
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "secret.jpg").write_bytes(b"x")
    top = tmp_path / "in"
    top.mkdir()
    (top / "file").symlink_to(tmp_path / "out" / "secret.jpg")
    (top / "folder").symlink_to(tmp_path / "out")
    (top / "circle").symlink_to(top)

    found, passed = met(Source(top, kind))

    assert set() == found
    assert dict.fromkeys(["file", "folder", "circle"], Outcome.LINK) == passed


def test_what_is_no_file_is_told(tmp_path: Path) -> None:
    """A pipe is not waited for."""
    os.mkfifo(tmp_path / "pipe")

    assert (set(), {"pipe": Outcome.NOT_IMAGE}) == met(Source(tmp_path, Kind.TREE))


def test_data_of_a_node_is_left_out(tmp_path: Path) -> None:
    """The thumbnails that a node keeps are not brought in as pictures of their own."""
    (tmp_path / "reticulum-data" / "renditions").mkdir(parents=True)
    (tmp_path / "reticulum-data" / "node.key").write_bytes(b"x")
    (tmp_path / "reticulum-data" / "renditions" / "a.jpg").write_bytes(b"x")
    (tmp_path / "b.jpg").write_bytes(b"x")

    found, passed = met(Source(tmp_path, Kind.TREE))

    assert ({"b.jpg"}, {"reticulum-data": Outcome.BESIDE}) == (found, passed)


@pytest.mark.parametrize("below", [".", "uploads", "some/where/uploads"])
def test_a_store_within_a_tree_is_not_taken_for_albums(tmp_path: Path, below: str) -> None:
    """Sizes do not become images and ids are not lost, unless a person says it is a tree."""
    folder = leaf(store(tmp_path / below, Kind.RETICULUM, b"one"), b"one")
    top = tmp_path if below != "." else folder.parents[10]

    found, passed = met(Source(top, Kind.TREE))
    told, _ = met(Source(top, Kind.TREE, is_told=True))

    assert (set(), [Outcome.FAILED]) == (found, list(passed.values()))
    assert 2 == len(told)


def test_a_folder_that_vanishes_does_not_end_it(tmp_path: Path) -> None:
    """It has failed, and the rest is walked."""
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "file").write_bytes(b"x")
    finds: Iterator[Found | Passed] = walk(Source(tmp_path, Kind.TREE))

    first = next(finds)
    (tmp_path / "b" / "file").unlink()
    (tmp_path / "b").rmdir()
    [second] = finds

    assert tmp_path / "a" / "file" == first.path
    assert isinstance(second, Passed)
    assert (tmp_path / "b", Outcome.FAILED) == (second.path, second.outcome)


@attrs.define
class Listed:
    """Counts the folders that were opened."""

    count: int = 0


def test_the_walk_is_lazy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The first file is there before the other folders were looked into."""
    for number in range(50):
        (tmp_path / f"{number:02}").mkdir()
        (tmp_path / f"{number:02}" / "file").write_bytes(b"x")
    listed, scandir = Listed(), os.scandir

    def counting(path: Path) -> object:
        listed.count += 1
        return scandir(path)

    monkeypatch.setattr(os, "scandir", counting)
    next(walk(Source(tmp_path, Kind.TREE)))

    assert 2 == listed.count
