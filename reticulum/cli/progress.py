"""A progress bar for many files, on standard error and only on a terminal."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Protocol

import attrs

from reticulum.cli.output import Output

if TYPE_CHECKING:
    from rich import progress as rich


class Progress(Protocol):
    """
    Who wants to know how far the work is.

    Args:
        is_shown: Whether anybody looks.
    """

    is_shown: bool

    def bytes_moved(self, count: int) -> None:
        """So many bytes more; fewer, if negative."""
        ...

    def file_done(self) -> None:
        """One file more is over, well or badly."""
        ...

    def total(self, files: int, length: int) -> None:
        """There are so many files of so many bytes in all; may be told from any thread."""
        ...


@attrs.frozen
class NoProgress(Progress):
    """Nobody looks."""

    is_shown: bool = False

    def bytes_moved(self, count: int) -> None:
        """Do nothing."""

    def file_done(self) -> None:
        """Do nothing."""

    def total(self, files: int, length: int) -> None:
        """Do nothing."""


@contextmanager
def progress(
    output: Output, *, files: int | None = None, length: int | None = None
) -> Iterator[Progress]:
    """
    Show a bar as long as the block runs, if somebody can see it.

    Args:
        output: Its lines go above the bar.
        files: How many there are; None if that is told later.
        length: Bytes in all of them; None if that is told later.
    """
    if not output.err.isatty():
        yield NoProgress()
        return
    from rich import progress as rich  # noqa: PLC0415  (slow to import)
    from rich.console import Console  # noqa: PLC0415

    console = Console(file=output.err)
    columns = (
        rich.TextColumn("{task.fields[done]}/{task.fields[files]} files"),
        rich.BarColumn(),
        rich.DownloadColumn(),
        rich.TransferSpeedColumn(),
        rich.TimeRemainingColumn(),
    )
    # Redirection would lead our results to standard error: they may go into a pipe.
    bar = rich.Progress(
        *columns, console=console, transient=True, redirect_stdout=False, redirect_stderr=False
    )
    with bar:
        output.live = console
        try:
            shown = "?" if files is None else files
            yield _Bar(bar, bar.add_task("", total=length, files=shown, done=0))
        finally:
            output.live = None


class _Bar(Progress):
    is_shown = True

    def __init__(self, bar: "rich.Progress", task: "rich.TaskID") -> None:
        self._bar = bar
        self._task = task
        self._done = 0

    def bytes_moved(self, count: int) -> None:
        self._bar.advance(self._task, count)

    def file_done(self) -> None:
        self._done += 1
        self._bar.update(self._task, done=self._done)

    def total(self, files: int, length: int) -> None:
        self._bar.update(self._task, total=length, files=files)
