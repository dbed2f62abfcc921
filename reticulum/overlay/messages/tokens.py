"""Write tokens: proof that a sender receives at the address it sends from, kept nowhere."""

import hashlib
import hmac

from reticulum.model import Address, NodeId
from reticulum.overlay.messages.bodies import TOKEN_BYTES
from reticulum.overlay.wire import pack_address

PERIOD_S = 300
"""A token is good for one to two periods (BitTorrent BEP 5 has the same)."""
_PERSON = b"reticulum token"


class Tokens:
    """
    Gives out tokens, and knows them again.

    Args:
        secret: 32 random bytes of this start of this node; no other node needs to know it.
    """

    def __init__(self, secret: bytes) -> None:
        self._secret = secret

    def give(self, node_id: NodeId, address: Address, now: float) -> bytes:
        """
        Make the token of one sender at one address.

        Args:
            node_id: Who.
            address: Where its request came from.
            now: In seconds, from any start, never going back.
        """
        return self._token(node_id, address, int(now // PERIOD_S))

    def accept(self, token: bytes, node_id: NodeId, address: Address, now: float) -> bool:
        """Tell whether *token* was given to this sender at this address in the last periods."""
        period = int(now // PERIOD_S)
        return any(
            hmac.compare_digest(token, self._token(node_id, address, given))
            for given in (period, period - 1)
        )

    def _token(self, node_id: NodeId, address: Address, period: int) -> bytes:
        message = node_id.digest + pack_address(address) + period.to_bytes(8, signed=True)
        return hashlib.blake2b(
            message, digest_size=TOKEN_BYTES, key=self._secret, person=_PERSON
        ).digest()
