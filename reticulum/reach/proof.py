"""The proof that one end of a TLS session knows the grid's secret: good for that session only."""

import hmac
from collections.abc import Iterable
from typing import Final

import attrs
from attrs import validators as v

from reticulum.model import NodeId

EXPORTER_LABEL: Final = b"EXPERIMENTAL reticulum 1 peer"
"""Label for the TLS exporter (RFC 5705 section 4, RFC 8446 section 7.5); no context."""
EXPORTER_BYTES: Final = 32

VERSION: Final = b"\x01"
PROOF_BYTES: Final = 33
"""A proof on the wire: a byte for the version, then HMAC-SHA256."""

_DIALLER: Final = b"reticulum 1 peer dialler"
_LISTENER: Final = b"reticulum 1 peer listener"


@attrs.frozen(kw_only=True)
class Session:
    """
    What both ends of one TLS session know, and nobody else.

    Args:
        exported: 32 bytes of keying material, other ones in every session.
        dialler: Node id of the end that dialled, by the certificate it showed.
        listener: Node id of the other end.
    """

    exported: bytes = attrs.field(repr=False, validator=[v.min_len(32), v.max_len(32)])
    dialler: NodeId
    listener: NodeId


def dialler_proof(key: bytes, session: Session) -> bytes:
    """What the dialler sends first. *key* is the grid's for peer HTTP."""
    return _proof(key, _DIALLER, session)


def listener_proof(key: bytes, session: Session) -> bytes:
    """What the listener answers with, under the key that the dialler used."""
    return _proof(key, _LISTENER, session)


def key_proved(proof: bytes, keys: Iterable[bytes], session: Session) -> bytes | None:
    """
    The one of *keys* with which a dialler made *proof*, or None.

    All are tried, each in constant time: how long it takes tells nothing about any of them.
    """
    proved = None
    for key in keys:
        if hmac.compare_digest(proof, dialler_proof(key, session)):
            proved = key
    return proved


def is_listener_proof(proof: bytes, key: bytes, session: Session) -> bool:
    """Whether a listener that knows *key* made *proof*."""
    return hmac.compare_digest(proof, listener_proof(key, session))


def _proof(key: bytes, role: bytes, session: Session) -> bytes:
    # Every part but the role has a fixed length, and no role begins another: nothing is ambiguous.
    message = role + session.exported + session.dialler.digest + session.listener.digest
    return VERSION + hmac.digest(key, message, "sha256")
