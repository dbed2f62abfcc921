"""What a node of the overlay tells about itself and what it found: frozen values."""

from collections.abc import Mapping

import attrs

from reticulum.errors import Refusal
from reticulum.model import Address, Contact, Key, NodeId
from reticulum.overlay.ballot import Count
from reticulum.overlay.inquiry import Ending
from reticulum.overlay.records import NodeRecord, ProviderRecord, Role
from reticulum.overlay.trace import Hop


@attrs.frozen(kw_only=True)
class Holder:
    """
    A node that holds an image, or says so.

    Args:
        node_id: Who.
        address: Where it answered for itself; None if only a record speaks of it. `find` it
            then.
        record: Its signed statement, checked; None if it answered for itself.
    """

    node_id: NodeId
    address: Address | None
    record: ProviderRecord | None


@attrs.frozen(kw_only=True)
class Located:
    """
    A node that was looked for.

    Args:
        node_id: Who.
        address: Where it answered; None if it did not, or is a client.
        record: Its signed node record, checked, the newest that was met; None without one.
    """

    node_id: NodeId
    address: Address | None
    record: NodeRecord | None

    @property
    def relays(self) -> tuple[Contact, ...]:
        """The node by way of each relay that its record names; nobody has asked them."""
        return () if self.record is None or self.address is not None else self.record.ways


@attrs.frozen(kw_only=True)
class Around:
    """
    The nodes near a key.

    Args:
        closest: Up to 20 that answered, nearest first.
        relayed: Up to 28 that are reached through relays, nearest first, as others say; none of
            the above. Nobody has asked whether they are there.
    """

    closest: tuple[Contact, ...]
    relayed: tuple[Contact, ...]


@attrs.frozen
class Described:
    """
    What a node says about itself, and how that was heard.

    Args:
        contact: The way on which it is reached now.
        record: Its signed node record, checked.
    """

    contact: Contact
    record: NodeRecord


@attrs.frozen(kw_only=True)
class Traced:
    """
    A lookup with everything it saw.

    Args:
        target: What it went to.
        ending: Why it ended.
        took_s: Seconds until the result was there.
        closest: Nodes that answered, nearest first.
        holders: Of the image with that key.
        hops: Every peer, in the order in which they were heard of.
    """

    target: Key
    ending: Ending
    took_s: float
    closest: tuple[Contact, ...]
    holders: tuple[Holder, ...]
    hops: tuple[Hop, ...]


@attrs.frozen(kw_only=True)
class Answer:
    """
    What a ping brought.

    Args:
        contact: Who answered, and where.
        rtt_s: Seconds from question to answer.
        server: Whether it may be entered in tables.
        software: Name and version.
        seen: This node's address, as the other sees it.
    """

    contact: Contact
    rtt_s: float
    server: bool
    software: str
    seen: Address | None


@attrs.frozen(kw_only=True)
class WrongClock:
    """
    A member whose clock differs too much for its datagrams to be taken.

    Args:
        address: Where they came from.
        off_s: Its clock minus ours, in seconds.
        last_at: Unix time of the latest.
    """

    address: Address
    off_s: float
    last_at: float


@attrs.frozen(kw_only=True)
class Twin:
    """
    A node id with which two nodes run at a time.

    Args:
        node_id: Of both.
        addresses: Where they were heard last, in the order of hearing.
        own: Whether it is this node's.
    """

    node_id: NodeId
    addresses: tuple[Address, ...]
    own: bool


@attrs.frozen(kw_only=True)
class StandingView:
    """
    Whether others reach a node, and how that is known.

    Args:
        role: What it is.
        is_settled: Whether peers have said by now that they can reach it, or that they can't.
        count: What they say.
        seen: Its address, as most see it; None before anybody said.
        seen_ports: At which ports of that host, one for each who said so.
        port: Where it asks to be dialled.
    """

    role: Role
    is_settled: bool
    count: Count
    seen: Address | None
    seen_ports: tuple[int, ...]
    port: int

    @property
    def address(self) -> Address | None:
        """Where others dial it; None before anybody said where it is."""
        return None if self.seen is None else Address(self.seen.host, self.port)


@attrs.frozen(kw_only=True)
class OverlayStatus:
    """
    How a node of the overlay does.

    Args:
        node_id: Who it is.
        role: Whether others may enter it in their tables.
        joined: Whether it has found others, and some of them answered lately.
        peers: Contacts in its table.
        records: Provider records and node records it keeps for others.
        images: Of its own that it announces.
        news: Images that came or went and are not told yet.
        behind_s: Seconds by which the announcing of all images is late; 0 if it is on time.
        outstanding: Its questions that are not answered yet.
        questions: Its questions so far.
        answered: Of these, answered.
        served: Questions of others that it answered.
        dropped: Sound questions of others that were over a limit.
        nonsense: Datagrams of members that are no message.
        refused: Datagrams not opened, by reason.
        wrong_clocks: Members that it can't hear for their clocks.
        twins: Node ids that are run twice.
        seen: Its own address, as most others see it.
    """

    node_id: NodeId
    role: Role
    joined: bool
    peers: int
    records: int
    images: int
    news: int
    behind_s: float
    outstanding: int
    questions: int
    answered: int
    served: int
    dropped: int
    nonsense: int
    refused: Mapping[Refusal, int]
    wrong_clocks: tuple[WrongClock, ...]
    twins: tuple[Twin, ...]
    seen: Address | None
