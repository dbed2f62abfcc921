"""`reticulum verify`, `node` and `dht health`: what people see, what machines get, how they end."""

from collections.abc import AsyncIterator, Callable
from typing import Any

import attrs
import pytest
from fake_node import FakeNode, Written

from reticulum.cli.dht_health import show_health
from reticulum.cli.keeping_remote import RemoteKeeping
from reticulum.cli.main import run
from reticulum.cli.node_command import drain_in_words, show_node
from reticulum.cli.verify import COUNTS, show_verify
from reticulum.errors import ClientError
from reticulum.model import ImageId

IMAGE = ImageId.parse("0" * 64)
TOO_FEW = "only 2 of 3 copies can exist: 2 other nodes keep copies, and 3 are wanted"


@attrs.define
class Answering(FakeNode):
    """Answers whatever it is asked with these bytes, in two pieces."""

    answer: bytes = b""
    paths: list[str] = attrs.field(factory=list)

    async def act(self, path: str, write: Callable[[bytes], object]) -> int:
        self.paths.append(f"POST {path}")
        return self._give(write)

    async def picture(self, path: str, write: Callable[[bytes], object]) -> int:
        self.paths.append(f"GET {path}")
        return self._give(write)

    def _give(self, write: Callable[[bytes], object]) -> int:
        write(self.answer[:7])
        write(self.answer[7:])
        return len(self.answer)


async def test_each_question_has_its_path() -> None:
    """To look is GET, to act is POST."""
    node = Answering(answer=b'{"a": 1}\n')
    console = RemoteKeeping(node)
    assert {"a": 1} == await console.health(IMAGE, verify=True)
    await console.node()
    await console.drain()
    await console.stay()
    for events in (console.repair(IMAGE), console.verify(IMAGE), console.verify(None)):
        assert [{"a": 1}] == [event async for event in events]
    assert [
        f"GET /v1/keeping/health/{IMAGE}?verify=1",
        "GET /v1/keeping/node",
        "POST /v1/keeping/drain",
        "POST /v1/keeping/stay",
        f"POST /v1/keeping/repair/{IMAGE}",
        f"POST /v1/keeping/verify/{IMAGE}",
        "POST /v1/keeping/verify",
    ] == node.paths


def done(**others: int) -> dict[str, Any]:
    return {"event": "done", "took_s": 1.0, **dict.fromkeys([*COUNTS, "few"], 0), **others}


@attrs.define
class FakeConsole:
    """Tells these events, whatever is verified."""

    events: list[dict[str, Any]]

    async def verify(self, image_id: ImageId | None) -> AsyncIterator[dict[str, Any]]:
        del image_id
        for event in self.events:
            yield event


async def verified(written: Written, *events: dict[str, Any], times: int = 1) -> int:
    console: Any = FakeConsole(list(events))
    return await show_verify(console, [None] * times, written.output)


@pytest.mark.parametrize(
    "counts,code",
    [
        ({"checked": 3, "damaged": 1, "restored": 1}, 0),
        ({"few": 3}, 0),
        ({"lost": 1}, 1),
        ({"absent": 1}, 1),
        ({"short": 1}, 1),
    ],
)
async def test_verify_ends_well_if_all_is_well_now(counts: dict[str, int], code: int) -> None:
    """What was put right is no failure, and neither is a grid of too few nodes."""
    assert code == await verified(Written(), done(**counts))


async def test_verify_sums_up() -> None:
    """Several images are one summary; each that was damaged has a line of its own."""
    written = Written()
    restored = {"event": "restored", "id": str(IMAGE)}
    counts = {"checked": 2, "read_bytes": 1500, "damaged": 1, "restored": 1, "compared": 2}
    await verified(written, restored, done(**counts), times=2)
    assert [
        *[f"{IMAGE} was damaged here; restored from another node"] * 2,
        "checked    4 images, 3.0 kB, in 2 s",
        "damaged    2, of these 2 restored, 0 lost",
        "compared   4, of these 0 short of copies",
    ] == written.lines
    written = Written(as_json=True)
    await verified(written, restored, done(**counts))
    (told,) = written.records
    assert ([restored], 2, 1.0) == (told["images"], told["checked"], told["took_s"])


async def test_verify_does_not_flood() -> None:
    """A node that is down leaves many images short: some are named to people, all to machines."""
    short = {"event": "short", "id": str(IMAGE)}
    lost = {"event": "lost", "id": str(IMAGE)}
    for as_json in (False, True):
        written = Written(as_json=as_json)
        await verified(written, *[short] * 30, lost, done(short=30, lost=1))
        if as_json:
            assert [*[short] * 30, lost] == written.records[0]["images"]
        else:
            assert 20 == sum("is short of copies" in line for line in written.lines)
            assert 1 == sum("nobody who answers has it" in line for line in written.lines)


async def test_verify_that_broke_off_is_a_failure() -> None:
    """Without its last event nothing can be said."""
    with pytest.raises(ClientError, match="broke off"):
        await verified(Written())


def node(**drain: Any) -> dict[str, Any]:
    others = {"alive": 4, "storing": 3, "full": 1, "zones": {"attic": 2, "": 1}}
    fixed = {
        "draining": True,
        "images": 10,
        "safe": 4,
        "rounds": 0,
        "fewest": None,
        "possible": 3,
        "is_safe": False,
    }
    return {
        "id": "ab",
        "zone": "",
        "shelf": "closed",
        "capacity_bytes": 1000,
        "images": 12,
        "copies": 3,
        "settled": True,
        "others": others,
        "drain": {**fixed, **drain},
    }


@pytest.mark.parametrize(
    "drain,words",
    [
        ({"draining": False}, "not draining"),
        ({}, "draining: 4 of 12 images are safe"),
        ({"safe": 10, "rounds": 1}, "draining: 10 of 12 images are safe; telling the others"),
        (
            {"safe": 10, "is_safe": True, "rounds": 2, "fewest": 3},
            "safe to switch off: all 10 images are kept by 3 other nodes",
        ),
        (
            {"possible": 2, "rounds": 1, "fewest": 2},
            f"{TOO_FEW}; these have all images. Add a node, or set copies lower",
        ),
        (
            {"possible": 2, "rounds": 1, "fewest": 1},
            f"{TOO_FEW}. Add a node, or set copies lower",
        ),
    ],
)
def test_how_far_a_drain_is(drain: dict[str, Any], words: str) -> None:
    """Safe is said only when it is."""
    assert words == drain_in_words(node(**drain))


def test_the_node_in_words() -> None:
    """What it keeps, and with whom."""
    written = Written()
    show_node(node(), written.output)
    assert [
        "node      ab, zone -",
        "keeps     12 images of 1.0 kB; takes no copies",
        "others    4 answer, 3 keep copies (1 full); by zone: 2 attic, 1 no zone",
        "drain     draining: 4 of 12 images are safe",
    ] == written.lines


def test_health_in_words() -> None:
    """A row for each node, with what it says; then copies, and the verdict."""
    fixed = {"zone": "attic", "shelf": "open", "should": True, "here": False, "silent_s": 0.0}
    fixed["relay"] = None
    relayed = {"address": "10.0.0.3:1", "relay": "ab" * 20}
    told = {
        "wanted": 3,
        "live": 1,
        "zones": {"attic": 1},
        "text": "1 of 3 copies, repairing needed",
        "elsewhere": [{"id": "dd", "address": "10.0.0.4:4160", "relay": None}],
        "owed": ["cc"],
        "nodes": [
            {**fixed, "id": "aa", "address": None, "here": True, "state": "held"},
            {**fixed, "id": "bb", "address": "10.0.0.2:1", "state": "damaged", "shelf": "full"},
            {**fixed, **relayed, "id": "cc", "state": "silent", "silent_s": 200.0},
        ],
    }
    written = Written()
    show_health(told, written.output)
    rows = [line.split() for line in written.lines]
    assert ["1", "aa", "this", "node", "attic", "yes", "has", "it"] == rows[1]
    assert ["2", "bb", "10.0.0.2:1", "attic", "yes", "had", "it", "damaged"] == rows[2][:8]
    assert written.lines[2].endswith("shelf full")
    assert "via abababab… 10.0.0.3:1" in written.lines[3]
    assert written.lines[3].endswith("does not answer, for 3 min 20 s")
    assert "also      dd at 10.0.0.4:4160 has it, and should not" in written.lines
    assert "owed      to cc: it gets the image as soon as it takes it" in written.lines
    assert "copies    1 of 3; by zone: 1 attic" in written.lines
    assert "verdict   1 of 3 copies, repairing needed" == written.lines[-1]


@pytest.mark.parametrize(
    "arguments",
    [
        ["verify", "nothing"],
        ["verify", str(IMAGE), "--all"],
        ["verify", "--node", "http://127.0.0.1:1"],
        ["node", "drain", "--wait", "--cancel"],
        ["node", "drain", "--timeout", "5"],
        ["node", "drain", "--wait", "--timeout", "-1"],
        ["dht", "health"],
        ["dht", "repair", "nothing"],
    ],
)
def test_misuse(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    """Exit code 2, before anything is asked."""
    assert 2 == run(arguments)
    assert "Usage:" in capsys.readouterr().err
