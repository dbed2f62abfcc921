"""`reticulum dht crawl`: progress while it walks, then what a person can act on."""

from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from reticulum.cli.dht_tables import columns, counted, milliseconds, through
from reticulum.cli.node import JsonObject
from reticulum.cli.output import Output
from reticulum.errors import ClientError

if TYPE_CHECKING:
    from rich.status import Status

STALE_SHARE = 0.25
"""From here on it is worth a line that tables hold dead nodes."""


async def show_crawl(events: AsyncIterator[JsonObject], output: Output) -> int:
    """
    Show the progress of a crawl and print its result.

    Returns:
        Exit code: 1 if it did not see the whole grid.

    Raises:
        ClientError: It broke off.
    """
    found: JsonObject | None = None
    with _live(output) as live:
        async for event in events:
            if event.get("event") == "done":
                found = {name: value for name, value in event.items() if name != "event"}
            elif live is not None:
                live.update(_progress(event))
    if found is None:
        raise ClientError("the crawl broke off: the node did not tell how it ended")
    output.record(found)
    if found["nodes"]:
        output.show(_nodes(found["nodes"]))
    for line in summary(found):
        output.line(line)
    return 0 if found["summary"]["ending"] == "complete" else 1


@contextmanager
def _live(output: Output) -> "Iterator[Status | None]":
    """A line on standard error that changes, if it is a terminal."""
    if not output.err.isatty():
        yield None
        return
    from rich.console import Console  # noqa: PLC0415  (slow to import)

    with Console(file=output.err).status("crawling") as status:
        yield status


def _progress(event: JsonObject) -> str:
    return (
        f"{event.get('answered')} nodes answered, {event.get('silent')} silent, "
        f"{event.get('waiting')} still to hear from"
    )


def _nodes(nodes: list[JsonObject]) -> Any:
    rows = [
        (
            node["id"],
            node["address"] or _through(node),
            node["role"],
            node["zone"] or "-",
            node["software"] or "-",
            milliseconds(node["rtt_s"]),
            "-" if node["contacts"] is None else node["contacts"],
            _percent(node["stale_share"]),
        )
        for node in nodes
    ]
    names = ("node", "address", "role", "zone", "software", "rtt", "knows", "of them stale")
    return columns(names, rows)


def _through(node: JsonObject) -> str:
    return through(node["relays"][0]) if node["relays"] else "-"


def summary(found: JsonObject) -> list[str]:
    """What was found, a fact a line; below it what should be seen to."""
    told = found["summary"]
    lines = [
        "",
        f"nodes      {told['nodes']} alive ({counted(told['roles'])}), {told['silent']} silent",
        f"size       about {told['size_estimate']} nodes",
        f"relayed    {told['relayed']} of them are reached through relays",
        f"versions   {counted(told['versions'])}",
        f"zones      {counted(told['zones'])}",
        f"tables     {_percent(told['stale_share'])} of what they name is dead",
        f"crawl      {told['questions']} questions to {told['asked']} contacts: {told['ending']}",
    ]
    return lines + [f"! {line}" for line in _worries(found)]


def _worries(found: JsonObject) -> Iterator[str]:
    told = found["summary"]
    for twin in found["twins"]:
        yield (
            f"two nodes run with the key of {twin['id']}, at {' and '.join(twin['addresses'])}: "
            "stop one, remove its node.key, start it again"
        )
    for clock in found["wrong_clocks"]:
        who = f"{clock['id']} at {clock['address']}" if clock["id"] else clock["address"]
        heard = "" if clock["id"] else "; it is not heard at all"
        yield f"the clock of {who} is off by {clock['off_s']:+.1f} s: set it right{heard}"
    for liar in told["liars"]:
        yield f"{liar} names nearly nobody but dead nodes: it is cut off, outdated, or lies"
    if told["stale_share"] is not None and told["stale_share"] >= STALE_SHARE:
        yield "much of what tables name is dead: many nodes left, or a network is parted in two"
    if len(told["versions"]) > 1:
        yield "not all nodes run the same version"
    clients = told["roles"].get("client", 0) - told["relayed"]
    if clients > 0:
        yield (
            f"{clients} nodes are clients: nobody could dial them back, and no relay has them; "
            "see their firewalls"
        )
    if told["ending"] != "complete":
        yield f"the crawl ended early ({told['ending']}): there are more nodes than are told here"


def _percent(share: float | None) -> str:
    return "-" if share is None else f"{100 * share:.0f} %"
