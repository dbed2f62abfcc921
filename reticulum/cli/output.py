"""What a command says: results on standard output, everything else on standard error."""

import json
import re
from typing import TYPE_CHECKING, Any, TextIO

import attrs

if TYPE_CHECKING:
    from rich.console import Console, RenderableType

_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]")


@attrs.define
class Output:
    """
    The two streams of a command.

    Args:
        out: For results: people and pipes read it.
        err: For complaints, questions and progress.
        as_json: Whether results are JSON, one object a line.
        live: Where lines go as long as a progress bar is shown on a terminal.
    """

    out: TextIO
    err: TextIO
    as_json: bool = False
    live: "Console | None" = None

    def line(self, text: str) -> None:
        """Print a line for people and pipes; dropped where JSON is wanted."""
        if not self.as_json:
            self._print(self.out, clean(text))

    def record(self, value: dict[str, Any]) -> None:
        """Print a line for machines; dropped unless JSON is wanted."""
        if self.as_json:
            self._print(self.out, json.dumps(value))

    def complain(self, text: str) -> None:
        """Say on standard error what went wrong."""
        self._print(self.err, f"reticulum: {clean(text)}")

    def show(self, what: "RenderableType") -> None:
        """Print a table, or whatever rich can; dropped where JSON is wanted."""
        if self.as_json:
            return
        from rich.console import Console  # noqa: PLC0415  (takes as long as all the rest)

        # A pipe has no width: nothing is cut off there.
        width = None if self.out.isatty() else 200
        console = Console(file=self.out, width=width, highlight=False)
        with console.capture() as capture:
            console.print(what)
        for line in capture.get().splitlines():
            self.out.write(line.rstrip() + "\n")
        self.out.flush()

    def _print(self, stream: TextIO, text: str) -> None:
        if self.live is not None and stream.isatty():
            # Above the bar, which would be torn otherwise.
            self.live.print(text, markup=False, highlight=False, soft_wrap=True)
            return
        stream.write(text + "\n")
        stream.flush()


def clean(text: str) -> str:
    """
    *text* on one line, fit for any terminal.

    What a server or a file name says may hold escape sequences, and bytes that are no text.
    """
    shown = text.encode("utf-8", "surrogateescape").decode("utf-8", "replace")
    return _CONTROL.sub("�", shown)


def bytes_in_words(count: int) -> str:
    """*count* bytes as people say it: 12 B, 3.4 MB."""
    size = float(count)
    for unit in ("B", "kB", "MB", "GB"):
        if size < 999.95:  # noqa: PLR2004  (from there on it would read 1000.0)
            return f"{count} B" if unit == "B" else f"{size:.1f} {unit}"
        size /= 1000
    return f"{size:.1f} TB"


def seconds_in_words(seconds: float) -> str:
    """A time span as people say it: 42 s, 3 min 20 s, 2 h 5 min, 3 d 4 h."""
    whole = int(seconds)
    minutes, hours, days = whole // 60, whole // 3600, whole // 86_400
    if days:
        return f"{days} d {hours % 24} h"
    if hours:
        return f"{hours} h {minutes % 60} min"
    return f"{minutes} min {whole % 60} s" if minutes else f"{whole} s"
