"""What the answers of one lookup say about holders, relayed nodes, and the node looked for."""

from collections.abc import Callable, Iterable

from reticulum.model import Key, NodeId
from reticulum.overlay.hearsay import Hearsay
from reticulum.overlay.messages import Found
from reticulum.overlay.question import Reply
from reticulum.overlay.records import NodeRecord, ProviderRecord
from reticulum.overlay.views import Holder

Believed = Callable[[ProviderRecord | NodeRecord, NodeId | None], bool]


class Findings:
    """
    Statements that may be believed, and what was said about relayed nodes.

    Args:
        target: Key of an image, or a node id.
        own: The id of the node that looks; it is no finding.
        believed: Whether a record is sound, and of the node it has to be of.
    """

    def __init__(self, target: Key, own: NodeId, believed: Believed) -> None:
        self._target = target
        self._own = own
        self._believed = believed
        self._latest: dict[NodeId, ProviderRecord] = {}
        self._own_word: set[NodeId] = set()
        self.record: NodeRecord | None = None
        self.hearsay = Hearsay(target, own)

    def take(self, reply: Reply, found: Found) -> dict[NodeId, Holder]:
        """
        Take an answer.

        Returns:
            Holders it speaks of.
        """
        self.take_record(found.record)
        holders = self.take_providers(found.providers)
        if found.holds:
            who = reply.contact
            self._own_word.add(who.node_id)
            record = self._latest.get(who.node_id)
            holders[who.node_id] = Holder(node_id=who.node_id, address=who.address, record=record)
        return holders

    def take_providers(self, records: Iterable[ProviderRecord]) -> dict[NodeId, Holder]:
        """Take provider records; returns the holders they speak of."""
        holders: dict[NodeId, Holder] = {}
        for record in records:
            speaker = record.speaker
            if record.key != self._target or speaker == self._own:
                continue
            known = self._latest.get(speaker)
            if known is not None and known.sequence >= record.sequence:
                continue
            if not self._believed(record, None):
                continue
            self._latest[speaker] = record
            if not record.withdrawn:
                holders[speaker] = Holder(node_id=speaker, address=None, record=record)
        return holders

    def take_record(self, record: NodeRecord | None) -> None:
        """Take the record of the node looked for, if it is one, and newer than what is known."""
        if record is None or record.speaker != self._target:
            return
        newer = self.record is None or record.sequence > self.record.sequence
        if newer and self._believed(record, self._target):
            self.record = record

    def withdrawn(self) -> list[NodeId]:
        """Who took its word back, and does not say by itself that it holds the image."""
        return [
            speaker
            for speaker, record in self._latest.items()
            if record.withdrawn and speaker not in self._own_word
        ]
