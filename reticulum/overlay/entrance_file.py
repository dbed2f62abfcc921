"""Where an invite said to knock, kept for the restarts of a node that was given it once."""

from collections.abc import Iterable
from pathlib import Path

from reticulum.errors import BadSettings
from reticulum.overlay.entrance import Entrance

ENTRANCES_NAME = "grid.entrances"


def read_entrances(data: Path) -> tuple[Entrance, ...]:
    """
    The entrances kept in *data*; none if none were.

    Raises:
        BadSettings: The file can't be read.
    """
    path = data / ENTRANCES_NAME
    try:
        return tuple(Entrance.parse(line) for line in path.read_text(encoding="utf-8").split())
    except FileNotFoundError:
        return ()
    except (OSError, ValueError) as error:
        raise BadSettings(f"can't read {path}: {error}; remove it to do without") from None


def keep_entrances(data: Path, entrances: Iterable[Entrance]) -> None:
    """
    Keep *entrances* instead of what was kept.

    Raises:
        BadSettings: The file can't be written.
    """
    draft = data / f"{ENTRANCES_NAME}.new"
    try:
        draft.write_text("".join(f"{entrance}\n" for entrance in entrances), encoding="utf-8")
        draft.replace(data / ENTRANCES_NAME)
    except OSError as error:
        raise BadSettings(f"can't write {draft}: {error.strerror}") from None
