"""Keys made from the grid secret, and their rotation."""

import hashlib
import hmac
import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reticulum.overlay.grid_keys import GridKeys, KeyRing

OLD, NEW, LATER, LAST = (GridKeys.of_secret(bytes([i]) * 32) for i in range(4))


def _hkdf(secret: bytes, label: bytes, length: int) -> bytes:
    """RFC 5869, in its own words; one block."""
    key = hmac.digest(bytes(32), secret, hashlib.sha256)
    return hmac.digest(key, label + b"\x01", hashlib.sha256)[:length]


@given(st.binary(min_size=32, max_size=32))
def test_keys_are_hkdf_of_their_labels(secret: bytes) -> None:
    """Another implementation makes the same keys from the document alone."""
    keys = GridKeys.of_secret(secret)

    assert _hkdf(secret, b"reticulum 1 datagram", 32) == keys.datagram
    assert _hkdf(secret, b"reticulum 1 peer http", 32) == keys.peer_http
    assert _hkdf(secret, b"reticulum 1 grid fingerprint", 8) == keys.fingerprint


@pytest.mark.parametrize("length", [0, 31, 33])
def test_a_secret_has_32_bytes(length: int) -> None:
    """A cut secret is not stretched into keys."""
    with pytest.raises(ValueError, match=f"not {length}"):
        GridKeys.of_secret(bytes(length))


def test_nothing_secret_shows() -> None:
    """A log line with a key ring gives nothing away."""
    secret = b"correct horse battery staple...."
    keys = GridKeys.of_secret(secret)
    shown = repr(KeyRing(keys, (NEW,)))

    assert keys.fingerprint.hex() in shown
    for hidden in (secret, keys.datagram, keys.peer_http):
        assert repr(hidden)[2:-1] not in shown
        assert hidden.hex() not in shown


def test_a_rotation_keeps_everyone_in() -> None:
    """In whatever order nodes take the next step, each accepts what every other one seals."""
    steps = [KeyRing(OLD)]
    steps.append(steps[-1].accept(NEW))
    steps.append(steps[-1].use(NEW.fingerprint))
    steps.append(steps[-1].forget(OLD.fingerprint))

    assert [KeyRing(OLD), KeyRing(OLD, (NEW,)), KeyRing(NEW, (OLD,)), KeyRing(NEW)] == steps
    for before, after in itertools.pairwise(steps):
        assert before.current.fingerprint in after.accepted
        assert after.current.fingerprint in before.accepted


def test_the_old_secret_is_out_at_the_end() -> None:
    """That is how a member is expelled."""
    ring = KeyRing(OLD).accept(NEW).use(NEW.fingerprint).forget(OLD.fingerprint)

    assert [NEW.fingerprint] == list(ring.accepted)


def test_a_ring_is_bounded() -> None:
    """Every key accepted is one more that may have leaked."""
    full = KeyRing(OLD).accept(NEW).accept(LATER)

    with pytest.raises(ValueError, match="others"):
        full.accept(LAST)


def test_keys_come_once() -> None:
    """Accepting what is accepted is a mistake of whoever rotates."""
    with pytest.raises(ValueError, match="one fingerprint"):
        KeyRing(OLD).accept(OLD)


def test_the_keys_in_use_stay() -> None:
    """A node can't be left with nothing to seal with."""
    with pytest.raises(ValueError, match="in use"):
        KeyRing(OLD, (NEW,)).forget(OLD.fingerprint)


def test_unknown_keys_are_named() -> None:
    """Using or forgetting what is not here tells its fingerprint."""
    for step in (KeyRing(OLD).use, KeyRing(OLD).forget):
        with pytest.raises(ValueError, match=NEW.fingerprint.hex()):
            step(NEW.fingerprint)
