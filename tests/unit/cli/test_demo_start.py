"""What a demo is asked for, and what it makes and removes."""

import os
import signal
import socket
from pathlib import Path

import pytest
from click.testing import CliRunner

from reticulum.cli.demo import child
from reticulum.cli.demo.command import demo
from reticulum.cli.demo.folder import demo_folder
from reticulum.cli.demo.places import ZONES, free_ports, knock_at_others, make_places
from reticulum.cli.demo.signals import ending
from reticulum.cli.demo.steps import DEFAULT, DEFAULT_ALONE, Step, Word, parse
from reticulum.errors import ClientError
from reticulum.overlay.entrance_file import read_entrances
from reticulum.settings import read_settings


def test_script() -> None:
    """Words with or without a number; the default ones are scripts, too."""
    assert (Step(Word.UPLOAD, 3), Step(Word.KILL), Step(Word.HEAL, 60)) == parse(
        "upload 3,kill ,  heal 60"
    )
    assert all(
        Word.KILL in [step.word for step in parse(text)] for text in (DEFAULT, DEFAULT_ALONE)
    )


@pytest.mark.parametrize("text", ["", "kill,", "burn", "kill two", "kill -1", "kill 1 2", "kill ²"])
def test_no_script(text: str) -> None:
    """Anything else says what is possible."""
    with pytest.raises(ValueError, match="is no step: a step is upload, "):
        parse(text)


@pytest.mark.parametrize(
    "arguments",
    [["--nodes", "0"], ["--nodes", "31"], ["--images", "-1"], ["--script", "burn"], ["more"]],
)
def test_misuse_is_refused(arguments: list[str]) -> None:
    """Before anything is made or started."""
    assert 2 == CliRunner().invoke(demo, arguments).exit_code


def test_without_twistd_there_is_no_demo(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A missing or broken twistd is told early, by its name."""
    monkeypatch.setattr(child.sys, "executable", str(tmp_path / "python"))
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(ClientError, match="can't find twistd"):
        child.find_twistd()

    twistd = tmp_path / "twistd"
    twistd.write_text("#!/bin/sh\necho 'No module named twisted' >&2; exit 1\n")
    twistd.chmod(0o755)
    with pytest.raises(ClientError, match="can't run .*twistd: No module named twisted"):
        child.find_twistd()


def test_places_are_one_grid(tmp_path: Path) -> None:
    """One secret, different keys and ports, three zones in turn; each knocks at those before it."""
    places = make_places(tmp_path, 4)
    secrets = {(place.data / "grid.secret").read_bytes() for place in places}
    keys = {(place.data / "node.key").read_bytes() for place in places}

    assert (1, 4) == (len(secrets), len(keys))
    assert 8 == len({port for place in places for port in (place.http_port, place.peer_port)})
    assert [*ZONES, ZONES[0]] == [place.zone for place in places]
    for number, place in enumerate(places):
        settings = read_settings(flags={}, environment={}, config=place.data / "reticulum.toml")
        before = {f"127.0.0.1:{each.peer_port}" for each in places[:number]}
        assert before == set(settings.peer.entrances)


def test_who_comes_back_knocks_at_all_others(tmp_path: Path) -> None:
    """Even the first node, which knew of nobody when the grid began."""
    places = make_places(tmp_path, 3)
    knock_at_others(places[0], places)

    knocks_at = [str(entrance) for entrance in read_entrances(places[0].data)]
    assert [f"127.0.0.1:{each.peer_port}" for each in places[1:]] == knocks_at


def test_settings_of_the_demo_are_settings() -> None:
    """Every name in the environment of a node is known, and nothing of this process leaks in."""
    environment = {k: v for k, v in child._environment().items() if k.startswith("RETICULUM_")}
    settings = read_settings(flags={}, environment=environment, config=None)

    assert 3 == settings.replication.copies
    assert child.GRACE_S == settings.replication.grace_s


def test_ports_are_free_for_both() -> None:
    """All different, and free for TCP and UDP."""
    for port in free_ports(6):
        for kind in (socket.SOCK_STREAM, socket.SOCK_DGRAM):
            with socket.socket(socket.AF_INET, kind) as bound:
                bound.bind(("127.0.0.1", port))


class TestFolder:
    """Where everything lies."""

    def test_a_temporary_one_is_gone(self) -> None:
        """With all that is in it, whatever happened."""
        made = []

        def fail() -> None:
            with demo_folder(None, is_kept=False) as folder:
                (folder / "node1").mkdir()
                (folder / "node1" / "file").touch()
                made.append(folder)
                raise KeyError

        with pytest.raises(KeyError):
            fail()
        assert [False] == [folder.exists() for folder in made]

    def test_one_that_was_there_is_empty_again(self, tmp_path: Path) -> None:
        """The directory itself is not the demo's to remove."""
        with demo_folder(tmp_path, is_kept=False) as folder:
            (folder / "file").touch()
        assert [] == list(tmp_path.iterdir())

    def test_a_kept_one_stays(self, tmp_path: Path) -> None:
        """With --keep."""
        with demo_folder(tmp_path / "new", is_kept=True) as folder:
            (folder / "file").touch()
        assert (tmp_path / "new" / "file").exists()

    def test_what_is_not_empty_is_refused(self, tmp_path: Path) -> None:
        """Nothing of somebody else is ever removed."""
        (tmp_path / "photo.jpg").touch()
        with (
            pytest.raises(ClientError, match="is not empty"),
            demo_folder(tmp_path, is_kept=False),
        ):
            pass
        assert (tmp_path / "photo.jpg").exists()


def test_a_signal_is_noted_and_interrupts_nothing() -> None:
    """It counts where the demo looks, and the handlers are as they were afterwards."""
    before = signal.getsignal(signal.SIGTERM)
    with ending() as noted:
        noted.check()
        os.kill(os.getpid(), signal.SIGTERM)
        with pytest.raises(KeyboardInterrupt):
            noted.check()
    assert before == signal.getsignal(signal.SIGTERM)
