"""The child process of a pool: decodes and encodes, bounded, and dies with its node."""

import ctypes
import json
import os
import resource
import signal
import sys
from pathlib import Path
from typing import Any, Final

from ampoule.child import AMPChild
from twisted.internet import reactor, stdio

from reticulum.imaging.commands import Inspect, Render
from reticulum.imaging.inspect import inspect
from reticulum.imaging.limits import Limits
from reticulum.imaging.render import render
from reticulum.imaging.spec import parse
from reticulum.model import Format

_FROM_POOL: Final = 3
_TO_POOL: Final = 4
_BEGUN: Final = 5
_NICE: Final = 10
_PR_SET_PDEATHSIG: Final = 1


class Worker(AMPChild):  # type: ignore[misc]
    """
    Answers one command after the other, blocking.

    Args:
        limits: Of every picture.
    """

    def __init__(self, limits: Limits) -> None:
        super().__init__()
        self._limits = limits

    @Inspect.responder
    def inspect(self, source: bytes) -> dict[str, Any]:
        """Look into a file."""
        os.write(_BEGUN, b".")
        facts = inspect(Path(os.fsdecode(source)), self._limits)
        return {
            "format": facts.format.value,
            "width": facts.size.width,
            "height": facts.size.height,
            "frames": facts.frames,
        }

    @Render.responder
    def render(self, source: bytes, spec: str, output: str, target: bytes) -> dict[str, Any]:
        """Make a rendition."""
        os.write(_BEGUN, b".")
        render(
            Path(os.fsdecode(source)),
            parse(spec),
            Format(output),
            Path(os.fsdecode(target)),
            self._limits,
        )
        return {}


def main(parent: int, limits: Limits) -> None:
    """
    Serve the pool in process *parent* until it goes away.

    Signals for the whole terminal or service are the node's to obey: it drains first, and
    then ends its workers itself.
    """
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    _die_with(parent)
    os.nice(_NICE)  # what is in the cache stays fast while renditions are made
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_FSIZE, (limits.output_bytes, limits.output_bytes))
    resource.setrlimit(resource.RLIMIT_AS, (limits.memory_bytes, limits.memory_bytes))
    stdio.StandardIO(Worker(limits), _FROM_POOL, _TO_POOL)  # type: ignore[call-arg]
    reactor.run(installSignalHandlers=False)  # type: ignore[call-arg]


def _die_with(parent: int) -> None:
    """Let the kernel kill this process when the node dies, even in the middle of a decode."""
    if sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    if os.getppid() != parent:
        os._exit(1)


if __name__ == "__main__":
    main(int(sys.argv[1]), Limits(**json.loads(sys.argv[2])))
