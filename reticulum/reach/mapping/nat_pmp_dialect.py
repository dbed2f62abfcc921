"""Mapping a port by NAT-PMP."""

from reticulum.errors import NotMapped
from reticulum.reach.mapping import nat_pmp
from reticulum.reach.mapping.datagram import Inquirer
from reticulum.reach.mapping.dialect import Claim, Greeting
from reticulum.reach.mapping.lease import WANTED_S, Transport


class NatPmp:
    """
    NAT-PMP; a `Dialect`.

    Args:
        inquirer: Asks.
        port: Of this node.
    """

    name = "NAT-PMP"

    def __init__(self, inquirer: Inquirer, *, port: int) -> None:
        self._inquirer = inquirer
        self._port = port
        self._host = ""

    @property
    def where(self) -> str:
        """Address of the gateway."""
        return self._inquirer.gateway.address

    async def greet(self) -> Greeting:
        """Ask for the outer address; see `Dialect`."""

        def take(datagram: bytes) -> nat_pmp.Outer | nat_pmp.Refused | None:
            answer = nat_pmp.parse(datagram)
            if isinstance(answer, nat_pmp.Refused):
                return answer if answer.is_of_address else None
            return answer if isinstance(answer, nat_pmp.Outer) else None

        answer: nat_pmp.Outer | nat_pmp.Refused
        answer = await self._inquirer.ask(nat_pmp.address_request(), take)
        if isinstance(answer, nat_pmp.Refused):
            raise NotMapped(str(answer))
        self._host = answer.host
        return Greeting(epoch_s=answer.epoch_s, host=answer.host)

    async def claim(self, transport: Transport, wanted: int) -> Claim:
        """Ask for a mapping; its outer address is that of the last greeting; see `Dialect`."""
        answer = await self._map(transport, wanted, WANTED_S)
        return Claim.judged(self._host, answer.external, answer.seconds, answer.epoch_s)

    async def release(self, transport: Transport) -> None:
        """Ask for the end of the mapping; see `Dialect`."""
        await self._map(transport, 0, 0)

    async def _map(self, transport: Transport, wanted: int, seconds: int) -> nat_pmp.Mapped:
        def take(datagram: bytes) -> nat_pmp.Mapped | nat_pmp.Refused | None:
            answer = nat_pmp.parse(datagram)
            if isinstance(answer, nat_pmp.Refused):
                return answer if answer.is_of_mapping(transport, self._port) else None
            if not isinstance(answer, nat_pmp.Mapped) or answer.transport is not transport:
                return None
            return answer if answer.internal == self._port else None

        request = nat_pmp.mapping_request(transport, self._port, wanted, seconds)
        answer: nat_pmp.Mapped | nat_pmp.Refused = await self._inquirer.ask(request, take)
        if isinstance(answer, nat_pmp.Refused):
            raise NotMapped(str(answer))
        return answer
