"""`reticulum demo`, whole: real nodes, a kill, copies made anew, and nothing left behind."""

import fcntl
import json
import os
import pty
import select
import signal
import struct
import subprocess
import sys
import termios
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import attrs
import processes
import pytest
from processes import children_of, is_alive, until

COMMAND = [sys.executable, "-m", "reticulum.cli.main", "demo", "--nodes", "4", "--images", "6"]
HEALED_S = 90.0
SCREEN = struct.pack("HHHH", 24, 80, 0, 0)


def family(pid: int) -> list[int]:
    """A process's children and theirs."""
    found = children_of(pid)
    return found + [grandchild for child in found for grandchild in family(child)]


def must_be_gone(pids: list[int]) -> None:
    """The workers of a killed node take a moment."""
    assert pids
    until(lambda: not any(map(is_alive, pids)), "every process is gone")


def test_a_script_heals_a_killed_node(tmp_path: Path) -> None:
    """Without a terminal: upload, kill, all copies again, every byte as it was, one JSON a line."""
    ran = subprocess.run(
        [*COMMAND, "--json", "--seconds", str(HEALED_S), "--dir", str(tmp_path / "demo")],
        env=processes.surroundings(),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=4 * HEALED_S,
        check=False,
    )
    events = [json.loads(line) for line in ran.stdout.splitlines()]
    told = [event["event"] for event in events]

    assert (0, "") == (ran.returncode, ran.stderr), ran.stdout
    assert 6 == told.count("uploaded")
    expected = ["started", "up", "killed", "healed", "checked", "revived", "done"]
    assert expected == [kind for kind in told if kind in expected]
    assert (True, 6, 6, 0) == tuple(events[-1][k] for k in ("ok", "images", "intact", "short"))
    assert 0 < events[-1]["healed_s"] <= HEALED_S
    assert not (tmp_path / "demo").exists()


def test_what_does_not_heal_in_time_fails(tmp_path: Path) -> None:
    """Exit code 1, with the reason; and nothing is left."""
    ran = subprocess.run(
        [*COMMAND, "--json", "--dir", str(tmp_path), "--script", "upload, heal, kill, heal 1"],
        env=processes.surroundings(),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=4 * HEALED_S,
        check=False,
    )
    last = json.loads(ran.stdout.splitlines()[-1])

    assert (1, "done", False) == (ran.returncode, last["event"], last["ok"]), ran.stdout
    assert "not within 1 s: every image has its copies" in last["reason"]
    assert [] == list(tmp_path.iterdir())


@attrs.define
class OnTerminal:
    """A demo on a terminal of 80 columns and 24 lines."""

    process: "subprocess.Popen[bytes]"
    outer: int
    shown: str = ""

    def wait_for(self, text: str, within_s: float = processes.PATIENCE_S) -> None:
        """Read until *text* is drawn; what was drawn before it is forgotten."""
        end = time.monotonic() + within_s
        while text not in self.shown:
            assert self.process.poll() is None, self.shown
            assert time.monotonic() < end, f"not within {within_s} s: {text}\n{self.shown[-4000:]}"
            if select.select([self.outer], [], [], 0.2)[0]:
                self.shown += os.read(self.outer, 65_536).decode(errors="replace")
        self.shown = self.shown.partition(text)[2]

    def press(self, key: str) -> None:
        os.write(self.outer, key.encode())

    def end(self) -> int:
        """The exit code; what it still draws is thrown away, or it would wait for a reader."""
        end = time.monotonic() + processes.PATIENCE_S
        while self.process.poll() is None:
            assert time.monotonic() < end, "it does not end"
            if select.select([self.outer], [], [], 0.1)[0]:
                os.read(self.outer, 65_536)
        return self.process.returncode


@contextmanager
def on_terminal(*arguments: str) -> Iterator[tuple[OnTerminal, int]]:
    outer, inner = pty.openpty()
    fcntl.ioctl(inner, termios.TIOCSWINSZ, SCREEN)
    process = subprocess.Popen(
        [*COMMAND, *arguments],
        env=processes.surroundings({"TERM": "xterm"}),
        stdin=inner,
        stdout=inner,
        stderr=inner,
    )
    try:
        yield OnTerminal(process, outer), inner
    finally:
        # SIGTERM, so that even a failed test leaves no node behind.
        process.terminate()
        try:
            process.wait(processes.PATIENCE_S)
        finally:
            process.kill()
            os.close(inner)
            os.close(outer)


def modes(descriptor: int) -> list[Any]:
    return termios.tcgetattr(descriptor)


def test_keys_on_a_terminal(tmp_path: Path) -> None:
    """`k` kills a node, the screen shows how its copies come back, `q` ends all of it."""
    with on_terminal("--dir", str(tmp_path)) as (demo, inner):
        demo.wait_for("6 images x 3 copies: all safe", HEALED_S)
        assert not modes(inner)[3] & termios.ICANON
        page = (tmp_path / "pictures.html").read_text()
        assert "<h1>" in page
        everybody = family(demo.process.pid)
        demo.press("k")
        demo.wait_for("killed; ")
        demo.wait_for("healing…")
        demo.wait_for("again after", HEALED_S)
        demo.press("q")

        assert 0 == demo.end()
        must_be_gone(everybody)
        assert modes(inner)[3] & termios.ICANON
        assert modes(inner)[3] & termios.ECHO
    assert [] == list(tmp_path.iterdir())


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGKILL])
def test_no_signal_leaves_a_node_behind(tmp_path: Path, number: signal.Signals) -> None:
    """Ctrl-C, SIGTERM and SIGHUP stop everything; and not even SIGKILL leaves a process."""
    with on_terminal("--dir", str(tmp_path)) as (demo, inner):
        demo.wait_for("starting")
        nodes = until(lambda: len(children_of(demo.process.pid)) == 4, "four nodes")
        assert nodes
        everybody = family(demo.process.pid)
        demo.process.send_signal(number)
        code = demo.end()

        must_be_gone(everybody)
        if number != signal.SIGKILL:
            assert 130 == code
            assert modes(inner)[3] & termios.ICANON
            assert [] == list(tmp_path.iterdir())
