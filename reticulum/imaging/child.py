"""One worker process as the pool sees it: started, given one job at a time, killed."""

import json
import os
import signal
import sys
from pathlib import Path
from typing import Any, Final

import attrs
from ampoule.commands import Echo
from ampoule.main import AMPConnector
from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.error import (
    ConnectionLost,
    ProcessDone,
    ProcessExitedAlready,
    ProcessTerminated,
)
from twisted.internet.interfaces import IReactorProcess, IReactorTime
from twisted.logger import Logger
from twisted.protocols import amp
from twisted.python.failure import Failure

import reticulum
from reticulum.errors import DamagedImage, OutOfTime
from reticulum.imaging.limits import Limits

BEGUN_FD: Final = 5
"""Where a worker writes one byte when it begins a job: only then is its death the job's fault."""

_FDS: Final = {0: "w", 1: "r", 2: "r", 3: "w", 4: "r", BEGUN_FD: "r"}  # 3 and 4 are ampoule's
_LONGEST_WORD: Final = 2_000
_KEPT_BYTES: Final = 32 << 20  # the most that glibc takes for the first of the two
_GONE: Final = (ProcessTerminated, ProcessDone, ConnectionLost, amp.UnknownRemoteError)


class NotBegunError(Exception):
    """The process was dead before it began the job: any other process may do it."""


class Child:
    """
    One process, started at once; at most one job at a time.

    ampoule's own `ProcessPool` is not used: it takes timers from the global reactor, hands jobs
    to processes that are dead already, and asks dead ones politely to stop.

    Args:
        process_reactor: Starts the process.
        clock: Of the deadlines.
        limits: Of every job.
    """

    def __init__(
        self, *, process_reactor: IReactorProcess, clock: IReactorTime, limits: Limits
    ) -> None:
        self._clock = clock
        self._limits = limits
        self._amp = _NodeSide()  # type: ignore[no-untyped-call]
        self._pipes = _Pipes(self._amp)
        self._is_out_of_time = False
        self._is_doomed = False
        self.was_ready = False
        self.jobs = 0
        self.ended: Deferred[None] = self._pipes.finished
        """Fires, never with an error, when the process is gone and its pipes are closed."""
        arguments = [
            sys.executable,
            "-P",  # not the folder the node happens to run in
            "-m",
            "reticulum.imaging.worker",
            str(os.getpid()),
            json.dumps(attrs.asdict(limits)),
        ]
        self._process = process_reactor.spawnProcess(
            self._pipes, sys.executable, arguments, _environment(), childFDs=_FDS
        )

    @property
    def pid(self) -> int | None:
        """Of the process, or None when it is gone."""
        pid: int | None = self._process.pid
        return pid

    @property
    def is_alive(self) -> bool:
        """Whether it can have another job: asked of the kernel, since news by pipe come late."""
        if self.pid is None or self._is_doomed:
            return False
        flags = os.WEXITED | os.WNOHANG | os.WNOWAIT
        try:
            return os.waitid(os.P_PID, self.pid, flags) is None
        except ChildProcessError:
            return False

    async def ready(self) -> None:
        """
        Wait until it takes jobs.

        Raises:
            DamagedImage: It ended instead.
        """
        # ampoule's own Ping cannot answer on Python 3
        await self._ask(Echo, data=b"")
        self.was_ready = True

    async def do(self, command: type[amp.Command], **arguments: object) -> dict[str, Any]:
        """
        Have one job done; whatever goes wrong with it, the process may be dead afterwards.

        Cancelling kills the process, so that nothing is written any more.

        Raises:
            OutOfTime: The deadline passed; the process is killed.
            DamagedImage: The process died over it.
            NotBegunError: The process was dead before.
            ReticulumError: As the command says.
        """
        self.jobs += 1
        deadline = self._clock.callLater(self._limits.deadline_s, self._expire)
        try:
            return await self._ask(command, **arguments)
        except CancelledError:
            self.kill()
            raise
        finally:
            if deadline.active():
                deadline.cancel()

    def kill(self) -> None:
        """End it now, whatever it does; also when it is stopped, and when it is dead already."""
        self._is_doomed = True
        try:
            self._process.signalProcess(signal.SIGKILL)
        except ProcessExitedAlready:
            return

    async def _ask(self, command: type[amp.Command], **arguments: object) -> dict[str, Any]:
        try:
            answer: dict[str, Any] = await self._amp.callRemote(  # type: ignore[no-untyped-call]
                command, **arguments
            )
        except _GONE as error:
            self.kill()  # after an unknown error AMP has hung up, and the process is of no use
            if self._is_out_of_time:
                text = f"the image was not done within {self._limits.deadline_s:g} s"
                raise OutOfTime(text) from error
            if self._pipes.begun < self.jobs:
                raise NotBegunError from error
            raise DamagedImage("the decoder broke down over this image") from error
        return answer

    def _expire(self) -> None:
        self._is_out_of_time = True
        self.kill()


class _NodeSide(amp.AMP):
    """The node's end: asks, and obeys nothing, because what talks here may have been taken over."""

    def locateResponder(self, _name: bytes) -> None:  # noqa: N802 -- Twisted's
        """Know no command."""


class _Pipes(AMPConnector):  # type: ignore[misc]
    """ampoule's pipes, but an end is an end and no error, and a worker's chatter is bounded."""

    _log = Logger()
    begun = 0

    def childDataReceived(self, child_fd: int, data: bytes) -> None:  # noqa: N802 -- Twisted's
        if child_fd == BEGUN_FD:
            self.begun += len(data)
        else:
            super().childDataReceived(child_fd, data)

    def errReceived(self, data: bytes) -> None:  # noqa: N802 -- Twisted's
        self._log.warn("worker says: {text}", text=data[:_LONGEST_WORD].decode("ascii", "replace"))

    def processEnded(self, status: Failure) -> None:  # noqa: N802 -- Twisted's
        self.amp.connectionLost(status)
        self.finished.callback(None)


def _environment() -> dict[str, str]:
    """Nothing of the node's own, which may hold secrets."""
    here = str(Path(reticulum.__file__).resolve().parents[1])
    roots = [here, *(str(Path(entry).resolve()) for entry in sys.path if entry)]
    return {
        "PYTHONPATH": os.pathsep.join(dict.fromkeys(roots)),
        "LC_ALL": "C.UTF-8",
        "OMP_NUM_THREADS": "1",
        "MALLOC_ARENA_MAX": "1",
        # Pixels come and go in megabytes: glibc would map each buffer anew, and a tenth of the
        # time went into the kernel clearing the pages. It keeps up to so much instead.
        "MALLOC_MMAP_THRESHOLD_": str(_KEPT_BYTES),
        "MALLOC_TRIM_THRESHOLD_": str(_KEPT_BYTES),
    }
