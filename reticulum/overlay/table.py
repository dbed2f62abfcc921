"""The routing table: who is near which key, who still answers, and whom to check."""

from collections.abc import Callable
from itertools import chain
from typing import Any

from kademlia.node import Node

from reticulum.model import Address, Contact, Key, NodeId
from reticulum.overlay.bucket import KEY_BITS, Entry
from reticulum.overlay.bucket_tree import BucketTree
from reticulum.overlay.freshness import BucketView, ContactView, Freshness, Saved

ALONE_S = 60
"""Seconds without any answer after which silence is ours, not the other's."""
PING_AGAIN_S = 10
"""Seconds before the same contact is named for a ping again."""


class Table(BucketTree):
    """
    The contacts of one node (Maymounkov and Mazieres, Kademlia, sections 2.2, 2.4, 4.1, 4.2).

    Only servers are told to it, and only what has answered is entered. The caller checks that
    an answer is from the node id it asked. Methods that return a contact mean: ping it, and
    tell `answered` or `failed`.

    Overrides what is wrong in kademlia 2.2.3: whoever claims to be there is entered, and one
    failure evicts.

    Args:
        own: The id of this node; never entered.
        clock: Seconds that never go back; since the epoch if `saved` is to outlive them.
        k: Entries of a bucket.
        protocol: Kept for the package's sake; nothing is called.
    """

    def __init__(
        self, own: NodeId, *, clock: Callable[[], float], k: int = 20, protocol: Any = None
    ) -> None:
        super().__init__(own, clock=clock, k=k, protocol=protocol)
        self._own = own
        self._answered_at = float("-inf")

    def answered(self, contact: Contact) -> Contact | None:
        """
        Take an answer of *contact*, a server: it is entered, refreshed, or waits for a place.

        Returns:
            The least recently seen contact of its bucket, if that is full and it in doubt.
        """
        if contact.node_id == self._own:
            return None
        now = self._answered_at = self._clock()
        bucket, key = self.bucket(contact.node_id), contact.node_id.digest
        known = bucket.nodes.get(key) or bucket.replacement_nodes.get(key)
        seen = known.freshness if known is not None else None
        entry = Entry(contact, Freshness.begin(now) if seen is None else seen.seen(now))
        if self.place(entry):
            return None
        oldest = next(self.bucket(contact.node_id).entries())
        return self._ping(oldest) if oldest.questionable(now) else None

    def heard(self, contact: Contact) -> Contact | None:
        """
        Take the word of *contact* that it is a server: it waits until it has answered.

        Returns:
            *contact*, if there is a place for it.
        """
        bucket = self.bucket(contact.node_id)
        if contact.node_id == self._own or contact.node_id.digest in bucket.nodes:
            return None
        waiting = bucket.replacement_nodes.get(contact.node_id.digest)
        if waiting is None or waiting.contact != contact:
            waiting = Entry(contact)
            bucket.add_node(waiting)
        room = len(bucket) < bucket.ksize or self.may_split(bucket)
        return self._ping(waiting) if room else None

    def failed(self, node_id: NodeId) -> Contact | None:
        """
        Take a question that *node_id* left unanswered until its hard time-out.

        It leaves the table at its third failure in a row, or at its first if a node that has
        answered waits for the place. While nobody answers at all, nothing is held against it.

        Returns:
            A contact still to be checked for the place that became free.
        """
        bucket = self.bucket(node_id)
        entry = bucket.nodes.get(node_id.digest)
        if entry is None:
            bucket.replacement_nodes.pop(node_id.digest, None)
            return None
        if self._clock() - self._answered_at > ALONE_S:
            return None
        entry.freshness = entry.freshness.failed()
        if not entry.freshness.gone and bucket.newest_waiting(proven=True) is None:
            return None
        return self.removed(node_id)

    def removed(self, node_id: NodeId) -> Contact | None:
        """
        Remove a node that is no server any more, or must not be here.

        Returns:
            A contact still to be checked for the place that became free.
        """
        bucket = self.bucket(node_id)
        bucket.remove_node(Node(node_id.digest))
        unproven = bucket.newest_waiting(proven=False)
        room = unproven is not None and len(bucket) < bucket.ksize
        return self._ping(unproven) if unproven is not None and room else None

    def replaced(self, old: Contact, new: Contact) -> Contact | None:
        """
        Take an answer of *new* to a question for *old*: the node there has another id now.

        Returns:
            See `answered`.
        """
        known = self.bucket(old.node_id).nodes.get(old.node_id.digest)
        if known is not None and known.contact == old:
            self.removed(old.node_id)
        return self.answered(new)

    def contacts(self) -> list[Contact]:
        """All of them, by id."""
        entries = chain.from_iterable(bucket.entries() for bucket in self.buckets)
        return sorted((entry.contact for entry in entries), key=lambda c: c.node_id)

    def to_check(self, most: int) -> list[Contact]:
        """Up to *most* contacts worth a ping now, least recently seen first."""
        now = self._clock()
        doubtful = [
            entry
            for bucket in self.buckets
            for entry in bucket.entries()
            if entry.questionable(now)
        ]
        doubtful.sort(key=lambda entry: (entry.last_seen(), entry.id))
        pings = (self._ping(entry) for entry in doubtful[:most])
        return [contact for contact in pings if contact is not None]

    def saved(self) -> list[Saved]:
        """What to keep over a restart, most recently seen first: whom to ask then."""
        entries = sorted(
            chain.from_iterable(bucket.entries() for bucket in self.buckets),
            key=lambda entry: (-entry.last_seen(), entry.id),
        )
        return [Saved(entry.contact, entry.last_seen()) for entry in entries]

    def view(self, rtt_s: Callable[[NodeId], float | None]) -> tuple[BucketView, ...]:
        """Every bucket in the order of keys, with round-trip times from *rtt_s*."""
        now = self._clock()
        return tuple(
            BucketView(
                low=Key(bucket.range[0].to_bytes(KEY_BITS // 8)),
                depth=bucket.depth(),
                idle_s=now - bucket.last_updated,
                contacts=tuple(_seen(entry, now, rtt_s) for entry in bucket.entries()),
                waiting=len(bucket.replacement_nodes),
            )
            for bucket in self.buckets
        )

    def add_contact(self, node: Node) -> None:
        """`heard`, in the package's words."""
        self.heard(_contact(node))

    def remove_contact(self, node: Node) -> None:
        """`failed`, in the package's words."""
        self.failed(NodeId(node.id))

    def is_new_node(self, node: Node) -> bool:
        """Whether *node* neither is here nor waits to be."""
        bucket = self.buckets[self.get_bucket_for(node)]
        return node.id not in bucket.nodes and node.id not in bucket.replacement_nodes

    def _ping(self, entry: Entry) -> Contact | None:
        now = self._clock()
        if now - entry.pinged_at < PING_AGAIN_S:
            return None
        entry.pinged_at = now
        return entry.contact


def _contact(node: Node) -> Contact:
    return Contact(NodeId(node.id), Address(node.ip, node.port))


def _seen(entry: Entry, now: float, rtt_s: Callable[[NodeId], float | None]) -> ContactView:
    freshness = entry.freshness or Freshness.begin(now)
    return ContactView(
        contact=entry.contact,
        age_s=now - freshness.first_seen,
        silent_s=now - freshness.last_seen,
        failures=freshness.failures,
        rtt_s=rtt_s(entry.contact.node_id),
    )
