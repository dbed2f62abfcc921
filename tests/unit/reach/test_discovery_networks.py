"""Which networks a node takes part in, and which addresses it believes to be near."""

import ipaddress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reticulum.reach.discovery.networks import MOST_ADDRESSES, MOST_VOICES, Network, Networks

HOME = (
    "lo 127.0.0.1/8",
    "lo ::1/128",
    "eth0 192.168.1.5/24",
    "eth0 fd00:1::5/64",
    "eth0 fe80::5/64",
)
CAMPUS = ("eth0 130.89.4.7/22", "eth0 2001:67c:2564::7/64")


def networks(*lines: str, host: str = "") -> Networks:
    """As of the system's answer, an interface and an address on each line."""
    words = [line.split() for line in lines]
    names = list(dict.fromkeys(name for name, _ in words))
    return Networks.listened_on(
        host,
        [Network(1 + names.index(name), ipaddress.ip_interface(own)) for name, own in words],
    )


@pytest.mark.parametrize(
    "host, told, voices",
    [
        ("", ("192.168.1.5", "fd00:1::5"), ["fe80::5", "192.168.1.5"]),
        ("0.0.0.0", ("192.168.1.5",), ["192.168.1.5"]),  # noqa: S104  (compared with)
        ("::", ("fd00:1::5",), ["fe80::5"]),
        ("192.168.1.5", ("192.168.1.5",), ["192.168.1.5"]),
        ("fd00:1::5", ("fd00:1::5",), ["fe80::5"]),
        ("127.0.0.1", (), []),
        ("::1", (), []),
        ("10.9.9.9", (), []),
    ],
)
def test_only_where_it_listens(host: str, told: tuple[str, ...], voices: list[str]) -> None:
    """A node tells the addresses it is reached at, and no other; loopback never."""
    chosen = networks(*HOME, host=host)
    assert told == chosen.told
    assert voices == chosen.voices


@pytest.mark.parametrize(
    "line",
    [
        "tun0 10.8.0.2/32",
        "ppp0 88.1.2.3/31",
        "tun0 fd00:9::1/128",
        "eth0 fe80::7/64",
        "eth0 0.0.0.0/0",
    ],
)
def test_no_neighbours_no_network(line: str) -> None:
    """A tunnel, a line to a provider, an interface without an address: nothing is told there."""
    assert () == networks(line).told
    assert [] == networks(line).voices


def test_private_addresses_first() -> None:
    """The addresses most likely to be reached on the local network come first, eight at most."""
    lines = [f"eth0 130.89.{number}.1/24" for number in range(20)]
    told = networks(*lines, "eth0 2001:db8::1/64", *HOME).told
    assert MOST_ADDRESSES == len(told)
    assert ("192.168.1.5", "fd00:1::5", "130.89.0.1") == told[:3]


def test_one_voice_for_each_network() -> None:
    """Two addresses in one network do not say everything twice."""
    twice = networks("eth0 10.0.0.1/24", "eth0 10.0.0.2/24", "eth0 fd00::1/64", "eth0 fd00::2/64")
    assert ["10.0.0.1", "fd00::1"] == twice.voices


def test_voices_are_bounded() -> None:
    """A machine with a bridge for every container does not speak on hundreds of sockets."""
    assert MOST_VOICES == len(networks(*[f"br{n} 172.20.{n}.1/24" for n in range(200)]).voices)


@pytest.mark.parametrize(
    "host",
    ["192.168.1.9", "192.168.7.9", "10.1.2.3", "172.16.0.9", "172.31.9.9", "fd00:1::9", "fdff::1"],
)
def test_private_is_near(host: str) -> None:
    """Private addresses are near, in whichever network: routers join several."""
    assert networks(*HOME).is_near(host)


@pytest.mark.parametrize("host", ["130.89.4.8", "130.89.7.254", "2001:67c:2564::8"])
def test_own_network_is_near(host: str) -> None:
    """Public addresses are near in one of this machine's own networks, and only there."""
    assert networks(*CAMPUS).is_near(host)
    assert not networks(*HOME).is_near(host)


@pytest.mark.parametrize(
    "host",
    [
        *("8.8.8.8", "2001:4860:4860::8888", "192.0.2.1", "100.64.0.1", "198.18.0.1", "172.32.0.1"),
        *("127.0.0.1", "::1", "0.0.0.0", "::", "255.255.255.255", "224.0.0.251", "ff02::fb"),  # noqa: S104
        *("192.168.1.255", "192.168.1.0", "169.254.169.254", "fe80::9", "fe80::9%2", "fd00:1::9%2"),
        *("::ffff:192.168.1.9", "::ffff:8.8.8.8", "64:ff9b::808:808", "2002:808:808::1"),
        *("", "localhost", "192.168.1", "192.168.01.9", "FD00:1::9", " 10.0.0.1", "10.0.0.1\n"),
    ],
    ids=ascii,
)
def test_all_else_is_far(host: str) -> None:
    """The Internet, many machines at once, this one itself, and what is no address are far."""
    assert not networks(*HOME).is_near(host)


def test_a_family_that_is_not_spoken_is_far() -> None:
    """A node on IPv4 alone can reach nobody on IPv6."""
    alone = networks(*HOME, host="0.0.0.0")  # noqa: S104  (compared with)
    assert alone.is_near("192.168.1.9")
    assert not alone.is_near("fd00:1::9")


@given(st.one_of(st.ip_addresses(), st.text(max_size=50)))
def test_nothing_public_is_ever_near(host: object) -> None:
    """Whatever a liar names, no datagram goes out of private space and the own networks."""
    near = networks(*HOME, *CAMPUS)
    if near.is_near(str(host)):
        ip = ipaddress.ip_address(str(host))
        own = [ipaddress.ip_network(text) for text in ("130.89.4.0/22", "2001:67c:2564::/64")]
        assert ip.is_private or any(ip in network for network in own)
        assert not ip.is_multicast
        assert not ip.is_loopback
        assert not ip.is_unspecified
        assert not ip.is_link_local


@pytest.mark.parametrize(
    "source, is_local",
    [
        ("192.168.1.77", True),
        ("::ffff:192.168.1.77", True),
        ("fe80::77%eth0", True),
        ("fd00:1::77", True),
        ("192.168.2.77", False),
        ("8.8.8.8", False),
        ("::ffff:8.8.8.8", False),
        ("2001:4860:4860::8888", False),
        ("nonsense", False),
    ],
)
def test_senders(source: str, is_local: bool) -> None:
    """Only who is in one of the networks is heard (RFC 6762 section 11)."""
    assert is_local == networks(*HOME).has_sent(source)
