"""Hellos: what they say, whose they are, and that each is believed once."""

import hmac

import attrs
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from hypothesis import given
from hypothesis import strategies as st

from reticulum.model import NodeId
from reticulum.reach.relay.hello import (
    HELLO_BYTES,
    Hello,
    Kind,
    read_hello,
    sign_hello,
)
from reticulum.reach.relay.judge import Judge
from reticulum.reach.relay.limits import OFF_MS

GRID, OTHER_GRID = b"g" * 32, b"o" * 32
KEY = Ed25519PrivateKey.from_private_bytes(b"k" * 32)
PUBLIC = KEY.public_key().public_bytes_raw()
SENDER = NodeId.of_public_key(PUBLIC)
LISTENER, WANTED = NodeId(b"l" * 20), NodeId(b"w" * 20)
BOOT, NONCE = b"b" * 8, b"n" * 8
NOW = 1_800_000_000_000


def hello(
    kind: Kind = Kind.CIRCUIT,
    *,
    key: Ed25519PrivateKey = KEY,
    mac_key: bytes = GRID,
    listener: NodeId = LISTENER,
    wanted: NodeId | None = WANTED,
    now_ms: int = NOW,
    nonce: bytes = NONCE,
) -> bytes:
    return sign_hello(
        key,
        mac_key,
        kind=kind,
        listener=listener,
        wanted=wanted if kind is Kind.CIRCUIT else None,
        boot=BOOT,
        now_ms=now_ms,
        nonce=nonce,
    )


def judged(data: bytes, now_ms: int = NOW, *keys: bytes) -> Hello | None:
    return Judge(LISTENER).judge(data, keys or (GRID,), now_ms)


def test_layout() -> None:
    """Magic, kind, key, listener, wanted, boot, time, nonce; then signature and MAC of it all."""
    sent = hello()

    body = b"\x00RH1\x03" + PUBLIC + LISTENER.digest + WANTED.digest
    body += BOOT + NOW.to_bytes(8) + NONCE
    assert (101, 197) == (len(body), len(sent))
    assert body == sent[:101]
    Ed25519PublicKey.from_public_bytes(PUBLIC).verify(sent[101:165], b"reticulum 1 hello\0" + body)
    assert hmac.digest(GRID, b"reticulum 1 hello mac\0" + sent[:165], "sha256") == sent[165:]


@given(
    kind=st.sampled_from(Kind),
    wanted=st.binary(min_size=20, max_size=20).filter(any),
    boot=st.binary(min_size=8, max_size=8),
    nonce=st.binary(min_size=8, max_size=8),
    off=st.integers(-OFF_MS, OFF_MS),
)
def test_what_is_said_is_heard(
    kind: Kind, wanted: bytes, boot: bytes, nonce: bytes, off: int
) -> None:
    """The listener reads what the sender wrote."""
    target = NodeId(wanted) if kind is Kind.CIRCUIT else None
    sent = sign_hello(
        KEY,
        GRID,
        kind=kind,
        listener=LISTENER,
        wanted=target,
        boot=boot,
        now_ms=NOW + off,
        nonce=nonce,
    )

    expected = Hello(
        kind=kind,
        sender=SENDER,
        listener=LISTENER,
        wanted=target,
        boot=boot,
        at_ms=NOW + off,
        nonce=nonce,
        public_key=PUBLIC,
    )
    assert HELLO_BYTES == len(sent)
    assert expected == judged(sent)


def test_old_and_new_key_are_accepted() -> None:
    """During a rotation either of the grid's keys will do."""
    assert None is not judged(hello(mac_key=OTHER_GRID), NOW, GRID, OTHER_GRID)


def test_other_grid() -> None:
    """A hello of another grid is none."""
    assert None is judged(hello(mac_key=OTHER_GRID))


def test_other_listener() -> None:
    """What was meant for another node is not passed on to us."""
    assert None is judged(hello(listener=WANTED))


@pytest.mark.parametrize("off", [OFF_MS + 1, -OFF_MS - 1, 10**18])
def test_clock_is_off(off: int) -> None:
    """More than a minute too early or too late is refused; a minute is not."""
    assert None is judged(hello(now_ms=max(0, NOW + off)))
    assert None is not judged(hello(now_ms=NOW + OFF_MS))
    assert None is not judged(hello(now_ms=NOW - OFF_MS))


def test_replay() -> None:
    """A hello is believed once, for as long as its time alone would not refute it."""
    judge = Judge(LISTENER)
    sent = hello(now_ms=NOW + OFF_MS)

    assert None is not judge.judge(sent, [GRID], NOW)
    for later in (0, 1, OFF_MS, 2 * OFF_MS, 2 * OFF_MS + 1):
        assert None is judge.judge(sent, [GRID], NOW + later)


def test_same_nonce_of_another_node() -> None:
    """Nodes need not agree on nonces."""
    judge = Judge(LISTENER)
    other = Ed25519PrivateKey.from_private_bytes(b"o" * 32)

    assert None is not judge.judge(hello(), [GRID], NOW)
    assert None is not judge.judge(hello(key=other), [GRID], NOW)


def test_no_bit_is_without_meaning() -> None:
    """One flipped bit anywhere, and it is none, not even for a member who makes the MAC fit."""
    sent = hello()
    for place in range(8 * HELLO_BYTES):
        flipped = bytearray(sent)
        flipped[place // 8] ^= 1 << place % 8
        assert None is judged(bytes(flipped))
        if place < 8 * 165:
            mac = hmac.digest(GRID, b"reticulum 1 hello mac\0" + flipped[:165], "sha256")
            assert None is judged(bytes(flipped[:165]) + mac)


@given(st.binary(max_size=250))
def test_noise(noise: bytes) -> None:
    """Bytes of any kind and length are none."""
    assert None is read_hello(noise, [GRID, OTHER_GRID])


@given(st.binary(min_size=165, max_size=165))
def test_noise_of_a_member(noise: bytes) -> None:
    """Nor does it help to know the grid's secret."""
    data = b"\x00RH1" + noise[4:]
    data += hmac.digest(GRID, b"reticulum 1 hello mac\0" + data, "sha256")
    assert None is judged(data, int.from_bytes(data[85:93]))


@pytest.mark.parametrize("kind", Kind)
def test_wanted_goes_with_circuits(kind: Kind) -> None:
    """Only who opens a circuit wants a node, and he must."""
    wanted = None if kind is Kind.CIRCUIT else WANTED
    sent = sign_hello(
        KEY, GRID, kind=kind, listener=LISTENER, wanted=wanted, boot=BOOT, now_ms=NOW, nonce=NONCE
    )
    assert None is judged(sent)


def test_unsigned_hello_is_not_remembered() -> None:
    """Who knows the secret, but has not the key, can't use up the nonces of another node."""
    judge = Judge(LISTENER)
    body = hello()[:101] + bytes(64)
    forged = body + hmac.digest(GRID, b"reticulum 1 hello mac\0" + body, "sha256")

    assert None is judge.judge(forged, [GRID], NOW)
    assert 0 == len(judge)
    assert None is not judge.judge(hello(), [GRID], NOW)


def test_many_of_one_sender() -> None:
    """A sender is heard so many times within two minutes; then he has to wait, and others not."""
    judge = Judge(LISTENER, most_per_sender=3)
    other = Ed25519PrivateKey.from_private_bytes(b"o" * 32)
    nonces = [bytes([number]) * 8 for number in range(5)]

    heard = [judge.judge(hello(nonce=one), [GRID], NOW) is not None for one in nonces]

    assert [True, True, True, False, False] == heard
    assert None is not judge.judge(hello(key=other), [GRID], NOW)
    later = NOW + OFF_MS + 1
    assert None is not judge.judge(hello(now_ms=later), [GRID], later)
    assert 1 == len(judge)


def test_memory_is_bounded() -> None:
    """However many nodes there are, so much is remembered, and nothing of those forgotten."""
    judge = Judge(LISTENER, most=10)
    keys = [Ed25519PrivateKey.generate() for _ in range(25)]

    assert all(judge.judge(hello(key=key), [GRID], NOW) for key in keys)

    assert 10 == len(judge) == len(judge._heard) == len(judge._senders)
    later = NOW + OFF_MS + 1
    assert None is not judge.judge(hello(now_ms=later), [GRID], later)
    assert 1 == len(judge) == len(judge._heard) == len(judge._senders)


def test_hello_is_a_value() -> None:
    """Two readings of the same bytes are equal, and nobody can change one."""
    first, second = read_hello(hello(), [GRID]), read_hello(hello(), [GRID])

    assert first is not None
    assert first == second
    with pytest.raises(attrs.exceptions.FrozenInstanceError):
        first.boot = b""  # type: ignore[misc]
