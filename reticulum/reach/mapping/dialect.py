"""What PCP and NAT-PMP have in common: single datagrams about single mappings."""

from typing import Protocol

import attrs

from reticulum.errors import NotMapped
from reticulum.model import Address
from reticulum.reach.mapping.lease import LONGEST_S, Transport, external_address

PORT = 5351
"""UDP port of gateways."""


@attrs.frozen(kw_only=True)
class Claim:
    """
    One mapping.

    Args:
        external: Where others send to.
        seconds: Lifetime.
        epoch_s: The gateway's clock.
    """

    external: Address
    seconds: int
    epoch_s: int

    @classmethod
    def judged(cls, host: str, port: int, seconds: int, epoch_s: int) -> "Claim":
        """
        Make one of what a gateway says, if that can be.

        Raises:
            NotMapped: It can't.
        """
        if not seconds:
            raise NotMapped("it gives a mapping that is over at once")
        return cls(
            external=external_address(host, port),
            seconds=min(seconds, LONGEST_S),
            epoch_s=epoch_s,
        )


@attrs.frozen(kw_only=True)
class Greeting:
    """
    A sign of life.

    Args:
        epoch_s: The gateway's clock.
        host: Its outer address, if it says so.
    """

    epoch_s: int
    host: str | None = None


class Dialect(Protocol):
    """One protocol, one gateway, one port of this node. All of it may raise `NotMapped`."""

    @property
    def name(self) -> str:
        """Of the protocol."""

    @property
    def where(self) -> str:
        """Address of the gateway."""

    async def greet(self) -> Greeting:
        """Find out whether the gateway speaks it; changes nothing there."""

    async def claim(self, transport: Transport, wanted: int) -> Claim:
        """Get the port mapped to *wanted*, or to what the gateway gives; or get it renewed."""

    async def release(self, transport: Transport) -> None:
        """End what was claimed."""
