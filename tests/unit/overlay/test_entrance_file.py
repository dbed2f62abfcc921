"""Where an invite said to knock."""

from pathlib import Path

import pytest

from reticulum.errors import BadSettings
from reticulum.overlay.entrance import Entrance
from reticulum.overlay.entrance_file import ENTRANCES_NAME, keep_entrances, read_entrances

SOME = (Entrance("192.0.2.1", 4160), Entrance("node.example", 1), Entrance("2001:db8::1", 65_535))


def test_kept_over_a_restart(tmp_path: Path) -> None:
    """What was kept last is read; nothing else is left beside it."""
    keep_entrances(tmp_path, SOME[:1])
    keep_entrances(tmp_path, SOME)

    assert read_entrances(tmp_path) == SOME
    assert [ENTRANCES_NAME] == [path.name for path in tmp_path.iterdir()]


def test_none_kept(tmp_path: Path) -> None:
    """A node that was never invited knows of no entrance."""
    assert read_entrances(tmp_path) == ()


def test_nonsense_is_told(tmp_path: Path) -> None:
    """The error names the file and what to do."""
    (tmp_path / ENTRANCES_NAME).write_text("no entrance at all\n")

    with pytest.raises(BadSettings, match="remove it"):
        read_entrances(tmp_path)
