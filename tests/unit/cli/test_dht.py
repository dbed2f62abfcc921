"""`reticulum dht`: what people see, what machines get, how it ends."""

import json
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from pathlib import Path
from typing import Any

import attrs
import pytest
from click.testing import CliRunner
from fake_node import FakeNode, Written
from twisted.internet.defer import Deferred

from reticulum.cli import dht_tables
from reticulum.cli.dht_crawl import show_crawl
from reticulum.cli.dht_remote import RemoteConsole
from reticulum.cli.main import reticulum, run
from reticulum.cli.node import Refused, Unreachable
from reticulum.errors import ClientError
from reticulum.model import ImageId, Key

ONE, TWO, THREE = (digit * 40 for digit in "123")
IMAGE = ImageId.parse("0" * 64)


def node(node_id: str, **others: Any) -> dict[str, Any]:
    return {
        "id": node_id,
        "address": "10.0.0.1:4160",
        "addresses": ["10.0.0.1:4160"],
        "relays": [],
        "role": "server",
        "zone": "attic",
        "software": "reticulum 1",
        "capacity_bytes": 0,
        "free_bytes": 0,
        "rtt_s": 0.0123,
        "clock_off_s": None,
        "contacts": 2,
        "stale_share": 0.5,
        "named_by": 1,
        **others,
    }


def crawled(**others: Any) -> dict[str, Any]:
    summary = {
        "nodes": 2,
        "silent": 1,
        "unasked": 0,
        "relayed": 0,
        "roles": {"server": 2},
        "versions": {"reticulum 1": 2},
        "zones": {"attic": 2},
        "stale_share": 0.1,
        "size_estimate": 2,
        "liars": [],
        "ending": "complete",
        "asked": 3,
        "questions": 9,
        "took_s": 1.0,
    }
    return {
        "nodes": [node(ONE), node(TWO)],
        "summary": {**summary, **others.pop("summary", {})},
        "silent": [],
        "twins": [],
        "wrong_clocks": [],
        **others,
    }


async def events(*given: dict[str, Any]) -> AsyncIterator[dict[str, Any]]:
    for event in given:
        yield event


async def test_crawl_sums_up() -> None:
    """A row a node, then the grid in a few lines; nothing to worry about, nothing worried."""
    written = Written()
    walk = events({"event": "progress", "answered": 1}, {"event": "done", **crawled()})
    assert 0 == await show_crawl(walk, written.output)

    text = written.out.getvalue()
    assert ONE in text
    assert TWO in text
    assert "nodes      2 alive (2 server), 1 silent" in written.lines
    assert "tables     10 % of what they name is dead" in written.lines
    assert not [line for line in written.lines if line.startswith("!")]


async def test_crawl_json_has_nodes_at_its_top() -> None:
    """One object, the fixed shape, whatever the progress was."""
    written = Written(as_json=True)
    walk = events({"event": "progress"}, {"event": "done", **crawled()})
    assert 0 == await show_crawl(walk, written.output)
    assert [crawled()] == written.records


@pytest.mark.parametrize(
    "found,words",
    [
        (
            {"twins": [{"id": ONE, "addresses": ["a:1", "b:2"]}]},
            "two nodes run with the key of",
        ),
        (
            {"wrong_clocks": [{"id": None, "address": "10.0.0.9:1", "off_s": 3600.0}]},
            "the clock of 10.0.0.9:1 is off by +3600.0 s",
        ),
        ({"summary": {"liars": [TWO]}}, f"{TWO} names nearly nobody but dead nodes"),
        ({"summary": {"stale_share": 0.6}}, "much of what tables name is dead"),
        ({"summary": {"versions": {"a": 1, "b": 1}}}, "not all nodes run the same version"),
        ({"summary": {"roles": {"client": 2}, "relayed": 1}}, "1 nodes are clients"),
        ({"summary": {"ending": "out of time"}}, "ended early (out of time)"),
    ],
)
async def test_crawl_says_what_to_see_to(found: dict[str, Any], words: str) -> None:
    """Each fault has a line that says what it means."""
    written = Written()
    done = {"event": "done", **crawled(**found)}
    code = await show_crawl(events(done), written.output)
    [worry] = [line for line in written.lines if line.startswith("!")]
    assert words in worry
    assert code == ("ending" in found.get("summary", {}))


async def test_crawl_shows_nodes_behind_relays() -> None:
    """By way of whom; that they are clients is no reason to worry."""
    relays = [{"id": TWO, "address": "10.0.0.2:4160"}, {"id": ONE, "address": "10.0.0.1:4160"}]
    nobody = dict.fromkeys(("address", "rtt_s", "contacts", "stale_share"))
    behind = node(THREE, relays=relays, role="client", **nobody)
    found = crawled(nodes=[node(TWO), behind], summary={"roles": {"client": 1}, "relayed": 1})
    written = Written()
    assert 0 == await show_crawl(events({"event": "done", **found}), written.output)
    (line,) = [line for line in written.lines if line.startswith(THREE)]
    assert f"{TWO[:8]}… 10.0.0.2:4160" in line
    assert "relayed    1 of them are reached through relays" in written.lines
    assert not [line for line in written.lines if line.startswith("!")]


async def test_a_crawl_that_breaks_off_is_an_error() -> None:
    """No result is made of half of one."""
    with pytest.raises(ClientError, match="broke off"):
        await show_crawl(events({"event": "progress"}), Written().output)


def hop(node_id: str, depth: int, referrer: str | None, state: str) -> dict[str, Any]:
    return {
        "id": node_id,
        "address": "10.0.0.1:4160",
        "depth": depth,
        "referrer": referrer and {"id": referrer, "address": "10.0.0.1:4160"},
        "distance_bits": 150 - depth,
        "state": state,
        "rtt_s": 0.025 if state == "answered" else None,
    }


def test_trace_shows_every_hop_below_its_referrer() -> None:
    """With depth, referrer, distance, round-trip time and state."""
    told = {
        "target": "a" * 40,
        "ending": "closest",
        "took_s": 0.2,
        "asked": 3,
        "closest": [{"id": ONE, "address": "10.0.0.1:4160"}],
        "holders": [{"id": TWO, "address": None}],
        "hops": [
            hop(ONE, 0, None, "answered"),
            hop(TWO, 1, ONE, "answered"),
            hop(THREE, 2, TWO, "dead"),
        ],
    }
    written, machine = Written(), Written(as_json=True)
    assert 0 == dht_tables.show_trace(told, written.output)
    assert 0 == dht_tables.show_trace(told, machine.output)
    assert [told] == machine.records
    heading, first, second, third, *rest = written.lines
    assert heading.split("  ")[0] == "node"
    assert [ONE, "0", "10.0.0.1:4160", "the", "start", "150", "25", "ms", "answered"] == (
        first.split()
    )
    assert second.startswith(f"  {TWO}")
    assert "11111111…" in second
    assert third.startswith(f"    {THREE}")
    assert ["148", "-", "dead"] == third.split()[-3:]
    assert any(TWO in line for line in rest)


def test_a_trace_of_a_lone_node_fails() -> None:
    """There was nobody to ask."""
    written = Written()
    told = {"hops": [], "closest": [], "holders": [], "asked": 0}
    assert 1 == dht_tables.show_trace(told, written.output)
    assert ["reticulum: there was nobody to ask: the node knows no other"] == written.complaints


def test_ping() -> None:
    """One line and 0, or the reason and 1."""
    there, gone = Written(), Written()
    answer = {"id": ONE, "address": "10.0.0.1:4160", "rtt_s": 0.0021, "role": "server"}
    told = {"answered": True, **answer, "software": "reticulum 1", "seen": "10.0.0.2:4160"}
    assert 0 == dht_tables.show_ping(ONE, told, there.output)
    assert [
        f"{ONE} at 10.0.0.1:4160: 2.1 ms, server, reticulum 1; it sees us as 10.0.0.2:4160"
    ] == there.lines
    silent = {"answered": False, "reason": "10.0.0.1:1 gave no answer"}
    assert 1 == dht_tables.show_ping(ONE, silent, gone.output)
    assert [f"reticulum: {ONE}: 10.0.0.1:1 gave no answer"] == gone.complaints


def test_table() -> None:
    """Each bucket with its contacts, their age, silence, round-trip time and failures."""
    contact = {"id": ONE, "address": "10.0.0.1:4160", "age_s": 7200.0, "silent_s": 61.0}
    full = {**contact, "failures": 2, "rtt_s": None}
    bucket = {"low": "0" * 40, "depth": 1, "idle_s": 5.0, "waiting": 3, "contacts": [full]}
    empty = {**bucket, "low": "8" + "0" * 39, "contacts": []}
    written = Written()
    told = {"id": TWO, "contacts": 1, "buckets": [bucket, empty]}
    assert 0 == dht_tables.show_table(told, written.output)
    assert "00000000… /1" in written.lines[1]
    for words in (ONE, "2 h 0 min", "1 min 1 s", "5 s, 3 waiting"):
        assert words in written.lines[1]
    assert "nobody" in written.lines[2]
    assert f"1 contacts in 2 buckets of {TWO}" == written.lines[-1]


def test_find() -> None:
    """Where it answers and what it says of itself; 1 if nobody knows it."""
    record = {
        "role": "server",
        "software": "reticulum 1",
        "zone": "attic",
        "addresses": ["10.0.0.1:4160"],
        "relays": [],
        "free_bytes": 5,
        "capacity_bytes": 10,
    }
    written, gone = Written(), Written()
    told = {"id": ONE, "address": "10.0.0.1:4160", "relay": None, "record": record}
    assert 0 == dht_tables.show_found(told, written.output)
    assert "says      server, reticulum 1, zone attic" in written.lines
    assert "keeps     5 B free of 10 B" in written.lines
    assert 1 == dht_tables.show_found(
        {"id": ONE, "address": None, "relay": None, "record": None}, gone.output
    )
    assert [f"reticulum: nobody knows a node {ONE}"] == gone.complaints

    behind = Written()
    relay = {"id": TWO, "address": "10.0.0.2:4160"}
    told = {"id": ONE, "address": None, "relay": relay, "record": {**record, "relays": [relay]}}
    assert 0 == dht_tables.show_found(told, behind.output)
    assert "answers   via 22222222… 10.0.0.2:4160" in behind.lines
    assert f"relay     {TWO} at 10.0.0.2:4160" in behind.lines


def holder(node_id: str, **others: Any) -> dict[str, Any]:
    return {"id": node_id, "address": None, "relay": None, **others}


def test_holders() -> None:
    """How each is known, and what it says itself; none is an answer."""
    told = {
        "id": str(IMAGE),
        "key": ONE,
        "holders": [
            holder(ONE, address="10.0.0.1:4160", source="itself", verified=True),
            holder(TWO, source="record", verified=None),
            holder(THREE, source="here", verified=False),
            holder(ONE, address="10.0.0.2:4160", relay=TWO, source="record", verified=True),
        ],
    }
    written, nobody, machine = Written(), Written(), Written(as_json=True)
    assert 0 == dht_tables.show_holders(told, written.output)
    assert 0 == dht_tables.show_holders(told, machine.output)
    assert [told] == machine.records
    for line, words in zip(
        written.lines[1:],
        ("has it", "does not answer", "does not have it", "has it"),
        strict=True,
    ):
        assert line.endswith(words)
    assert "via 22222222… 10.0.0.2:4160" in written.lines[-1]
    assert 0 == dht_tables.show_holders({**told, "holders": []}, nobody.output)
    assert [f"nobody holds {IMAGE}, as far as can be told"] == nobody.lines


def test_records() -> None:
    """Both kinds, with the time they have left."""
    written = Written()
    provider = {"key": ONE, "holder": TWO, "withdrawn": True, "expires": 3600}
    told = {
        "now": 0,
        "counts": {"nodes": 0, "providers": 1},
        "nodes": [],
        "providers": [provider],
    }
    assert 0 == dht_tables.show_records(told, written.output)
    assert f"{ONE}  {TWO}  no longer  1 h 0 min" == written.lines[1]
    assert "0 node records, 1 provider records" == written.lines[-1]


def test_nothing_a_node_says_reaches_the_terminal_raw() -> None:
    """Zones and versions are what strangers write."""
    written = Written()
    told = {"answered": True, "id": ONE, "address": "a", "rtt_s": 2, "role": "server"}
    dht_tables.show_ping(ONE, {**told, "software": "\x1b[2J", "seen": None}, written.output)
    written.output.show(dht_tables.columns(("zone",), [("\x1b[31m",)]))
    assert "\x1b" not in written.out.getvalue()


@attrs.define
class Spoken(FakeNode):
    """Gives the pieces of an answer by its path."""

    answers: dict[str, list[bytes]] = attrs.field(factory=dict)
    error: Exception | None = None
    hold: bool = False
    gone: int = 0

    async def picture(self, path: str, write: Callable[[bytes], object]) -> int:
        for piece in self.answers[path]:
            write(piece)
        if self.error is not None:
            raise self.error
        if self.hold:
            try:
                await Deferred()
            finally:
                self.gone += 1
        return 0


async def test_remote_console_asks_by_path() -> None:
    """Each look is one path of the control socket, its answer an object."""
    paths = {
        "ping/%5B%3A%3A1%5D%3A1": lambda c: c.ping("[::1]:1"),
        "table": lambda c: c.table(),
        f"find/{ONE}": lambda c: c.find(Key.parse(ONE)),
        f"trace/{ONE}": lambda c: c.trace(Key.parse(ONE)),
        f"holders/{IMAGE}": lambda c: c.holders(IMAGE, verify=False),
        f"holders/{IMAGE}?verify=1": lambda c: c.holders(IMAGE, verify=True),
        "records": lambda c: c.records(),
    }
    for path, look in paths.items():
        node = Spoken(answers={f"/v1/dht/{path}": [b'{"path', b'": 1}\n']})
        assert {"path": 1} == await look(RemoteConsole(node))


@pytest.mark.parametrize("answer", [b"<html>", b"[]\n", b"", b"{}\n{}\n"])
async def test_what_is_no_answer_is_no_node(answer: bytes) -> None:
    """Something else may listen there."""
    with pytest.raises(Unreachable, match="no Reticulum node"):
        await RemoteConsole(Spoken(answers={"/v1/dht/table": [answer]})).table()


async def test_remote_crawl_is_live() -> None:
    """Events come as their lines are whole; to stop listening hangs up."""
    node = Spoken(answers={"/v1/dht/crawl": [b'{"event": "pro', b'gress"}\n{"ev']}, hold=True)
    crawl: AsyncGenerator[Any, None] = RemoteConsole(node).crawl()
    assert {"event": "progress"} == await crawl.__anext__()
    await crawl.aclose()
    assert 1 == node.gone


async def test_remote_crawl_tells_what_failed() -> None:
    """In the node's own words, or the connection's."""
    failed = {"/v1/dht/crawl": [json.dumps({"event": "failed", "error": "no"}).encode() + b"\n"]}
    with pytest.raises(ClientError, match="no"):
        await RemoteConsole(Spoken(answers=failed)).crawl().__anext__()
    refused = Spoken(answers={"/v1/dht/crawl": []}, error=Refused("busy", 503))
    with pytest.raises(Refused, match="busy"):
        await RemoteConsole(refused).crawl().__anext__()


@pytest.mark.parametrize(
    "arguments,words",
    [
        (["ping", "nobody"], "neither a node id nor HOST:PORT"),
        (["find", "12"], "40 hexadecimal digits"),
        (["trace", "12"], "nor an image id"),
        (["holders", "12"], "not an image id"),
        (["table", "--node", "http://a"], "--data"),
        (["table", "--data", "a", "--invite", "b"], "use one"),
        (["crawl", "--invite", "hello"], "begins with reticulum1"),
    ],
)
def test_misuse_is_told(arguments: list[str], words: str) -> None:
    """Exit code 2, before anything is asked."""
    result = CliRunner().invoke(reticulum, ["dht", *arguments])
    assert 2 == result.exit_code
    assert words in result.output


def test_without_a_node_it_says_so(tmp_path: Path) -> None:
    """There is no control socket in the directory: exit code 1, and how to start one."""
    told = _in_child(["dht", "table", "--data", str(tmp_path)])
    assert 1 == told[0]
    assert "no node runs on" in told[1]


def _in_child(arguments: list[str]) -> tuple[int, str]:
    import subprocess  # noqa: PLC0415  (the reactor of this process runs already)
    import sys  # noqa: PLC0415

    ended = subprocess.run(
        [sys.executable, "-m", "reticulum.cli.main", *arguments],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    return ended.returncode, ended.stderr


def test_help_tells_the_fixed_shapes() -> None:
    """A script's author finds the fields in --help."""
    assert 0 == run(["dht", "--help"])
    for command, field in (("crawl", '"nodes"'), ("holders", '"holders"'), ("trace", '"hops"')):
        assert field in CliRunner().invoke(reticulum, ["dht", command, "--help"]).output
