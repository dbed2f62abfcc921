"""What is installed is what was meant to be, and twistd finds it after every kind of install."""

import importlib.util
import os
import re
import shutil
import subprocess
import sys
import sysconfig
import zipfile
from email.parser import Parser
from pathlib import Path

import pytest

import reticulum

ROOT = Path(__file__).resolve().parents[2]
SOURCES = ["reticulum", "twisted", "setup.cfg", "pyproject.toml", "README.md", "LICENSE"]
TIMEOUT_S = 120


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the sources, so that no build leaves anything in the checkout."""
    copy = tmp_path_factory.mktemp("source")
    for name in SOURCES:
        original = ROOT / name
        if original.is_dir():
            ignored = shutil.ignore_patterns("__pycache__", "*.cache")
            shutil.copytree(original, copy / name, ignore=ignored)
        elif original.exists():
            shutil.copy(original, copy)
    return copy


@pytest.fixture(scope="module")
def wheel(source: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel of the sources."""
    folder = tmp_path_factory.mktemp("wheel")
    places = [f"--wheel-dir={folder}", str(source)]
    _pip("wheel", "--no-deps", *_isolation(), *places, cwd=folder)
    (built,) = folder.glob("*.whl")
    return built


def _isolation() -> list[str]:
    """Build with the setuptools that is here, if there is one: no network is needed then."""
    return ["--no-build-isolation"] if importlib.util.find_spec("setuptools") else []


def _pip(*arguments: str, cwd: Path) -> None:
    _run([sys.executable, "-m", "pip", "--disable-pip-version-check", "-q", *arguments], cwd)


def _run(command: list[str], cwd: Path) -> str:
    """What a command prints, far from the checkout, which pip and Python would find else."""
    clean = {name: v for name, v in os.environ.items() if not name.startswith("PYTHON")}
    told = subprocess.run(
        command,
        cwd=cwd,
        env=clean,
        capture_output=True,
        text=True,
        check=False,
        timeout=TIMEOUT_S,
    )
    assert 0 == told.returncode, told.stderr
    return told.stdout.strip()


def _fresh(folder: Path) -> Path:
    """
    A virtual environment with this one's packages, but not with its reticulum.

    The dependencies are reused through a .pth file; were this environment's own reticulum an
    installed one, its name would come from there too, so it is taken out by a link farm.

    Returns:
        The environment's python.
    """
    subprocess.run(
        [sys.executable, "-m", "venv", "--without-pip", str(folder)], check=True, timeout=TIMEOUT_S
    )
    python = folder / "bin" / "python"
    own = Path(_asked(python, "import sysconfig; print(sysconfig.get_path('purelib'))"))
    farm = folder / "dependencies"
    farm.mkdir()
    for path in {Path(sysconfig.get_path(kind)) for kind in ("purelib", "platlib")}:
        for entry in path.iterdir():
            is_ours = re.match(r"(__editable__.*|_*)?reticulum", entry.name)
            if not is_ours and entry.suffix != ".pth" and entry.name != "twisted":
                (farm / entry.name).symlink_to(entry)
    # twisted/plugins is where an install puts our plugin, so it must not be a link
    theirs = Path(_found("twisted"))
    (farm / "twisted" / "plugins").mkdir(parents=True)
    for place in (theirs, theirs / "plugins"):
        for entry in place.iterdir():
            target = farm / "twisted" / entry.relative_to(theirs)
            if entry.name not in {"plugins", "reticulum_plugin.py", "__pycache__", "dropin.cache"}:
                target.symlink_to(entry)
    (own / "dependencies.pth").write_text(f"{farm}\n")
    return python


def _found(package: str) -> str:
    spec = importlib.util.find_spec(package)
    assert spec is not None
    assert spec.origin is not None
    return str(Path(spec.origin).parent)


def _asked(python: Path, program: str) -> str:
    """What a program prints in an environment."""
    return _run([str(python), "-c", program], python.parent)


def _install(python: Path, *arguments: str) -> None:
    _pip(
        "--python",
        str(python),
        "install",
        "--no-deps",
        *_isolation(),
        *arguments,
        cwd=python.parent,
    )


_PLUGINS = """
from twisted.application.service import IServiceMaker
from twisted.plugin import getPlugins
print(sum(plugin.tapname == "reticulum" for plugin in getPlugins(IServiceMaker)))
"""
_WHERE = "import reticulum; print(reticulum.__file__)"
_HELP = """
import sys
sys.argv = ["twistd", "--help"]
from twisted.scripts.twistd import run
run()
"""


@pytest.mark.parametrize("how", ["plain", "wheel", "editable"])
def test_plugin_is_found_once(how: str, source: Path, wheel: Path, tmp_path: Path) -> None:
    """`twistd reticulum` is there after each install that the README speaks of, and only once."""
    python = _fresh(tmp_path / "venv")
    assert "0" == _asked(python, _PLUGINS)
    arguments = {
        "plain": [str(source)],
        "wheel": [str(wheel)],
        "editable": ["-e", str(source), "--config-settings=editable_mode=compat"],
    }[how]
    _install(python, *arguments)
    assert "1" == _asked(python, _PLUGINS)
    where = Path(_asked(python, _WHERE))
    assert where.is_relative_to(source if how == "editable" else tmp_path)
    assert re.search(r"^\s+reticulum\s+\w", _asked(python, _HELP), re.MULTILINE)
    assert (tmp_path / "venv" / "bin" / "reticulum").exists()


def test_default_editable_install_hides_the_plugin(source: Path, tmp_path: Path) -> None:
    """
    Plain `pip install -e .` is why the README asks for editable_mode=compat.

    Its import hook finds reticulum, but twistd looks for plugins in folders on the path. When
    this test fails, setuptools has learned it, and the README can forget about it.
    """
    python = _fresh(tmp_path / "venv")
    _install(python, "-e", str(source))
    assert source / "reticulum" == Path(_asked(python, _WHERE)).parent
    assert "0" == _asked(python, _PLUGINS)


def test_wheel_holds_just_what_is_ours(source: Path, wheel: Path) -> None:
    """Every module, the plugin, py.typed and metadata; no tests, and nothing of Twisted's."""
    with zipfile.ZipFile(wheel) as archive:
        names = {name for name in archive.namelist() if ".dist-info/" not in name}
    modules = {str(path.relative_to(source)) for path in (source / "reticulum").rglob("*.py")}
    expected = {*modules, "reticulum/py.typed", "twisted/plugins/reticulum_plugin.py"}
    assert expected == names


def test_version_is_told_once(wheel: Path) -> None:
    """`reticulum.__version__` is the version in the metadata, and the wheel is pure Python."""
    assert f"reticulum-{reticulum.__version__}-py3-none-any.whl" == wheel.name
    with zipfile.ZipFile(wheel) as archive:
        (name,) = (name for name in archive.namelist() if name.endswith(".dist-info/METADATA"))
        metadata = Parser().parsestr(archive.read(name).decode())
        (scripts,) = (n for n in archive.namelist() if n.endswith("entry_points.txt"))
        assert "reticulum = reticulum.cli.main:main" in archive.read(scripts).decode()
    assert ("reticulum", reticulum.__version__) == (metadata["Name"], metadata["Version"])
    assert ">=3.11" == metadata["Requires-Python"]
