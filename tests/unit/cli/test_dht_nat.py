"""`reticulum dht nat`: what people see, what machines get, how it ends."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import attrs
import pytest
from fake_node import FakeNode, Written

from reticulum.cli.desk import Desk
from reticulum.cli.dht_nat import nat, show_nat
from reticulum.cli.keeping_remote import RemoteKeeping
from reticulum.cli.main import run


def told(reach: str, *advice: str) -> dict[str, Any]:
    """What a node tells of itself."""
    return {
        "id": "ab",
        "role": "server" if reach == "public" else "client",
        "reach": reach,
        "rungs": [
            {"rung": "map", "state": "none", "evidence": "not mapped: no router answers"},
            {"rung": "dial-back", "state": "not reached", "evidence": "0 of 4 peers dialled back"},
            {"rung": "relay", "state": "relayed", "evidence": "relayed by 44.9.9.1:4160"},
        ],
        "relays": [{"id": "cd", "address": "44.9.9.1:4160", "zone": "attic"}],
        "advice": list(advice),
    }


@pytest.mark.parametrize(
    "reach,words",
    [
        ("public", "public: others reach this node directly"),
        ("relayed", "relayed: others reach this node through relays"),
        ("unreachable", "unreachable: nobody can reach this node; it can reach others"),
        ("looking", "looking: this node is about to find out how it can be reached"),
        ("adrift", "adrift: adrift"),
    ],
)
def test_in_words(reach: str, words: str) -> None:
    """The standing first, then a line for each rung, then what could be done."""
    written = Written()
    show_nat(told(reach, "let the router pass the port on", "turn UPnP on"), written.output)
    assert [
        words,
        "map       none        not mapped: no router answers",
        "dial-back not reached 0 of 4 peers dialled back",
        "relay     relayed     relayed by 44.9.9.1:4160",
        "advice    let the router pass the port on",
        "advice    turn UPnP on",
    ] == written.lines


@attrs.define
class Answering(FakeNode):
    """Answers whatever it is asked with these words."""

    answer: dict[str, Any] = attrs.field(factory=dict)
    asked: list[str] = attrs.field(factory=list)

    async def picture(self, path: str, write: Callable[[bytes], object]) -> int:
        self.asked.append(path)
        content = json.dumps(self.answer).encode() + b"\n"
        write(content)
        return len(content)


@attrs.frozen
class FakeDesk(Desk):
    """A desk whose node is a fake one."""

    node: Any = None

    def run(self, work: Any) -> int:
        ended: list[int] = []
        working = work(RemoteKeeping(self.node))
        try:
            working.send(None)
        except StopIteration as end:
            ended.append(end.value)
        (code,) = ended
        return code


def ran(reach: str, *, as_json: bool) -> tuple[int, Written, Answering]:
    """The command itself, below its options."""
    node, written = Answering(answer=told(reach)), Written(as_json=as_json)
    command: Any = nat.callback
    code = command.__wrapped__(FakeDesk(Path("data"), written.output, node))
    return code, written, node


@pytest.mark.parametrize(
    "reach,code", [("public", 0), ("relayed", 0), ("unreachable", 1), ("looking", 1)]
)
def test_exit_code(reach: str, code: int) -> None:
    """It ends well if others reach the node, directly or not, whatever is printed."""
    for as_json in (True, False):
        ended, _, node = ran(reach, as_json=as_json)
        assert code == ended
        assert ["/v1/dht/nat"] == node.asked


def test_for_machines() -> None:
    """With --json it is what the node said, on one line, and no word for people."""
    _, written, _ = ran("relayed", as_json=True)
    assert [told("relayed")] == written.records
    _, written, _ = ran("relayed", as_json=False)
    assert written.lines[0].startswith("relayed: ")


def test_not_for_everybody(capsys: pytest.CaptureFixture[str]) -> None:
    """It is no question to be asked over --node."""
    assert 2 == run(["dht", "nat", "--node", "http://localhost:1"])
    assert "for the operator" in capsys.readouterr().err


def test_help(capsys: pytest.CaptureFixture[str]) -> None:
    """The help names every rung, and what the exit code means."""
    assert 0 == run(["dht", "nat", "--help"])
    said = capsys.readouterr().out
    for word in ("map", "addresses", "dial-back", "relay", "direct", "discover", "Exit code 0"):
        assert word in said
