"""`reticulum put`: send files and folders to a node."""

from collections.abc import Sequence
from pathlib import Path

import attrs
import click

from reticulum.cli.in_order import InOrder
from reticulum.cli.node import JsonObject, Node, Refused, Unreachable
from reticulum.cli.output import Output
from reticulum.cli.photos import Photo, photos
from reticulum.cli.progress import Progress, progress
from reticulum.cli.session import Session, node_options
from reticulum.errors import ClientError

MAX_JOBS = 64


@click.command(short_help="Upload files and folders.")
@click.argument(
    "paths", metavar="PATH...", type=click.Path(path_type=Path), nargs=-1, required=True
)
@click.option(
    "--jobs",
    "-j",
    type=click.IntRange(1, MAX_JOBS),
    default=4,
    show_default=True,
    help="Uploads under way at once.",
)
@click.option("--all", "-a", "every", is_flag=True, help="In folders, send files of any name.")
@click.option("--verbose", "-v", is_flag=True, help="Print the path beside each id.")
@node_options
def put(session: Session, paths: tuple[Path, ...], *, jobs: int, every: bool, verbose: bool) -> int:
    """
    Upload files, and the images in folders; prints the id of each, in the order of the paths.

    A folder is searched to its depth, sorted by name: files that end in jpg, jpeg, png, gif,
    webp, avif, tif, tiff or bmp. Hidden files and links to folders are left out. A file that is
    named itself is always sent.

    With --json, one object a line: "path" and what the node answers, or "path" and "error".
    """
    output = session.output
    complaints = Complaints(output)
    found = list(photos(paths, complaints, every=every))
    if not found:
        return complaints.code
    batch = Batch(found, output, complaints, verbose=verbose)
    return session.run(lambda node: batch.send(node, jobs))


@attrs.define
class Complaints:
    """
    What could not be sent.

    Args:
        output: Told each.
        code: Exit code, so far.
    """

    _output: Output
    code: int = 0

    def __call__(self, path: Path, reason: str) -> None:
        """Say why *path* was not sent."""
        self.code = 1
        self._output.record({"path": str(path), "error": reason})
        self._output.complain(f"{path}: {reason}")


class Batch:
    """
    Files on their way to one node.

    Args:
        files: To be sent, at least one.
        output: Gets ids, in the order of *files*.
        complaints: Get the refusals.
        verbose: Whether paths are printed too.
    """

    def __init__(
        self, files: Sequence[Photo], output: Output, complaints: Complaints, *, verbose: bool
    ) -> None:
        self._files = files
        self._output = output
        self._complaints = complaints
        self._verbose = verbose
        self._results = InOrder(self._tell)
        self._waiting = iter(enumerate(files))
        self._hopeless = False
        self._unsent = 0

    async def send(self, node: Node, jobs: int) -> int:
        """
        Send all, so many at once.

        It ends early when the node can't be reached or does not take the key: every other file
        would fail in the same way.

        Returns:
            Exit code: 1 if any file was not taken.
        """
        from twisted.internet.defer import (  # noqa: PLC0415  (slow to import)
            Deferred,
            FirstError,
            gatherResults,
        )

        length = sum(file.length for file in self._files)
        with progress(self._output, files=len(self._files), length=length) as bar:
            try:
                lanes = [
                    Deferred.fromCoroutine(self._lane(node, bar))
                    for _ in range(min(jobs, len(self._files)))
                ]
                await gatherResults(lanes, consumeErrors=True)
            except FirstError as first:
                raise (first.subFailure.value or first) from None
            finally:
                # Interrupted or not: what the node has taken has an id to be told.
                self._results.flush()
        unsent = self._unsent + sum(1 for _ in self._waiting)
        if unsent:
            self._output.complain(f"gave up: {unsent} more of {len(self._files)} files not sent")
        return self._complaints.code

    async def _lane(self, node: Node, bar: Progress) -> None:
        """Send one file after the other, as long as there are any and there is hope."""
        while not self._hopeless and (taken := next(self._waiting, None)):
            place, file = taken
            result = await self._send_one(node, file, bar)
            if self._is_told_before(result):
                self._unsent += 1
            else:
                self._results.add(place, (file.path, result))

    def _is_told_before(self, result: JsonObject | ClientError) -> bool:
        """Whether *result* is what ended the work, met once more by an upload under way."""
        was_hopeless = self._hopeless
        hopeless = _concerns_all(result)
        self._hopeless = was_hopeless or hopeless
        return was_hopeless and hopeless

    async def _send_one(self, node: Node, file: Photo, bar: Progress) -> JsonObject | ClientError:
        moved = 0

        def sent(count: int) -> None:
            nonlocal moved
            moved += count
            bar.bytes_moved(count)

        try:
            return await node.upload(file.path, sent)
        except ClientError as error:
            return error
        finally:
            bar.bytes_moved(file.length - moved)
            bar.file_done()

    def _tell(self, result: tuple[Path, JsonObject | ClientError]) -> None:
        path, answer = result
        if isinstance(answer, ClientError):
            self._complaints(path, str(answer))
            return
        self._output.record({"path": str(path), **answer})
        self._output.line(f"{answer['id']}  {path}" if self._verbose else answer["id"])


def _concerns_all(result: JsonObject | ClientError) -> bool:
    """Whether every other file would meet with the same."""
    if isinstance(result, Refused):
        return result.concerns_key
    return isinstance(result, Unreachable)
