"""Where a ferry goes: to the world, and not into the ferryman's own networks."""

import ipaddress

import pytest

from reticulum.model import Address
from reticulum.reach.ferry.waters import is_open_to

PUBLIC, PRIVATE, LOOPBACK = "44.0.0.9", "192.168.7.7", "127.0.0.1"
WORLD = ("44.1.2.3", "2606:4700::1111")
LANS = ("10.0.0.1", "192.168.1.1", "172.16.0.9", "100.64.0.1", "169.254.0.1", "fd00::1", "fe80::1")
MACHINE = ("127.0.0.1", "127.8.8.8", "::1")
NOBODY = (
    "0.0.0.0",  # noqa: S104  (refused)
    "0.1.2.3",
    "::",
    "224.0.0.251",
    "239.255.255.250",
    "240.0.0.1",
    "255.255.255.255",
    "ff02::fb",
    "fe80::1%eth0",
    "::ffff:44.1.2.3",
    "::ffff:127.0.0.1",
    "2002:7f00:1::1",
    "2001:0:7f00:1::1",
)


@pytest.mark.parametrize(
    "member,allowed",
    [(PUBLIC, WORLD), (PRIVATE, WORLD + LANS), (LOOPBACK, WORLD + LANS + MACHINE)],
)
def test_nobody_gets_nearer_than_he_is(member: str, allowed: tuple[str, ...]) -> None:
    """From the Internet to the Internet, from a network to networks, from the machine anywhere."""
    for host in WORLD + LANS + MACHINE:
        assert (host in allowed) is is_open_to(Address(host, 4160), member)


@pytest.mark.parametrize("member", [PUBLIC, PRIVATE, LOOPBACK])
@pytest.mark.parametrize("host", NOBODY)
def test_never(host: str, member: str) -> None:
    """Everybody at once, nobody, and other ways to write an IPv4 address."""
    canonical = str(ipaddress.ip_address(host))
    assert not is_open_to(Address(canonical, 4160), member)
