"""Certificates made from node keys."""

import datetime as dt

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from reticulum.model import NodeId
from reticulum.reach.certificate import certificate_of, node_id_of


def test_says_whose_it_is() -> None:
    """The node id is the hash of the raw public key, as everywhere else."""
    key = Ed25519PrivateKey.generate()
    public = key.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)

    certificate = certificate_of(key)

    assert NodeId.of_public_key(public) == node_id_of(certificate)
    certificate.verify_directly_issued_by(certificate)


def test_is_the_same_at_every_start() -> None:
    """Nothing in it depends on a clock or on chance: a restart changes nothing."""
    key = Ed25519PrivateKey.generate()

    assert certificate_of(key) == certificate_of(key)


def test_holds_under_a_wrong_clock() -> None:
    """Valid for decades to both sides."""
    certificate = certificate_of(Ed25519PrivateKey.generate())

    assert certificate.not_valid_before_utc < dt.datetime(2001, 1, 1, tzinfo=dt.UTC)
    assert certificate.not_valid_after_utc > dt.datetime(2049, 1, 1, tzinfo=dt.UTC)


def test_other_keys_are_no_nodes() -> None:
    """A certificate with a key that is not Ed25519 belongs to nobody."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([])
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(dt.datetime(2000, 1, 1, tzinfo=dt.UTC))
        .not_valid_after(dt.datetime(2049, 1, 1, tzinfo=dt.UTC))
        .sign(key, SHA256())
    )
    assert None is node_id_of(certificate)
