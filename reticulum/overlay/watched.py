"""What a console asks of a node of the overlay; see `OverlayNode`."""

from collections.abc import Sequence
from typing import Protocol

from reticulum.model import Address, Contact, Key, NodeId
from reticulum.overlay.crawl import Told
from reticulum.overlay.freshness import BucketView
from reticulum.overlay.records import NodeRecord, ProviderRecord
from reticulum.overlay.views import Answer, Around, Described, Located, OverlayStatus, Traced


class Watched(Protocol):
    """A node of the overlay as a console sees it."""

    @property
    def node_id(self) -> NodeId:
        """Who it is."""

    async def ping(self, to: Contact | Address) -> Answer:
        """Ask whether a node is there."""

    async def find(self, node_id: NodeId) -> Located:
        """Where a node is, and its record."""

    async def around(self, target: Key) -> Around:
        """The nodes closest to a key, and the relayed ones."""

    async def describe(self, contact: Contact, *, search: bool = True) -> Described | None:
        """What a node says about itself, and how it is reached now; None if it is not."""

    async def trace(self, target: Key) -> Traced:
        """A full lookup with every hop."""

    async def ask(self, contact: Contact, target: Key) -> Told:
        """
        Ask one node what it knows near *target*, whether it holds it, and if that is its own
        id, for its record.

        Raises:
            OutOfTime: No answer.
            ReticulumError: An answer of no use.
        """

    async def ask_for_relayed(self, contact: Contact) -> Sequence[Contact]:
        """
        Ask one node for the nodes behind relays that it knows, or relays for.

        Raises:
            OutOfTime: No answer.
            ReticulumError: An answer of no use.
        """

    def status(self) -> OverlayStatus:
        """How it does."""

    def table_view(self) -> tuple[BucketView, ...]:
        """The routing table."""

    def records_view(self) -> tuple[ProviderRecord | NodeRecord, ...]:
        """The records it keeps for others."""
