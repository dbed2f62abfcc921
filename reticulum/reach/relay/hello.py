"""
The hello: the first bytes of a plain connection between nodes, where TLS has 0x16.

It says what the connection is for. It is no door: whoever is let in has a node key and knows the
grid's secret, but all that matters goes through TLS between the two ends.
"""

import enum
import hmac
import struct
from collections.abc import Iterable
from typing import Final

import attrs
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from reticulum.model import NodeId

FIRST_BYTE: Final = 0
"""Of a hello; no TLS record begins with it."""
HELLO_BYTES: Final = 197
BOOT_BYTES: Final = 8
NONCE_BYTES: Final = 8

_MAGIC: Final = b"\x00RH1"
_SIGNED: Final = struct.Struct(">4sB32s20s20s8sQ8s")
_SIGNATURE_BYTES: Final = 64
_FOR_SIGNATURE: Final = b"reticulum 1 hello\0"
_FOR_MAC: Final = b"reticulum 1 hello mac\0"
_NOBODY: Final = bytes(20)


class Kind(enum.IntEnum):
    """What a connection is for."""

    ANCHOR = 1
    """The listener shall relay for the sender, as long as this connection lives."""
    SPARE = 2
    """For whoever wants the sender next."""
    CIRCUIT = 3
    """The sender wants a node that is attached to the listener."""
    LOOK = 4
    """The sender wants to know which address of his is seen."""
    KNOCK = 5
    """The sender shows that the listener can be dialled."""
    FERRY = 6
    """The listener shall carry datagrams for the sender, as long as this connection lives."""


@attrs.frozen(kw_only=True)
class Hello:
    """
    What a hello says.

    Args:
        kind: What for.
        sender: By his public key.
        listener: Whom it is meant for; None, of a ferry alone, for whoever is there.
        wanted: Of a circuit: the node at its other end; None for every other kind.
        boot: 8 random bytes, others in each run of the sender.
        at_ms: When it was sent: milliseconds since 1970.
        nonce: 8 random bytes; of a knock, those of the question that it answers.
        public_key: Of the sender, Ed25519, 32 bytes.
    """

    kind: Kind
    sender: NodeId
    listener: NodeId | None
    wanted: NodeId | None
    boot: bytes
    at_ms: int
    nonce: bytes
    public_key: bytes


def sign_hello(
    private_key: Ed25519PrivateKey,
    mac_key: bytes,
    *,
    kind: Kind,
    listener: NodeId | None,
    wanted: NodeId | None = None,
    boot: bytes,
    now_ms: int,
    nonce: bytes,
) -> bytes:
    """
    Write a hello.

    Args:
        private_key: Of the sender.
        mac_key: The grid's key for peer HTTP that is in use now.
        kind: See `Hello`, like all that follow.
        listener: Whom it is meant for; of a ferry None for whoever is there.
        wanted: The node at the other end of a circuit.
        boot: 8 bytes.
        now_ms: Milliseconds since 1970.
        nonce: 8 bytes.
    """
    public_key = private_key.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
    meant_for, target = (
        _NOBODY if node_id is None else node_id.digest for node_id in (listener, wanted)
    )
    signed = _SIGNED.pack(_MAGIC, kind, public_key, meant_for, target, boot, now_ms, nonce)
    signed += private_key.sign(_FOR_SIGNATURE + signed)
    return signed + _mac(mac_key, signed)


def read_hello(data: bytes, keys: Iterable[bytes]) -> Hello | None:
    """
    Read a hello whose sender knows one of *keys*; nobody has looked at the signature.

    All keys are tried, each in constant time: how long it takes tells nothing about any of them.

    Args:
        data: 197 bytes.
        keys: The grid's for peer HTTP that are accepted now.

    Returns:
        None if it is none, or not of this grid.
    """
    if len(data) != HELLO_BYTES:
        return None
    body, mac = data[: _SIGNED.size + _SIGNATURE_BYTES], data[_SIGNED.size + _SIGNATURE_BYTES :]
    is_member = False
    for key in keys:
        is_member |= hmac.compare_digest(mac, _mac(key, body))
    if not is_member:
        return None
    magic, kind, public_key, listener, target, boot, at_ms, nonce = _SIGNED.unpack_from(data)
    wanted = None if target == _NOBODY else NodeId(target)
    if magic != _MAGIC or kind not in _KINDS or (wanted is None) is (kind == Kind.CIRCUIT):
        return None
    return Hello(
        kind=Kind(kind),
        sender=NodeId.of_public_key(public_key),
        listener=None if kind == Kind.FERRY and listener == _NOBODY else NodeId(listener),
        wanted=wanted,
        boot=boot,
        at_ms=at_ms,
        nonce=nonce,
        public_key=public_key,
    )


def is_signed(data: bytes, hello: Hello) -> bool:
    """Whether the sender of *hello*, read from *data*, has his private key."""
    try:
        Ed25519PublicKey.from_public_bytes(hello.public_key).verify(
            data[_SIGNED.size : _SIGNED.size + _SIGNATURE_BYTES],
            _FOR_SIGNATURE + data[: _SIGNED.size],
        )
    except (InvalidSignature, ValueError):
        return False
    return True


_KINDS: Final = frozenset(Kind)


def _mac(key: bytes, body: bytes) -> bytes:
    return hmac.digest(key, _FOR_MAC + body, "sha256")
