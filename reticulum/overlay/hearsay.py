"""
What the answers of one lookup say about relayed nodes: told by others, signed by nobody.

A relayed node can't be asked itself, so more than one voice is wanted where there is more than one.
What a single peer says, and nobody else, comes after everything else beyond a few nodes: a liar
names a whole neighbourhood that does not exist. Of two relays of one node the one that more peers
name is believed, not the one that is said to be newer: anybody can say so.
"""

from collections import Counter
from collections.abc import Iterable

import attrs

from reticulum.model import Contact, Key, NodeId
from reticulum.overlay.messages import Found, Page

WANTED = 20
"""Of so many all should be known that there are, as of servers."""
MOST_KEPT = 28
"""More than these: some have just died, and only their relays know it."""
MOST_ALONE = 5
"""Nodes near the target that only one peer names, for each peer, before everything else."""
MOST_HEARD = 2048


@attrs.define
class _Voice:
    """
    One peer.

    Args:
        contact: Whom to ask for more.
        rest: Where its list goes on; None at its end.
        reach: How far from the target that is; everything nearer that it knows was named.
    """

    contact: Contact
    rest: Page | None = None
    reach: int = -1


class Hearsay:
    """
    Relayed nodes that peers have named.

    Args:
        target: What they should be close to.
        own: The id of the node that looks; it is not named.
    """

    def __init__(self, target: Key, own: NodeId) -> None:
        self._target = target
        self._own = own
        self._voices: dict[NodeId, _Voice] = {}
        self._named: dict[NodeId, dict[NodeId, Contact]] = {}

    def take(self, contact: Contact, found: Found) -> None:
        """Take what *contact* has answered."""
        voice = self._voices.setdefault(contact.node_id, _Voice(contact))
        voice.rest = found.next_page
        distances = [self._target.distance(way.node_id) for way in found.relayed]
        voice.reach = max(voice.reach, *distances, -1)
        self.hear(contact.node_id, found.relayed)

    def hear(self, voice: NodeId, ways: Iterable[Contact]) -> None:
        """
        Take whom *voice* names; its last word about each of them counts.

        Args:
            voice: A peer, or the node that looks: that has seen their records itself.
            ways: Nodes, each by way of one relay.
        """
        for way in ways:
            known = way.node_id in self._named
            if way.node_id != self._own and (known or len(self._named) < MOST_HEARD):
                self._named.setdefault(way.node_id, {})[voice] = way

    def nearest(self) -> tuple[Contact, ...]:
        """The up to `MOST_KEPT` nodes closest to the target, nearest first."""
        named = sorted(self._named, key=self._target.distance)
        alone: Counter[NodeId] = Counter()
        first: list[NodeId] = []
        last: list[NodeId] = []
        for node_id in named:
            voices = self._named[node_id]
            if len(voices) > 1 or self._own in voices or len(self._voices) == 1:
                first.append(node_id)
                continue
            (voice,) = voices
            alone[voice] += 1
            (first if alone[voice] <= MOST_ALONE else last).append(node_id)
        chosen = [*first, *last][:MOST_KEPT]
        return tuple(self._way(node_id) for node_id in sorted(chosen, key=self._target.distance))

    def unread(self) -> list[tuple[Contact, Page]]:
        """Whose lists go on before `WANTED` nodes were named, and where; nearest peers first."""
        nearest = self.nearest()
        full = len(nearest) >= WANTED
        far = self._target.distance(nearest[WANTED - 1].node_id) if full else None
        return [
            (voice.contact, voice.rest)
            for node_id, voice in sorted(
                self._voices.items(), key=lambda item: self._target.distance(item[0])
            )
            if voice.rest is not None and (far is None or voice.reach < far)
        ]

    def _way(self, node_id: NodeId) -> Contact:
        voices = self._named[node_id]
        # Of equals the one that is named by the peer closest to the node: it is told first.
        nearest = sorted(voices, key=node_id.distance)
        return Counter(voices[voice] for voice in nearest).most_common(1)[0][0]
