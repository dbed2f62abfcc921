"""What the DHT says of itself, as tables and trees for people; the answer as it is for machines."""

from collections.abc import Mapping, Sequence
from typing import Any

from reticulum.cli.node import JsonObject
from reticulum.cli.output import Output, bytes_in_words, clean, seconds_in_words

_STATES = {
    "answered": "green",
    "dead": "red",
    "refused": "red",
    "slow": "yellow",
    "waiting": "yellow",
    "heard": "dim",
}


def show_ping(whom: str, told: JsonObject, output: Output) -> int:
    """Print what a ping brought; returns the exit code."""
    output.record(told)
    if not told["answered"]:
        output.complain(f"{whom}: {told.get('reason')}")
        return 1
    output.line(
        f"{told['id']} at {told['address']}: {milliseconds(told['rtt_s'])}, {told['role']}, "
        f"{told['software'] or 'of no version'}; it sees us as {told['seen'] or 'nobody'}"
    )
    return 0


def show_table(told: JsonObject, output: Output) -> int:
    """Print the routing table; returns the exit code."""
    output.record(told)
    rows: list[Sequence[object]] = []
    for bucket in told["buckets"]:
        place = f"{bucket['low'][:8]}… /{bucket['depth']}"
        idle = f"{seconds_in_words(bucket['idle_s'])}, {bucket['waiting']} waiting"
        for index, contact in enumerate(bucket["contacts"]):
            rows.append(
                (
                    place if index == 0 else "",
                    idle if index == 0 else "",
                    contact["id"],
                    contact["address"],
                    seconds_in_words(contact["age_s"]),
                    seconds_in_words(contact["silent_s"]),
                    milliseconds(contact["rtt_s"]),
                    contact["failures"] or "-",
                )
            )
        if not bucket["contacts"]:
            rows.append((place, idle, "nobody", "", "", "", "", ""))
    names = ("bucket", "looked up", "node", "address", "known for", "heard", "rtt", "failures")
    output.show(columns(names, rows))
    buckets = len(told["buckets"])
    output.line(f"{told['contacts']} contacts in {buckets} buckets of {told['id']}")
    return 0


def show_found(told: JsonObject, output: Output) -> int:
    """Print where a node is; returns the exit code."""
    output.record(told)
    record = told["record"]
    if told["address"] is None and record is None:
        output.complain(f"nobody knows a node {told['id']}")
        return 1
    output.line(f"node      {told['id']}")
    relay = told["relay"]
    answers = told["address"] or (through(relay) if relay else "not: it is down, or a client")
    output.line(f"answers   {answers}")
    if record is not None:
        zone = f", zone {record['zone']}" if record["zone"] else ""
        output.line(f"says      {record['role']}, {record['software'] or 'no version'}{zone}")
        output.line(f"lives at  {', '.join(record['addresses']) or 'no address'}")
        for relay in record["relays"]:
            output.line(f"relay     {relay['id']} at {relay['address']}")
        free, capacity = map(bytes_in_words, (record["free_bytes"], record["capacity_bytes"]))
        output.line(f"keeps     {free} free of {capacity}")
    return 0


def show_trace(told: JsonObject, output: Output) -> int:
    """Print a lookup as a tree of who named whom; returns the exit code."""
    output.record(told)
    if not told["hops"]:
        output.complain("there was nobody to ask: the node knows no other")
        return 1
    output.show(_hops(told))
    output.line(
        f"{told['asked']} asked of {len(told['hops'])} heard of, {len(told['closest'])} closest, "
        f"{len(told['holders'])} holders; ended: {told['ending']}, "
        f"after {milliseconds(told['took_s'])}"
    )
    for holder in told["holders"]:
        output.line(f"holder    {holder['id']} at {holder['address'] or 'an unknown address'}")
    return 0


def _hops(told: JsonObject) -> Any:
    """Each hop below who named it first; the indentation is the depth."""
    below: dict[tuple[str, str] | None, list[JsonObject]] = {}
    for hop in told["hops"]:
        referrer = hop["referrer"]
        by = None if referrer is None else (referrer["id"], referrer["address"])
        below.setdefault(by, []).append(hop)
    rows: list[Sequence[object]] = []
    # Not by recursion: a lookup may be as deep as it is long.
    waiting = [(0, hop) for hop in reversed(below.pop(None, []))]
    while waiting:
        depth, hop = waiting.pop()
        rows.append(
            (
                f"{'  ' * depth}{hop['id']}",
                hop["depth"],
                hop["address"],
                "the start" if hop["referrer"] is None else f"{hop['referrer']['id'][:8]}…",
                hop["distance_bits"],
                milliseconds(hop["rtt_s"]),
                hop["state"],
            )
        )
        further = below.pop((hop["id"], hop["address"]), [])
        waiting += [(depth + 1, each) for each in reversed(further)]
    names = ("node", "depth", "address", "named by", "distance, bits", "rtt", "state")
    return columns(names, rows)


def show_holders(told: JsonObject, output: Output) -> int:
    """Print who holds an image; returns the exit code."""
    output.record(told)
    if not told["holders"]:
        output.line(f"nobody holds {told['id']}, as far as can be told")
        return 0
    verdicts = {True: "has it", False: "does not have it", None: "does not answer"}
    sources = {"itself": "says so itself", "record": "by its record", "here": "this node"}
    rows = [
        (
            holder["id"],
            _holder_address(holder),
            sources.get(holder["source"], holder["source"]),
            verdicts[holder["verified"]] if "verified" in holder else "",
        )
        for holder in told["holders"]
    ]
    output.show(columns(("holder", "address", "how it is known", "asked"), rows))
    return 0


def _holder_address(holder: JsonObject) -> str:
    if holder["relay"] is None or holder["address"] is None:
        return holder["address"] or "-"
    return through({"id": holder["relay"], "address": holder["address"]})


def show_records(told: JsonObject, output: Output) -> int:
    """Print the records a node keeps; returns the exit code."""
    output.record(told)
    now = told["now"]
    nodes = [
        (
            record["id"],
            ", ".join(record["addresses"]) or "-",
            record["role"],
            record["zone"] or "-",
            record["software"] or "-",
            seconds_in_words(max(0, record["expires"] - now)),
        )
        for record in told["nodes"]
    ]
    providers = [
        (
            record["key"],
            record["holder"],
            "no longer" if record["withdrawn"] else "holds it",
            seconds_in_words(max(0, record["expires"] - now)),
        )
        for record in told["providers"]
    ]
    if nodes:
        output.show(columns(("node", "addresses", "role", "zone", "software", "expires in"), nodes))
    if providers:
        output.show(columns(("key", "holder", "says", "expires in"), providers))
    counts = told["counts"]
    output.line(f"{counts['nodes']} node records, {counts['providers']} provider records")
    return 0


def columns(names: Sequence[str], rows: Sequence[Sequence[object]]) -> Any:
    """A table with a heading; states are coloured where there are colours."""
    from rich.table import Table  # noqa: PLC0415  (slow to import)
    from rich.text import Text  # noqa: PLC0415

    table = Table(box=None, padding=(0, 2, 0, 0), header_style="bold")
    for name in names:
        table.add_column(name, no_wrap=True)
    for row in rows:
        cells = [clean(str(cell)) for cell in row]
        table.add_row(*(Text(cell, style=_STATES.get(cell, "")) for cell in cells))
    return table


def through(relay: Mapping[str, Any]) -> str:
    """How a node is reached that has no address of its own."""
    return f"via {relay['id'][:8]}… {relay['address']}"


def counted(counts: Mapping[str, int]) -> str:
    """How many of each, in words: `12 a, 3 b`."""
    return ", ".join(f"{count} {clean(name)}" for name, count in counts.items()) or "none"


def milliseconds(seconds: float | None) -> str:
    """A short time as people say it."""
    if seconds is None:
        return "-"
    return f"{1000 * seconds:.3g} ms" if seconds < 1 else f"{seconds:.2f} s"
