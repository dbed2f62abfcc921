"""Invites, as people pass them on."""

import time
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reticulum.errors import BadInvite, MistypedInvite
from reticulum.overlay import bech32m
from reticulum.overlay.entrance import Entrance
from reticulum.overlay.invite import MOST_ENTRANCES, PREFIX, Invite

LABELS = st.from_regex(r"[a-z]([a-z0-9-]{0,18}[a-z0-9])?", fullmatch=True)
HOSTS = st.one_of(
    st.ip_addresses().map(str).filter(lambda host: "%" not in host),
    st.lists(LABELS, min_size=1, max_size=3).map(".".join),
)
INVITES = st.builds(
    Invite,
    st.binary(min_size=32, max_size=32),
    st.lists(st.builds(Entrance, HOSTS, st.integers(1, 65_535)), max_size=MOST_ENTRANCES).map(
        tuple
    ),
)
SAMPLE = Invite(
    bytes(range(200, 232)),
    (Entrance("192.0.2.7", 4160), Entrance("node.example.org", 4160)),
)
TYPED = "abcdefghijklmnopqrstuvwxyz0123456789"


@given(INVITES)
def test_round_trip(invite: Invite) -> None:
    """What is read is what was written."""
    text = invite.text()

    assert text.isascii()
    assert text.isalnum()
    assert invite == Invite.parse(text)


@given(INVITES, st.randoms(use_true_random=False))
def test_as_it_arrives(invite: Invite, random: Random) -> None:
    """Case, grouping, line breaks and what mail programs put in between don't matter."""
    between = [" ", "\n", "\t", "-", "\u00a0", "\u200b", "\r\n  ", "", ""]
    arrived = "".join(
        random.choice([str.upper, str.lower])(character) + random.choice(between)
        for character in invite.text()
    )

    assert invite == Invite.parse(arrived)
    assert invite == Invite.parse(f"  {invite.grouped()}\n")


def test_written_form() -> None:
    """Pinned: other implementations and printed invites rely on it."""
    assert (
        "reticulum1eryu4j7veh8vl5x36tfaf4wk6lvdnkkmmnwaahlqu83w8e89umnsfsqqqgr3qsqqzphx7er99ejhsctdw"
        "pkx2tn0wfn3qsqa6uvlv"
    ) == SAMPLE.text()


@pytest.mark.parametrize(
    "text",
    [
        "a1lqfn3a",
        "abcdef1l7aum6echk45nj3s0wdvt2fg8x9yrzpqzd3ryx",
        "split1checkupstagehandshakeupstreamerranterredcaperredlc445v",
        "?1v759aa",
    ],
)
def test_vectors_of_bip_350(text: str) -> None:
    """The check characters are those of the standard."""
    prefix, _, word = text.rpartition("1")

    assert 0 == bech32m.residue(prefix, [bech32m.ALPHABET.index(c) for c in word])


def test_any_two_wrong_characters_are_certain_to_be_detected() -> None:
    """No two single errors within 1,023 characters leave the same: so none hides another."""
    seen = [error for _, errors in bech32m._errors(bech32m.LONGEST) for error in errors[1:]]

    assert len(seen) == len(set(seen)) == 31 * 1023
    assert 0 not in seen


def _mistyped(text: str) -> MistypedInvite:
    with pytest.raises(MistypedInvite) as caught:
        Invite.parse(text)
    return caught.value


def test_every_wrong_character_is_found() -> None:
    """Each character replaced by each other one that can be typed: a typing error, and where."""
    text = SAMPLE.text()
    for at, right in enumerate(text):
        for wrong in set(TYPED) - {right}:
            error = _mistyped(text[:at] + wrong + text[at + 1 :])
            if at >= len(PREFIX):
                assert at + 1 == error.position


def test_every_swap_is_found() -> None:
    """Two neighbours swapped: a typing error, and within the contents where."""
    text = SAMPLE.text()
    for at in range(len(text) - 1):
        if text[at] != text[at + 1]:
            error = _mistyped(text[:at] + text[at + 1] + text[at] + text[at + 2 :])
            if at >= len(PREFIX):
                assert at + 1 == error.position


def test_every_missing_character_is_detected() -> None:
    """One character left out, at the ends too."""
    text = SAMPLE.text()
    for at in range(len(text)):
        _mistyped(text[:at] + text[at + 1 :])


def test_every_doubled_character_is_detected() -> None:
    """One character typed twice."""
    text = SAMPLE.text()
    for at in range(len(text)):
        _mistyped(text[:at] + text[at] + text[at:])


def test_every_truncation_is_detected() -> None:
    """Half an invite is still known as one, from its first nine letters on."""
    text = SAMPLE.text()
    for length in range(len(PREFIX) - 1, len(text)):
        _mistyped(text[:length])


@pytest.mark.parametrize("digit", list("023456789"))
def test_the_one_of_the_prefix(digit: str) -> None:
    """Whatever happens to it, it is not taken for another version if the rest is right."""
    rest = bech32m.encoded(
        PREFIX[:-1], bytes([max(0, bech32m.ALPHABET.find(digit)) << 3]) + bytes(31)
    )
    for slip in (rest, digit + rest, digit + "1" + rest, rest[0] + "1" + rest[1:]):
        _mistyped(PREFIX[:-1] + slip)


@given(INVITES, st.data())
def test_slips_in_any_invite(invite: Invite, data: st.DataObject) -> None:
    """Whatever is in it: a wrong, missing or swapped character is a typing error."""
    text = invite.text()
    at = data.draw(st.integers(0, len(text) - 2))
    wrong = data.draw(st.sampled_from(TYPED))
    for slip in (
        text[:at] + wrong + text[at + 1 :],
        text[:at] + text[at + 1 :],
        text[:at] + text[at + 1] + text[at] + text[at + 2 :],
    ):
        if slip != text:
            _mistyped(slip)


def test_position_counts_what_was_given() -> None:
    """The place is the one in the text that the person sees, with its spaces."""
    text = SAMPLE.grouped()
    at = text.rindex(" ") - 1
    wrong = "q" if text[at] != "q" else "p"

    assert at + 1 == _mistyped(text[:at] + wrong + text[at + 1 :]).position


@pytest.mark.parametrize(
    "text",
    [
        "",
        " ",
        "reticulum",
        "http://192.0.2.1:8080/",
        "192.0.2.1:4160",
        "bc1pw508d6qejxtdg4y5r3zarvary0c5xw7kw508d6qejxtdg4y5r3zarvary0c5xw7kt5nd6y",
        "\u0000\ud800",
        "retic" * 1000,
        "x" * 1_000_000,
    ],
)
def test_no_invite_at_all(text: str) -> None:
    """Told apart from a typing error, and quickly."""
    begun = time.perf_counter()
    with pytest.raises(BadInvite) as caught:
        Invite.parse(text)

    assert text == "reticulum" or not isinstance(caught.value, MistypedInvite)
    assert time.perf_counter() - begun < 0.2


def test_a_later_version_is_told() -> None:
    """Not a typing error: the program is too old."""
    with pytest.raises(BadInvite, match="version 2") as caught:
        Invite.parse("reticulum2" + "qpzry9x8gf2tvdw0s3jn54khce6mua7l" * 3)

    assert not isinstance(caught.value, MistypedInvite)


def test_too_much_pasted() -> None:
    """Two invites are not the first of them, nor are ten."""
    _mistyped(SAMPLE.text() * 2)
    _mistyped(SAMPLE.text() * 10)


@pytest.mark.parametrize("values", [[0, 1], [0, 0, 0], [0]])
def test_contents_that_end_within_a_byte(values: list[int]) -> None:
    """One text for each invite: bits left over at the end are few, and zero."""
    check = bech32m.residue(PREFIX[:-1], [*values, 0, 0, 0, 0, 0, 0])
    values = [*values, *(check >> 5 * i & 31 for i in reversed(range(6)))]
    with pytest.raises(BadInvite, match="check characters are right"):
        Invite.parse(PREFIX + "".join(bech32m.ALPHABET[value] for value in values))


@pytest.mark.parametrize(
    "contents",
    [
        b"",
        bytes(31),
        bytes(32) + b"\x04\x01\x02\x03\x04\x10",
        bytes(32) + b"\x04\x01\x02\x03\x04\x00\x00",
        bytes(32) + b"\x05\x01\x02\x03\x04\x10\x40",
        bytes(32) + b"\x00\x00\x10\x40",
        bytes(32) + b"\x00\xffabc\x10\x40",
        bytes(32) + b"\x00\x03a_b\x10\x40",
        bytes(32) + b"\x00\x03\xff\xfea\x10\x40",
        bytes(32) + b"\x00\x03A.B\x10\x40",
        bytes(32) + b"\x00",
        bytes(32) + b"\x04\x01\x02\x03\x04\x10\x40" * 9,
    ],
)
def test_sound_check_and_senseless_contents(contents: bytes) -> None:
    """Nobody is sent to look for a typing error that is not there."""
    with pytest.raises(BadInvite, match="no typing error") as caught:
        Invite.parse(PREFIX + bech32m.encoded(PREFIX[:-1], contents))

    assert not isinstance(caught.value, MistypedInvite)


@given(st.binary(max_size=120) | st.binary(max_size=40).map(lambda rest: bytes(32) + rest))
def test_any_contents(contents: bytes) -> None:
    """With right check characters: the same text again, or refused."""
    text = PREFIX + bech32m.encoded(PREFIX[:-1], contents)
    try:
        invite = Invite.parse(text)
    except BadInvite:
        return

    # A name that spells an address is written shorter.
    assert invite == Invite.parse(invite.text())


@given(st.text() | st.text(alphabet=TYPED).map(lambda rest: PREFIX + rest))
def test_any_text_is_refused(text: str) -> None:
    """Never anything but `BadInvite`."""
    with pytest.raises(BadInvite):
        Invite.parse(text)


def test_the_secret_does_not_show() -> None:
    """Neither in a log line with an invite nor in an error about one."""
    text = SAMPLE.text()

    assert repr(SAMPLE.secret)[2:-1] not in repr(SAMPLE)
    assert text[10:20] not in f"{SAMPLE}"
    error = _mistyped(text[:40] + "b" + text[41:])
    assert not any(text[at : at + 4] in str(error) for at in range(len(PREFIX), len(text) - 4))


def test_bounded() -> None:
    """Eight names of full length don't fit, and that is said when the invite is written."""
    name = ".".join(["a" * 60] * 4)
    assert Invite.parse(Invite(bytes(32), (Entrance(name, 1),) * 2).text())
    with pytest.raises(ValueError, match="too many"):
        Invite(bytes(32), (Entrance(name, 1),) * 3).text()
    with pytest.raises(ValueError, match="entrances"):
        Invite(bytes(32), (Entrance("a", 1),) * 9)


def test_a_secret_has_32_bytes() -> None:
    """A cut secret is not given away as an invite."""
    with pytest.raises(ValueError, match="secret"):
        Invite(bytes(31))
