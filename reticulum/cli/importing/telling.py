"""What an import says: a line of JSON for each file, the first few troubles, a report, a sum."""

import json
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TextIO

import attrs

from reticulum.cli.importing.found import Kind, Outcome
from reticulum.cli.output import Output, bytes_in_words
from reticulum.errors import ClientError

# Of each kind of trouble, so many are named; the report names all.
NAMED = 5

_TROUBLES = {Outcome.NOT_IMAGE, Outcome.LINK, Outcome.DAMAGED, Outcome.FAILED}
_WORDS = {
    Outcome.IMPORTED: "imported",
    Outcome.THERE: "already there",
    Outcome.BEFORE: "done before",
    Outcome.NOT_IMAGE: "not images",
    Outcome.LINK: "links, not followed",
    Outcome.BESIDE: "sizes and other files beside the originals, left out",
    Outcome.DAMAGED: "damaged, or beyond the node's limits",
    Outcome.FAILED: "failed",
}


@attrs.define
class Telling:
    """
    Counts what becomes of files, and tells it.

    Args:
        output: Gets the first troubles, and with --json a line for each file.
        report: Gets a line of JSON for every trouble, or None.
        is_dry: Whether "imported" means "would be imported".
    """

    _output: Output
    _report: TextIO | None = None
    _is_dry: bool = False
    _counts: Counter[Outcome] = attrs.field(factory=Counter)
    _imported_bytes: int = 0

    @property
    def is_clean(self) -> bool:
        """Whether no file is damaged and none has failed."""
        return not self._counts[Outcome.DAMAGED] and not self._counts[Outcome.FAILED]

    @property
    def is_empty(self) -> bool:
        """Whether there was no image at all."""
        images = {Outcome.IMPORTED, Outcome.THERE, Outcome.BEFORE, Outcome.DAMAGED, Outcome.FAILED}
        return not any(self._counts[outcome] for outcome in images)

    def taken(self, path: Path, outcome: Outcome, image_id: str, length: int) -> None:
        """A file is on the node, or would be."""
        self._counts[outcome] += 1
        if outcome is Outcome.IMPORTED:
            self._imported_bytes += length
        self._output.record({"path": str(path), "outcome": outcome, "id": image_id})

    def left(self, path: Path, outcome: Outcome, reason: str) -> None:
        """
        A file is not on the node, for *reason*.

        Raises:
            ClientError: The report can't be written.
        """
        self._counts[outcome] += 1
        if outcome not in _TROUBLES:
            return
        record = {"path": str(path), "outcome": outcome, "error": reason}
        self._output.record(record)
        if self._report is not None:
            try:
                self._report.write(json.dumps(record) + "\n")
            except OSError as error:
                raise ClientError(f"can't write the report: {error.strerror}") from None
        if self._counts[outcome] <= NAMED:
            self._output.complain(f"{path}: {reason}")
        elif self._counts[outcome] == NAMED + 1:
            where = "all are in the report" if self._report else "--report FILE names all"
            self._output.complain(f"more are {_WORDS[outcome]}; {where}")

    def sum(self, kind: Kind, *, is_whole: bool) -> None:
        """
        Say how many became what.

        Args:
            kind: Of the folder.
            is_whole: Whether every file was met.
        """
        counts = {outcome.value: self._counts[outcome] for outcome in Outcome}
        numbers = {**counts, "imported_bytes": self._imported_bytes}
        state = {"from": kind, "complete": is_whole, "dry_run": self._is_dry}
        self._output.record({"summary": {**state, **numbers}})
        for outcome, words in _WORDS.items():
            count = self._counts[outcome]
            if outcome is Outcome.IMPORTED:
                would = "would be " if self._is_dry else ""
                size = bytes_in_words(self._imported_bytes)
                self._output.line(f"{count} {would}{words} ({size})")
            elif count:
                self._output.line(f"{count} {words}")


@contextmanager
def report_file(path: Path | None) -> Iterator[TextIO | None]:
    """
    The report at *path*, empty at first; None for no path.

    Raises:
        ClientError: It can't be written.
    """
    if path is None:
        yield None
        return
    try:
        # By lines: it can be read while the import goes on, and is there if that is interrupted.
        file = path.open("w", encoding="utf-8", buffering=1)
    except OSError as error:
        raise ClientError(f"can't write the report {path}: {error.strerror}") from None
    with file:
        yield file
