"""What changes on standard error while long work goes on, if that is a terminal."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from reticulum.cli.output import Output


@contextmanager
def live_line(output: Output, text: str) -> Iterator[Callable[[str], None]]:
    """
    Show *text*; what the block calls changes it, and it is gone afterwards.

    Where standard error is no terminal, nothing is shown.
    """
    if not output.err.isatty():
        yield lambda _text: None
        return
    from rich.console import Console  # noqa: PLC0415  (slow to import)

    console = Console(file=output.err)
    with console.status(text) as status:
        output.live = console
        try:
            yield status.update
        finally:
            output.live = None


@contextmanager
def live_bar(output: Output) -> Iterator[Callable[[str, int, int], None]]:
    """
    Show a bar; the block tells it what goes on, how many are done, and of how many.

    Where standard error is no terminal, nothing is shown.
    """
    if not output.err.isatty():
        yield lambda _text, _done, _total: None
        return
    from rich import progress as rich  # noqa: PLC0415  (slow to import)
    from rich.console import Console  # noqa: PLC0415

    console = Console(file=output.err)
    columns = (
        rich.TextColumn("{task.description}"),
        rich.BarColumn(),
        rich.MofNCompleteColumn(),
        rich.TimeRemainingColumn(),
    )
    # Redirection would lead our results to standard error: they may go into a pipe.
    bar = rich.Progress(
        *columns, console=console, transient=True, redirect_stdout=False, redirect_stderr=False
    )
    task = bar.add_task("", total=None)

    def show(text: str, done: int, total: int) -> None:
        bar.update(task, description=text, completed=done, total=max(done, total))

    with bar:
        output.live = console
        try:
            yield show
        finally:
            output.live = None
