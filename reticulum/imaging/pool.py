"""Renders off the reactor: a fixed number of killable workers behind a bounded queue."""

import os
from collections import deque
from pathlib import Path
from typing import Any, Final

import attrs
from twisted.internet.defer import CancelledError, Deferred, DeferredList
from twisted.internet.interfaces import IDelayedCall, IReactorProcess, IReactorTime
from twisted.logger import Logger
from twisted.protocols import amp

from reticulum.errors import Busy, DamagedImage, ReticulumError, StartError
from reticulum.imaging.child import Child, NotBegunError
from reticulum.imaging.commands import Inspect, Render
from reticulum.imaging.limits import Limits
from reticulum.imaging.spec import canonical
from reticulum.model import Facts, Format, Size, Spec

_RECYCLE_AFTER: Final = 1_000
_FIRST_PAUSE_S: Final = 0.25
_LONGEST_PAUSE_S: Final = 30.0


@attrs.frozen(kw_only=True)
class PoolStatus:
    """
    A pool at one moment.

    Args:
        queued: Jobs that wait for a worker.
        running: Jobs that a worker has.
        workers: Workers that take jobs, busy or not.
        rendered: Jobs done, inspections too, since the start.
        failed: Jobs that ended with an error.
        killed: Workers that died or were killed over a job.
    """

    queued: int
    running: int
    workers: int
    rendered: int
    failed: int
    killed: int


class Pool:
    """
    A `Renderer` in processes of its own.

    A worker that crashes, eats too much memory or passes the deadline costs the one job it
    has; another is started in its place at once.

    Args:
        process_reactor: Starts the workers.
        clock: Of deadlines and pauses; the same reactor, but for tests.
        workers: How many jobs run at one time, at least 1.
        queue: How many more may wait.
        limits: Of every job.
        recycle_after: Jobs after which a worker is replaced, so that no leak grows for ever.
    """

    def __init__(
        self,
        *,
        process_reactor: IReactorProcess,
        clock: IReactorTime,
        workers: int,
        queue: int,
        limits: Limits,
        recycle_after: int = _RECYCLE_AFTER,
    ) -> None:
        self._process_reactor = process_reactor
        self._clock = clock
        self._wanted = workers
        self._places = queue
        self._limits = limits
        self._recycle_after = recycle_after
        self._log = Logger()
        self._is_running = False
        self._children: set[Child] = set()
        self._idle: deque[Child] = deque()
        self._busy: set[Child] = set()
        self._waiting: deque[Deferred[Child]] = deque()
        self._pause_s = _FIRST_PAUSE_S
        self._pauses: list[IDelayedCall] = []
        self._average_s = 0.0
        self._rendered = self._failed = self._killed = 0

    async def start(self) -> None:
        """
        Start the workers and wait until they take jobs.

        Raises:
            StartError: Not one of them could be started.
        """
        self._is_running = True
        await DeferredList([self._begin_child() for _ in range(self._wanted)])
        if not self._idle:
            await self.stop()
            raise StartError("no worker for images could be started: the log says why")

    async def stop(self) -> None:
        """End every worker and wait until the last is gone; jobs that are not done get `Busy`."""
        self._is_running = False
        for pause in self._pauses:
            pause.cancel()
        self._pauses.clear()
        self._turn_away("the node is stopping")
        children = list(self._children)
        for child in children:
            child.kill()
        await DeferredList([child.ended for child in children])

    async def inspect(self, source: Path) -> Facts:
        """As `Renderer.inspect`."""
        answer = await self._run(Inspect, source=os.fsencode(source))
        size = Size(answer["width"], answer["height"])
        return Facts(format=Format(answer["format"]), size=size, frames=answer["frames"])

    async def render(self, source: Path, spec: Spec, output: Format, target: Path) -> None:
        """As `Renderer.render`."""
        await self._run(
            Render,
            source=os.fsencode(source),
            spec=canonical(spec, output),
            output=output.value,
            target=os.fsencode(target),
        )

    def status(self) -> PoolStatus:
        """How busy the pool is, and what it has done since it was made."""
        return PoolStatus(
            queued=len(self._waiting),
            running=len(self._busy),
            workers=len(self._busy) + len(self._idle),
            rendered=self._rendered,
            failed=self._failed,
            killed=self._killed,
        )

    async def _run(self, command: type[amp.Command], **arguments: object) -> dict[str, Any]:
        while True:
            child = await self._take()
            try:
                return await self._run_on(child, command, **arguments)
            except NotBegunError:
                continue

    async def _run_on(
        self, child: Child, command: type[amp.Command], **arguments: object
    ) -> dict[str, Any]:
        self._busy.add(child)
        begun_s = self._clock.seconds()
        try:
            answer = await child.do(command, **arguments)
        except (ReticulumError, OSError, CancelledError) as error:
            self._failed += 1
            if not self._is_running and isinstance(error, DamagedImage):
                raise Busy("the node is stopping") from error
            self._killed += not child.is_alive
            raise
        finally:
            self._busy.discard(child)
            self._average_s += (self._clock.seconds() - begun_s - self._average_s) / 8
            self._give_back(child)
        self._rendered += 1
        return answer

    async def _take(self) -> Child:
        """A worker of one's own; the way back is `_give_back`."""
        if not self._is_running:
            raise Busy("the node is not rendering images now")
        while self._idle:
            child = self._idle.popleft()
            if child.is_alive:
                return child
        if len(self._busy) + len(self._waiting) >= self._wanted + self._places:
            wait_s = self._average_s * (1 + len(self._waiting)) / self._wanted
            raise Busy("too many images are being made", retry_after_s=max(1, round(wait_s)))
        place: Deferred[Child] = Deferred(self._waiting.remove)
        self._waiting.append(place)
        return await place

    def _give_back(self, child: Child) -> None:
        if child.jobs >= self._recycle_after:
            child.kill()
        if not child.is_alive:
            return  # its end is told soon, and begins the next
        if self._waiting:
            self._waiting.popleft().callback(child)
        else:
            self._idle.append(child)

    def _begin_child(self) -> Deferred[None]:
        """Start one more worker; fires when it takes jobs, or cannot."""
        child = Child(process_reactor=self._process_reactor, clock=self._clock, limits=self._limits)
        self._children.add(child)
        child.ended.addCallback(self._bury, child)
        return Deferred.fromCoroutine(self._welcome(child))

    async def _welcome(self, child: Child) -> None:
        try:
            await child.ready()
        except DamagedImage:
            return  # `_bury` sees to it
        self._pause_s = _FIRST_PAUSE_S
        self._give_back(child)

    def _bury(self, _: None, child: Child) -> None:
        """Begin the next worker: at once, or after a pause if this one never came to work."""
        self._children.discard(child)
        if child in self._idle:
            self._idle.remove(child)
        if not self._is_running:
            return
        if child.was_ready:
            self._begin_child()
            return
        self._log.error(
            "an image worker ended before it could work; the next try is in {pause_s} s",
            pause_s=self._pause_s,
        )
        if not self._busy and not self._idle:
            self._turn_away("no worker for images can be started")
        pause = self._clock.callLater(self._pause_s, self._begin_late)
        self._pauses.append(pause)
        self._pause_s = min(2 * self._pause_s, _LONGEST_PAUSE_S)

    def _begin_late(self) -> None:
        self._pauses = [pause for pause in self._pauses if pause.active()]
        self._begin_child()

    def _turn_away(self, reason: str) -> None:
        """Fail everyone who waits."""
        while self._waiting:
            self._waiting.popleft().errback(Busy(reason))
