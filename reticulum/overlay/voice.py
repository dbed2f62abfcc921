"""What this node says about itself and its images, signed."""

from collections.abc import Callable

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from reticulum.errors import BadRecord
from reticulum.model import Address, Contact, Key, NodeId
from reticulum.overlay.records import (
    LIFETIME_S,
    RENEW_RELAYED_S,
    NodeRecord,
    ProviderRecord,
    next_sequence,
)
from reticulum.overlay.standing import Standing
from reticulum.overlay.surroundings import Offer, Place
from reticulum.overlay.vantage import Vantage

RENEW_S = LIFETIME_S / 3
"""Age at which the node record is made anew."""


class Voice:
    """
    Signs records of this node.

    Args:
        private_key: Of the node.
        place: Where it stands.
        offer: What it says about itself now.
        standing: Its role.
        vantage: Its address, as others see it.
        now: Seconds since 1970.
    """

    def __init__(
        self,
        private_key: Ed25519PrivateKey,
        *,
        place: Place,
        offer: Callable[[], Offer],
        standing: Standing,
        vantage: Vantage,
        now: Callable[[], float],
    ) -> None:
        self._private_key = private_key
        public = private_key.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
        self.node_id = NodeId.of_public_key(public)
        self._place = place
        self._offer = offer
        self._standing = standing
        self._vantage = vantage
        self._now = now
        self._record: NodeRecord | None = None
        self._said: object = None
        self.sequence = 0

    @property
    def software(self) -> str:
        """Name and version."""
        return self._offer().software

    @property
    def node_sequence(self) -> int:
        """Of the node record; 0 before there is one."""
        return 0 if self._record is None else self._record.sequence

    @property
    def relays(self) -> tuple[Contact, ...]:
        """Who passes bytes on to this node."""
        return self._offer().relays

    @property
    def renew_s(self) -> float:
        """Age at which the node record is made anew, in seconds."""
        return RENEW_RELAYED_S if self.relays else RENEW_S

    @property
    def addresses(self) -> tuple[Address, ...]:
        """Where this node is, best first, as far as it knows."""
        seen = self._vantage.address
        if self._place.addresses or seen is None:
            return self._place.addresses
        return (Address(seen.host, self._standing.port),)

    def resume(self, sequence: int) -> None:
        """Go on behind a sequence number that was used before a restart."""
        self.sequence = max(self.sequence, sequence)

    def node_record(self) -> NodeRecord | None:
        """The node record, made anew when it is old or wrong; None if it can't be made."""
        offer, role, now = self._offer(), self._standing.role, self._now()
        addresses = self.addresses
        # Free space changes with every image: an eighth of it is no news.
        eighths = 8 * offer.free // offer.capacity if offer.capacity else 0
        said = (
            addresses,
            role,
            offer.zone,
            offer.capacity,
            eighths,
            offer.software,
            offer.shelf,
            offer.relays,
            offer.relaying,
        )
        known = self._record
        if known is not None and said == self._said and 0 <= now - known.issued < self.renew_s:
            return known
        self.sequence = next_sequence(self.sequence, now)
        try:
            self._record = NodeRecord.sign(
                self._private_key,
                addresses=addresses,
                relays=offer.relays,
                relaying=offer.relaying,
                role=role,
                sequence=self.sequence,
                now=now,
                zone=offer.zone,
                capacity=offer.capacity,
                free=offer.free,
                software=offer.software,
                shelf=offer.shelf,
            )
        except BadRecord:
            return None
        self._said = said
        return self._record

    def next_sequence(self) -> int:
        """A number for provider records that are signed together."""
        self.sequence = next_sequence(self.sequence, self._now())
        return self.sequence

    def provider_record(
        self, key: Key, size_class: int, *, held: bool, sequence: int, now: float
    ) -> ProviderRecord:
        """Say that the image is held, or no longer; equal *sequence* and *now* share a datagram."""
        return ProviderRecord.sign(
            self._private_key,
            key=key,
            sequence=sequence,
            now=now,
            zone=self._offer().zone,
            length=1 << (size_class - 1) if size_class else 0,
            withdrawn=not held,
            client=not self._standing.server,
        )
