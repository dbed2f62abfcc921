"""Which files a folder gives."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from reticulum.cli.photos import photos


class Told(list[tuple[str, str]]):
    def __call__(self, path: Path, reason: str) -> None:
        self.append((path.name, reason))


def tree(folder: Path, *names: str) -> Path:
    for name in names:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"x")
    return folder


def names(folder: Path, told: Told, *, every: bool = False) -> list[str]:
    found = photos([folder], told, every=every)
    return [str(photo.path.relative_to(folder)) for photo in found]


def test_folder_gives_images_sorted_to_its_depth(tmp_path: Path) -> None:
    """Files with an image's extension, in any case, sorted, with those of the folders below."""
    tree(tmp_path, "b.JPG", "a.tiff", "c.txt", "deep/er/z.avif", "deep/a.bmp", "no_extension")
    told = Told()

    assert ["a.tiff", "b.JPG", "deep/a.bmp", "deep/er/z.avif"] == names(tmp_path, told)
    assert [] == told


def test_all_gives_files_of_any_name(tmp_path: Path) -> None:
    """With --all, a photo with an odd name is found too; hidden files still are not."""
    tree(tmp_path, "odd", "a.txt", ".hidden.png", ".git/a.png")

    assert ["a.txt", "odd"] == names(tmp_path, Told(), every=True)


def test_links_and_special_files(tmp_path: Path) -> None:
    """A link to a file is that file; links to folders, pipes and sockets are left out."""
    tree(tmp_path, "in/a.png", "out/b.png")
    (tmp_path / "in" / "loop.png").symlink_to(tmp_path / "in")
    (tmp_path / "in" / "linked.png").symlink_to(tmp_path / "out" / "b.png")
    os.mkfifo(tmp_path / "in" / "pipe.png")

    assert ["a.png", "linked.png"] == names(tmp_path / "in", Told())


def test_named_file_is_always_taken(tmp_path: Path) -> None:
    """What a person names is sent, whatever its name is; the node says whether it is an image."""
    path = tree(tmp_path, ".hidden.txt") / ".hidden.txt"

    assert [path] == [photo.path for photo in photos([path], Told())]


@pytest.mark.parametrize(
    "make, reason",
    [
        (lambda _path: None, "no such file or folder"),
        (lambda path: path.mkdir(), "no images in this folder; --all sends files of any name"),
        (os.mkfifo, "neither a file nor a folder"),
        (lambda path: path.symlink_to(path), "can't be read: Too many levels of symbolic links"),
    ],
    ids=["missing", "empty", "pipe", "loop"],
)
def test_what_was_named_is_never_dropped_silently(
    tmp_path: Path, make: Callable[[Path], None], reason: str
) -> None:
    """Each path that gives nothing to send is told, with the reason."""
    told = Told()
    make(tmp_path / "x")

    assert [] == list(photos([tmp_path / "x"], told))
    assert [("x", reason)] == told
