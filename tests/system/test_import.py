"""`reticulum import` against a real node: trees, the stores of older servers, and interruptions."""

import hashlib
import json
import os
import pty
import re
import select
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import attrs
import pictures
import processes
import pytest

COMMAND = [sys.executable, "-m", "reticulum.cli.main", "import"]
STORES = {"reticulum": "full", "apomixis": "image"}


@attrs.frozen
class Ended:
    """How an import ended."""

    code: int
    out: str
    err: str

    @property
    def records(self) -> list[Any]:
        return [json.loads(line) for line in self.out.splitlines()]

    @property
    def sum(self) -> dict[str, Any]:
        summary: dict[str, Any] = self.records[-1]["summary"]
        return summary

    def counts(self, *names: str) -> tuple[int, ...]:
        return tuple(self.sum[name] for name in names)


@attrs.frozen
class Importer:
    """Runs the command for one node, with a home of its own for the journal."""

    url: str
    home: Path

    @property
    def environment(self) -> dict[str, str]:
        own = {"RETICULUM_NODE": self.url, "XDG_STATE_HOME": str(self.home), "TERM": "xterm"}
        return processes.surroundings(own)

    def __call__(self, *arguments: object) -> Ended:
        done = subprocess.run(
            [*COMMAND, *map(str, arguments)],
            check=False,
            env=self.environment,
            cwd=self.home.parent,
            capture_output=True,
            timeout=3 * processes.PATIENCE_S,
        )
        ended = Ended(done.returncode, done.stdout.decode(), done.stderr.decode())
        assert "Traceback" not in ended.err, ended.err
        return ended


@pytest.fixture
def bring(node: processes.Node, tmp_path: Path) -> Importer:
    return Importer(node.url, tmp_path / "home")


def sha1(content: bytes) -> str:
    return hashlib.sha1(content, usedforsecurity=False).hexdigest()


@pytest.fixture
def draw() -> Callable[[int], list[bytes]]:
    """So many pictures that no other test has drawn."""

    def drawn(count: int) -> list[bytes]:
        return [pictures.photo(50 + number, 40, seed=next(_SEEDS)) for number in range(count)]

    return drawn


_SEEDS: Iterator[int] = iter(range(1000, 10_000))


def store(top: Path, name: str, contents: list[bytes]) -> list[Path]:
    """What an older server has on its disk, sizes beside the originals; returns the originals."""
    paths = []
    for content in contents:
        digest = sha1(content)
        folder = top.joinpath(*(digest[at : at + 2] for at in range(0, 40, 2)))
        folder.mkdir(parents=True)
        paths.append(folder / f"{name}.jpg")
        paths[-1].write_bytes(content)
        (folder / "100s.jpg").write_bytes(pictures.flat(9, 9, "jpg"))
    return paths


def posts(node: processes.Node) -> int:
    """How many originals the node holds."""
    return len(node.originals())


@pytest.mark.parametrize("kind", sorted(STORES))
def test_a_store_keeps_its_ids(
    node: processes.Node, bring: Importer, draw: Any, tmp_path: Path, kind: str
) -> None:
    """On a node that makes sha256 ids, every picture is found by the 40 digits of old pages."""
    contents = draw(3)
    store(tmp_path / "media" / "data", STORES[kind], contents)
    before = posts(node)

    ended = bring(tmp_path / "media" / "data", "--json")

    assert 0 == ended.code, ended.err
    assert (3, 3, kind) == (*ended.counts("imported", "beside"), ended.sum["from"])
    for content in contents:
        reply = node.get(f"/image/{sha1(content)}/full/image.jpg")
        assert (200, content) == (reply.status, reply.body)
    assert before + 3 == posts(node)


def test_damaged_is_reported_and_not_taken(
    node: processes.Node, bring: Importer, draw: Any, tmp_path: Path
) -> None:
    """A file that is not what its path says is named with both hashes, and is under neither id."""
    contents = draw(3)
    paths = store(tmp_path / "old", "full", contents)
    other = contents[1][:-2] + b"\0" + contents[1][-2:]
    paths[1].write_bytes(other)

    ended = bring(tmp_path / "old", "--report", tmp_path / "report")

    assert 1 == ended.code
    assert f"reticulum: {paths[1]}: damaged" in ended.err
    [line] = (tmp_path / "report").read_text().splitlines()
    record = json.loads(line)
    assert (str(paths[1]), "damaged") == (record["path"], record["outcome"])
    assert sha1(contents[1]) in record["error"]
    assert sha1(other) in record["error"]
    for image_id in (sha1(contents[1]), sha1(other), hashlib.sha256(other).hexdigest()):
        assert 404 == node.get(f"/v1/images/{image_id}").status
    for content in (contents[0], contents[2]):
        assert 200 == node.get(f"/v1/images/{sha1(content)}").status


def test_a_tree_is_brought_in(
    node: processes.Node, bring: Importer, draw: Any, tmp_path: Path
) -> None:
    """Pictures of any name at any depth; the rest is counted, and is no failure."""
    contents = draw(3)
    (tmp_path / "tree" / ".hidden").mkdir(parents=True)
    for name, content in zip(("a.jpg", "odd", ".hidden/b.txt"), contents, strict=True):
        (tmp_path / "tree" / name).write_bytes(content)
    (tmp_path / "tree" / "notes.jpg").write_bytes(b"no picture at all")
    (tmp_path / "secret.jpg").write_bytes(draw(1)[0])
    (tmp_path / "tree" / "link.jpg").symlink_to(tmp_path / "secret.jpg")

    ended = bring(tmp_path / "tree", "--jobs", 2)

    assert 0 == ended.code, ended.err
    size = sum(map(len, contents)) / 1000
    assert [
        f"{tmp_path}/tree: a folder of pictures",
        f"3 imported ({size:.1f} kB)",
        "1 not images",
        "1 links, not followed",
    ] == ended.out.splitlines()
    assert "notes.jpg: of no type" in ended.err
    for content in contents:
        assert 200 == node.get(f"/v1/images/{hashlib.sha256(content).hexdigest()}").status


def test_a_truncated_picture_is_told(bring: Importer, draw: Any, tmp_path: Path) -> None:
    """What only the node can see, it says; the file is named with its words."""
    (tmp_path / "tree").mkdir()
    (tmp_path / "tree" / "a.jpg").write_bytes(pictures.truncated(draw(1)[0]))

    ended = bring(tmp_path / "tree", "--json")

    assert 1 == ended.code
    assert (0, 1) == ended.counts("imported", "damaged")
    assert "truncated" in ended.records[0]["error"]


def test_again_nothing_is_sent(
    node: processes.Node, bring: Importer, draw: Any, tmp_path: Path
) -> None:
    """By the journal; and without it, by asking the grid. A new file is brought in."""
    paths = store(tmp_path / "old", "full", draw(3))
    bring(tmp_path / "old")

    noted = bring(tmp_path / "old", "--json")
    store(tmp_path / "old", "full", draw(1))
    asked = bring(tmp_path / "old", "--json", "--journal", tmp_path / "fresh")

    assert (0, 0, 3) == noted.counts("imported", "already_there", "done_before")
    assert (1, 3, 0) == asked.counts("imported", "already_there", "done_before")
    assert {str(path) for path in paths} == {record["path"] for record in noted.records[:-1]}
    assert (0, 0) == (noted.code, asked.code)


def test_a_dry_run_changes_nothing(
    node: processes.Node, bring: Importer, draw: Any, tmp_path: Path
) -> None:
    """It needs no node, tells what is damaged, and leaves no journal."""
    paths = store(tmp_path / "old", "image", draw(3))
    paths[0].write_bytes(b"bad")
    before = posts(node)

    ended = Importer("http://127.0.0.1:1", tmp_path / "home")(tmp_path / "old", "-n", "--json")

    assert 1 == ended.code
    assert (2, 1) == ended.counts("imported", "damaged")
    assert ended.sum["dry_run"]
    assert before == posts(node)
    assert not (tmp_path / "home").exists()


def test_ctrl_c_and_on(node: processes.Node, bring: Importer, draw: Any, tmp_path: Path) -> None:
    """An interrupted import says how to go on; then what was sent before is not sent again."""
    count = 60
    store(tmp_path / "old", "full", draw(count))
    running = subprocess.Popen(
        [*COMMAND, str(tmp_path / "old"), "--json", "--jobs", "2"],
        env=bring.environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert running.stdout is not None
    first = [running.stdout.readline() for _ in range(3)]
    running.send_signal(signal.SIGINT)
    out, err = running.communicate(timeout=processes.PATIENCE_S)
    stopped = Ended(running.returncode, "".join(first) + out, err)

    again = bring(tmp_path / "old", "--json")

    assert 130 == stopped.code
    assert "Traceback" not in stopped.err
    assert "the same command goes on from here" in stopped.err
    assert not stopped.sum["complete"]
    imported = stopped.sum["imported"]
    assert 3 <= imported < count
    assert 0 == again.code, again.err
    assert again.sum["complete"]
    assert imported == again.sum["done_before"]
    # What was on its way when it was interrupted may have arrived.
    assert again.sum["already_there"] <= 2
    assert count - imported == sum(again.counts("imported", "already_there"))
    before = {record["path"] for record in stopped.records if record.get("id")}
    sent = {record["path"] for record in again.records if record.get("outcome") == "imported"}
    assert set() == before & sent


def test_a_killed_import_goes_on(bring: Importer, draw: Any, tmp_path: Path) -> None:
    """The journal holds what was told, even if there was no time to say goodbye."""
    store(tmp_path / "old", "full", draw(20))
    running = subprocess.Popen(
        [*COMMAND, str(tmp_path / "old"), "--json", "--jobs", "1"],
        env=bring.environment,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert running.stdout is not None
    told = [json.loads(running.stdout.readline()) for _ in range(3)]
    running.kill()
    running.communicate(timeout=processes.PATIENCE_S)

    again = bring(tmp_path / "old", "--json")

    before = {record["path"] for record in again.records[:-1] if record["outcome"] == "done_before"}
    assert 0 == again.code, again.err
    assert {record["path"] for record in told} <= before


def test_a_node_that_starts_anew_is_waited_for(start_node: Any, draw: Any, tmp_path: Path) -> None:
    """An import outlives the restart of its node, and everything arrives."""
    contents = draw(40)
    store(tmp_path / "old", "full", contents)
    data = tmp_path / "data"
    node = start_node(data=data)
    bring = Importer(node.url, tmp_path / "home")
    running = subprocess.Popen(
        [*COMMAND, str(tmp_path / "old"), "--json"],
        env=bring.environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert running.stdout is not None
    first = running.stdout.readline()
    node.end()
    anew = start_node(data=data, http_endpoint=f"tcp:{node.port}:interface=127.0.0.1")
    out, err = running.communicate(timeout=3 * processes.PATIENCE_S)
    ended = Ended(running.returncode, first + out, err)

    assert 0 == ended.code, ended.err
    assert 40 == sum(ended.counts("imported", "already_there"))
    assert {f"sha1-{sha1(content)}" for content in contents} == set(anew.originals())


def test_through_the_control_socket(start_node: Any, draw: Any, tmp_path: Path) -> None:
    """With --data, a node that wants a key is filled without one; with a wrong key, nothing is."""
    node = start_node(environment={"RETICULUM_HTTP_UPLOAD_KEYS": "the-right-key"})
    contents = draw(2)
    store(tmp_path / "old", "full", contents)
    bring = Importer(node.url, tmp_path / "home")

    refused = bring(tmp_path / "old", "--key", "another", "--json")
    taken = bring(tmp_path / "old", "--data", node.data, "--json")

    assert (1, 0) == (refused.code, refused.sum["imported"])
    assert not refused.sum["complete"]
    assert (0, 2) == (taken.code, taken.sum["imported"])


@pytest.mark.parametrize(
    "arguments,expected",
    [
        (["missing"], (2, "does not exist")),
        (["empty"], (1, "no images")),
        (["empty", "--from", "reticulum"], (1, "no originals")),
        (["old", "--hash", "sha256"], (2, "ids of its own")),
        (["empty", "--journal", "empty/journal"], (2, "in the very folder")),
        (["empty", "--from", "gopher"], (2, "gopher")),
    ],
)
def test_misuse(
    bring: Importer, draw: Any, tmp_path: Path, arguments: list[str], expected: tuple[int, str]
) -> None:
    """Each has its words and its code."""
    (tmp_path / "empty").mkdir()
    store(tmp_path / "old", "full", draw(1))

    ended = bring(*arguments)

    code, text = expected
    assert code == ended.code, ended.err
    assert text in ended.err


def test_on_a_terminal(bring: Importer, draw: Any, tmp_path: Path) -> None:
    """There is a bar with files, bytes and time, and a sum for people."""
    store(tmp_path / "old", "full", draw(12))
    outer, inner = pty.openpty()
    try:
        running = subprocess.Popen(
            [*COMMAND, "old", "--jobs", "1"],
            cwd=tmp_path,
            env=bring.environment,
            stdin=inner,
            stdout=inner,
            stderr=inner,
        )
        os.close(inner)
        shown = b""
        while select.select([outer], [], [], processes.PATIENCE_S)[0]:
            try:
                shown += os.read(outer, 65_536)
            except OSError:  # the other side has closed: Linux says EIO
                break
        assert 0 == running.wait(processes.PATIENCE_S), shown
    finally:
        os.close(outer)

    assert re.search(rb"\d+/12 files", shown), shown
    assert b"12 imported" in shown


@pytest.mark.parametrize("query", ["hash=md5", "hash=", "hash=SHA1", "hash=sha1&hash=sha1", "hash"])
def test_the_choice_of_a_hash_is_read_strictly(node: processes.Node, query: str) -> None:
    """Anything but one of the two names, once, is 400 that says so."""
    reply = node.ask("POST", f"/v1/images?{query}", pictures.flat())

    assert 400 == reply.status
    assert "sha256 or sha1" in reply.json["detail"]


@pytest.mark.parametrize("name", ["sha1", "sha256"])
def test_a_hash_can_be_chosen(node: processes.Node, draw: Any, name: str) -> None:
    """For raw bytes and for forms; the classic upload does not know of it."""
    raw, formed, classic = draw(3)
    headers, body = processes.form(("image", formed))

    one = node.ask("POST", f"/v1/images?hash={name}", raw)
    two = node.ask("POST", f"/v1/images?hash={name}", body, headers)
    headers, body = processes.form(("image", classic))
    three = node.ask("POST", f"/?hash={name}", body, headers)

    assert f"{name}-{hashlib.new(name, raw).hexdigest()}" == one.json["id"]
    assert f"{name}-{hashlib.new(name, formed).hexdigest()}" == two.json["id"]
    assert hashlib.sha256(classic).hexdigest() == three.json["hash"]
