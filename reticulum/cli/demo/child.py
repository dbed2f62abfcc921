"""One `twistd` process of the demo: started, killed and stopped, by its process id alone."""

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

import attrs

import reticulum
from reticulum.cli.demo.counting import COPIES
from reticulum.cli.demo.places import LOOPBACK, Place
from reticulum.errors import ClientError

GRACE_S = 10
"""A silent node counts for so long; then its images are copied elsewhere."""

_SETTINGS = {
    "RETICULUM_REPLICATION_COPIES": COPIES,
    "RETICULUM_REPLICATION_GRACE_S": GRACE_S,
    "RETICULUM_REPLICATION_CENSUS_S": 15,
    # A demo is small: healing fast matters more than a core, and a full disk should not end it.
    "RETICULUM_REPLICATION_UPKEEP_SHARE": 0.5,
    "RETICULUM_REPLICATION_RESERVE_BYTES": 10_000_000,
    "RETICULUM_CACHE_MAX_BYTES": 100_000_000,
    "RETICULUM_IMAGING_WORKERS": 1,
    "RETICULUM_HTTP_DRAIN_S": 1,
}
_STOP_S = 6.0
_CHECK_S = 60.0


def find_twistd() -> Path:
    """
    The `twistd` that belongs to this Python, tried.

    Raises:
        ClientError: There is none, or it does not run.
    """
    beside = Path(sys.executable).with_name("twistd")
    found = str(beside) if beside.exists() else shutil.which("twistd")
    if found is None:
        raise ClientError("can't find twistd, which comes with Twisted: is Reticulum installed?")
    try:
        tried = subprocess.run(  # noqa: S603  (the very program that is wanted)
            [found, "--version"],
            env=_environment(),
            capture_output=True,
            text=True,
            timeout=_CHECK_S,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise ClientError(f"can't run {found}: {error}") from None
    if tried.returncode:
        last = (tried.stderr.strip().splitlines() or ["it says nothing"])[-1]
        raise ClientError(f"can't run {found}: {last}")
    return Path(found).absolute()


@attrs.define
class Child:
    """
    A node's process.

    Args:
        place: Where it lives.
    """

    place: Place
    _process: "subprocess.Popen[bytes]"

    @classmethod
    def start(cls, place: Place, twistd: Path) -> "Child":
        """
        Start the node.

        Raises:
            ClientError: It can't be started.
        """
        arguments = [
            # -P: not what lies in the data directory.
            *(sys.executable, "-P", "-m", "reticulum.cli.demo.bound", str(os.getpid())),
            *(str(twistd), "-n", "--pidfile=", "reticulum", f"--data={place.data}"),
            f"--http=tcp:{place.http_port}:interface={LOOPBACK}",
            *(f"--peer={LOOPBACK}:{place.peer_port}", f"--zone={place.zone}"),
        ]
        try:
            with place.log.open("ab") as log:
                process = subprocess.Popen(  # noqa: S603  (all of it is made here)
                    arguments,
                    cwd=place.data,
                    env=_environment(),
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=subprocess.STDOUT,
                    # Ctrl-C on the terminal is for the demo, which stops its nodes itself.
                    start_new_session=True,
                )
        except OSError as error:
            raise ClientError(f"can't start node {place.number}: {error.strerror}") from None
        return cls(place, process)

    @property
    def pid(self) -> int:
        """Of the process."""
        return self._process.pid

    @property
    def exit_code(self) -> int | None:
        """How it ended; None as long as it runs."""
        return self._process.poll()

    def kill(self) -> None:
        """End it as a power cut would."""
        self._process.kill()
        self._process.wait()

    def last_words(self) -> str:
        """The last line that it wrote."""
        with suppress(OSError, IndexError):
            return self.place.log.read_text(errors="replace").strip().splitlines()[-1]
        return "its log is empty"

    def ask_to_stop(self) -> None:
        """Send SIGTERM, if it runs."""
        self._process.send_signal(signal.SIGTERM)

    def must_end(self, within_s: float) -> None:
        """Wait for its end, and kill it when time is up."""
        try:
            self._process.wait(within_s)
        except subprocess.TimeoutExpired:
            self.kill()


def stop_all(children: Iterable[Child]) -> None:
    """Stop them together: SIGTERM, and SIGKILL to those that are there a few seconds later."""
    stopping = list(children)
    for child in stopping:
        child.ask_to_stop()
    end = time.monotonic() + _STOP_S
    for child in stopping:
        child.must_end(max(0.0, end - time.monotonic()))


def _environment() -> dict[str, str]:
    """That of this process, with the settings of the demo and no others."""
    inherited = {name: v for name, v in os.environ.items() if not name.startswith("RETICULUM_")}
    settings = {name: str(value) for name, value in _SETTINGS.items()}
    # This very Reticulum, also where it is not installed.
    roots = [str(Path(reticulum.__file__).resolve().parents[1]), inherited.get("PYTHONPATH", "")]
    return {**inherited, **settings, "PYTHONPATH": os.pathsep.join(filter(None, roots))}
