"""`reticulum invite` and `init --join`: one string from node to node."""

import json
import socket
import tomllib
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from fake_node import Written

from reticulum.cli.init import make
from reticulum.cli.invite import entrances, outward
from reticulum.cli.main import reticulum
from reticulum.errors import ClientError, MistypedInvite
from reticulum.overlay.entrance import Entrance
from reticulum.overlay.grid_files import GridFiles
from reticulum.overlay.invite import Invite

ADDRESS = "203.0.113.7:4160"
SECRET = bytes(range(32))


def reticulum_run(*arguments: str, text: str | None = None) -> Result:
    return CliRunner().invoke(reticulum, arguments, input=text)


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """A node that is not running."""
    make(tmp_path / "node")
    return tmp_path / "node"


def test_the_invite_alone_is_on_standard_output(data: Path) -> None:
    """One line that a script can take; it holds this grid's secret and the address."""
    result = reticulum_run("invite", "--data", str(data), "--address", ADDRESS)
    assert 0 == result.exit_code
    assert "" == result.stderr
    [line] = result.stdout.splitlines()
    invite = Invite.parse(line)
    assert GridFiles(data).read().current.secret == invite.secret
    assert (Entrance.parse(ADDRESS),) == invite.entrances


def test_grouped_and_json(data: Path) -> None:
    """Groups of five to be read aloud; in JSON, with what is in it."""
    place = ("invite", "--data", str(data), "--address", ADDRESS)
    grouped = reticulum_run(*place, "--grouped").stdout.strip()
    told = json.loads(reticulum_run(*place, "--json").stdout)
    assert {"invite", "fingerprint", "addresses"} == set(told)
    assert [ADDRESS] == told["addresses"]
    assert GridFiles(data).read().current.fingerprint.hex() == told["fingerprint"]
    assert grouped.replace(" ", "") == told["invite"]
    assert {5} == set(map(len, grouped.split()[1:-1]))


@pytest.mark.parametrize("address", ["nonsense", "host:0", "host:99999", "a b:1"])
def test_what_is_no_address_is_misuse(data: Path, address: str) -> None:
    """Exit code 2 with an example."""
    result = reticulum_run("invite", "--data", str(data), "--address", address)
    assert 2 == result.exit_code
    assert "" == result.stdout


def test_nine_addresses_are_too_many(data: Path) -> None:
    """The text says how many are possible."""
    many = [part for number in range(9) for part in ("--address", f"10.0.0.{number}:1")]
    result = reticulum_run("invite", "--data", str(data), *many)
    assert 2 == result.exit_code
    assert "8 are possible" in result.stderr


@pytest.mark.parametrize("address", ["127.0.0.1:4160", "[::1]:4160", "localhost:4160"])
def test_loopback_alone_gets_a_warning(data: Path, address: str) -> None:
    """On standard error: the invite still works on this machine."""
    result = reticulum_run("invite", "--data", str(data), "--address", address)
    assert 0 == result.exit_code
    assert "this machine only" in result.stderr
    assert Invite.parse(result.stdout)


@pytest.mark.parametrize("wildcard", ["*", "0.0.0.0"])  # noqa: S104  (wildcards)
def test_every_address_is_no_address(data: Path, wildcard: str) -> None:
    """A wildcard stands in no invite: the machine's own addresses, or loopback, stand for it."""
    result = reticulum_run("invite", "--data", str(data), "--address", f"{wildcard}:4170")
    own = outward(wildcard) or ["127.0.0.1"]
    assert tuple(Entrance(host, 4170) for host in own) == Invite.parse(result.stdout).entrances


def test_the_settings_say_where_if_nobody_else_does(data: Path) -> None:
    """The [peer] address of a node that does not run."""
    config = data / "reticulum.toml"
    config.write_text(
        config.read_text().replace("\n[peer]\n", '\n[peer]\naddress = "10.1.2.3:9"\n')
    )
    result = reticulum_run("invite", "--data", str(data))
    assert (Entrance("10.1.2.3", 9),) == Invite.parse(result.stdout).entrances
    assert "does not run" in result.stderr


def test_a_running_node_knows_its_addresses(data: Path) -> None:
    """They beat the settings, and what a person says beats them."""
    running, written = {"addresses": ["198.51.100.1:1", "[2001:db8::7]:1"]}, Written()
    found = entrances(data, (), written.output, running)
    assert ["198.51.100.1:1", "[2001:db8::7]:1"] == [str(each) for each in found]
    assert [Entrance.parse(ADDRESS)] == list(entrances(data, [ADDRESS], written.output, running))
    assert [] == written.complaints


def test_without_a_node_there_is_no_invite(tmp_path: Path) -> None:
    """Exit code 1, and how to make one."""
    from reticulum.cli.main import run  # noqa: PLC0415

    assert 1 == run(["invite", "--data", str(tmp_path), "--address", ADDRESS])


def test_in_a_rotation_there_are_two(data: Path) -> None:
    """The one in use with a warning, or the next."""
    GridFiles(data).accept(SECRET)
    place = ("invite", "--data", str(data), "--address", ADDRESS)
    usual, coming = reticulum_run(*place), reticulum_run(*place, "--next")
    assert "rotation is under way" in usual.stderr
    assert SECRET != Invite.parse(usual.stdout).secret
    assert SECRET == Invite.parse(coming.stdout).secret


def test_outward_addresses_are_this_machines() -> None:
    """A socket can be bound to each of them."""
    for host in outward("*"):
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        with socket.socket(family, socket.SOCK_DGRAM) as probe:
            probe.bind((host, 0))


def test_init_joins(tmp_path: Path) -> None:
    """The new node has the grid's secret and knocks where the invite says."""
    invite = Invite(SECRET, (Entrance.parse(ADDRESS), Entrance("example.org", 1)))
    result = reticulum_run("init", str(tmp_path / "new"), "--join", invite.grouped())
    assert 0 == result.exit_code, result.output
    assert SECRET == GridFiles(tmp_path / "new").read().current.secret
    config = tomllib.loads((tmp_path / "new" / "reticulum.toml").read_text())
    assert [ADDRESS, "example.org:1"] == config["peer"]["entrances"]
    assert f"knocks at {ADDRESS}, example.org:1" in result.stdout
    assert invite.text() not in result.output


def test_init_takes_the_invite_from_standard_input(tmp_path: Path) -> None:
    """Where no other user of the machine sees it; in JSON the entrances are told."""
    text = Invite(SECRET, (Entrance.parse(ADDRESS),)).text() + "\n"
    result = reticulum_run("init", str(tmp_path / "new"), "--join", "-", "--json", text=text)
    assert [ADDRESS] == json.loads(result.stdout)["entrances"]


def test_a_mistyped_invite_makes_nothing(tmp_path: Path) -> None:
    """Exit code 2, told as a typing error, and not a single file."""
    text = Invite(SECRET).text()
    wrong = text[:-1] + ("q" if text[-1] != "q" else "p")
    result = reticulum_run("init", str(tmp_path / "new"), "--join", wrong)
    assert 2 == result.exit_code
    assert "typing error in the invite" in result.stderr
    assert not (tmp_path / "new").exists()
    with pytest.raises(MistypedInvite):
        make(tmp_path / "new", wrong)


def test_init_overwrites_no_secret(data: Path) -> None:
    """A directory with a node is refused whatever the invite."""
    with pytest.raises(ClientError, match="already"):
        make(data, Invite(SECRET).text())
    assert SECRET != GridFiles(data).read().current.secret


def test_an_invite_without_addresses_is_told_so(tmp_path: Path) -> None:
    """It joins, but has nobody to knock at."""
    result = reticulum_run("init", str(tmp_path / "new"), "--join", Invite(SECRET).text())
    assert 0 == result.exit_code
    assert "has no address" in result.stderr
