"""What a run needs from outside: Python and Debian packages, wrk, thumbor; all below `work/`."""

import configparser
import importlib.util
import os
import shutil
import subprocess
import sys
import venv
from pathlib import Path

from results import Unavailable

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent
WORK = HERE / "work"

NEEDED = ("PIL", "attrs", "klein", "twisted", "ampoule", "python_multipart")
DOWNLOAD_S = 900  # the longest that one download or installation may take


def ensure_packages() -> None:
    """Start again in a virtual environment with what `setup.cfg` asks for, unless all is here."""
    missing = [name for name in NEEDED if importlib.util.find_spec(name) is None]
    if not missing:
        return
    home = WORK / "venv"
    if Path(sys.prefix).resolve() == home.resolve():
        raise SystemExit(f"{home} lacks {', '.join(missing)}: delete it and run again")
    print(f"this Python lacks {', '.join(missing)}: using {home}")
    try:
        _install(home, _requirements())
    except Unavailable as error:
        raise SystemExit(str(error)) from None
    python = home / "bin" / "python"
    os.execv(python, [str(python), *sys.argv])  # noqa: S606  (no shell is wanted)


def wrk() -> list[str]:
    """
    Command that starts wrk: the installed one, or Debian's unpacked.

    Raises:
        Unavailable: Neither could be had.
    """
    if found := shutil.which("wrk"):
        return [found]
    tree = unpacked("wrk", "libluajit-5.1-2", "libluajit-5.1-common")
    libraries = sorted({str(path.parent) for path in tree.rglob("libluajit*.so*")})
    return ["env", f"LD_LIBRARY_PATH={':'.join(libraries)}", str(tree / "usr/bin/wrk")]


def thumbor() -> Path:
    """
    The `thumbor` program, installed in a virtual environment of its own.

    Raises:
        Unavailable: The installation failed.
    """
    home = WORK / "thumbor"
    _install(home, ["thumbor"])
    return home / "bin" / "thumbor"


def installed_version(home: Path, package: str) -> str:
    """Version of a package in the virtual environment *home*, or why it is not known."""
    code = f"import importlib.metadata as m; print(m.version({package!r}))"
    try:
        return _output([str(home / "bin" / "python"), "-c", code]).strip()
    except Unavailable:
        return "not installed"


def unpacked(*packages: str) -> Path:
    """
    A folder with the files of Debian packages; nothing is installed.

    Raises:
        Unavailable: apt-get or dpkg failed, or is not on this system.
    """
    tree = WORK / "debian" / "+".join(packages)
    if (tree / "complete").exists():
        return tree
    print(f"downloading {', '.join(packages)} ...")
    tree.mkdir(parents=True, exist_ok=True)
    _output(["apt-get", "download", *packages], cwd=tree)
    for archive in sorted(tree.glob("*.deb")):
        _output(["dpkg", "-x", str(archive), str(tree)])
        archive.unlink()
    (tree / "complete").touch()
    return tree


def _requirements() -> list[str]:
    setup = configparser.ConfigParser()
    setup.read(ROOT / "setup.cfg", encoding="utf-8")
    lines = setup["options"]["install_requires"].splitlines()
    return [line for line in lines if line and not line.startswith("#")]


def _install(home: Path, packages: list[str]) -> None:
    """A virtual environment with *packages*, made anew when they are others than last time."""
    complete = home / "complete"
    if complete.exists() and complete.read_text("utf-8").splitlines() == packages:
        return
    print(f"installing {', '.join(packages)} ...")
    venv.create(home, with_pip=True, clear=True)
    pip = [str(home / "bin" / "python"), "-m", "pip", "--disable-pip-version-check"]
    _output([*pip, "install", "--quiet", *packages])
    complete.write_text("\n".join(packages), "utf-8")


def _output(command: list[str], cwd: Path | None = None) -> str:
    try:
        done = subprocess.run(
            command, cwd=cwd, capture_output=True, text=True, timeout=DOWNLOAD_S, check=False
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise Unavailable(f"{' '.join(command)}: {error}") from None
    if done.returncode:
        raise Unavailable(f"{' '.join(command)}: {done.stderr.strip()[-500:]}")
    return done.stdout
