"""
The NAT lab of the tests, for benchmarks: namespaces, routers of all kinds, nodes as one grid.

Import this before anything of it.
"""

import contextlib
import sys
from collections.abc import Iterator
from pathlib import Path
from subprocess import SubprocessError

from environment import ROOT
from results import Unavailable

# In front of this folder: there is a `processes` in both, and the lab means its own.
sys.path[:0] = [str(ROOT / "tests"), str(ROOT)]


@contextlib.contextmanager
def needed(*programs: str) -> Iterator[None]:
    """
    What goes on in here needs the lab.

    Args:
        programs: That it needs besides those of the lab.

    Raises:
        Unavailable: It can't be had here, or what was sure to happen in it did not.
    """
    from namespaces import CommandFailed, which, why_no_lab  # noqa: PLC0415  (needs the path)

    missing = why_no_lab() or next((f"no {each}" for each in programs if not which(each)), "")
    if missing:
        raise Unavailable(f"the NAT lab can't be had: {missing}")
    try:
        yield
    except (AssertionError, CommandFailed, SubprocessError) as error:
        raise Unavailable(str(error) or repr(error)) from error


def surprises(folder: Path) -> list[str]:
    """What the nodes whose logs are in *folder* were not prepared for, in words."""
    counts = {log: log.read_text(errors="replace").count("Traceback") for log in _logs(folder)}
    with_some = [count for count in counts.values() if count]
    if not with_some:
        return []
    return [f"{sum(with_some)} tracebacks in the logs of {len(with_some)} of {len(counts)} nodes"]


def _logs(folder: Path) -> Iterator[Path]:
    yield from folder.rglob("log.*")
