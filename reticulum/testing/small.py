"""The HTTP interface of one node on loopback, over parts in memory."""

import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import attrs
from twisted.internet.defer import maybeDeferred
from twisted.internet.interfaces import IReactorTime

from reticulum.assembly import Door, Verbs, door_to, verbs_alone
from reticulum.imaging.inline import InlineRenderer
from reticulum.interfaces import Originals, Renderer, Renditions
from reticulum.model import HashName
from reticulum.node.stock import NodeStock
from reticulum.node.tasks import Tasks
from reticulum.replication.here import Here
from reticulum.settings.sections import HttpSettings
from reticulum.storage.graveyard_in_memory import GraveyardInMemory
from reticulum.storage.memory import OriginalsInMemory, RenditionsInMemory
from reticulum.web.keys import Keys


@attrs.frozen(kw_only=True)
class SmallNode:
    """
    The HTTP interface of a node on loopback, in this process.

    Args:
        url: Where it is, with no slash at the end.
        verbs: What it does, with its counters.
        door: The way in, with what can be changed about it.
        tasks: What goes on behind the answers.
    """

    url: str
    verbs: Verbs
    door: Door
    tasks: Tasks


def here_on(originals: Originals, renditions: Renditions) -> Here:
    """Put the copies of a node together that is in no grid."""
    stock = NodeStock(tuple)
    return Here(
        originals=originals,
        graveyard=GraveyardInMemory(now=time.time),
        came=stock.came,
        went=stock.went,
        forget=renditions.remove,
    )


@asynccontextmanager
async def small_node(
    reactor: Any,
    folder: Path,
    *,
    renderer: Renderer | None = None,
    originals: Originals | None = None,
    renditions: Renditions | None = None,
    http: HttpSettings | None = None,
    hash_name: HashName = HashName.SHA256,
    clock: IReactorTime | None = None,
) -> AsyncIterator[SmallNode]:
    """
    Run a real HTTP server over parts that are in memory unless others are given.

    Args:
        reactor: To listen with, on a free port of loopback.
        folder: For temporary files; it exists.
        renderer: Makes pictures; in this process if not given.
        originals: Keeps images.
        renditions: Keeps renditions; 10 MB of them if not given.
        http: Limits and keys; `listen` is left out of account.
        hash_name: For new ids.
        clock: For deadlines; the reactor's own if not given.
    """
    http = http or HttpSettings()
    tasks = Tasks()
    renditions = renditions or RenditionsInMemory(folder, max_bytes=10_000_000)
    verbs = verbs_alone(
        here=here_on(originals or OriginalsInMemory(folder, now=time.time), renditions),
        renditions=renditions,
        renderer=renderer or InlineRenderer(),
        tasks=tasks,
        hash_name=hash_name,
        max_output_pixels=50_000_000,
    )
    door = door_to(
        verbs,
        Keys(http.upload_keys),
        http,
        node_name="small",
        status=lambda: {"node": {"id": "small"}},
        unready=lambda: None,
        clock=clock or reactor,
    )
    port = reactor.listenTCP(0, door.site, interface="127.0.0.1")
    try:
        url = f"http://127.0.0.1:{port.getHost().port}"
        yield SmallNode(url=url, verbs=verbs, door=door, tasks=tasks)
    finally:
        await maybeDeferred(port.stopListening)
        door.site.hang_up()
        await door.site.drain()
        await tasks.settle()
