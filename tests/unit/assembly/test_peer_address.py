"""Where a node listens for others, and what it tells them to dial."""

import contextlib
import errno
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from reticulum.assembly.peer_address import PORT_NAME, dialled_at, peer_address
from reticulum.errors import BadSettings
from reticulum.model import Address
from reticulum.overlay.network import EVERYWHERE
from reticulum.settings.sections import PeerSettings

HOST = "127.0.0.1"


@pytest.fixture
def taken() -> Iterator[int]:
    """A port that somebody else has, for TCP alone."""
    with socket.socket() as other:
        other.bind((HOST, 0))
        other.listen()
        yield other.getsockname()[1]


def test_any_port_is_free_and_kept(tmp_path: Path) -> None:
    """With 0, some port is found, and the same one after a restart."""
    peer = PeerSettings(address=f"{HOST}:0")

    first, second = peer_address(tmp_path, peer), peer_address(tmp_path, peer)

    assert first == second
    assert HOST == first[0]
    assert str(first[1]) == (tmp_path / PORT_NAME).read_text().strip()


def test_a_port_that_was_asked_for_must_be_had(tmp_path: Path, taken: int) -> None:
    """A node does not quietly listen elsewhere than its operator said."""
    with pytest.raises(BadSettings, match="--peer"):
        peer_address(tmp_path, PeerSettings(address=f"{HOST}:{taken}"))


def test_default_port_gives_way(tmp_path: Path) -> None:
    """Several nodes on one machine start with no settings at all."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as other:
        # Whether or not another process has it already: now it is taken.
        with contextlib.suppress(OSError):
            other.bind(("0.0.0.0", 4160))  # noqa: S104  (the default is)
        _, port = peer_address(tmp_path, PeerSettings())

    assert 4160 != port


def test_default_port_is_free_for_both_ip_versions(tmp_path: Path) -> None:
    """A number that somebody has on IPv6 alone is not one to be told."""
    with socket.socket(socket.AF_INET6, socket.SOCK_STREAM) as other:
        other.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        try:
            other.bind(("::", 0))
        except OSError as error:
            pytest.skip(f"no IPv6 on this machine: {error}")
        other.listen()
        number = other.getsockname()[1]
        with pytest.raises(BadSettings, match="--peer"):
            peer_address(tmp_path, PeerSettings(address=f"*:{number}"))
        assert (HOST, number) == peer_address(tmp_path, PeerSettings(address=f"{HOST}:{number}"))


def test_no_ipv6_is_no_fault(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where there are no such sockets, the default is IPv4 alone."""
    real = socket.socket

    def without_ipv6(family: int, *rest: int) -> socket.socket:
        if family == socket.AF_INET6:
            raise OSError(errno.EAFNOSUPPORT, "Address family not supported by protocol")
        return real(family, *rest)

    monkeypatch.setattr(socket, "socket", without_ipv6)
    host, port = peer_address(tmp_path, PeerSettings(address="*:0"))
    assert EVERYWHERE == host
    assert Address(HOST, port) in dialled_at(host, port, None)


@pytest.mark.parametrize("text", ["", "x", "0", "70000", "-1"])
def test_nonsense_in_the_file_is_nothing(tmp_path: Path, text: str) -> None:
    """A damaged note of the port costs the port, not the start."""
    (tmp_path / PORT_NAME).write_text(text)

    assert peer_address(tmp_path, PeerSettings(address=f"{HOST}:0"))[1] > 0


def test_an_address_of_its_own_is_the_only_one() -> None:
    """Whoever listens on one address is dialled there."""
    assert [Address(HOST, 7)] == dialled_at(HOST, 7, Address("127.0.0.9", 7))


@pytest.mark.parametrize(
    "wildcard, loopback",
    [(EVERYWHERE, HOST), ("0.0.0.0", HOST), ("::", "::1")],  # noqa: S104  (wildcards)
)
def test_a_wildcard_is_never_told(wildcard: str, loopback: str) -> None:
    """What others see comes first, this machine's own addresses last."""
    seen = Address("198.51.100.7", 4160)
    told = dialled_at(wildcard, 4160, seen)

    assert (seen, Address(loopback, 4160)) == (told[0], told[-1])
    assert not {EVERYWHERE, "0.0.0.0", "::"} & {address.host for address in told}  # noqa: S104
