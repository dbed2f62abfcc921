"""Keys made from the grid secret, and the ring of those that are accepted during a rotation."""

from typing import Any, Self

import attrs
from attrs import validators as v
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

SECRET_BYTES = 32
KEY_BYTES = 32
FINGERPRINT_BYTES = 8
MOST_OTHERS = 2
"""A ring holds at most this many keys beside the current ones: the previous and the next."""

_DATAGRAM = b"reticulum 1 datagram"
_PEER_HTTP = b"reticulum 1 peer http"
_FINGERPRINT = b"reticulum 1 grid fingerprint"


def _long(number: int) -> Any:
    return v.and_(v.min_len(number), v.max_len(number))


@attrs.frozen(kw_only=True)
class GridKeys:
    """
    What the members of a grid share, made from one secret. None of it shows in `repr`.

    Args:
        secret: 32 random bytes, for the next invite; no key itself.
        fingerprint: 8 bytes, public: opens every datagram and says nothing about the rest.
        datagram: 32 bytes; sub-keys of datagrams are made from it.
        peer_http: 32 bytes; proves membership on peer HTTP connections.
    """

    secret: bytes = attrs.field(repr=False, validator=_long(SECRET_BYTES))
    fingerprint: bytes = attrs.field(
        repr=lambda fingerprint: fingerprint.hex(), validator=_long(FINGERPRINT_BYTES)
    )
    datagram: bytes = attrs.field(repr=False, validator=_long(KEY_BYTES))
    peer_http: bytes = attrs.field(repr=False, validator=_long(KEY_BYTES))

    @classmethod
    def of_secret(cls, secret: bytes) -> Self:
        """
        Make every key from *secret*, 32 bytes.

        Raises:
            ValueError: The secret has another length.

        Source: RFC 5869 with SHA-256, no salt, the label as info; the secret is random, so the
        extract step needs no salt (its section 3.1).
        """
        if len(secret) != SECRET_BYTES:
            raise ValueError(f"a grid secret has {SECRET_BYTES} bytes, not {len(secret)}")
        return cls(
            secret=secret,
            fingerprint=_derived(secret, _FINGERPRINT, FINGERPRINT_BYTES),
            datagram=_derived(secret, _DATAGRAM, KEY_BYTES),
            peer_http=_derived(secret, _PEER_HTTP, KEY_BYTES),
        )


@attrs.frozen
class KeyRing:
    """
    The keys a node accepts, and the ones it seals with.

    A rotation is four rings: `KeyRing(old)`; `accept(new)` on every node; once all have it,
    `use(new)` on every node, in any order; once all do, `forget(old)`. At every moment each node
    accepts what every other one seals. Whoever knows only the old secret is out at the last step.

    Args:
        current: To seal with.
        others: Accepted as well: the next or the previous, at most 2; fingerprints differ.
    """

    current: GridKeys
    others: tuple[GridKeys, ...] = attrs.field(default=(), validator=v.max_len(MOST_OTHERS))

    def __attrs_post_init__(self) -> None:
        """Refuse two keys of one fingerprint: a datagram could not be told apart."""
        if len(self.accepted) != 1 + len(self.others):
            raise ValueError("two keys of a ring have one fingerprint")

    @property
    def accepted(self) -> dict[bytes, GridKeys]:
        """All keys by their fingerprints, the current first."""
        return {keys.fingerprint: keys for keys in (self.current, *self.others)}

    def accept(self, keys: GridKeys) -> Self:
        """
        A ring that accepts *keys* as well and seals as before.

        Raises:
            ValueError: They are here already, or there is no place for more.
        """
        return attrs.evolve(self, others=(*self.others, keys))

    def use(self, fingerprint: bytes) -> Self:
        """
        A ring that seals with other keys that it accepts already, and still accepts all.

        Raises:
            ValueError: They are not here.
        """
        keys = self._known(fingerprint)
        others = tuple(each for each in self.accepted.values() if each != keys)
        return attrs.evolve(self, current=keys, others=others)

    def forget(self, fingerprint: bytes) -> Self:
        """
        A ring that no longer accepts these keys.

        Raises:
            ValueError: They are not here, or are the current ones.
        """
        keys = self._known(fingerprint)
        if keys == self.current:
            raise ValueError("the keys in use can't be forgotten: use others first")
        return attrs.evolve(self, others=tuple(each for each in self.others if each != keys))

    def _known(self, fingerprint: bytes) -> GridKeys:
        try:
            return self.accepted[fingerprint]
        except KeyError:
            raise ValueError(f"no keys with fingerprint {fingerprint.hex()} are here") from None


def _derived(secret: bytes, label: bytes, length: int) -> bytes:
    return HKDF(algorithm=SHA256(), length=length, salt=None, info=label).derive(secret)
