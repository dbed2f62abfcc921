"""Who we are on plain connections: hellos, signed when they are needed."""

import random
from collections.abc import Callable

import attrs
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from reticulum.model import NodeId
from reticulum.reach.relay.hello import BOOT_BYTES, NONCE_BYTES, Kind, sign_hello


def new_boot(rng: random.Random) -> bytes:
    """Tells one run of a node from another."""
    return rng.randbytes(BOOT_BYTES)


@attrs.frozen(kw_only=True)
class Greeting:
    """
    Writes hellos.

    Args:
        private_key: Of this node.
        key: Asked for each hello: the grid's key for peer HTTP that is in use now.
        boot: Of this run; see `new_boot`.
        now_ms: Milliseconds since 1970.
        rng: Source of nonces.
    """

    _private_key: Ed25519PrivateKey
    _key: Callable[[], bytes]
    _boot: bytes
    _now_ms: Callable[[], int]
    _rng: random.Random

    def hello(
        self,
        kind: Kind,
        listener: NodeId | None,
        *,
        wanted: NodeId | None = None,
        nonce: bytes | None = None,
    ) -> bytes:
        """
        Write one.

        Args:
            kind: What the connection is for.
            listener: Whom it is meant for; of a ferry None for whoever is there.
            wanted: Of a circuit: the node at its other end.
            nonce: Of a knock: the one of the question; else a new one.
        """
        return sign_hello(
            self._private_key,
            self._key(),
            kind=kind,
            listener=listener,
            wanted=wanted,
            boot=self._boot,
            now_ms=self._now_ms(),
            nonce=nonce or self._rng.randbytes(NONCE_BYTES),
        )
