"""The verbs on their stores, and a way in to them by HTTP."""

from collections.abc import Awaitable, Callable
from typing import Any

import attrs
from twisted.internet.interfaces import IReactorTime

from reticulum.imaging.geometry import check_result, result_size
from reticulum.imaging.pipeline import PIPELINE
from reticulum.interfaces import Copying, Originals, Pictures, Renderer, Renditions
from reticulum.model import Format, HashName, ImageId, Original, Spec, Write
from reticulum.node.flight import SingleFlight
from reticulum.node.prerender import Prerender
from reticulum.node.retrieve import Retrieve
from reticulum.node.tasks import Tasks
from reticulum.node.upload import Upload
from reticulum.replication.copying import LoneCopying
from reticulum.replication.here import Here
from reticulum.settings.sections import HttpSettings
from reticulum.web.intake import Intake
from reticulum.web.keys import Keys
from reticulum.web.public import Public
from reticulum.web.site import NodeSite, Routes


@attrs.frozen(kw_only=True)
class Verbs:
    """
    What a node does for those who come in by HTTP.

    Args:
        retrieve: Finds and makes what this node holds.
        pictures: What people are answered from: this node, or the whole grid.
        facts: Likewise.
    """

    upload: Upload
    retrieve: Retrieve
    pictures: Pictures
    facts: Callable[[ImageId], Awaitable[Original]]
    delete: Callable[[ImageId], Awaitable[None]]
    prerender: Prerender
    originals: Originals


def retrieve_on(
    *,
    originals: Originals,
    renditions: Renditions,
    renderer: Renderer,
    tasks: Tasks,
    max_output_pixels: int,
) -> Retrieve:
    """Wire what finds and makes pictures of the images here."""
    return Retrieve(
        originals=originals,
        renditions=renditions,
        renderer=renderer,
        flight=SingleFlight(tasks),
        check_size=_size_check(max_output_pixels),
        pipeline=PIPELINE,
    )


def verbs_on(
    *,
    here: Here,
    copying: Copying,
    renderer: Renderer,
    tasks: Tasks,
    hash_name: HashName,
    retrieve: Retrieve,
    pictures: Pictures,
    facts: Callable[[ImageId], Awaitable[Original]],
    write: Write = Write.QUORUM,
    is_strict: bool = False,
) -> Verbs:
    """Wire the verbs to what they work on."""
    return Verbs(
        upload=Upload(
            here=here,
            copying=copying,
            renderer=renderer,
            tasks=tasks,
            hash_name=hash_name,
            write=write,
            is_strict=is_strict,
        ),
        retrieve=retrieve,
        pictures=pictures,
        facts=facts,
        delete=copying.delete,
        prerender=Prerender(pictures=pictures, tasks=tasks),
        originals=here.originals,
    )


def verbs_alone(
    *,
    here: Here,
    renditions: Renditions,
    renderer: Renderer,
    tasks: Tasks,
    hash_name: HashName,
    max_output_pixels: int,
) -> Verbs:
    """Wire the verbs of a node that is in no grid."""
    retrieve = retrieve_on(
        originals=here.originals,
        renditions=renditions,
        renderer=renderer,
        tasks=tasks,
        max_output_pixels=max_output_pixels,
    )
    return verbs_on(
        here=here,
        copying=LoneCopying(here=here),
        renderer=renderer,
        tasks=tasks,
        hash_name=hash_name,
        retrieve=retrieve,
        pictures=retrieve,
        facts=here.originals.find,
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
    around: Callable[[Public], Routes] = lambda public: public,
) -> Door:
    """
    Wire the verbs to a site.

    Args:
        verbs: What can be done.
        keys: Asked for.
        http: Limits.
        node_name: For old clients.
        status: The node in JSON.
        unready: Why it can't serve now.
        clock: For deadlines.
        around: Puts more routes around those for people.
    """
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
        retrieve=verbs.pictures,
        facts=verbs.facts,
        delete=verbs.delete,
        prerender=verbs.prerender,
        originals=verbs.originals,
        keys=keys,
        status=status,
        unready=unready,
    )
    site = NodeSite(
        public=around(public),
        intake=intake,
        clock=clock,
        idle_timeout_s=http.idle_timeout_s,
        max_connections=http.max_connections,
    )
    return Door(keys, intake, site)


def _size_check(max_pixels: int) -> Callable[[Original, Spec, Format], None]:
    def check(original: Original, spec: Spec, output: Format) -> None:
        check_result(result_size(original.facts.size, spec), output, max_pixels)

    return check
