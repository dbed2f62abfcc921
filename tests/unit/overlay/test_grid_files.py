"""Grid secrets on disk: their modes, the steps of a rotation, crashes between any two writes."""

import os
import stat
from collections.abc import Callable
from pathlib import Path

import attrs
import pytest

from reticulum.errors import BadInvite, BadSettings, MistypedInvite, UnreadableSecret
from reticulum.overlay.entrance import Entrance
from reticulum.overlay.grid_files import NEXT_NAME, PREVIOUS_NAME, GridFiles, apply_invite
from reticulum.overlay.grid_keys import GridKeys, KeyRing
from reticulum.overlay.identity import SECRET_NAME, Identity
from reticulum.overlay.invite import Invite

OLD, NEW, THIRD = bytes([1]) * 32, bytes([2]) * 32, bytes([3]) * 32
DOOR = Entrance("127.0.0.1", 4160)


class PowerCut(OSError):
    """Raised where the machine stops."""


@attrs.define
class Power:
    """An fsync that fails after so many calls."""

    left: int = 1_000

    def __call__(self, descriptor: int) -> None:
        os.fsync(descriptor)
        self.left -= 1
        if self.left < 0:
            raise PowerCut


def grid(folder: Path, secret: bytes = OLD) -> GridFiles:
    files = GridFiles(folder)
    files.found(secret)
    return files


def secrets(ring: KeyRing) -> list[bytes]:
    return [keys.secret for keys in ring.accepted.values()]


def test_rotation_is_four_steps(tmp_path: Path) -> None:
    """Accept, use, forget: at each step the ring is the one that `KeyRing` promises."""
    files = grid(tmp_path)

    assert [OLD] == secrets(files.read())
    assert [OLD, NEW] == secrets(files.accept(NEW))
    assert [NEW, OLD] == secrets(files.use())
    assert [NEW] == secrets(files.forget())
    assert [SECRET_NAME] == [path.name for path in tmp_path.iterdir()]


def test_identity_reads_the_secret_in_use(tmp_path: Path) -> None:
    """What is rotated is the file that the node's identity is read from."""
    Identity.create(tmp_path)
    files = GridFiles(tmp_path)
    files.accept(NEW)
    files.use()

    assert NEW == Identity.read(tmp_path).grid_secret


def test_every_file_is_the_owners_alone(tmp_path: Path) -> None:
    """Mode 0600 even under a careless umask."""
    umask = os.umask(0)
    try:
        files = grid(tmp_path)
        files.accept(NEW)
        modes = {stat.S_IMODE(path.stat().st_mode) for path in tmp_path.iterdir()}
        files.use()
        modes |= {stat.S_IMODE(path.stat().st_mode) for path in tmp_path.iterdir()}
    finally:
        os.umask(umask)
    assert {0o600} == modes


@pytest.mark.parametrize("name", [SECRET_NAME, NEXT_NAME, PREVIOUS_NAME])
@pytest.mark.parametrize("spoil", ["open", "short", "words"])
def test_a_spoilt_file_is_refused_by_name(tmp_path: Path, name: str, spoil: str) -> None:
    """The text says which file, and never what is in it."""
    grid(tmp_path)
    path = tmp_path / name
    path.write_text({"open": THIRD.hex(), "short": THIRD.hex()[:-2], "words": "no hex"}[spoil])
    path.chmod(0o644 if spoil == "open" else 0o600)

    with pytest.raises(UnreadableSecret, match=name) as caught:
        GridFiles(tmp_path).read()
    assert THIRD.hex()[:8] not in str(caught.value)


def test_without_a_secret_it_says_what_to_do(tmp_path: Path) -> None:
    """A directory that is no node's."""
    with pytest.raises(UnreadableSecret, match="reticulum init"):
        GridFiles(tmp_path).read()


def test_found_replaces_nothing(tmp_path: Path) -> None:
    """A secret that is there stays."""
    files = grid(tmp_path)
    with pytest.raises(UnreadableSecret, match="exists"):
        files.found(NEW)
    assert [OLD] == secrets(files.read())


def test_one_rotation_at_a_time(tmp_path: Path) -> None:
    """A second one is refused at every step of the first; the same secret once more is not."""
    files = grid(tmp_path)
    files.accept(NEW)
    assert [OLD, NEW] == secrets(files.accept(NEW))
    with pytest.raises(BadSettings, match="finish that rotation"):
        files.accept(THIRD)
    files.use()
    with pytest.raises(BadSettings, match="finish that rotation"):
        files.accept(THIRD)
    with pytest.raises(BadSettings, match="no next secret"):
        files.use()
    files.forget()
    with pytest.raises(BadSettings, match="nothing to forget"):
        files.forget()
    assert [NEW, THIRD] == secrets(files.accept(THIRD))


def test_a_rotation_can_be_given_up(tmp_path: Path) -> None:
    """Before `use`, the next secret can be forgotten; nothing else changes."""
    files = grid(tmp_path)
    files.accept(NEW)
    assert [OLD] == secrets(files.forget(the_next=True))


STEPS: list[tuple[Callable[[GridFiles], object], list[bytes], list[bytes]]] = [
    (lambda files: files.accept(NEW), [OLD], [OLD, NEW]),
    (lambda files: files.use(), [OLD, NEW], [NEW, OLD]),
    (lambda files: files.forget(), [NEW, OLD], [NEW]),
]


@pytest.mark.parametrize("cut", range(4))
@pytest.mark.parametrize("step", range(3))
def test_a_power_cut_loses_nothing(tmp_path: Path, step: int, cut: int) -> None:
    """Wherever a step is cut off, the files read as before it or after it, and it can be redone."""
    grid(tmp_path)
    for do, _, _ in STEPS[:step]:
        do(GridFiles(tmp_path))
    do, before, after = STEPS[step]
    try:
        do(GridFiles(tmp_path, Power(cut)))
        was_cut = False
    except UnreadableSecret:
        was_cut = True
    files = GridFiles(tmp_path)
    there = secrets(files.read())
    assert there in (before, after)
    assert was_cut or there == after
    if there == before:
        do(files)
    assert after == secrets(files.read())


def test_the_next_rotation_begins_after_a_cut(tmp_path: Path) -> None:
    """What `use` left behind when it was cut off is no rotation under way."""
    files = grid(tmp_path)
    os.link(tmp_path / SECRET_NAME, tmp_path / PREVIOUS_NAME)
    os.link(tmp_path / SECRET_NAME, tmp_path / NEXT_NAME)
    assert [OLD] == secrets(files.read())
    assert [OLD, NEW] == secrets(files.accept(NEW))
    assert [NEW, OLD] == secrets(files.use())


def test_an_invite_makes_a_member(tmp_path: Path) -> None:
    """The secret is written, the entrances are given back; once more changes nothing."""
    text = Invite(NEW, (DOOR,)).text()
    for _ in range(2):
        assert (DOOR,) == apply_invite(tmp_path, text)
        assert [NEW] == secrets(GridFiles(tmp_path).read())


def test_an_invite_of_another_grid_is_refused(tmp_path: Path) -> None:
    """The text names both grids by fingerprint, and the way out."""
    files = grid(tmp_path)
    with pytest.raises(BadSettings, match="take another directory") as caught:
        apply_invite(tmp_path, Invite(NEW).text())
    for secret in (OLD, NEW):
        assert GridKeys.of_secret(secret).fingerprint.hex() in str(caught.value)
    assert [OLD] == secrets(files.read())


def test_an_invite_with_the_next_secret_is_of_this_grid(tmp_path: Path) -> None:
    """In the middle of a rotation either secret is right."""
    grid(tmp_path).accept(NEW)
    assert () == apply_invite(tmp_path, Invite(NEW).text())
    assert () == apply_invite(tmp_path, Invite(OLD).text())


def test_a_mistyped_invite_changes_nothing(tmp_path: Path) -> None:
    """It is told as a typing error; what is no invite, as that."""
    text = Invite(NEW).text()
    wrong = text[:-1] + ("q" if text[-1] != "q" else "p")
    with pytest.raises(MistypedInvite):
        apply_invite(tmp_path, wrong)
    with pytest.raises(BadInvite):
        apply_invite(tmp_path, "hello")
    assert [] == list(tmp_path.iterdir())
