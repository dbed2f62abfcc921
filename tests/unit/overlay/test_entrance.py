"""Where a node knocks first."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reticulum.overlay.entrance import Entrance


@pytest.mark.parametrize(
    "text, host, port, is_name",
    [
        ("192.0.2.1:4160", "192.0.2.1", 4160, False),
        ("[2001:DB8:0::1]:1", "2001:db8::1", 1, False),
        ("Node.Example.org:65535", "node.example.org", 65535, True),
        ("node.example.org.:80", "node.example.org", 80, True),
        ("localhost:4160", "localhost", 4160, True),
        ("xn--bcher-kva.example:4160", "xn--bcher-kva.example", 4160, True),
        ("3com.com:4160", "3com.com", 4160, True),
    ],
)
def test_what_people_write(text: str, host: str, port: int, *, is_name: bool) -> None:
    """Every usual way to write an address leads to one value."""
    entrance = Entrance.parse(text)

    assert (host, port, is_name) == (entrance.host, entrance.port, entrance.is_name)
    assert entrance == Entrance.parse(str(entrance))


@pytest.mark.parametrize(
    "text",
    [
        "",
        ":4160",
        "host",
        "host:",
        "host:0",
        "host:65536",
        "host:+1",
        "host:1 ",
        "ho st:1",
        "host_name:1",
        "-host:1",
        "host-:1",
        "a..b:1",
        "1.2.3:1",
        "1.2.3.256:1",
        "0x7f.1:1",
        "2001:db8::1:4160",
        "[192.0.2.1]:1",
        "[fe80::1%eth0]:1",
        "[::1]",
        "b\u00fccher.example:1",
        "host:\u0661",
        "a" * 64 + ":1",
        "a." * 127 + "a:1",
        "x" * 100_000,
    ],
)
def test_what_is_no_address(text: str) -> None:
    """Never half understood."""
    with pytest.raises(ValueError, match="neither|HOST:PORT|port|IPv6"):
        Entrance.parse(text)


@given(st.text() | st.from_regex(r"[a-z0-9.:\[\]-]*"))
def test_any_text(text: str) -> None:
    """Read, and then the same again; or refused."""
    try:
        entrance = Entrance.parse(text)
    except ValueError:
        return

    assert entrance == Entrance.parse(str(entrance))
