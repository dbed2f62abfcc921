"""An import without a network: what is sent, told, noted and tried again."""

import hashlib
import io
import json
from collections.abc import Callable
from pathlib import Path

import attrs
import pytest
from fake_node import FakeNode, Written
from twisted.internet.defer import Deferred, succeed

from reticulum.cli.importing.check import Damaged, NoImage, Stopped, check
from reticulum.cli.importing.found import Found, Kind, Outcome
from reticulum.cli.importing.journal import Journal, default_place
from reticulum.cli.importing.lanes import Lanes, NoNotes, Notes
from reticulum.cli.importing.layout import Source, original_id
from reticulum.cli.importing.telling import NAMED, Telling, report_file
from reticulum.cli.importing.walk import walk
from reticulum.cli.importing.way import PAUSES_S, Hopeless, Way
from reticulum.cli.node import Dropped, JsonObject, Node, Refused, Unreachable
from reticulum.cli.progress import NoProgress
from reticulum.errors import ClientError
from reticulum.model import HashName, ImageId

GIF = b"GIF89a"


def found(path: Path, content: bytes | None = None) -> Found:
    if content is not None:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    stat = path.stat()
    return Found(path, stat.st_size, stat.st_mtime_ns)


def sha1(content: bytes) -> ImageId:
    return ImageId(HashName.SHA1, hashlib.sha1(content, usedforsecurity=False).hexdigest())


@attrs.define
class Grid(FakeNode):
    """
    Takes anything, and makes ids as it is told.

    Args:
        default: What ids are made with if nothing is asked for.
        troubles: Raised by the next uploads, one each.
        is_old: Whether it does not know of a choice.
    """

    default: HashName = HashName.SHA256
    troubles: list[ClientError] = attrs.field(factory=list)
    is_old: bool = False

    async def upload(
        self, path: Path, sent: Callable[[int], object], hash_name: HashName | None = None
    ) -> JsonObject:
        self.events.append(("upload", path.name))
        if self.troubles:
            sent(2)  # broken off in the middle
            raise self.troubles.pop(0)
        if path.name in self.failures:
            raise self.failures[path.name]
        content = path.read_bytes()
        sent(len(content))
        wanted = None if self.is_old else hash_name
        return await self.facts(self.keep(content, wanted or self.default))

    @property
    def uploads(self) -> list[str]:
        return [name for verb, name in self.events if verb == "upload"]


@attrs.define
class Trial:
    """A way to a node, with its pauses noted instead of waited for."""

    node: Node | None
    hash_name: HashName | None = None
    paused: list[float] = attrs.field(factory=list)
    way: Way = attrs.field(init=False)

    def __attrs_post_init__(self) -> None:
        self.way = Way(node=self.node, check=self.check, pause=self.pause, hash_name=self.hash_name)

    async def check(self, file: Found, hash_name: HashName) -> ImageId:
        return check(file, hash_name, lambda: False)

    def pause(self, seconds: float) -> "Deferred[None]":
        self.paused.append(seconds)
        return succeed(None)

    async def bring(
        self,
        top: Path,
        written: Written,
        *,
        notes: Notes | None = None,
        telling: Telling | None = None,
    ) -> Telling:
        telling = telling or Telling(written.output)
        lanes = Lanes(
            finds=walk(Source(top, Kind.TREE)),
            way=self.way,
            notes=notes or NoNotes(),
            telling=telling,
            bar=NoProgress(),
            pause=self.pause,
        )
        await lanes.run(2)
        telling.sum(Kind.TREE, is_whole=True)
        return telling


def nothing(_count: int) -> None:
    pass


def test_a_store_file_is_checked_against_its_path(tmp_path: Path) -> None:
    """Equal: its id is that of the path. Any other byte: damaged, whatever type it seems to be."""
    sound = attrs.evolve(found(tmp_path / "a", GIF), image_id=sha1(GIF))
    for content in (b"GIF89b", b"no image", b""):
        damaged = attrs.evolve(found(tmp_path / "b", content), image_id=sha1(GIF))
        with pytest.raises(Damaged, match=sha1(GIF).digest):
            check(damaged, HashName.SHA256, lambda: False)

    assert sha1(GIF) == check(sound, HashName.SHA256, lambda: False)


@pytest.mark.parametrize("content", [b"", b"text", b"%PDF-1.7"])
def test_what_is_no_image_is_known_without_a_node(tmp_path: Path, content: bytes) -> None:
    """Nor is it one if a store says its hash rightly."""
    file = found(tmp_path / "a.jpg", content)
    for one in (file, attrs.evolve(file, image_id=sha1(content))):
        with pytest.raises(NoImage):
            check(one, HashName.SHA256, lambda: False)


def test_a_check_can_be_called_off(tmp_path: Path) -> None:
    """A large file does not keep the command from ending."""
    with pytest.raises(Stopped):
        check(found(tmp_path / "a", GIF), HashName.SHA256, lambda: True)


def test_a_file_that_vanished_has_words(tmp_path: Path) -> None:
    """It is one file that failed, not a traceback."""
    file = found(tmp_path / "a", GIF)
    file.path.unlink()

    with pytest.raises(ClientError, match="can't be read"):
        check(file, HashName.SHA256, lambda: False)


async def test_ids_of_a_store_are_asked_for(tmp_path: Path) -> None:
    """They are SHA-1 on a node that makes others by itself; those of a tree are the node's."""
    node = Grid()
    kept = attrs.evolve(found(tmp_path / "a", GIF + b"1"), image_id=sha1(GIF + b"1"))

    old = await Trial(node).way.take(kept, nothing)
    new = await Trial(node).way.take(found(tmp_path / "b", GIF + b"2"), nothing)

    assert (Outcome.IMPORTED, sha1(GIF + b"1")) == old
    assert HashName.SHA256 is new[1].hash_name


async def test_what_the_grid_has_is_not_sent(tmp_path: Path) -> None:
    """It is asked for by its hash first: by the node's own kind of hash, once that is known."""
    node = Grid(default=HashName.SHA1)
    for content in (b"1", b"2"):
        node.keep(GIF + content, HashName.SHA1)
    trial = Trial(node)

    first = await trial.way.take(found(tmp_path / "1", GIF + b"1"), nothing)
    second = await trial.way.take(found(tmp_path / "2", GIF + b"2"), nothing)

    assert (Outcome.IMPORTED, Outcome.THERE) == (first[0], second[0])
    assert ["1"] == node.uploads


async def test_a_node_that_does_not_know_the_choice_ends_it(tmp_path: Path) -> None:
    """Not a second image is stored under an id that nobody asked for."""
    node = Grid(is_old=True)
    kept = attrs.evolve(found(tmp_path / "a", GIF), image_id=sha1(GIF))

    with pytest.raises(Hopeless, match="older"):
        await Trial(node).way.take(kept, nothing)


async def test_a_file_that_changes_on_its_way_has_failed(tmp_path: Path) -> None:
    """What the node has is not what was checked."""
    node = Grid()
    trial = Trial(node)
    file = found(tmp_path / "a", GIF)

    async def changing(_file: Found, _hash_name: HashName) -> ImageId:
        return sha1(b"before")

    trial.way = Way(node=node, check=changing, pause=trial.pause, hash_name=HashName.SHA1)
    with pytest.raises(ClientError, match="changed while it was being sent"):
        await trial.way.take(file, nothing)


@pytest.mark.parametrize(
    "trouble", [Dropped("x"), Unreachable("x"), Refused("x", 503), Refused("x", 504)]
)
async def test_a_node_that_comes_back_has_it(tmp_path: Path, trouble: ClientError) -> None:
    """Pauses grow, and the bytes of attempts in vain are not counted."""
    node, moved = Grid(troubles=[trouble] * 3), list[int]()
    trial = Trial(node)

    outcome, _ = await trial.way.take(found(tmp_path / "a", GIF), moved.append)

    assert Outcome.IMPORTED is outcome
    assert list(PAUSES_S[:3]) == trial.paused
    assert len(GIF) == sum(moved)


@pytest.mark.parametrize(
    "trouble,kind,tries",
    [
        (Unreachable("gone"), Hopeless, len(PAUSES_S) + 1),
        (Refused("no key", 401), Hopeless, 1),
        (Refused("no space", 507), Hopeless, 1),
        (Refused("no type", 415), NoImage, 1),
        (Refused("truncated", 422), Damaged, 1),
        (Refused("too large", 413), Refused, 1),
        (Dropped("broken"), Dropped, len(PAUSES_S) + 1),
    ],
)
async def test_what_does_not_end_well_ends(
    tmp_path: Path, trouble: ClientError, kind: type[ClientError], tries: int
) -> None:
    """Tries are bounded, and what would meet every other file is told from what would not."""
    node = Grid(troubles=[trouble] * 20)

    with pytest.raises(kind, match=str(trouble)):
        await Trial(node).way.take(found(tmp_path / "a", GIF), nothing)
    assert tries == len(node.uploads)


async def test_everything_is_counted_and_told(tmp_path: Path) -> None:
    """One record a file, a sum at the end; one bad file does not stop the others."""
    node, written = Grid(failures={"d": Refused("too large", 413)}), Written(as_json=True)
    node.keep(GIF + b"b")
    for name in "abcd":
        found(tmp_path / "in" / name, GIF + name.encode())
    found(tmp_path / "in" / "e", b"text")

    telling = await Trial(node).bring(tmp_path / "in", written)

    *records, last = written.records
    outcomes = {Path(record["path"]).name: record["outcome"] for record in records}
    assert {
        "a": "imported",
        "b": "already_there",
        "c": "imported",
        "d": "failed",
        "e": "not_an_image",
    } == outcomes
    assert (2, 1, 1, 1) == tuple(
        last["summary"][name] for name in ("imported", "already_there", "failed", "not_an_image")
    )
    assert 2 * (len(GIF) + 1) == last["summary"]["imported_bytes"]
    assert not telling.is_clean


async def test_few_are_named_and_the_report_has_all(tmp_path: Path) -> None:
    """A thousand text files do not fill the screen; none of them is forgotten."""
    written = Written()
    for number in range(3 * NAMED):
        found(tmp_path / "in" / f"{number}.txt", b"text")

    with report_file(tmp_path / "report") as file:
        telling = Telling(written.output, file)
        await Trial(Grid()).bring(tmp_path / "in", written, telling=telling)

    named = [json.loads(line)["path"] for line in (tmp_path / "report").read_text().splitlines()]
    assert {str(path) for path in (tmp_path / "in").iterdir()} == set(named)
    assert NAMED + 1 == len(written.complaints)
    assert "report" in written.complaints[-1]
    assert telling.is_clean
    assert telling.is_empty


async def test_what_is_hopeless_ends_all(tmp_path: Path) -> None:
    """A refused key is not tried on a thousand files."""
    for number in range(30):
        found(tmp_path / f"{number}", GIF + str(number).encode())
    node = Grid(troubles=[Refused("no such key", 403)] * 30)

    with pytest.raises(Hopeless, match="no such key"):
        await Trial(node).bring(tmp_path, Written())
    assert len(node.uploads) <= 2


async def test_a_dry_run_sends_nothing(tmp_path: Path) -> None:
    """It counts what would be sent."""
    found(tmp_path / "a", GIF)
    found(tmp_path / "b", b"text")
    written = Written()

    telling = Telling(written.output, is_dry=True)
    await Trial(None).bring(tmp_path, written, telling=telling)

    assert ["1 would be imported (6 B)", "1 not images"] == written.lines


async def test_what_is_noted_is_not_even_read(tmp_path: Path) -> None:
    """A second run asks the node for nothing, but for a file that was changed in between."""
    top, node = tmp_path / "in", Grid()
    for name in "abc":
        found(top / name, GIF + name.encode())
    first = Journal(tmp_path / "journal", top, "this")
    await Trial(node).bring(top, Written(), notes=first)
    first.close()
    node.events.clear()
    node.kept.clear()
    found(top / "b", GIF + b"another")

    again = Journal(tmp_path / "journal", top, "this")
    written = Written()
    await Trial(node).bring(top, written, notes=again)
    again.close()

    assert ["b"] == node.uploads
    assert ["1 imported (13 B)", "2 done before"] == written.lines


def test_a_file_of_equal_length_is_another_one(tmp_path: Path) -> None:
    """A picture that was changed in place since it was noted is brought in again."""
    before = found(tmp_path / "in" / "a", GIF)
    journal = Journal(tmp_path / "journal", tmp_path / "in", "this")
    journal.add(before, "sha1-x")

    after = attrs.evolve(before, mtime_ns=before.mtime_ns + 1)

    assert ("sha1-x", None) == (journal.has(before), journal.has(after))
    journal.close()


def test_a_journal_is_for_one_import_at_a_time(tmp_path: Path) -> None:
    """A second one is refused with words; so is one of another folder or node."""
    place = tmp_path / "state" / "journal"
    first = Journal(place, tmp_path, "this")
    with pytest.raises(ClientError, match="another import is writing"):
        Journal(place, tmp_path, "this")
    first.close()
    with pytest.raises(ClientError, match="of another import"):
        Journal(place, tmp_path, "that")

    Journal(place, tmp_path, "this").close()


def test_what_is_no_journal_is_not_touched(tmp_path: Path) -> None:
    """A picture named by mistake survives."""
    place = tmp_path / "photo.gif"
    place.write_bytes(GIF * 1000)

    with pytest.raises(ClientError, match="as a journal"):
        Journal(place, tmp_path, "this")
    assert GIF * 1000 == place.read_bytes()


def test_each_import_has_its_place(tmp_path: Path) -> None:
    """Below the state directory of the person, one for each text."""
    surroundings = {"XDG_STATE_HOME": str(tmp_path)}

    places = {default_place(surroundings, about) for about in ("this", "that", "th\udce4t")}

    assert 3 == len(places)
    assert all(place.is_relative_to(tmp_path) for place in places)
    assert default_place({"XDG_STATE_HOME": "relative"}, "this").is_absolute()


def test_a_report_that_cannot_be_written_has_words(tmp_path: Path) -> None:
    """Before anything is sent."""
    with pytest.raises(ClientError, match="report"), report_file(tmp_path / "no" / "report"):
        pass


def test_names_that_are_no_text_are_told(tmp_path: Path) -> None:
    """Bytes that are no UTF-8 stand in the report, escaped."""
    report = io.StringIO()
    Telling(Written().output, report).left(Path("a\udcff"), Outcome.FAILED, "x")

    assert "a\udcff" == json.loads(report.getvalue())["path"]


def test_ids_of_paths_are_sha1() -> None:
    """As the trial of a whole store has it."""
    digest = sha1(GIF).digest
    parts = tuple(digest[at : at + 2] for at in range(0, 40, 2))

    assert sha1(GIF) == original_id((*parts, "full.gif"), Kind.RETICULUM)
