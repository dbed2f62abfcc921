"""What opens, and what every bad datagram gets."""

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from reticulum.errors import DatagramRefused, Refusal
from reticulum.overlay import unseal as unsealing
from reticulum.overlay.grid_keys import GridKeys, KeyRing
from reticulum.overlay.replay import Windows
from reticulum.overlay.seal import ANYONE, OVERHEAD_BYTES, Sealer, sub_key
from reticulum.overlay.unseal import SKEW_MS, Opened, Unsealer

NOW = 1_700_000_000_000
OLD, NEW, STRANGE = (GridKeys.of_secret(bytes([i]) * 32) for i in range(3))
SENDER_BOOT, OUR_BOOT = b"sender boot.", b"our own boot"
ME, ELSE = b"node-id1", b"node-id2"
HOUR_MS = 3_600_000


def _sealer(keys: GridKeys = OLD, boot: bytes = SENDER_BOOT, counter: int = 0) -> Sealer:
    return Sealer(KeyRing(keys), boot, counter)


def _unsealer(ring: KeyRing | None = None, floor_ms: int = 0, most: int = 8) -> Unsealer:
    return Unsealer(
        ring or KeyRing(OLD), boot=OUR_BOOT, me=ME, windows=Windows(floor_ms, most=most)
    )


def _refusal(unsealer: Unsealer, datagram: bytes, now_ms: int = NOW) -> DatagramRefused:
    with pytest.raises(DatagramRefused) as caught:
        unsealer.unseal(datagram, now_ms)
    return caught.value


@given(st.binary(max_size=2000), st.sampled_from([ME, ANYONE]), st.integers(-SKEW_MS, SKEW_MS))
def test_round_trip(body: bytes, recipient: bytes, off_ms: int) -> None:
    """What is opened is what was sealed, with all that is known of its sender."""
    datagram = _sealer(counter=7).seal(body, NOW + off_ms, recipient)

    opened = _unsealer().unseal(datagram, NOW)

    assert Opened(SENDER_BOOT, 7, NOW + off_ms, recipient == ME, body) == opened


ONE = _sealer().seal(b"a message of some length", NOW, ME)


@given(st.binary(max_size=200))
@example(b"")
@example(bytes(65_507))
def test_random_bytes_are_foreign(datagram: bytes) -> None:
    """They cost one look at their first bytes."""
    assert Refusal.FOREIGN is _refusal(_unsealer(), datagram).reason


def test_other_grid() -> None:
    """Sealed well, by others."""
    datagram = _sealer(STRANGE).seal(b"", NOW, ME)

    assert Refusal.FOREIGN is _refusal(_unsealer(), datagram).reason


def test_truncated_at_every_length() -> None:
    """Foreign, short or forged: never opened."""
    unsealer = _unsealer()
    reasons = [_refusal(unsealer, ONE[:length]).reason for length in range(len(ONE))]

    foreign, short = 8, OVERHEAD_BYTES - 8
    expected = [Refusal.FOREIGN] * foreign + [Refusal.SHORT] * short
    assert expected + [Refusal.FORGED] * (len(ONE) - OVERHEAD_BYTES) == reasons
    assert unsealer.unseal(ONE, NOW), "and nothing of it is held against the sender"


def test_every_flipped_bit() -> None:
    """The header is authentic as well as the rest."""
    unsealer = _unsealer()
    for at in range(len(ONE) * 8):
        flipped = bytearray(ONE)
        flipped[at // 8] ^= 1 << at % 8
        where = {range(8): Refusal.FOREIGN, range(8, 9): Refusal.VERSION}
        expected = next((r for places, r in where.items() if at // 8 in places), Refusal.FORGED)
        assert expected is _refusal(unsealer, bytes(flipped)).reason
    assert unsealer.unseal(ONE, NOW)


def test_64_kilobytes() -> None:
    """With our fingerprint in front: too long, seen before anything is deciphered."""
    assert Refusal.LONG is _refusal(_unsealer(), ONE[:33] + bytes(65_507 - 33)).reason


def test_replayed() -> None:
    """Once is enough; the second one is not even deciphered."""
    unsealer = _unsealer()
    unsealer.unseal(ONE, NOW)

    assert Refusal.REPLAYED is _refusal(unsealer, ONE).reason
    assert Refusal.REPLAYED is _refusal(unsealer, ONE, NOW + HOUR_MS).reason


def test_reordered() -> None:
    """Within 1024 datagrams the order does not matter; what comes later still is too old."""
    sealer, unsealer = _sealer(), _unsealer()
    datagrams = [sealer.seal(bytes([i % 256]), NOW, ME) for i in range(1100)]

    assert all(unsealer.unseal(datagram, NOW) for datagram in reversed(datagrams[76:]))
    assert {Refusal.OLD} == {_refusal(unsealer, each).reason for each in datagrams[:76]}


@pytest.mark.parametrize(
    "off_ms, reason",
    [
        (HOUR_MS, Refusal.AHEAD),
        (SKEW_MS + 1, Refusal.AHEAD),
        (-SKEW_MS - 1, Refusal.BEHIND),
        (-HOUR_MS, Refusal.BEHIND),
        (-NOW, Refusal.BEHIND),
        (2**64 - 1 - NOW, Refusal.AHEAD),
    ],
)
def test_a_wrong_clock_is_reported_as_that(off_ms: int, reason: Refusal) -> None:
    """With the difference, so that the operator can be told by how much."""
    refused = _refusal(_unsealer(), _sealer().seal(b"", NOW + off_ms, ME))

    assert (reason, off_ms) == (refused.reason, refused.clock_off_ms)
    assert f"{off_ms / 1000:+.3f} s" in str(refused)
    assert "clock" in str(refused)


def test_a_wrong_clock_can_not_be_forged() -> None:
    """Only who knows the secret can make a node say that a clock is wrong."""
    late = bytearray(_sealer().seal(b"", NOW + HOUR_MS, ME))
    late[-1] ^= 1

    refused = _refusal(_unsealer(), bytes(late))
    assert (Refusal.FORGED, None) == (refused.reason, refused.clock_off_ms)


def test_a_clock_set_right_is_taken() -> None:
    """Being refused for its clock is not held against a sender."""
    sealer, unsealer = _sealer(), _unsealer()
    _refusal(unsealer, sealer.seal(b"", NOW - HOUR_MS, ME))

    assert unsealer.unseal(sealer.seal(b"", NOW, ME), NOW)


def test_after_our_restart() -> None:
    """A recording from before it is refused, what is sealed since is opened."""
    sealer = _sealer()
    before, since = sealer.seal(b"", NOW - 1, ME), sealer.seal(b"", NOW + 1, ME)
    unsealer = _unsealer(floor_ms=NOW)

    refused = _refusal(unsealer, before, NOW + 5)
    assert (Refusal.OLD, -6) == (refused.reason, refused.clock_off_ms)
    assert unsealer.unseal(since, NOW + 5)
    assert unsealer.unseal(before, NOW + 5), "now its window tells that it is no replay"


def test_for_another_node() -> None:
    """A recording of what a member sent to another one is worth nothing here."""
    refused = _refusal(_unsealer(), _sealer().seal(b"", NOW, ELSE))

    assert Refusal.MISDIRECTED is refused.reason


def test_our_own_come_back() -> None:
    """A node that dials itself notices; nobody else can reflect its words at it."""
    assert Refusal.ECHO is _refusal(_unsealer(), _sealer(boot=OUR_BOOT).seal(b"", NOW)).reason


def test_two_boots_of_one_key() -> None:
    """Both are opened, each with its own window; the boots tell them apart."""
    unsealer = _unsealer()
    one, other = _sealer(boot=b"1" * 12), _sealer(boot=b"2" * 12)

    boots = [unsealer.unseal(sealer.seal(b"", NOW, ME), NOW).boot for sealer in (one, other)]

    assert [b"1" * 12, b"2" * 12] == boots


def test_rotation() -> None:
    """Old and new are accepted while both are in the ring, and the old no longer after it."""
    ring = KeyRing(OLD, (NEW,))
    old, new, unsealer = _sealer(OLD), _sealer(NEW, boot=b"n" * 12), _unsealer(ring)
    for _ in range(2):
        assert unsealer.unseal(old.seal(b"", NOW, ME), NOW)
        assert unsealer.unseal(new.seal(b"", NOW, ME), NOW)
        ring = ring.use(NEW.fingerprint)
        unsealer.rekey(ring)

    unsealer.rekey(ring.forget(OLD.fingerprint))

    assert Refusal.FOREIGN is _refusal(unsealer, old.seal(b"", NOW, ME)).reason
    assert unsealer.unseal(new.seal(b"", NOW, ME), NOW)


def test_replays_across_a_rotation() -> None:
    """What was received stays known."""
    unsealer = _unsealer()
    unsealer.unseal(ONE, NOW)
    unsealer.rekey(KeyRing(NEW, (OLD,)))

    assert Refusal.REPLAYED is _refusal(unsealer, ONE).reason


def test_an_expelled_member_can_not_spoil_the_new_key() -> None:
    """Windows belong to a key: the old one's counters say nothing about the new one's."""
    unsealer = _unsealer(KeyRing(NEW, (OLD,)))
    unsealer.unseal(_sealer(OLD, counter=2**40).seal(b"", NOW, ME), NOW)

    assert unsealer.unseal(_sealer(NEW).seal(b"", NOW, ME), NOW)


def test_strangers_fill_nothing() -> None:
    """Made-up boots fail their check before a cipher or a window is made for them."""
    unsealer = _unsealer()
    for i in range(200):
        _refusal(unsealer, OLD.fingerprint + b"\x01" + i.to_bytes(24) + bytes(60))

    assert (0, 0) == (len(unsealer._ciphers), len(unsealer._windows))


def test_members_fill_no_more_than_the_bound() -> None:
    """A member that makes up boots costs memory once."""
    unsealer = _unsealer(most=50)
    for i in range(unsealing.MOST_CIPHERS + 100):
        now = NOW + i
        unsealer.unseal(_sealer(boot=i.to_bytes(12)).seal(b"", now, ME), now)

    assert (unsealing.MOST_CIPHERS, 50) == (len(unsealer._ciphers), len(unsealer._windows))


def _sealed_oddly(inner: bytes, counter: int) -> bytes:
    """By a member that makes its own rules."""
    key, check = sub_key(OLD, SENDER_BOOT)
    number = counter.to_bytes(8)
    header = OLD.fingerprint + b"\x01" + SENDER_BOOT + check + number
    return header + unsealing.ChaCha20Poly1305(key).encrypt(bytes(4) + number, inner, header)


ANYTHING = st.one_of(
    st.binary(max_size=200),
    st.binary(max_size=200).map(lambda rest: OLD.fingerprint + rest),
    st.binary(max_size=200).map(lambda rest: ONE[:25] + rest),
    st.builds(lambda cut, rest: ONE[:cut] + rest, st.integers(0, len(ONE)), st.binary(max_size=99)),
    st.builds(_sealed_oddly, st.binary(max_size=40), st.integers(0, 2**64 - 1)),
    st.builds(
        lambda off_ms, counter, recipient: _sealer(counter=counter).seal(
            b"x", NOW + off_ms, recipient
        ),
        st.integers(-2 * SKEW_MS, 2 * SKEW_MS),
        st.integers(0, 2000),
        st.sampled_from([ME, ELSE, ANYONE]),
    ),
)


@given(st.lists(ANYTHING, max_size=20))
def test_a_value_or_the_one_refusal(datagrams: list[bytes]) -> None:
    """Whatever comes, in whatever order; and nothing is opened twice."""
    unsealer, opened, refused = _unsealer(), [], []
    for datagram in datagrams:
        try:
            opened.append(unsealer.unseal(datagram, NOW))
        except DatagramRefused as refusal:
            refused.append(refusal)

    assert all(each.reason in Refusal and str(each) for each in refused)
    assert len(opened) == len({(each.boot, each.counter) for each in opened})
    assert all(abs(each.clock_ms - NOW) <= SKEW_MS for each in opened)


def test_who_we_are_must_be_somebody() -> None:
    """All zeros would make every datagram ours."""
    with pytest.raises(ValueError, match="not all of them zero"):
        Unsealer(KeyRing(OLD), boot=OUR_BOOT, me=ANYONE, windows=Windows(0))
