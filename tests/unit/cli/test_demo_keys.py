"""What a terminal sends, read as keys."""

import pytest

from reticulum.cli.demo.keys import KeyDecoder


@pytest.mark.parametrize(
    "sent, keys",
    [
        (b"k", ["k"]),
        (b"K", ["k"]),
        (b"3kr", ["3", "k", "r"]),
        (b"\x1b[A\x1b[B", ["p", "n"]),
        (b"\x1bOA\x1bOB", ["p", "n"]),
        (b"\x1b[5~k", ["k"]),
        (b"\x1b[1;5Ck", ["k"]),
        (b"\x1bOPq", ["q"]),
        (b" \t\r\n\x7f\xc3\xa4", []),
    ],
)
def test_keys(sent: bytes, keys: list[str]) -> None:
    """Letters, digits and arrows count; function keys and everything else do nothing."""
    assert keys == list(KeyDecoder().feed(sent))


@pytest.mark.parametrize("sent", [b"\x1b[A", b"\x1b[5~n", b"\x1bOBn"])
def test_sequences_come_in_pieces(sent: bytes) -> None:
    """A slow line may cut a sequence anywhere: no piece of it is taken for a key."""
    decoder = KeyDecoder()
    cut = [key for byte in sent for key in decoder.feed(bytes([byte]))]

    assert list(KeyDecoder().feed(sent)) == cut


def test_escape_before_a_letter_is_no_sequence() -> None:
    """Somebody who pressed Escape can still quit."""
    assert ["q"] == list(KeyDecoder().feed(b"\x1bq"))
