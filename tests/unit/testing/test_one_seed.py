import os
import subprocess
import sys
from pathlib import Path

from unit.testing import one_seed

SEED = 7


def in_a_child(hash_seed: str) -> str:
    """The same in another process, with other hashes of strings and bytes."""
    script = str(Path(__file__).with_name("one_seed.py"))
    child = subprocess.run(
        [sys.executable, script, str(SEED)],
        env={**os.environ, "PYTHONHASHSEED": hash_seed},
        capture_output=True,
        text=True,
        check=True,
        timeout=120,
    )
    return child.stdout


def test_one_seed_is_one_run() -> None:
    """The same seed gives the same datagrams at the same times: here again, and in any process."""
    here = one_seed.life(SEED)

    assert here == one_seed.life(SEED)
    assert here == in_a_child("1")
    assert here == in_a_child("4711")


def test_another_seed_is_another_run() -> None:
    """The hash says something."""
    assert one_seed.life(SEED) != one_seed.life(SEED + 1)
