"""An import from its first question to the node to its sum."""

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from threading import Event
from typing import Any

import attrs

from reticulum.cli.importing.check import check
from reticulum.cli.importing.found import Found, Kind
from reticulum.cli.importing.journal import Journal, default_place
from reticulum.cli.importing.lanes import Lanes, NoNotes, Notes
from reticulum.cli.importing.layout import Source
from reticulum.cli.importing.telling import Telling
from reticulum.cli.importing.walk import walk
from reticulum.cli.importing.way import Way
from reticulum.cli.node import Node
from reticulum.cli.output import Output
from reticulum.cli.progress import Progress, progress
from reticulum.errors import ClientError
from reticulum.model import HashName, ImageId

_IN_WORDS = {
    Kind.TREE: "a folder of pictures",
    Kind.RETICULUM: "the storage directory of thraxil/reticulum",
    Kind.APOMIXIS: "the storage directory of Apomixis",
}


@attrs.frozen(kw_only=True)
class Import:
    """
    One import, as a person wants it.

    Args:
        source: What is brought in.
        jobs: Files on their way at once, at least 1.
        hash_name: For ids of files whose path does not say it; None for what the node uses.
        journal: Where to note what is done; None for the default place.
        output: For people.
        telling: Counts what becomes of files.
    """

    source: Source
    jobs: int
    hash_name: HashName | None
    journal: Path | None
    output: Output
    telling: Telling

    async def run(self, node: Node | None) -> int:
        """
        Bring everything in; without a node, only look.

        Returns:
            Exit code: 1 if a file is damaged or has failed, or if there was no image.

        Raises:
            ClientError: It can't begin, or can't go on.
        """
        self.output.line(f"{self.source.top}: {_IN_WORDS[self.source.kind]}")
        if node is None:
            return await self._bring(None, NoNotes())
        place, about = self._journal_of(await node.status())
        journal = Journal(place, self.source.top, about)
        is_whole = False
        try:
            code = await self._bring(node, journal)
            is_whole = True
        finally:
            journal.close()
            if not is_whole:
                self.output.complain(f"stopped: the same command goes on from here, by {place}")
        return code

    def _journal_of(self, status: dict[str, Any]) -> tuple[Path, str]:
        """Where the journal lies, and what it is about: ids of nodes stay, addresses may not."""
        own = status.get("node")
        node_id = own.get("id") if isinstance(own, dict) else None
        kind, top = self.source.kind, self.source.top.resolve()
        about = f"{kind} {self.hash_name or 'own'} {node_id} {top}"
        place = self.journal or default_place(os.environ, about)
        if place.resolve().is_relative_to(top):
            raise ClientError(
                f"the journal {place} would lie in the very folder that is brought in; "
                "say with --journal FILE where else"
            )
        return place, about

    async def _bring(self, node: Node | None, notes: Notes) -> int:
        from twisted.internet import reactor  # noqa: PLC0415  (slow to import)
        from twisted.internet.task import deferLater  # noqa: PLC0415

        clock: Any = reactor
        is_whole = False
        with _threads() as (in_thread, is_over), progress(self.output) as bar:
            if bar.is_shown:
                in_thread(partial(_count, self.source, is_over, bar)).addErrback(lambda _: None)

            async def checked(found: Found, hash_name: HashName) -> ImageId:
                image_id: ImageId = await in_thread(partial(check, found, hash_name, is_over))
                return image_id

            def pause(seconds: float) -> Any:
                return deferLater(clock, seconds)

            way = Way(node=node, check=checked, pause=pause, hash_name=self.hash_name)
            lanes = Lanes(
                finds=walk(self.source),
                way=way,
                notes=notes,
                telling=self.telling,
                bar=bar,
                pause=pause,
            )
            try:
                await lanes.run(self.jobs)
                is_whole = True
            finally:
                self.telling.sum(self.source.kind, is_whole=is_whole)
        if self.telling.is_empty:
            self.output.complain(_nothing_in(self.source))
        return 0 if self.telling.is_clean and not self.telling.is_empty else 1


@contextmanager
def _threads() -> Iterator[tuple[Callable[[Callable[[], object]], Any], Callable[[], bool]]]:
    """A way to run things beside the reactor, and whether they are to end: when the block has."""
    from twisted.internet.threads import deferToThread  # noqa: PLC0415  (slow to import)

    over = Event()
    try:
        yield deferToThread, over.is_set
    finally:
        # Or else the process would stay until the last file is read.
        over.set()


def _count(source: Source, is_over: Callable[[], bool], bar: Progress) -> None:
    files = length = 0
    for found in walk(source):
        if is_over():
            return
        if isinstance(found, Found):
            files += 1
            length += found.length
    bar.total(files, length)


def _nothing_in(source: Source) -> str:
    if source.kind is Kind.TREE:
        return f"{source.top}: no images in this folder"
    return f"{source.top}: no originals as {source.kind} has them in this folder"
