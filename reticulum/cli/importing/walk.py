"""The walk through a folder, one file at a time: a million of them take no more memory than ten."""

import os
from collections.abc import Iterator
from pathlib import Path

from reticulum.cli.importing.found import Found, Kind, Outcome, Passed
from reticulum.cli.importing.layout import Source, original_id, store_around

# What `reticulum init` puts into a data directory: its pictures are on the node already.
_NODE_MARK = "node.key"


def walk(source: Source) -> Iterator[Found | Passed]:
    """
    Everything below the top of *source*, in any order within a folder.

    Links are not followed: what they lead to is met by itself if it is in the tree, and is
    nobody's business if it is not.
    """
    # Not by recursion: folders may be nested deeper than Python's stack.
    pending = [source.top]
    while pending:
        here = pending.pop()
        folders: list[Path] = []
        try:
            with os.scandir(here) as entries:
                for entry in entries:
                    if entry.is_dir(follow_symlinks=False):
                        folders.append(here / entry.name)
                    else:
                        yield _looked_at(entry, here / entry.name, source)
        except OSError as error:
            yield Passed(here, Outcome.FAILED, f"can't be read: {error.strerror}")
        for folder in sorted(folders, reverse=True):
            if source.kind is Kind.TREE and (passed := _of_a_server(folder, source)):
                yield passed
            else:
                pending.append(folder)


def _of_a_server(folder: Path, source: Source) -> Passed | None:
    """Why a folder of a tree is nobody's album; None if it may be one."""
    if (folder / _NODE_MARK).exists():
        return Passed(folder, Outcome.BESIDE, "the data directory of a node")
    top = None if source.is_told else store_around(folder)
    if top is not None:
        # All its sizes would become images, and its ids would be lost.
        reason = f"of the store of an older server: bring in {top} by itself, or say --from tree"
        return Passed(folder, Outcome.FAILED, reason)
    return None


def _looked_at(entry: os.DirEntry[str], path: Path, source: Source) -> Found | Passed:
    image_id = None
    try:
        if entry.is_symlink():
            return Passed(path, Outcome.LINK, "a link: links are not followed")
        if source.kind is not Kind.TREE:
            image_id = original_id(path.relative_to(source.top).parts, source.kind)
            if image_id is None:
                return Passed(path, Outcome.BESIDE, "no original")
        if not entry.is_file(follow_symlinks=False):
            return Passed(path, Outcome.NOT_IMAGE, "no regular file")
        found = entry.stat(follow_symlinks=False)
    except OSError as error:
        return Passed(path, Outcome.FAILED, f"can't be read: {error.strerror}")
    return Found(path, found.st_size, found.st_mtime_ns, image_id)
