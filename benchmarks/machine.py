"""On what a run was made, and the pinning to two cores that makes runs comparable."""

import datetime as dt
import importlib.metadata
import os
import platform
import subprocess
from pathlib import Path

import environment
import wrk
from results import Unavailable

CORES = 2
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
        "load before": " ".join(f"{load:.2f}" for load in os.getloadavg()),
        "Python": platform.python_version(),
    }
    for package in PACKAGES:
        found[package] = _version(package)
    found["reticulum"] = _commit()
    return found


def tools() -> dict[str, str]:
    """Versions of what the run may have had to install; read after it."""
    home = environment.WORK / "thumbor"
    thumbor = environment.installed_version(home, "thumbor")
    pillow = environment.installed_version(home, "pillow")
    return {"wrk": _wrk(), "thumbor": f"{thumbor} (its Pillow: {pillow})"}


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
