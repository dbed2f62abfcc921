"""What an image is called: the hash of its bytes."""

import enum
import re
from typing import Self

import attrs
from attrs import validators as v

from reticulum.errors import BadImageId


class HashName(enum.StrEnum):
    """A hash function that image ids are made with; the value is its name in `hashlib`."""

    SHA256 = "sha256"
    SHA1 = "sha1"

    @property
    def hex_digits(self) -> int:
        """Length of a digest as hexadecimal text."""
        return 64 if self is HashName.SHA256 else 40


_IMAGE_ID = re.compile(r"(?:(sha256)-([0-9a-f]{64})|(sha1)-([0-9a-f]{40}))")
_BARE = re.compile(r"[0-9a-f]{64}|[0-9a-f]{40}")


@attrs.frozen(order=True)
class ImageId:
    """
    Hash of an original's bytes, with the hash's name in front.

    Args:
        hash_name: Which hash.
        digest: Lower-case hexadecimal, as long as the hash says.
    """

    hash_name: HashName
    digest: str = attrs.field(validator=v.matches_re(r"[0-9a-f]{40}(?:[0-9a-f]{24})?"))

    @digest.validator
    def _length(self, _attribute: object, digest: str) -> None:
        if len(digest) != self.hash_name.hex_digits:
            raise ValueError(f"a {self.hash_name} digest has {self.hash_name.hex_digits} digits")

    @classmethod
    def parse(cls, text: str) -> Self:
        """
        Read an id as people and URLs write it.

        Accepts the canonical form and, as thraxil/reticulum and Apomixis have it, 40 or 64
        bare hexadecimal digits; capitals are read as small letters.

        Raises:
            BadImageId: The text is neither.
        """
        lower = text.lower()
        if match := _IMAGE_ID.fullmatch(lower):
            name, digest = match[1] or match[3], match[2] or match[4]
            return cls(HashName(name), digest)
        if _BARE.fullmatch(lower):
            return cls(next(name for name in HashName if name.hex_digits == len(lower)), lower)
        raise BadImageId(
            f"{text[:80]!r} is not an image id: wanted sha256- and 64 hexadecimal digits, "
            "sha1- and 40 of them, or the bare digits"
        )

    def __str__(self) -> str:
        return f"{self.hash_name}-{self.digest}"
