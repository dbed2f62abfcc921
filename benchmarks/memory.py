"""Resident memory of a process and of its descendants, as /proc tells it."""

import contextlib
import dataclasses
import threading
from collections.abc import Iterator
from pathlib import Path

MB = 1e6
SAMPLES_A_SECOND = 50
RESET_PEAK = "5"  # written to clear_refs, see proc(5)


def resident(pid: int) -> float:
    """VmRSS in MB."""
    return _kib(Path(f"/proc/{pid}/status"), "VmRSS:") * 1024 / MB


def proportional(pid: int) -> float:
    """PSS in MB: pages shared with other processes count in part."""
    return _kib(Path(f"/proc/{pid}/smaps_rollup"), "Pss:") * 1024 / MB


def descendants(pid: int) -> list[int]:
    """Ids of all processes below *pid*."""
    children: dict[int, list[int]] = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            with contextlib.suppress(OSError):
                fields = (entry / "stat").read_text().rpartition(")")[2].split()
                children.setdefault(int(fields[1]), []).append(int(entry.name))
    found, waiting = [], [pid]
    while waiting:
        below = children.get(waiting.pop(), [])
        found += below
        waiting += below
    return sorted(found)


@dataclasses.dataclass(frozen=True)
class Footprint:
    """Memory of a node and its workers at one moment, in MB."""

    node: float
    workers: float
    proportional: float  # node and workers together

    @classmethod
    def of(cls, pid: int) -> "Footprint":
        """Measured now."""
        below = descendants(pid)
        return cls(
            resident(pid),
            sum(resident(one) for one in below),
            sum(proportional(one) for one in [pid, *below]),
        )


@contextlib.contextmanager
def watching_peak(pid: int) -> Iterator[dict[str, float]]:
    """
    Find the highest resident memory while the block runs.

    Afterwards the yielded dict holds `peak` in MB: the kernel's own mark if it lets us reset
    it, else the highest of 50 samples a second.
    """
    outcome = {"peak": resident(pid)}
    status = Path(f"/proc/{pid}/status")
    exact = True
    try:
        Path(f"/proc/{pid}/clear_refs").write_text(RESET_PEAK)
    except OSError:
        exact = False
    ended = threading.Event()

    def sample() -> None:
        while not ended.wait(1 / SAMPLES_A_SECOND):
            outcome["peak"] = max(outcome["peak"], resident(pid))

    sampler = threading.Thread(target=sample, daemon=True)
    sampler.start()
    try:
        yield outcome
    finally:
        ended.set()
        sampler.join()
        if exact:
            outcome["peak"] = max(outcome["peak"], _kib(status, "VmHWM:") * 1024 / MB)


def _kib(path: Path, key: str) -> int:
    for line in path.read_text().splitlines():
        if line.startswith(key):
            return int(line.split()[1])
    return 0
