"""A whole node; read it as a wiring diagram."""

import atexit
import os
import sys
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import attrs
from twisted.application.service import IService
from twisted.logger import Logger

from reticulum.aio import Threads
from reticulum.assembly.grid import grid_of
from reticulum.assembly.http import door_to, retrieve_on, verbs_on
from reticulum.assembly.live import InForce, Live
from reticulum.assembly.open_files import allow_open_files
from reticulum.assembly.stores import Stores
from reticulum.errors import BadSettings, StartError
from reticulum.imaging.limits import Limits
from reticulum.imaging.pipeline import PIPELINE
from reticulum.imaging.pool import Pool
from reticulum.interfaces import Part
from reticulum.model import ImageId
from reticulum.node.lifecycle import NodeService
from reticulum.node.readiness import Readiness
from reticulum.node.status import Status
from reticulum.node.stock import NodeStock
from reticulum.node.tasks import Tasks
from reticulum.overlay.identity import Identity
from reticulum.replication.here import Here
from reticulum.settings import Settings, refuse_unsafe
from reticulum.settings.names import CONTROL_NAME
from reticulum.settings.reload import Reload
from reticulum.storage.disk import Disk
from reticulum.storage.lock import DataLock
from reticulum.storage.originals import OriginalsOnDisk
from reticulum.storage.renditions import RenditionsOnDisk
from reticulum.web.control import Control
from reticulum.web.control_keeping import ControlKeeping
from reticulum.web.keys import Keys
from reticulum.web.listening import ControlListener, PublicListener

_log = Logger()
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
    allow_open_files(settings)
    data = data_directory(settings)
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
    stores = Stores.on(data, settings.replication, reactor, threads)
    originals = OriginalsOnDisk(
        data,
        inspect=pool.inspect,
        now=time.time,
        in_thread=threads,
        is_doubtful=stores.doubt.is_doubtful,
    )
    renditions = RenditionsOnDisk(
        data,
        max_bytes=settings.cache.max_bytes,
        stamp=PIPELINE,
        now=time.time,
        in_thread=cache_threads,
    )

    in_force = InForce(settings)
    stock = NodeStock(originals.walk)
    here = Here(
        originals=originals,
        graveyard=stores.graveyard,
        came=stock.came,
        went=stock.went,
        forget=lambda image_id: grid.reading.forget(image_id),  # noqa: PLW0108  (comes later)
        believe=lambda image_id: stores.doubt.clear([image_id]),
    )
    retrieve = retrieve_on(
        originals=originals,
        renditions=renditions,
        renderer=pool,
        tasks=tasks,
        max_output_pixels=settings.imaging.max_output_pixels,
    )
    readiness = Readiness()
    grid = grid_of(
        data=data,
        settings=settings,
        live=lambda: in_force.settings,
        identity=identity,
        reactor=reactor,
        in_thread=threads,
        stock=stock,
        retrieve=retrieve,
        here=here,
        stores=stores,
        size=lambda: originals.stock.originals,
        walk=originals.walk,
        renditions=renditions,
        tasks=tasks,
        unready=readiness.reason,
    )

    def damaged(image_id: ImageId) -> None:
        stock.went(image_id)
        grid.replication.damaged(image_id)

    originals.damaged = damaged
    verbs = verbs_on(
        here=here,
        copying=grid.replication.copying,
        renderer=pool,
        tasks=tasks,
        hash_name=settings.storage.hash,
        retrieve=retrieve,
        pictures=grid.reading.pictures,
        facts=grid.reading.facts,
        write=settings.replication.write,
        is_strict=settings.replication.strict,
    )
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
            "grid": grid.status,
            "replication": grid.replication.status,
            "reach": grid.reach,
        },
    )

    door = partial(
        door_to,
        verbs,
        http=settings.http,
        node_name=identity.node_id,
        status=status,
        unready=readiness.reason,
        clock=reactor,
    )
    people = door(Keys(settings.http.upload_keys))
    operator = door(
        Keys(),
        around=lambda public: ControlKeeping(
            inner=Control(public=public, console=grid.console, grid=grid.follow, nat=grid.nat),
            console=grid.keeping,
        ),
    )
    live = Live(in_force, (people, operator), people.keys, renditions, tasks, verbs.upload)
    parts: list[Part] = [
        Disk(
            lock=lock,
            threads=threads,
            cache_threads=cache_threads,
            originals=originals,
            renditions=renditions,
            prepare=stores.prepare,
            in_background=tasks.start,
            settle=tasks.settle,
        ),
        pool,
        *grid.parts,
        ControlListener(reactor=reactor, site=operator.site, path=data / CONTROL_NAME),
        PublicListener(
            reactor=reactor,
            site=people.site,
            endpoint=settings.http.listen,
            drain_s=lambda: in_force.settings.http.drain_s,
        ),
        readiness,
    ]
    return NodeService(
        parts=parts,
        reactor=reactor,
        reload=_both(Reload(settings, read, live.apply), grid.follow),
        give_up=lambda: _give_up(reactor),
    )


def _both(reload: Callable[[], None], follow: Callable[[], object]) -> Callable[[], None]:
    """What SIGHUP does: settings first, then the grid's secrets; neither ends the node."""

    def hup() -> None:
        reload()
        try:
            follow()
        except StartError as error:
            _log.error("grid.secrets_kept reason={reason}", reason=str(error))

    return hup


def data_directory(settings: Settings) -> Path:
    """
    The data directory, made if it is not there.

    Raises:
        BadSettings: It can't be made.
    """
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


def _give_up(reactor: Any) -> None:
    """Stop, and make the process end with a failure: twistd's own exit code is always 0."""

    def leave() -> None:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(1)

    # Runs when twistd has stopped every service and removed its pid file.
    atexit.register(leave)
    reactor.callLater(0, reactor.stop)
