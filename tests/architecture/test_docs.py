"""The README and the tutorial: every command in them is run, or known why it is not."""

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import attrs
import processes
import pytest
from PIL import Image

ROOT = Path(__file__).parents[2]
SHIPPED_URL = "http://127.0.0.1:8080"
TIMEOUT_S = 120

# They install, or run for ever or until a key is pressed, or run this very test, or need two nodes.
# The system tests and the continuous integration are where these are tried.
NOT_RUN = {
    "README.md": [
        "python3 -m pip install . && twistd -n reticulum\n",
        "python3 -m pip install tox && python3 -m tox\n",
        "reticulum demo\n",
        """\
INVITE=$(reticulum invite --data reticulum-data)
twistd -n --pidfile= reticulum --data other --http tcp:8081:interface=127.0.0.1 --join "$INVITE"
""",
        """\
reticulum dht crawl --data other
reticulum dht holders $ID --data other
reticulum dht trace $ID --data other
""",
    ],
    "docs/tutorial.md": [
        """\
python3 -m venv .venv && . .venv/bin/activate
python3 -m pip install .
twistd -n reticulum
""",
        ". .venv/bin/activate\nmkdir -p tutorial && cd tutorial\n",
    ],
}

_BLOCK = re.compile(r"^```(?:sh|console)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


@attrs.frozen
class Ran:
    """What is there after the commands of a page were run."""

    output: str
    folder: Path


def blocks(page: str) -> list[str]:
    """Every block of shell commands on a page."""
    return _BLOCK.findall((ROOT / page).read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def node(tmp_path_factory: pytest.TempPathFactory) -> Iterator[processes.Node]:
    with processes.nursery() as nodes:
        started = processes.start(tmp_path_factory.mktemp("docs"))
        nodes.append(started)
        started.wait_ready()
        yield started


def commands(folder: Path) -> Path:
    """A folder with the commands that a reader has on the path once Reticulum is installed."""
    folder.mkdir()
    for name, line in {
        "python3": f'exec "{sys.executable}" "$@"',
        "reticulum": f'exec "{sys.executable}" -m reticulum.cli.main "$@"',
        # A browser that only notes what it was sent to.
        "browser": f'echo "$1" >> "{folder}/opened"',
    }.items():
        (folder / name).write_text(f"#!/bin/sh\n{line}\n")
        (folder / name).chmod(0o755)
    return folder


def run(page: str, node: processes.Node, folder: Path) -> Ran:
    """Run all blocks of a page that are to be run, in one shell, against *node*."""
    script = "".join(block for block in blocks(page) if block not in NOT_RUN[page])
    path = commands(folder / "bin")
    work = folder / "work"
    work.mkdir()
    environment = processes.surroundings(
        {
            "RETICULUM_NODE": node.url,
            "BROWSER": f"{path}/browser %s",
            "PATH": f"{path}{os.pathsep}{os.environ['PATH']}",
        }
    )
    ended = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", script.replace(SHIPPED_URL, node.url)],
        cwd=work,
        env=environment,
        capture_output=True,
        text=True,
        timeout=TIMEOUT_S,
        check=False,
    )
    assert (0, "") == (ended.returncode, ended.stderr), f"{ended.stderr}\n{ended.stdout}"
    return Ran(ended.stdout, folder)


def size_of(path: Path) -> tuple[str | None, tuple[int, int]]:
    with Image.open(path) as image:
        return image.format, image.size


@pytest.mark.skipif(
    not shutil.which("curl") and "NO_SKIPPED_TESTS" not in os.environ,
    reason="curl is not installed",
)
class TestCommands:
    """Where a reader would type them, with a node running."""

    def test_the_readme_works(self, node: processes.Node, tmp_path: Path) -> None:
        """The README's commands leave a thumbnail, and open it in a browser."""
        ran = run("README.md", node, tmp_path)

        assert ("JPEG", (300, 188)) == size_of(ran.folder / "work" / "thumbnail.jpg")
        assert ("WEBP", (300, 188)) == size_of(ran.folder / "work" / "thumbnail.webp")
        opened = (ran.folder / "bin" / "opened").read_text()
        assert re.fullmatch(rf"{node.url}/image/sha256-[0-9a-f]+/300w/thumbnail\.jpg\n", opened)

    def test_the_tutorial_works(self, node: processes.Node, tmp_path: Path) -> None:
        """The tutorial's commands leave what it says: two sizes, a refusal, a page."""
        ran = run("docs/tutorial.md", node, tmp_path)
        work = ran.folder / "work"

        assert ("JPEG", (300, 188)) == size_of(work / "small.jpg")
        assert ("WEBP", (200, 200)) == size_of(work / "square.webp")
        assert ("JPEG", (300, 188)) == size_of(work / "box.jpg")
        assert "a side is 1 to 16384 px" in ran.output
        assert 2 == (work / "page.html").read_text().count("srcset=")
        assert f"file://{work}/page.html\n" == (ran.folder / "bin" / "opened").read_text()


@pytest.mark.parametrize("page", NOT_RUN)
def test_what_is_not_run_is_still_there(page: str) -> None:
    """The list of commands that are not run names none that the page no longer has."""
    assert set() == set(NOT_RUN[page]) - set(blocks(page))


def test_the_readme_says_how_to_start_and_test() -> None:
    """The two lines that a newcomer copies stand in the README as blocks of their own."""
    assert NOT_RUN["README.md"][:2] == blocks("README.md")[:2]
