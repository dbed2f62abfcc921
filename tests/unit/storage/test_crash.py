"""SIGKILL at each line of the storage code, in a real process."""

import os
import subprocess
import sys
from pathlib import Path

import reticulum

DRIVER = Path(__file__).with_name("crash_driver.py")
ROOT = Path(reticulum.__file__).parents[1]


def test_killed_at_any_line(tmp_path: Path) -> None:
    """Wherever it dies: what was acknowledged is there, whole; what was not leaves no debris."""
    done = subprocess.run(
        [sys.executable, str(DRIVER), str(tmp_path)],
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
    )

    assert "" == done.stderr
    assert 300 < int(done.stdout)
