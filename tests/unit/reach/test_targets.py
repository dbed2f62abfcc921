"""Nobody is made to dial a third node."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reticulum.model import PRIVATE, Address, reach_of
from reticulum.reach.punch_messages import MOST_ADDRESSES
from reticulum.reach.targets import is_at, is_symmetric, targets

HERE, THERE, ELSEWHERE = "44.1.1.1", "44.2.2.2", "44.3.3.3"
WILD = "0.0.0.0"  # noqa: S104  (nobody listens there)
HOSTS = st.ip_addresses().map(str) | st.sampled_from(
    [HERE, THERE, "127.0.0.1", "::1", WILD, "::", "192.168.1.1", "10.0.0.1", "fe80::1%eth0"]
)
ADDRESSES = st.builds(Address, HOSTS, st.integers(1, 65_535))


@given(st.lists(ADDRESSES, max_size=8), HOSTS, st.none() | HOSTS)
def test_only_the_host_that_a_relay_attests(
    told: list[Address], host: str, own_host: str | None
) -> None:
    """All that is dialled is there, or in the one network that both are in."""
    allowed = targets(told, host, own_host)
    assert len(allowed) <= MOST_ADDRESSES
    for address in allowed:
        assert address in told
        is_there = address.host == host
        is_near = host == own_host and reach_of(address.host) == PRIVATE
        assert is_there or is_near


@pytest.mark.parametrize(
    "place,host,own_host,is_so",
    [
        (THERE, THERE, HERE, True),
        (ELSEWHERE, THERE, HERE, False),
        ("192.168.1.7", THERE, HERE, False),
        # Behind one router.
        ("192.168.1.7", HERE, HERE, True),
        ("fd00::7", HERE, HERE, True),
        (ELSEWHERE, HERE, HERE, False),
        # This machine is not the other one, whatever is said.
        ("127.0.0.1", HERE, HERE, False),
        ("127.0.0.1", "127.0.0.1", HERE, False),
        (WILD, HERE, HERE, False),
        (WILD, WILD, HERE, False),
        ("::", HERE, HERE, False),
        ("::1", "::1", None, False),
        # Unless all nodes are on it.
        ("127.0.0.1", "127.0.0.1", "127.0.0.1", True),
        # The name of an interface means something on its own machine alone.
        ("fe80::1%eth0", HERE, HERE, False),
        ("fe80::1%eth0", "fe80::1%eth0", HERE, False),
        # Nobody has said yet where this node is.
        (THERE, THERE, None, True),
        ("192.168.1.7", HERE, None, False),
    ],
)
def test_is_at(place: str, host: str, own_host: str | None, is_so: bool) -> None:
    """Each rule by itself."""
    assert is_so is is_at(place, host, own_host)


def test_is_symmetric() -> None:
    """Two ports for one show it; what a private address shows is no NAT."""
    one, other = Address(THERE, 1), Address(THERE, 2)
    assert is_symmetric([one, other])
    assert not is_symmetric([one, one])
    assert not is_symmetric([one, Address("192.168.1.7", 2)])
    assert not is_symmetric([])
