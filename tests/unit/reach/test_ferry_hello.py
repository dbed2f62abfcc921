"""A hello for a ferry may be for whoever is there; no other hello may."""

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from reticulum.model import NodeId
from reticulum.reach.relay.hello import Hello, Kind, sign_hello
from reticulum.reach.relay.judge import Judge

GRID = b"g" * 32
KEY = Ed25519PrivateKey.from_private_bytes(b"k" * 32)
LISTENER = NodeId(b"l" * 20)
NOW = 1_800_000_000_000


def judged(
    kind: Kind, listener: NodeId | None, judge: Judge | None = None, *, now_ms: int = NOW
) -> Hello | None:
    sent = sign_hello(
        KEY,
        GRID,
        kind=kind,
        listener=listener,
        wanted=NodeId(b"w" * 20) if kind is Kind.CIRCUIT else None,
        boot=bytes(8),
        now_ms=NOW,
        nonce=b"n" * 8,
    )
    judge = Judge(LISTENER) if judge is None else judge
    return judge.judge(sent, [GRID], now_ms)


@pytest.mark.parametrize("kind", Kind)
def test_whoever_is_there(kind: Kind) -> None:
    """A newcomer knows an address and not who lives there: for a ferry that is enough."""
    heard = judged(kind, None)
    assert (kind is Kind.FERRY) is (heard is not None)
    assert heard is None or heard.listener is None


@pytest.mark.parametrize("kind", Kind)
def test_somebody_else(kind: Kind) -> None:
    """If it names a node, that one has to be it."""
    assert judged(kind, NodeId(b"o" * 20)) is None
    assert judged(kind, LISTENER) is not None


def test_all_else_holds() -> None:
    """Such a hello is believed once, by its time, and with its MAC and signature."""
    judge = Judge(LISTENER)
    assert judged(Kind.FERRY, None, judge) is not None
    assert judged(Kind.FERRY, None, judge) is None
    assert judged(Kind.FERRY, None, now_ms=NOW + 61_000) is None

    sent = sign_hello(
        KEY, GRID, kind=Kind.FERRY, listener=None, boot=bytes(8), now_ms=NOW, nonce=bytes(8)
    )
    assert Judge(LISTENER).judge(sent, [b"o" * 32], NOW) is None
    for place in range(len(sent)):
        flipped = bytearray(sent)
        flipped[place] ^= 1
        assert Judge(LISTENER).judge(bytes(flipped), [GRID], NOW) is None
