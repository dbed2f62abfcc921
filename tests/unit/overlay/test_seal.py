"""What seals."""

import hashlib

import pytest
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305
from hypothesis import given
from hypothesis import strategies as st

from reticulum.errors import CountersSpent
from reticulum.overlay.grid_keys import GridKeys, KeyRing
from reticulum.overlay.seal import (
    LAST_COUNTER,
    LONGEST_BODY_BYTES,
    LONGEST_BYTES,
    OVERHEAD_BYTES,
    UNFRAGMENTED_BODY_BYTES,
    Sealer,
)

NOW = 1_700_000_000_000
KEYS, OTHER = GridKeys.of_secret(b"s" * 32), GridKeys.of_secret(b"t" * 32)
BOOT = b"boot-of-nobo"
VECTOR = (
    "8516d305f127356801626f6f742d6f662d6e6f626feb79c52b0000000000000000"
    "562766898adc7b76943750144f287bf8f4c22f12a005b11a3f012cc45b715bdfe0da1a7603"
)


def test_layout_to_the_byte() -> None:
    """Opened here with nothing but the document and its primitives."""
    sealer = Sealer(KeyRing(KEYS), BOOT, counter=258)
    datagram = sealer.seal(b"body", NOW, b"somebody")

    derived = hashlib.blake2b(BOOT, key=KEYS.datagram, digest_size=36, person=b"reticulum 1 seal")
    key, check = derived.digest()[:32], derived.digest()[32:]
    header = KEYS.fingerprint + b"\x01" + BOOT + check + b"\0\0\0\0\0\0\x01\x02"
    inner = ChaCha20Poly1305(key).decrypt(
        b"\0\0\0\0" + b"\0\0\0\0\0\0\x01\x02", datagram[33:], datagram[:33]
    )
    assert header == datagram[:33]
    assert NOW.to_bytes(8) + b"somebody" + b"body" == inner


def test_pinned() -> None:
    """A test vector for other implementations."""
    datagram = Sealer(KeyRing(KEYS), BOOT).seal(b"hello", NOW)

    assert VECTOR == datagram.hex()


@given(st.binary(max_size=LONGEST_BODY_BYTES))
def test_overhead(body: bytes) -> None:
    """65 bytes, whatever is sealed."""
    datagram = Sealer(KeyRing(KEYS), BOOT).seal(body, NOW)

    assert 65 == OVERHEAD_BYTES == len(datagram) - len(body)
    assert len(datagram) <= LONGEST_BYTES


def test_one_packet() -> None:
    """1167 bytes go through every path of IPv6 in one piece."""
    assert 1232 == UNFRAGMENTED_BODY_BYTES + OVERHEAD_BYTES


def test_no_nonce_twice() -> None:
    """Equal bodies in equal milliseconds, across rotations too, have counters of their own."""
    sealer = Sealer(KeyRing(KEYS), BOOT)
    datagrams = [sealer.seal(b"same", NOW) for _ in range(50)]
    sealer.rekey(KeyRing(OTHER, (KEYS,)))
    datagrams += [sealer.seal(b"same", NOW) for _ in range(50)]
    sealer.rekey(KeyRing(KEYS, (OTHER,)))
    datagrams += [sealer.seal(b"same", NOW) for _ in range(50)]

    counters = [int.from_bytes(datagram[25:33]) for datagram in datagrams]
    assert list(range(150)) == counters
    assert 150 == len({datagram[33:] for datagram in datagrams})


def test_two_boots_share_nothing() -> None:
    """The same node after a restart has other sub-keys: counters may begin again."""
    one, other = Sealer(KeyRing(KEYS), BOOT), Sealer(KeyRing(KEYS), b"another boot")

    assert (BOOT, b"another boot") == (one.boot, other.boot)
    assert one.seal(b"same", NOW)[33:] != other.seal(b"same", NOW)[33:]


def test_counters_end() -> None:
    """Better silent than a nonce used twice."""
    sealer = Sealer(KeyRing(KEYS), BOOT, counter=LAST_COUNTER)
    sealer.seal(b"last", NOW)

    for _ in range(2):
        with pytest.raises(CountersSpent, match="restart"):
            sealer.seal(b"one more", NOW)


def test_too_long() -> None:
    """The longest body is sealed, one byte more is a mistake of whoever made it."""
    sealer = Sealer(KeyRing(KEYS), BOOT)

    assert LONGEST_BYTES == len(sealer.seal(bytes(LONGEST_BODY_BYTES), NOW))
    with pytest.raises(ValueError, match="don't fit"):
        sealer.seal(bytes(LONGEST_BODY_BYTES + 1), NOW)


def test_mistaken_lengths() -> None:
    """Boots and recipients of another length are refused, not padded."""
    with pytest.raises(ValueError, match="12 bytes"):
        Sealer(KeyRing(KEYS), b"short")
    with pytest.raises(ValueError, match="8 bytes"):
        Sealer(KeyRing(KEYS), BOOT).seal(b"", NOW, b"")
