"""
Invites: the one string that lets a node join a grid.

`reticulum1` and Bech32m of: the grid secret (32 bytes), then 0 to 8 addresses, each one of
4, IPv4 (4 bytes), port (2) · 6, IPv6 (16), port (2) · 0, length (1), name in ASCII, port (2).
"""

import ipaddress
from typing import Self

import attrs
from attrs import validators as v

from reticulum.errors import BadInvite, MistypedInvite
from reticulum.overlay import bech32m
from reticulum.overlay.entrance import Entrance
from reticulum.overlay.grid_keys import SECRET_BYTES

PREFIX = "reticulum1"
"""The 1 is the version, and what separates name and contents in Bech32m."""

MOST_ENTRANCES = 8
LONGEST_TEXT = 4096
"""Characters, white space included, of a text that is looked into at all."""
GROUP = 5

_NAME = PREFIX[:-1]
_IGNORED = frozenset("-\u00ad\u2010\u2011\u200b\u2060\ufeff")
"""Beside white space: hyphens, and what mail programs put where a line may break."""
_NAME_KIND, _IPV4_KIND, _IPV6_KIND = 0, 4, 6
_IP_BYTES = {_IPV4_KIND: 4, _IPV6_KIND: 16}
_PORT_BYTES = 2


@attrs.frozen
class Invite:
    """
    What a new node needs to join. Whoever reads its text is a member.

    Args:
        secret: Of the grid, 32 bytes.
        entrances: Where to knock, at most 8; in one text together at most 603 bytes.
    """

    secret: bytes = attrs.field(
        repr=False, validator=[v.min_len(SECRET_BYTES), v.max_len(SECRET_BYTES)]
    )
    entrances: tuple[Entrance, ...] = attrs.field(default=(), validator=v.max_len(MOST_ENTRANCES))

    def text(self) -> str:
        """
        One word of ASCII letters and digits, at most 1,033.

        Raises:
            ValueError: The names are too long together.
        """
        contents = self.secret + b"".join(map(_written, self.entrances))
        return PREFIX + bech32m.encoded(_NAME, contents)

    def grouped(self) -> str:
        """The text in groups of 5 characters, for somebody who types it."""
        text = self.text()
        rest = text[len(PREFIX) :]
        return " ".join([PREFIX, *(rest[i : i + GROUP] for i in range(0, len(rest), GROUP))])

    @classmethod
    def parse(cls, text: str) -> Self:
        """
        Read an invite; case, white space and hyphens don't matter.

        Raises:
            MistypedInvite: It is one with a typing error; where, if that can be told.
            BadInvite: It is none, or of a version that this one can't read.
        """
        if len(text) > LONGEST_TEXT:
            raise BadInvite(f"no invite: longer than {LONGEST_TEXT} characters")
        # Where each character that counts stands in the text, from 1.
        kept = [
            (place, character.lower() if character.isascii() else character)
            for place, character in enumerate(text, 1)
            if not character.isspace() and character not in _IGNORED
        ]
        word = "".join(character for _, character in kept)
        places = [place for place, _ in kept]
        if not word.startswith(PREFIX):
            raise _without_prefix(word)
        return cls._read(_checked(word[len(PREFIX) :], places[len(PREFIX) :]))

    @classmethod
    def _read(cls, contents: bytes) -> Self:
        secret, rest = contents[:SECRET_BYTES], contents[SECRET_BYTES:]
        entrances = []
        try:
            while rest:
                entrance, rest = _first(rest)
                entrances.append(entrance)
            return cls(secret, tuple(entrances))
        except (ValueError, IndexError):
            # The check characters are right: this is not the reader's mistake.
            raise BadInvite(
                "the invite has no typing error, but what is in it makes no sense: "
                "it was made by a program that this one does not understand"
            ) from None


def _checked(word: str, places: list[int]) -> bytes:
    """The contents behind the prefix, once the check characters are right."""
    if len(word) > bech32m.LONGEST:
        raise MistypedInvite("the invite is too long: is something pasted behind it, or twice?")
    values = [bech32m.ALPHABET.find(character) for character in word]
    if -1 in values:
        at = values.index(-1)
        raise MistypedInvite(
            f"typing error in the invite: {word[at]!r}, character {places[at]}, is in no invite "
            "(nor are 1, b, i and o)",
            places[at],
        )
    left = bech32m.residue(_NAME, values)
    if not left:
        try:
            return bech32m.decoded(values)
        except ValueError:
            raise BadInvite("no invite of ours, although its check characters are right") from None
    wrong = bech32m.wrong_character(left, len(values))
    if wrong is not None:
        raise MistypedInvite(
            f"typing error in the invite: character {places[wrong]}, {word[wrong]!r}, "
            "seems to be wrong",
            places[wrong],
        )
    swapped = bech32m.swapped_characters(left, values)
    if swapped is not None:
        raise MistypedInvite(
            f"typing error in the invite: characters {places[swapped]} and "
            f"{places[swapped + 1]} seem to be swapped",
            places[swapped],
        )
    raise MistypedInvite(
        "typing error in the invite: something is missing, or several characters are wrong"
    )


def _without_prefix(word: str) -> BadInvite:
    """What to say of a text that does not begin as an invite does."""
    lengths = range(len(PREFIX) - 1, len(PREFIX) + 2)
    later_version = word.startswith(_NAME) and word[len(_NAME) :][:1].isdigit()
    # What follows if the 1 is missing, is another digit, comes after one too many, or is swapped.
    behind = word[len(_NAME) :]
    if later_version and not any(
        map(_is_right, (behind, behind[1:], behind[2:], behind[:1] + behind[2:]))
    ):
        return BadInvite(
            f"an invite of version {word[len(_NAME)]}, or the {PREFIX[-1]} of {PREFIX} is "
            "mistyped: this program reads version 1"
        )
    if any(_is_one_slip(word[:length], PREFIX) for length in lengths):
        return MistypedInvite(f"typing error in the invite: it begins with {PREFIX}", 1)
    return BadInvite(f"no invite: an invite begins with {PREFIX}")


def _is_right(word: str) -> bool:
    values = [bech32m.ALPHABET.find(character) for character in word[: bech32m.LONGEST]]
    return -1 not in values and not bech32m.residue(_NAME, values)


def _is_one_slip(text: str, meant: str) -> bool:
    """One character wrong, missing, too many, or two neighbours swapped."""
    pairs = zip(text, meant, strict=False)
    same = next((i for i, (a, b) in enumerate(pairs) if a != b), min(len(text), len(meant)))
    text, meant = text[same:], meant[same:]
    return (
        text[1:] == meant[1:]
        or text == meant[1:]
        or text[1:] == meant
        or (text[1::-1] == meant[:2] and text[2:] == meant[2:])
    )


def _written(entrance: Entrance) -> bytes:
    port = entrance.port.to_bytes(_PORT_BYTES)
    try:
        ip = ipaddress.ip_address(entrance.host)
    except ValueError:
        return bytes([_NAME_KIND, len(entrance.host)]) + entrance.host.encode("ascii") + port
    return bytes([ip.version]) + ip.packed + port


def _first(rest: bytes) -> tuple[Entrance, bytes]:
    """The first entrance and what follows it; `Entrance` refuses what is no address."""
    kind = rest[0]
    if kind == _NAME_KIND:
        start, length = 2, rest[1]
    else:
        start, length = 1, _IP_BYTES.get(kind, 0)
    end = start + length
    raw, port, rest = rest[start:end], rest[end : end + _PORT_BYTES], rest[end + _PORT_BYTES :]
    if not length or len(port) != _PORT_BYTES:
        raise ValueError("an address is cut off, or of an unknown kind")
    host = raw.decode("ascii") if kind == _NAME_KIND else str(ipaddress.ip_address(raw))
    return Entrance(host, int.from_bytes(port)), rest
