"""A node's TLS certificate: made from its key at the start, and read back into a node id."""

import datetime as dt

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from cryptography.x509.oid import NameOID

from reticulum.model import NodeId

# Nobody checks the dates: a node whose clock is wrong is still that node. They are as far apart as
# can be said in UTCTime (RFC 5280 section 4.1.2.5).
_FROM = dt.datetime(2000, 1, 1, tzinfo=dt.UTC)
_UNTIL = dt.datetime(2049, 12, 31, tzinfo=dt.UTC)


def certificate_of(key: Ed25519PrivateKey) -> x509.Certificate:
    """
    Sign a certificate for *key* with *key* itself. It is never written to a disk.

    The one thing in it that counts is the public key; the name is there for people with a
    network analyser.
    """
    public = key.public_key()
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, str(_node_id(public)))])
    return (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(public)
        .serial_number(1)
        .not_valid_before(_FROM)
        .not_valid_after(_UNTIL)
        .sign(key, None)
    )


def node_id_of(certificate: x509.Certificate) -> NodeId | None:
    """Whose certificate it is, whatever else it says; None if its key is not an Ed25519 key."""
    try:
        public = certificate.public_key()
    except Exception:  # noqa: BLE001  (whatever a stranger put there, it is no node's)
        return None
    return _node_id(public) if isinstance(public, Ed25519PublicKey) else None


def _node_id(public: Ed25519PublicKey) -> NodeId:
    return NodeId.of_public_key(public.public_bytes(Encoding.Raw, PublicFormat.Raw))
