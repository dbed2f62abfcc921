"""The proof of the grid's secret."""

import hmac
import itertools

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from reticulum.model import NodeId
from reticulum.reach.proof import (
    PROOF_BYTES,
    Session,
    dialler_proof,
    is_listener_proof,
    key_proved,
    listener_proof,
)

KEY, OTHER_KEY = b"k" * 32, b"o" * 32
SESSION = Session(exported=b"e" * 32, dialler=NodeId(b"d" * 20), listener=NodeId(b"l" * 20))


def test_layout() -> None:
    """Version 1, then HMAC-SHA256 over role, exported value, dialler, listener."""
    ids = SESSION.dialler.digest + SESSION.listener.digest
    ours = b"reticulum 1 peer dialler" + SESSION.exported + ids
    theirs = b"reticulum 1 peer listener" + SESSION.exported + ids

    assert b"\x01" + hmac.digest(KEY, ours, "sha256") == dialler_proof(KEY, SESSION)
    assert b"\x01" + hmac.digest(KEY, theirs, "sha256") == listener_proof(KEY, SESSION)
    assert PROOF_BYTES == len(dialler_proof(KEY, SESSION))


def test_members_believe_each_other() -> None:
    """Each end accepts what the other end makes of the same session and the same key."""
    assert KEY == key_proved(dialler_proof(KEY, SESSION), [KEY], SESSION)
    assert is_listener_proof(listener_proof(KEY, SESSION), KEY, SESSION)


def test_old_and_new_key_are_accepted() -> None:
    """During a rotation the listener learns which of its keys the dialler used."""
    assert OTHER_KEY == key_proved(dialler_proof(OTHER_KEY, SESSION), [KEY, OTHER_KEY], SESSION)
    assert None is key_proved(dialler_proof(OTHER_KEY, SESSION), [KEY], SESSION)


def test_cannot_be_reflected() -> None:
    """What one end sends is no proof for the other direction."""
    assert not is_listener_proof(dialler_proof(KEY, SESSION), KEY, SESSION)
    assert None is key_proved(listener_proof(KEY, SESSION), [KEY], SESSION)


@pytest.mark.parametrize(
    "other",
    [
        attrs.evolve(SESSION, exported=b"f" * 32),
        attrs.evolve(SESSION, dialler=NodeId(b"x" * 20)),
        attrs.evolve(SESSION, listener=NodeId(b"x" * 20)),
        attrs.evolve(SESSION, dialler=SESSION.listener, listener=SESSION.dialler),
    ],
)
def test_is_good_for_one_session_only(other: Session) -> None:
    """Another session, another dialler or another listener: another proof."""
    assert None is key_proved(dialler_proof(KEY, other), [KEY], SESSION)
    assert not is_listener_proof(listener_proof(KEY, other), KEY, SESSION)


@given(st.binary(max_size=80))
def test_nothing_else_is_a_proof(noise: bytes) -> None:
    """Bytes of any kind and length are refused."""
    assert None is key_proved(noise, [KEY, OTHER_KEY], SESSION)
    assert not is_listener_proof(noise, KEY, SESSION)


def test_no_bit_is_without_meaning() -> None:
    """One flipped bit anywhere, the version included, and it is none."""
    proof = dialler_proof(KEY, SESSION)
    for place, bit in itertools.product(range(PROOF_BYTES), range(8)):
        flipped = bytearray(proof)
        flipped[place] ^= 1 << bit
        assert None is key_proved(bytes(flipped), [KEY], SESSION)
