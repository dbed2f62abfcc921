"""What a port mapper tells of itself."""

from ipaddress import IPv4Address, IPv4Network
from typing import Literal

import attrs

from reticulum.model import Address
from reticulum.reach.mapping.lease import Lease, Method, is_public

State = Literal["off", "asking", "mapped", "none"]

# RFC 6598.
_SHARED = IPv4Network("100.64.0.0/10")


@attrs.frozen(kw_only=True)
class Mapping:
    """
    How it stands with the port.

    Args:
        state: "off" if nobody asks, "asking" until there is an outcome, then "mapped" or "none".
        evidence: A sentence for people.
        method: What it is mapped by: "PCP", "NAT-PMP" or "UPnP"; else "".
        gateway: Address of the router that has mapped it, or of the one that was asked; or "".
        external: Where others send to, by UDP and by TCP, as the router says.
        is_public: Whether the whole Internet can send there. If not, the router is itself behind
            another one, of the house or of the provider.
        lease_s: How long the mapping was granted for; None if there is none, or for ever.
        expires_in_s: What is left of that; it is renewed when half is over.
    """

    state: State
    evidence: str
    method: str = ""
    gateway: str = ""
    external: Address | None = None
    is_public: bool = False
    lease_s: float | None = None
    expires_in_s: float | None = None

    @classmethod
    def off(cls, why: str) -> "Mapping":
        """Tell that nobody asks, and *why*, such as "map_ports is false"."""
        return cls(state="off", evidence=f"off: {why}")

    @classmethod
    def asking(cls) -> "Mapping":
        """Tell that there is no outcome yet."""
        return cls(state="asking", evidence="asking the router to pass the port on")

    @classmethod
    def none(cls, why: str, gateway: str) -> "Mapping":
        """Tell that nobody maps it."""
        return cls(state="none", evidence=f"not mapped: {why}", gateway=gateway)

    @classmethod
    def mapped(cls, method: Method, lease: Lease) -> "Mapping":
        """Tell who has mapped it."""
        span = "for ever" if lease.seconds is None else f"for {lease.seconds:.0f} s at a time"
        evidence = f"mapped by {method.name} on {method.where}: {lease.external} {span}"
        return cls(
            state="mapped",
            evidence=evidence + _doubt(lease.external),
            method=method.name,
            gateway=method.where,
            external=lease.external,
            is_public=is_public(lease.external),
            lease_s=lease.seconds,
        )


def _doubt(external: Address) -> str:
    """What stands in the way of reaching that address, if something does."""
    if is_public(external):
        return ""
    if IPv4Address(external.host) in _SHARED:
        return "; the router is behind a NAT of the provider (its outer address is a shared one)"
    return "; there is another router in front of this one (its outer address is no public one)"
