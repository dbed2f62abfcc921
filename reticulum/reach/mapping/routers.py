"""The routers that there are to ask, as seen from where this host is now."""

import random
from collections.abc import Sequence
from typing import Any, Protocol

from reticulum.aio import InThread
from reticulum.reach.mapping.datagram import Inquirer
from reticulum.reach.mapping.dialect import PORT
from reticulum.reach.mapping.gateway import Gateway
from reticulum.reach.mapping.lease import Method
from reticulum.reach.mapping.nat_pmp_dialect import NatPmp
from reticulum.reach.mapping.paired import Paired
from reticulum.reach.mapping.pcp_dialect import Pcp
from reticulum.reach.mapping.search import Finder
from reticulum.reach.mapping.upnp import Upnp


class Routers(Protocol):
    """Knows whom to ask behind which gateway."""

    async def face(self, gateway: Gateway) -> None:
        """
        From now on ask *gateway*.

        Raises:
            NotMapped: It can't be asked.
        """

    def finders(self, port: int) -> Sequence[Finder]:
        """Whom to ask for *port* of this node, the best first; after `face`."""

    async def close(self) -> None:
        """Ask nobody any more."""


class RealRouters:
    """
    The gateway by PCP and NAT-PMP, and whatever speaks UPnP; a `Routers`.

    Args:
        reactor: For sockets and the time.
        in_thread: For calls that may hang for ever; see `LooseThreads`.
        rng: For ports when the one wanted is taken.
        secret: See `Pcp`.
        gateway_port: UDP port where gateways are asked.
    """

    def __init__(
        self,
        reactor: Any,
        *,
        in_thread: InThread,
        rng: random.Random,
        secret: bytes,
        gateway_port: int = PORT,
    ) -> None:
        self._reactor = reactor
        self._upnp = Upnp(in_thread, clock=reactor, rng=rng)
        self._secret = secret
        self._gateway_port = gateway_port
        self._inquirer: Inquirer | None = None

    async def face(self, gateway: Gateway) -> None:
        """From now on ask *gateway*; see `Routers`."""
        if self._inquirer is not None and self._inquirer.gateway == gateway:
            return
        await self.close()
        inquirer = Inquirer(self._reactor, gateway, self._gateway_port)
        inquirer.open()
        self._inquirer = inquirer

    def finders(self, port: int) -> Sequence[Finder]:
        """PCP, then NAT-PMP, then UPnP."""
        inquirer = self._inquirer
        if inquirer is None:
            return ()
        pcp = Paired(Pcp(inquirer, port=port, secret=self._secret), self._reactor)
        nat_pmp = Paired(NatPmp(inquirer, port=port), self._reactor)

        async def igd() -> Method:
            return await self._upnp.find(port)

        return (
            Finder(f"PCP at {pcp.where}", pcp.find),
            Finder(f"NAT-PMP at {nat_pmp.where}", nat_pmp.find),
            Finder("UPnP", igd),
        )

    async def close(self) -> None:
        """Close the socket."""
        inquirer, self._inquirer = self._inquirer, None
        if inquirer is not None:
            await inquirer.close()
