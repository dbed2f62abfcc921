"""
Text with check characters that tell, and mostly find, a typing error: Bech32m.

Source: BIP-350, with the alphabet and the code of BIP-173, but without their limit of 90
characters. Up to 1,023 characters any two wrong ones are detected for certain (so any swap as
well) and a single one can be found; other errors, like a missing character, escape once in 2^30.
Errors are told and never corrected: a wrong correction would look right (BIP-173, checksum).
"""

from collections.abc import Iterable, Iterator

ALPHABET = "qpzry9x8gf2tvdw0s3jn54khce6mua7l"
"""32 characters; 1, b, i and o are none of them."""

CHECK_CHARACTERS = 6
LONGEST = 1023
"""Characters, check characters included, within which the promises above hold."""

_CONSTANT = 0x2BC830A3
_GENERATOR = (0x3B6A57B2, 0x26508E6D, 0x1EA119FA, 0x3D4233DD, 0x2A1462B3)
_BITS = 5


def encoded(prefix: str, data: bytes) -> str:
    """
    *data* in the alphabet, zero bits behind it up to a whole character, and check characters.

    Args:
        prefix: ASCII; goes into the check, not into the result.
        data: At most 635 bytes.

    Raises:
        ValueError: Longer than 1,023 characters.
    """
    values = list(_regrouped(data, 8, _BITS))
    if len(values) + CHECK_CHARACTERS > LONGEST:
        raise ValueError(f"{len(data)} bytes are too many for one text with check characters")
    check = residue(prefix, [*values, *[0] * CHECK_CHARACTERS])
    values += [check >> _BITS * i & 31 for i in reversed(range(CHECK_CHARACTERS))]
    return "".join(ALPHABET[value] for value in values)


def decoded(values: list[int]) -> bytes:
    """
    The bytes of a text whose `residue` is 0.

    Raises:
        ValueError: It does not end with a whole byte and fewer than 5 zero bits.
    """
    payload = values[:-CHECK_CHARACTERS]
    spare = len(payload) * _BITS % 8
    if spare >= _BITS or (payload and payload[-1] & (1 << spare) - 1):
        raise ValueError("the characters do not end where a byte ends")
    return bytes(_regrouped(payload, _BITS, 8))[: len(payload) * _BITS // 8]


def residue(prefix: str, values: Iterable[int]) -> int:
    """
    What is left of the text, check characters included, modulo the code; 0 if it is right.

    Args:
        prefix: As in `encoded`.
        values: Places of the characters in the alphabet, 0 to 31.
    """
    remainder = 1
    for value in (*(ord(c) >> _BITS for c in prefix), 0, *(ord(c) & 31 for c in prefix), *values):
        remainder = _step(remainder) ^ value
    return remainder ^ _CONSTANT


def wrong_character(left: int, length: int) -> int | None:
    """
    Place of the one wrong character that explains a residue, from 0; None if none does.

    Args:
        left: The residue, not 0.
        length: Characters of the text, at most 1,023.
    """
    for place, errors in _errors(length):
        if left in errors:
            return place
    return None


def swapped_characters(left: int, values: list[int]) -> int | None:
    """Place of the first of two neighbours whose swap explains a residue; None if none does."""
    behind: list[int] = []
    for place, errors in _errors(len(values)):
        difference = values[place] ^ values[place + 1] if behind else 0
        if difference and left == errors[difference] ^ behind[difference]:
            return place
        behind = errors
    return None


def _errors(length: int) -> Iterator[tuple[int, list[int]]]:
    """For each place, the last first: what adding 0 to 31 there adds to the residue."""
    errors = list(range(32))
    for place in reversed(range(length)):
        yield place, errors
        errors = [_step(error) for error in errors]


def _step(remainder: int) -> int:
    top = remainder >> 25
    remainder = (remainder & 0x1FFFFFF) << _BITS
    for i, generator in enumerate(_GENERATOR):
        if top >> i & 1:
            remainder ^= generator
    return remainder


def _regrouped(numbers: Iterable[int], bits: int, into: int) -> Iterator[int]:
    """The same bits in other groups; the last one is filled with zeros."""
    pending = held = 0
    for number in numbers:
        pending, held = pending << bits | number, held + bits
        while held >= into:
            held -= into
            yield pending >> held & (1 << into) - 1
        pending &= (1 << held) - 1
    if held:
        yield pending << into - held & (1 << into) - 1
