"""Mapping a port by PCP."""

import hmac
from typing import Final

from reticulum.errors import NotMapped
from reticulum.reach.mapping import pcp
from reticulum.reach.mapping.datagram import Inquirer
from reticulum.reach.mapping.dialect import Claim, Greeting
from reticulum.reach.mapping.lease import WANTED_S, Transport

_NONCE: Final = b"reticulum 1 pcp nonce\0"


class Pcp:
    """
    PCP; a `Dialect`.

    Args:
        inquirer: Asks.
        port: Of this node.
        secret: Known to this node alone, and the same after a restart: nonces are made of it. A
            server refuses to renew a mapping for whoever does not know its nonce (RFC 6887
            section 11.3), so a node that has crashed needs to know its old one.
    """

    name = "PCP"

    def __init__(self, inquirer: Inquirer, *, port: int, secret: bytes) -> None:
        self._inquirer = inquirer
        self._port = port
        self._secret = secret

    @property
    def where(self) -> str:
        """Address of the gateway."""
        return self._inquirer.gateway.address

    async def greet(self) -> Greeting:
        """Send ANNOUNCE, to which every server has an answer; see `Dialect`."""

        def take(datagram: bytes) -> pcp.Answer | pcp.OtherVersion | None:
            answer = pcp.parse(datagram)
            is_it = isinstance(answer, pcp.OtherVersion) or answer.opcode == pcp.ANNOUNCE
            return answer if is_it else None

        request = pcp.announce_request(self._inquirer.gateway.local)
        answer = _spoken(await self._inquirer.ask(request, take))
        if answer.result not in {0, pcp.UNSUPPORTED_OPCODE}:
            raise NotMapped(str(answer))
        return Greeting(epoch_s=answer.epoch_s)

    async def claim(self, transport: Transport, wanted: int) -> Claim:
        """Send MAP; see `Dialect`."""
        answer, mapping = await self._map(transport, wanted, WANTED_S)
        return Claim.judged(mapping.host, mapping.external, answer.seconds, answer.epoch_s)

    async def release(self, transport: Transport) -> None:
        """Send MAP with a lifetime of 0; see `Dialect`."""
        await self._map(transport, 0, 0)

    async def _map(
        self, transport: Transport, wanted: int, seconds: int
    ) -> tuple[pcp.Answer, pcp.Mapping]:
        asked = pcp.Mapping(
            nonce=self._nonce(transport),
            transport=transport,
            internal=self._port,
            external=wanted,
        )

        def take(datagram: bytes) -> pcp.Answer | pcp.OtherVersion | None:
            answer = pcp.parse(datagram)
            if isinstance(answer, pcp.OtherVersion):
                return answer
            is_it = answer.mapping is None or answer.mapping.is_like(asked)
            return answer if answer.opcode == pcp.MAP and is_it else None

        request = pcp.map_request(asked, self._inquirer.gateway.local, seconds)
        answer = _spoken(await self._inquirer.ask(request, take))
        if answer.result or answer.mapping is None:
            raise NotMapped(str(answer))
        return answer, answer.mapping

    def _nonce(self, transport: Transport) -> bytes:
        of_what = self._port.to_bytes(2) + bytes((transport,))
        return hmac.digest(self._secret, _NONCE + of_what, "sha256")[: pcp.NONCE_BYTES]


def _spoken(answer: pcp.Answer | pcp.OtherVersion) -> pcp.Answer:
    if isinstance(answer, pcp.OtherVersion):
        raise NotMapped(f"not spoken, but version {answer.version}")
    return answer
