"""A crawl for the operator: over all servers first, then to the nodes behind relays."""

from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing

import attrs
from twisted.internet.interfaces import IReactorTime

from reticulum.model import Contact
from reticulum.overlay.crawl import Crawl, CrawlLimits, Question, Told
from reticulum.overlay.crawl_relayed import Answer, RelayedCrawl
from reticulum.overlay.crawl_report import JsonObject, progress, report
from reticulum.overlay.crawl_run import CrawlRun
from reticulum.overlay.trace import State
from reticulum.overlay.views import OverlayStatus
from reticulum.overlay.watched import Watched

LEAST_S = 5.0
"""For the nodes behind relays, however long the walk to the servers took."""


async def crawl_events(
    node: Watched,
    own: Callable[[OverlayStatus, int], JsonObject | None],
    *,
    clock: IReactorTime,
    limits: CrawlLimits | None,
) -> AsyncGenerator[JsonObject, None]:
    """
    Walk over all nodes.

    Args:
        node: To look from.
        own: Makes of its status, and of how many nodes it knows, what is told of it itself; None
            if it is not to be told of.
        clock: For the pace and the deadline.
        limits: If not the usual ones.

    Yields:
        As `DhtConsole.crawl`.
    """

    async def ask(question: Question) -> Told:
        return await node.ask(question.contact, question.target)

    async def ask_behind(contact: Contact) -> Answer:
        if contact.via is None:
            return await node.ask_for_relayed(contact)
        return await node.describe(contact, search=False)

    start = [view.contact for bucket in node.table_view() for view in bucket.contacts]
    crawl = Crawl(node.node_id, start, limits)
    run = CrawlRun(crawl, ask, clock)
    async with aclosing(run.steps()) as steps:
        async for _ in steps:
            yield progress(crawl, None, run.took_s)
    left_s = max(crawl.limits.deadline_s - run.took_s, LEAST_S)
    servers = [one.contact for one in crawl.walked() if one.state is State.ANSWERED]
    behind = RelayedCrawl(node.node_id, servers, attrs.evolve(crawl.limits, deadline_s=left_s))
    run_behind = CrawlRun(behind, ask_behind, clock)
    async with aclosing(run_behind.steps()) as steps:
        async for _ in steps:
            yield progress(crawl, behind, run.took_s)
    ending = "complete"
    if run.out_of_time or run_behind.out_of_time:
        ending = "out of time"
    elif crawl.cut_short or behind.cut_short:
        ending = "too many"
    status = node.status()
    found = report(
        crawl,
        behind,
        own=own(status, len(start)),
        ending=ending,
        took_s=run.took_s,
        wrong_clocks=status.wrong_clocks,
        twins=status.twins,
    )
    yield {"event": "done", **found}
