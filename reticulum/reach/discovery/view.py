"""What a node says about its search of the local network."""

import enum

import attrs


class DiscoveryState(enum.StrEnum):
    """Whether a node looks around on the local network."""

    OFF = "off"
    ON = "on"
    FAILED = "failed"


@attrs.frozen
class DiscoveryView:
    """
    Where it stands.

    Args:
        state: See there.
        found: Nodes of this grid that are announced, this one excepted.
        evidence: A sentence for people.
    """

    state: DiscoveryState = DiscoveryState.OFF
    found: int = 0
    evidence: str = "The local network is not searched for nodes."
