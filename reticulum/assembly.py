"""The composition root: the one place where concrete classes meet; read it as a wiring diagram."""

import atexit
import os
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import attrs
from twisted.application.service import IService
from twisted.internet.interfaces import IReactorTime

from reticulum.aio import Threads
from reticulum.errors import BadSettings
from reticulum.imaging.geometry import check_result, result_size
from reticulum.imaging.limits import Limits
from reticulum.imaging.pipeline import PIPELINE
from reticulum.imaging.pool import Pool
from reticulum.interfaces import Originals, Part, Renderer, Renditions
from reticulum.model import Format, HashName, Original, Spec
from reticulum.node.delete import Delete
from reticulum.node.flight import SingleFlight
from reticulum.node.lifecycle import NodeService
from reticulum.node.prerender import Prerender
from reticulum.node.readiness import Readiness
from reticulum.node.retrieve import Retrieve
from reticulum.node.status import Status
from reticulum.node.tasks import Tasks
from reticulum.node.upload import Upload
from reticulum.overlay.identity import Identity
from reticulum.settings import Settings, refuse_unsafe
from reticulum.settings.reload import Reload
from reticulum.settings.sections import HttpSettings
from reticulum.storage.disk import Disk
from reticulum.storage.lock import DataLock
from reticulum.storage.originals import OriginalsOnDisk
from reticulum.storage.renditions import RenditionsOnDisk
from reticulum.web.intake import Intake
from reticulum.web.keys import Keys
from reticulum.web.listening import ControlListener, PublicListener
from reticulum.web.public import Public
from reticulum.web.site import NodeSite

CONTROL_NAME = "control.sock"
# fsync waits for the disk, not for a core: more threads than cores, yet bounded.
DISK_THREADS = 8
CACHE_THREADS = 4


def node_service(read: Callable[[], Settings], reactor: Any) -> IService:
    """
    Build a node on the settings that *read* gives, ready to be started.

    Raises:
        StartError: It refuses to start: unsafe settings, data in use, unreadable keys.
    """
    settings = read()
    refuse_unsafe(settings)
    data = _data_directory(settings)
    lock = DataLock(data)
    lock.acquire()
    identity = Identity.create(data)

    threads = Threads(reactor, most=DISK_THREADS, name="originals")
    # Apart, because a walk through a large cache takes seconds.
    cache_threads = Threads(reactor, most=CACHE_THREADS, name="renditions")
    tasks = Tasks()
    pool = Pool(
        process_reactor=reactor,
        clock=reactor,
        workers=settings.imaging.workers or len(os.sched_getaffinity(0)),
        queue=settings.imaging.queue,
        limits=_limits(settings),
    )
    originals = OriginalsOnDisk(data, inspect=pool.inspect, now=time.time, in_thread=threads)
    renditions = RenditionsOnDisk(
        data,
        max_bytes=settings.cache.max_bytes,
        stamp=PIPELINE,
        now=time.time,
        in_thread=cache_threads,
    )

    verbs = verbs_on(
        originals=originals,
        renditions=renditions,
        renderer=pool,
        tasks=tasks,
        hash_name=settings.storage.hash,
        max_output_pixels=settings.imaging.max_output_pixels,
    )
    readiness = Readiness()
    status = Status(
        node_id=identity.node_id,
        zone=settings.node.zone,
        now=reactor.seconds,
        started_at=reactor.seconds(),
        reports={
            "http": lambda: {
                "requests": people.site.answered + operator.site.answered,
                "under_way": people.site.under_way,
                "connections": len(people.site.connections),
            },
            "originals": lambda: {**attrs.asdict(originals.stock), "uploaded": verbs.upload.taken},
            "cache": lambda: attrs.asdict(renditions.status()),
            "imaging": lambda: {**attrs.asdict(pool.status()), "renditions": verbs.retrieve.made},
        },
    )

    def door(keys: Keys) -> Door:
        return door_to(
            verbs,
            keys,
            settings.http,
            node_name=identity.node_id,
            status=status,
            unready=readiness.reason,
            clock=reactor,
        )

    people = door(Keys(settings.http.upload_keys))
    operator = door(Keys())
    live = _Live(settings, (people, operator), people.keys, renditions, tasks)
    parts: list[Part] = [
        Disk(
            lock=lock,
            threads=threads,
            cache_threads=cache_threads,
            originals=originals,
            renditions=renditions,
            in_background=tasks.start,
            settle=tasks.settle,
        ),
        pool,
        ControlListener(reactor=reactor, site=operator.site, path=data / CONTROL_NAME),
        PublicListener(
            reactor=reactor,
            site=people.site,
            endpoint=settings.http.listen,
            drain_s=lambda: live.settings.http.drain_s,
        ),
        readiness,
    ]
    return NodeService(
        parts=parts,
        reactor=reactor,
        reload=Reload(settings, read, live.apply),
        give_up=lambda: _give_up(reactor),
    )


@attrs.frozen(kw_only=True)
class Verbs:
    """What a node does for those who come in by HTTP."""

    upload: Upload
    retrieve: Retrieve
    delete: Delete
    prerender: Prerender
    originals: Originals


def verbs_on(
    *,
    originals: Originals,
    renditions: Renditions,
    renderer: Renderer,
    tasks: Tasks,
    hash_name: HashName,
    max_output_pixels: int,
) -> Verbs:
    """Wire the verbs to their stores and their renderer."""
    retrieve = Retrieve(
        originals=originals,
        renditions=renditions,
        renderer=renderer,
        flight=SingleFlight(tasks),
        check_size=_size_check(max_output_pixels),
        pipeline=PIPELINE,
    )
    return Verbs(
        upload=Upload(originals=originals, renderer=renderer, tasks=tasks, hash_name=hash_name),
        retrieve=retrieve,
        delete=Delete(originals=originals, renditions=renditions),
        prerender=Prerender(retrieve=retrieve, tasks=tasks),
        originals=originals,
    )


@attrs.frozen
class Door:
    """One way in by HTTP, with what can change about it."""

    keys: Keys
    intake: Intake
    site: NodeSite


def door_to(
    verbs: Verbs,
    keys: Keys,
    http: HttpSettings,
    *,
    node_name: str,
    status: Callable[[], dict[str, Any]],
    unready: Callable[[], str | None],
    clock: IReactorTime,
) -> Door:
    """Wire the verbs to a site."""
    intake = Intake(
        upload=verbs.upload,
        keys=keys,
        max_bytes=http.max_upload_bytes,
        max_uploads=http.max_uploads,
        deadline_s=http.upload_deadline_s,
    )
    public = Public(
        node_name=node_name,
        upload=verbs.upload,
        retrieve=verbs.retrieve,
        delete=verbs.delete,
        prerender=verbs.prerender,
        originals=verbs.originals,
        keys=keys,
        status=status,
        unready=unready,
    )
    site = NodeSite(
        public=public,
        intake=intake,
        clock=clock,
        idle_timeout_s=http.idle_timeout_s,
        max_connections=http.max_connections,
    )
    return Door(keys, intake, site)


def _data_directory(settings: Settings) -> Path:
    data = Path(settings.node.data).absolute()
    try:
        # Others may pass through, not look around: a web server in front reads renditions.
        data.mkdir(mode=0o711, parents=True, exist_ok=True)
    except OSError as error:
        raise BadSettings(
            f"can't make the data directory {data}: {error.strerror}; "
            "set another one with --data or data in [node]"
        ) from None
    return data


def _limits(settings: Settings) -> Limits:
    imaging = settings.imaging
    return Limits(
        max_pixels=imaging.max_pixels,
        max_frames=imaging.max_frames,
        max_total_pixels=imaging.max_total_pixels,
        max_output_pixels=imaging.max_output_pixels,
        memory_bytes=imaging.memory_bytes,
        deadline_s=imaging.deadline_s,
    )


def _size_check(max_pixels: int) -> Callable[[Original, Spec, Format], None]:
    def check(original: Original, spec: Spec, output: Format) -> None:
        check_result(result_size(original.facts.size, spec), output, max_pixels)

    return check


def _give_up(reactor: Any) -> None:
    """Stop, and make the process end with a failure: twistd's own exit code is always 0."""

    def leave() -> None:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(1)

    # Runs when twistd has stopped every service and removed its pid file.
    atexit.register(leave)
    reactor.callLater(0, reactor.stop)


@attrs.define
class _Live:
    """The settings that can change in a running node, and where they are in force."""

    settings: Settings
    _doors: tuple[Door, ...]
    _keys: Keys
    _renditions: RenditionsOnDisk
    _tasks: Tasks

    def apply(self, settings: Settings) -> None:
        """Put *settings* into force as far as a running node can."""
        refuse_unsafe(attrs.evolve(self.settings, http=settings.http))
        self._keys.accepted = settings.http.upload_keys
        for door in self._doors:
            door.intake.max_bytes = settings.http.max_upload_bytes
            door.intake.max_uploads = settings.http.max_uploads
            door.intake.deadline_s = settings.http.upload_deadline_s
            door.site.max_connections = settings.http.max_connections
        if settings.cache.max_bytes != self.settings.cache.max_bytes:
            resized = self._renditions.resize(settings.cache.max_bytes)
            self._tasks.start("cache.resize", resized)
        self.settings = settings
