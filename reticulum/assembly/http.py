"""The verbs on their stores, and a way in to them by HTTP."""

from collections.abc import Callable
from typing import Any

import attrs
from twisted.internet.interfaces import IReactorTime

from reticulum.imaging.geometry import check_result, result_size
from reticulum.imaging.pipeline import PIPELINE
from reticulum.interfaces import Originals, Renderer, Renditions
from reticulum.model import Format, HashName, Original, Spec
from reticulum.node.delete import Delete
from reticulum.node.flight import SingleFlight
from reticulum.node.prerender import Prerender
from reticulum.node.retrieve import Retrieve
from reticulum.node.tasks import Tasks
from reticulum.node.upload import Upload
from reticulum.settings.sections import HttpSettings
from reticulum.web.intake import Intake
from reticulum.web.keys import Keys
from reticulum.web.public import Public
from reticulum.web.site import NodeSite


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


def _size_check(max_pixels: int) -> Callable[[Original, Spec, Format], None]:
    def check(original: Original, spec: Spec, output: Format) -> None:
        check_result(result_size(original.facts.size, spec), output, max_pixels)

    return check
