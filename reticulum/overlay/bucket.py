"""One k-bucket of the routing table: the package's, with depth and entry rules set right."""

from collections.abc import Iterator

from kademlia.node import Node
from kademlia.routing import KBucket

from reticulum.model import Contact
from reticulum.model.peers import KEY_BYTES
from reticulum.overlay.freshness import Freshness

KEY_BITS = 8 * KEY_BYTES


class Entry(Node):  # type: ignore[misc]  # the package has no types
    """
    A contact as the table keeps it.

    Args:
        contact: The node and its address.
        freshness: When it answered; None if it never has.
    """

    def __init__(self, contact: Contact, freshness: Freshness | None = None) -> None:
        super().__init__(contact.node_id.digest, contact.address.host, contact.address.port)
        self.contact = contact
        self.freshness = freshness
        self.pinged_at = float("-inf")

    def last_seen(self) -> float:
        """When it last answered; long ago if it never has."""
        return float("-inf") if self.freshness is None else self.freshness.last_seen

    def failing(self) -> bool:
        """Whether it left its latest question unanswered."""
        return self.freshness is not None and self.freshness.failures > 0

    def questionable(self, now: float) -> bool:
        """Whether a ping would tell something."""
        return self.freshness is None or self.freshness.questionable(now)


class Bucket(KBucket):  # type: ignore[misc]  # the package has no types
    """
    The contacts of one range of keys, least recently seen first (paper, section 2.2).

    Entries are nodes that have answered. Behind them waits a replacement cache of as many
    (section 4.1): those that answered when the bucket was full, and those still to be checked.

    Overrides what is wrong in kademlia 2.2.3: the depth is the range's, not that of the nodes
    which happen to be there; nobody enters, and nobody is promoted, who has not answered.

    Args:
        low: First key of the range.
        high: Last key of the range.
        k: Entries at most; also the bound of the cache.
        looked_up_at: When a lookup last went into the range, in seconds of the table's clock.
    """

    def __init__(self, low: int, high: int, k: int, looked_up_at: float) -> None:
        super().__init__(low, high, k, replacementNodeFactor=1)
        self.last_updated = looked_up_at

    def touch_last_updated(self) -> None:
        """Nothing: only a lookup of our own freshens a bucket, and the table says when."""

    def entries(self) -> Iterator[Entry]:
        """Least recently seen first."""
        return iter(self.nodes.values())

    def depth(self) -> int:
        """Bits that all keys of the range share."""
        size: int = self.range[1] - self.range[0]
        return KEY_BITS - size.bit_length()

    def distance(self, target: int) -> int:
        """XOR distance from *target* to the nearest key of the range."""
        low: int = self.range[0]
        high: int = self.range[1]
        return (low ^ target) & ~(high - low)

    def split(self) -> tuple["Bucket", "Bucket"]:
        """Both halves, with what is in this one."""
        low, high = self.range
        middle = (low + high) // 2
        halves = (
            Bucket(low, middle, self.ksize, self.last_updated),
            Bucket(middle + 1, high, self.ksize, self.last_updated),
        )
        for entry in [*self.nodes.values(), *self.replacement_nodes.values()]:
            halves[entry.long_id > middle].add_node(entry)
        return halves

    def add_node(self, node: Entry) -> bool:
        """
        Put *node* where it belongs: most recently seen of the entries, or into the cache.

        Returns:
            False if it answered and there was no room.
        """
        proven = node.freshness is not None
        if proven and (node.id in self.nodes or len(self.nodes) < self.ksize):
            self.replacement_nodes.pop(node.id, None)
            self.nodes.pop(node.id, None)
            self.nodes[node.id] = node
            return True
        if node.id not in self.nodes:
            self.replacement_nodes.pop(node.id, None)
            self.replacement_nodes[node.id] = node
            self._trim()
        return not proven

    def remove_node(self, node: Node) -> None:
        """Remove it; the newest of the cache that has answered takes its place."""
        self.replacement_nodes.pop(node.id, None)
        if self.nodes.pop(node.id, None) is not None:
            proven = self.newest_waiting(proven=True)
            if proven is not None:
                self.add_node(proven)
                self.nodes.move_to_end(proven.id, last=False)

    def newest_waiting(self, *, proven: bool) -> Entry | None:
        """The newest of the cache that has, or has not yet, answered."""
        waiting = reversed(self.replacement_nodes.values())
        return next((e for e in waiting if (e.freshness is not None) == proven), None)

    def _trim(self) -> None:
        while len(self.replacement_nodes) > self.max_replacement_nodes:
            waiting = self.replacement_nodes.values()
            unproven = (entry.id for entry in waiting if entry.freshness is None)
            del self.replacement_nodes[next(unproven, next(iter(self.replacement_nodes)))]
