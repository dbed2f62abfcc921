"""The messages of the overlay: who speaks, about which request, and what is said."""

import enum
from collections.abc import Callable, Mapping
from typing import Self

import attrs
from attrs import validators as v

from reticulum.errors import RecordFault
from reticulum.model import Address, Contact, Key, NodeId
from reticulum.overlay.records import NodeRecord, ProviderRecord

TRANSACTION_BYTES = 8
NONCE_BYTES = 8
TOKEN_BYTES = 8
MOST_GONE = 16
MOST_OFFSET = 255
_LARGEST_SEED = 2**24 - 1


def _exactly(length: int) -> list[Callable[..., None]]:
    return [v.min_len(length), v.max_len(length)]


@attrs.frozen
class Envelope:
    """
    What every message has.

    Args:
        transaction: 8 bytes, chosen at random for a request and repeated in the answer to it.
        sender: Who says that it sends this. An answer counts only from the node that was asked:
            the caller compares.
        server: Whether the sender may be entered in tables.
    """

    transaction: bytes = attrs.field(validator=_exactly(TRANSACTION_BYTES))
    sender: NodeId
    server: bool = False


@attrs.frozen(kw_only=True)
class Ping:
    """
    Are you there?

    Args:
        sequence: Of the sender's node record; 0 for none.
        software: Name and version, at most 32 bytes.
        token: Got from the one that is asked, if any: it lets the answer be longer.
        wants_record: Whether the answer should bring the node record.
        port: Where the sender is dialled, if that is not where this comes from; 0 if it is.
    """

    sequence: int = 0
    software: str = ""
    token: bytes = b""
    wants_record: bool = False
    port: int = 0


@attrs.frozen(kw_only=True)
class Pong:
    """
    Answer to `Ping`.

    Args:
        seen: Where the ping came from.
        sequence: Of the sender's node record; 0 for none.
        software: Name and version, at most 32 bytes.
        token: For requests to come; empty for none.
        record: The sender's own.
        port: Where the sender is dialled, if that is not where this comes from; 0 if it is.
    """

    seen: Address | None = None
    sequence: int = 0
    software: str = ""
    token: bytes = b""
    record: NodeRecord | None = None
    port: int = 0


class Want(enum.Flag):
    """What a `Find` asks for."""

    NODES = 1
    HOLDERS = 2
    RECORD = 4
    """The node record of the target, if that is a node."""
    RELAYED = 8
    """Nodes near the target that are reached through relays; not beside HOLDERS."""


@attrs.frozen
class Page:
    """
    Where to go on in a list that is too long for one datagram: of holders, or of relayed nodes.

    Args:
        seed: Of the order of holders, 24 bits: 0 for any, then as the first answer said.
        offset: Entries of this list that are here already, 0 to 255.
    """

    seed: int = attrs.field(default=0, validator=[v.ge(0), v.le(_LARGEST_SEED)])
    offset: int = attrs.field(default=0, validator=[v.ge(0), v.le(MOST_OFFSET)])

    @classmethod
    def of_number(cls, number: int) -> Self:
        """Read what `number` wrote; 32 bits."""
        return cls(number >> 8, number & MOST_OFFSET)

    @property
    def number(self) -> int:
        """As one whole number."""
        return self.seed << 8 | self.offset


NO_PAGE = Page()


@attrs.frozen(kw_only=True)
class Find:
    """
    Do you hold it, whom do you know that does, who is closer?

    Args:
        target: Key of an image, or a node id.
        want: Which of these.
        page: Where to go on; `NO_PAGE` to begin.
        token: Got from the one that is asked, if any: it lets the answer be longer.
        port: Where the sender is dialled, if that is not where this comes from; 0 if it is.
    """

    target: Key
    want: Want = Want.NODES
    page: Page = NO_PAGE
    token: bytes = b""
    port: int = 0


@attrs.frozen(kw_only=True)
class Found:
    """
    Answer to `Find`.

    Args:
        holds: Whether the sender itself holds the image.
        page: The list that `providers` or `relayed` is of, and how many of it came before these.
        left: How many of that list are left for further pages; what `encode` leaves out is added.
        providers: Records of holders.
        closer: Nodes, the closest to the target first.
        relayed: Nodes that are reached through relays, each with one of its own; the closest
            to the target first.
        record: Of the target, if that is a node.
        attached: Whether the target is attached to the sender, its relay, right now.
        seen: Where the question came from.
        token: For requests to come; empty for none.
        port: Where the sender is dialled, if that is not where this comes from; 0 if it is.
    """

    holds: bool = False
    page: Page = NO_PAGE
    left: int = attrs.field(default=0, validator=[v.ge(0), v.le(MOST_OFFSET)])
    providers: tuple[ProviderRecord, ...] = ()
    closer: tuple[Contact, ...] = ()
    relayed: tuple[Contact, ...] = ()
    record: NodeRecord | None = None
    attached: bool = False
    seen: Address | None = None
    token: bytes = b""
    port: int = 0

    @property
    def next_page(self) -> Page | None:
        """What to ask for to get the rest; None if there is none."""
        here = len(self.providers) or len(self.relayed)
        offset = self.page.offset + here
        more = self.left and here and offset <= MOST_OFFSET
        return Page(self.page.seed, offset) if more else None


@attrs.frozen(kw_only=True)
class Store:
    """
    Keep these records.

    Args:
        token: Got from the one that is asked, lately.
        providers: Of the sender, or of others for the sake of whom it speaks.
        record: A node's own.
    """

    token: bytes = attrs.field(validator=_exactly(TOKEN_BYTES))
    providers: tuple[ProviderRecord, ...] = ()
    record: NodeRecord | None = None


@attrs.frozen(kw_only=True)
class Stored:
    """
    Answer to `Store`.

    Args:
        accepted: How many records are kept now, those kept before included.
        refused: How many are not, by reason.
        token: For requests to come; empty for none.
    """

    accepted: int = attrs.field(default=0, validator=[v.ge(0), v.le(255)])
    refused: Mapping[RecordFault, int] = attrs.field(factory=dict)
    token: bytes = b""


@attrs.frozen
class Gone:
    """
    Down-hint: you named these to me, and they don't answer. It gets no answer.

    Args:
        nodes: At most 16.
    """

    nodes: tuple[NodeId, ...] = attrs.field(validator=[v.min_len(1), v.max_len(MOST_GONE)])


@attrs.frozen(kw_only=True)
class DialMe:
    """
    Dial me back from another address and port than the one I talk to.

    Only the address that the request came from is ever dialled, so a port is enough.

    Args:
        nonce: 8 random bytes; the `Knock`, or the TCP connection, brings them back.
        port: Where the sender listens.
        tcp: Over TCP; otherwise UDP.
        token: Got from the one that is asked, if any: it proves that the address is the sender's.
    """

    nonce: bytes = attrs.field(validator=_exactly(NONCE_BYTES))
    port: int = attrs.field(validator=[v.ge(1), v.le(65_535)])
    tcp: bool = False
    token: bytes = b""


@attrs.frozen
class Dialling:
    """
    Answer to `DialMe`.

    Args:
        agreed: Whether a dial-back is on its way; False when the sender has dialled enough, can't
            dial that way, or does not know that the address is that of the one who asks.
        token: With which to ask once more, in the last case; else empty.
    """

    agreed: bool
    token: bytes = b""


@attrs.frozen
class Knock:
    """
    The dial-back itself. It gets no answer.

    Args:
        nonce: From the `DialMe`.
    """

    nonce: bytes = attrs.field(validator=_exactly(NONCE_BYTES))


@attrs.frozen
class Goodbye:
    """The sender stops. It gets no answer."""


Body = Ping | Pong | Find | Found | Store | Stored | Gone | DialMe | Dialling | Knock | Goodbye


@attrs.frozen
class Message:
    """
    One datagram's worth.

    Args:
        envelope: Who speaks, about which request.
        body: What is said.
    """

    envelope: Envelope
    body: Body
