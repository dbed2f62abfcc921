"""What of a folder is on a node already, so that an interrupted import can go on."""

import hashlib
import os
import sqlite3
from collections.abc import Mapping
from pathlib import Path

from reticulum.cli.importing.found import Found
from reticulum.errors import ClientError

_TABLES = """
CREATE TABLE IF NOT EXISTS about (text TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS done (
    path BLOB PRIMARY KEY, length INTEGER NOT NULL, mtime_ns INTEGER NOT NULL, id TEXT NOT NULL
) WITHOUT ROWID;
"""


def default_place(environment: Mapping[str, str], about: str) -> Path:
    """
    Where the journal of an import lies if nobody says otherwise.

    Args:
        environment: `XDG_STATE_HOME` and `HOME` are read.
        about: Which import; another text, another file.
    """
    state = environment.get("XDG_STATE_HOME", "")
    home = Path(state) if state.startswith("/") else Path.home() / ".local" / "state"
    name = hashlib.sha256(os.fsencode(about)).hexdigest()[:16]
    return home / "reticulum" / "imports" / f"{name}.journal"


class Journal:
    """
    The files that a node has taken, on disk: asked and told with flat memory.

    A file that was changed since is not among them. Its methods raise `ClientError` when the disk
    does not take it any more.

    Args:
        path: Of the journal; made if it is not there.
        top: Paths are kept relative to it, so the folder may be moved.
        about: Which import it is of.

    Raises:
        ClientError: It can't be used, is in use, or is of another import.
    """

    def __init__(self, path: Path, top: Path, about: str) -> None:
        self._top = top
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._file = sqlite3.connect(path, isolation_level=None, timeout=1)
        except OSError as error:
            raise ClientError(f"can't write the journal {path}: {error.strerror}") from None
        except sqlite3.Error as error:
            raise ClientError(f"can't write the journal {path}: {error}") from None
        try:
            self._open(path, about)
        except sqlite3.Error as error:
            self._file.close()
            if "locked" in str(error):
                raise ClientError(f"another import is writing the journal {path}") from None
            raise ClientError(f"can't use {path} as a journal: {error}") from None
        except ClientError:
            self._file.close()
            raise

    def has(self, found: Found) -> str | None:
        """The id under which *found*, as it is now, was taken; None if it was not."""
        row = self._run(
            "SELECT id FROM done WHERE path = ? AND length = ? AND mtime_ns = ?",
            (self._name(found), found.length, found.mtime_ns),
        ).fetchone()
        return None if row is None else str(row[0])

    def add(self, found: Found, image_id: str) -> None:
        """Note that *found* was taken; survives this process from here on."""
        self._run(
            "INSERT OR REPLACE INTO done VALUES (?, ?, ?, ?)",
            (self._name(found), found.length, found.mtime_ns, image_id),
        )

    def close(self) -> None:
        """Let another import have it."""
        self._file.close()

    def _open(self, path: Path, about: str) -> None:
        # One import at a time; and each line on its own, without a sync for every one of them.
        for order in ("locking_mode = EXCLUSIVE", "journal_mode = WAL", "synchronous = NORMAL"):
            self._file.execute(f"PRAGMA {order}")
        self._file.executescript(_TABLES)
        row = self._file.execute("SELECT text FROM about").fetchone()
        if row is None:
            self._file.execute("INSERT INTO about VALUES (?)", (os.fsencode(about),))
        elif row[0] != os.fsencode(about):
            raise ClientError(
                f"the journal {path} is of another import: of another folder, or to another node"
            )

    def _run(self, order: str, values: tuple[bytes | int | str, ...]) -> sqlite3.Cursor:
        try:
            return self._file.execute(order, values)
        except sqlite3.Error as error:
            raise ClientError(f"can't use the journal any more: {error}") from None

    def _name(self, found: Found) -> bytes:
        return os.fsencode(found.path.relative_to(self._top))
