"""The default gateway, read from the kernel's routes."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reticulum.reach.mapping.gateway import (
    Gateway,
    address_towards,
    default_gateway,
    default_route,
)

HEAD = "Iface\tDestination\tGateway \tFlags\tRefCnt\tUse\tMetric\tMask\t\tMTU\tWindow\tIRTT\n"
LAN = "eth0\t0001A8C0\t00000000\t0001\t0\t0\t100\t00FFFFFF\t0\t0\t0\n"


def route(gateway: str, metric: int = 100, *, to: str = "00000000", flags: str = "0003") -> str:
    return f"eth0\t{to}\t{gateway}\t{flags}\t0\t0\t{metric}\t{to}\t0\t0\t0\n"


@pytest.mark.parametrize(
    "routes, gateway",
    [
        (HEAD + route("0101A8C0") + LAN, "192.168.1.1"),
        (HEAD + LAN + route("0101A8C0", 600) + route("0100000A", 100), "10.0.0.1"),
        (HEAD + route("0101A8C0") + route("0100000A"), "192.168.1.1"),
        (HEAD + LAN, None),
        (HEAD + route("0101A8C0", to="000000FF"), None),
        (HEAD + route("00000000", flags="0001"), None),
        (HEAD + route("0101A8C0", flags="0002"), None),
        (HEAD + route("0101A8C0", flags="0203"), None),
        (HEAD, None),
        ("", None),
    ],
    ids=[
        "one",
        "lowest metric",
        "first",
        "none",
        "to a part",
        "no gateway",
        "down",
        "reject",
        "no routes",
        "empty",
    ],
)
def test_default_route(routes: str, gateway: str | None) -> None:
    """The best route to everywhere, through a router."""
    assert gateway == default_route(routes)


@given(st.text() | st.lists(st.text("0123456789ABCDEF-_", min_size=1), min_size=8).map(" ".join))
def test_garbage(routes: str) -> None:
    """Lines that make no sense are passed over."""
    default_route(routes)


def test_default_gateway(tmp_path: Path) -> None:
    """Both ends of the first hop; nothing is known if either is not."""
    routes = tmp_path / "route"
    assert default_gateway(routes, lambda _: "192.168.1.2") is None
    routes.write_text(HEAD + route("0101A8C0"))
    asked = []

    def towards(host: str) -> str | None:
        asked.append(host)
        return "192.168.1.2"

    assert default_gateway(routes, towards) == Gateway(address="192.168.1.1", local="192.168.1.2")
    assert ["192.168.1.1"] == asked
    assert default_gateway(routes, lambda _: None) is None


def test_address_towards() -> None:
    """Loopback is reached from loopback; what is no unicast address, from nowhere."""
    assert "127.0.0.1" == address_towards("127.0.0.1")
    assert address_towards("255.255.255.255") is None
