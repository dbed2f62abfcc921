"""`reticulum grid`: a rotation over two nodes, step by step, and what is told of it."""

import json
from collections.abc import Callable
from pathlib import Path

import attrs
import pytest
from click.testing import CliRunner, Result
from fake_node import FakeNode, Written

from reticulum.cli.grid import grid_in_force, tell
from reticulum.cli.init import make
from reticulum.cli.main import reticulum, run
from reticulum.cli.node import Unreachable
from reticulum.overlay.grid_files import GridFiles
from reticulum.overlay.invite import Invite

NEW = bytes([7]) * 32


def grid(data: Path, command: str, *arguments: str, text: str | None = None) -> Result:
    return CliRunner().invoke(
        reticulum, ["grid", command, *arguments, "--data", str(data)], input=text
    )


def made(folder: Path, invite: str | None = None) -> Path:
    make(folder, invite)
    return folder


def test_rotation_over_two_nodes(tmp_path: Path) -> None:
    """Rotate, accept, use, forget: both end with the same one new secret."""
    first = made(tmp_path / "a")
    old = GridFiles(first).read().current
    second = made(tmp_path / "b", Invite(old.secret).text())

    rotated = grid(first, "rotate", "--address", "203.0.113.7:1")
    assert 0 == rotated.exit_code, rotated.output
    [invite] = rotated.stdout.splitlines()
    assert 0 == grid(second, "accept", "-", text=rotated.stdout).exit_code
    new = Invite.parse(invite).secret
    for data in (first, second):
        ring = GridFiles(data).read()
        assert [old.secret, new] == [keys.secret for keys in ring.accepted.values()]
    for data in (second, first):
        assert 0 == grid(data, "use").exit_code
    for data in (first, second):
        assert [new, old.secret] == [k.secret for k in GridFiles(data).read().accepted.values()]
        assert 0 == grid(data, "forget").exit_code
        assert [new] == [keys.secret for keys in GridFiles(data).read().accepted.values()]


def test_show_has_fingerprints_and_never_a_secret(tmp_path: Path) -> None:
    """For people with what each means; in JSON with null for what is not there."""
    data = made(tmp_path / "a")
    files = GridFiles(data)
    files.accept(NEW)
    ring = files.read()
    result, machine = grid(data, "show"), grid(data, "show", "--json")
    following = ring.others[0].fingerprint.hex()
    assert [
        f"current   {ring.current.fingerprint.hex()}  in use",
        f"next      {following}  accepted, not in use yet",
        "node      not running",
    ] == result.stdout.splitlines()
    assert {
        "current": ring.current.fingerprint.hex(),
        "next": following,
        "previous": None,
        "running": None,
    } == json.loads(machine.stdout)
    for secret in (ring.current.secret, NEW):
        assert secret.hex() not in result.output + machine.output


def test_a_node_that_did_not_follow_is_told(tmp_path: Path) -> None:
    """What runs and what is on disk differ: restart it."""
    files = GridFiles(made(tmp_path / "a"))
    current = files.read().current.fingerprint.hex()
    same, other = Written(), Written()
    tell(files, same.output, {"current": current, "accepted": [current]})
    tell(files, other.output, {"current": "00" * 8, "accepted": ["00" * 8]})
    assert [] == same.complaints
    assert "node      running" in same.lines
    assert ["restart it" in line for line in other.complaints] == [True]


@pytest.mark.parametrize(
    "command,words",
    [("use", "no next secret"), ("forget", "nothing to forget")],
)
def test_a_step_out_of_order_fails(
    tmp_path: Path, command: str, words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """Exit code 1; the text says what comes first, or that there is nothing to do."""
    data = made(tmp_path / "a")
    assert 1 == run(["grid", command, "--data", str(data)])
    assert words in capsys.readouterr().err


def test_a_second_rotation_waits_for_the_first(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """And it can be given up."""
    data = made(tmp_path / "a")
    GridFiles(data).accept(NEW)
    rotate = ["grid", "rotate", "--data", str(data), "--address", "203.0.113.7:1"]
    assert 1 == run(rotate)
    assert "grid forget --next" in capsys.readouterr().err
    assert 0 == grid(data, "forget", "--next").exit_code
    assert 0 == run(rotate)


def test_a_mistyped_invite_is_misuse(tmp_path: Path) -> None:
    """Exit code 2, told as a typing error; nothing is accepted."""
    data = made(tmp_path / "a")
    text = Invite(NEW).text()
    result = grid(data, "accept", text[:20] + text[21:])
    assert 2 == result.exit_code
    assert "typing error" in result.stderr
    assert None is GridFiles(data).next()


@attrs.define
class Spoken(FakeNode):
    """Answers any path with this."""

    answer: bytes = b""

    async def picture(self, path: str, write: Callable[[bytes], object]) -> int:
        self.events.append(("picture", path))
        write(self.answer[:5])
        write(self.answer[5:])
        return len(self.answer)


async def test_the_running_node_is_asked_by_its_socket() -> None:
    """It reads its files again, and tells what is in force."""
    node = Spoken(answer=b'{"current": "ab", "accepted": ["ab"], "addresses": []}')
    assert "ab" == (await grid_in_force(node))["current"]
    assert [("picture", "/v1/grid")] == node.events


@pytest.mark.parametrize("answer", [b"<html>", b"[]", b"{}"])
async def test_what_is_no_node_is_told_so(answer: bytes) -> None:
    """Something else listens on the socket."""
    with pytest.raises(Unreachable):
        await grid_in_force(Spoken(answer=answer))


def test_help_tells_the_order() -> None:
    """All three steps, each on every node before the next."""
    text = CliRunner().invoke(reticulum, ["grid", "--help"]).output
    places = [
        text.index(f"{n}. grid {step}") for n, step in ((1, "rotate"), (2, "use"), (3, "forget"))
    ]
    assert sorted(places) == places
