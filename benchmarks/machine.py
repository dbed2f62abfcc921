"""On what a run was made, and the pinning to two cores that makes runs comparable."""

import datetime as dt
import importlib.metadata
import os
import platform
import subprocess
import time
from pathlib import Path

import environment
import wrk
from results import Unavailable

CORES = 2
BUSY_S = 3
PACKAGES = ("Twisted", "klein", "pillow", "ampoule", "attrs")


def pin() -> None:
    """Keep this process and all it starts, wrk among them, on two cores."""
    os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:CORES])


def facts() -> dict[str, str]:
    """What a reader must know to compare, by its name in the report; read before the run."""
    found = {
        "date": dt.datetime.now(dt.UTC).strftime("%Y-%m-%d %H:%M UTC"),
        "processor": _processor(),
        "cores": f"{len(os.sched_getaffinity(0))} used of {os.cpu_count()}",
        "memory": f"{os.sysconf('SC_PAGE_SIZE') * os.sysconf('SC_PHYS_PAGES') / 1e9:.1f} GB",
        "system": f"{_system()}, Linux {platform.release()}",
        "busy before": busy(),
        "Python": platform.python_version(),
    }
    for package in PACKAGES:
        found[package] = _version(package)
    found["reticulum"] = _commit()
    return found


def tools() -> dict[str, str]:
    """Versions of what the run may have had to install, and the load; read after it."""
    home = environment.WORK / "thumbor"
    thumbor = environment.installed_version(home, "thumbor")
    pillow = environment.installed_version(home, "pillow")
    return {"busy after": busy(), "wrk": _wrk(), "thumbor": f"{thumbor} (its Pillow: {pillow})"}


def busy() -> str:
    """How much of the processor others use while we do nothing."""
    before = _ticks()
    time.sleep(BUSY_S)
    idle, total = (now - then for now, then in zip(_ticks(), before, strict=True))
    return f"{100 * (1 - idle / total):.0f} % of all cores, by others"


def _ticks() -> tuple[int, int]:
    """Ticks without work, and all ticks, since the machine started; see proc(5)."""
    line = Path("/proc/stat").read_text(encoding="utf-8").splitlines()[0]
    ticks = [int(word) for word in line.split()[1:9]]
    return ticks[3] + ticks[4], sum(ticks)


def _processor() -> str:
    for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.machine()


def _system() -> str:
    return platform.freedesktop_os_release().get("PRETTY_NAME", "Linux")


def _version(package: str) -> str:
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return "not installed"


def _commit() -> str:
    command = ["git", "-C", str(environment.ROOT), "describe", "--always", "--dirty"]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=30)
    return done.stdout.strip() or "no commit"


def _wrk() -> str:
    try:
        command = [*wrk.command(), "--version"]
    except Unavailable as error:
        return f"missing: {error}"
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=30)
    return " ".join((done.stdout + done.stderr).split()[1:2])
